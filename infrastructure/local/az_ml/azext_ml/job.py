"""`az ml job`. Reference: https://learn.microsoft.com/cli/azure/ml/job"""

from __future__ import annotations

from itertools import islice
from typing import Any

from knack.log import get_logger

from . import job_entities
from .rest import Workspace, without_sdk
from .sdk import Entity, Overrides, dump, load, ml_client, open_in_browser, overriding, view_type

logger = get_logger(__name__)
API_VERSION = "2024-01-01-preview"
MAX_RESULTS = 50
_SYSTEM_TAGS = ("_aml_system_", "platform_config")


def _dump(job: Any) -> Entity:
    """A job without the platform's own tags; a step of a pipeline shows as the job that it is."""
    from azure.ai.ml.entities._builders.base_node import BaseNode

    job.tags = {name: tag for name, tag in (job.tags or {}).items() if not any(s in name for s in _SYSTEM_TAGS)}
    return dump(job._to_job() if isinstance(job, BaseNode) else job)


def _open(entity: Entity) -> None:
    studio = ((entity.get("services") or {}).get("Studio") or {}).get("endpoint")
    open_in_browser(studio, "Option --web was specified, but no studio URI was found in the list of services.")


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    name: str | None = None,
    save_as: str | None = None,
    stream: bool = False,
    web: bool = False,
    params_override: Overrides | None = None,
    skip_validation: bool = False,
) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    job = load("job", file, overriding(params_override, name=name))
    job = client.jobs.create_or_update(job, skip_validation=skip_validation)
    if save_as:
        job.dump(save_as)
    entity = _dump(job)
    if web:
        _open(entity)
    if stream:
        client.jobs.stream(job.name)
    return entity


def validate(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    params_override: Overrides | None = None,
) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from azure.ai.ml.entities._validate_funcs import validate_job

    report: Entity = dump(validate_job(path=file, ml_client=client, params_override=params_override or []))
    return report


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str, web: bool = False) -> Entity:
    def with_rest() -> Entity:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        return job_entities.job(workspace.get(f"jobs/{name}", API_VERSION), workspace.tenant)

    def with_sdk() -> Entity:
        return _dump(ml_client(cmd, resource_group_name, workspace_name).jobs.get(name))

    entity = without_sdk(with_rest, with_sdk)
    if web:
        _open(entity)
    return entity


def list_(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    max_results: int = MAX_RESULTS,
    all_results: bool = False,
    parent_job_name: str | None = None,
    include_archived: bool = False,
    archived_only: bool = False,
) -> list[Entity]:
    view = view_type(include_archived=include_archived, archived_only=archived_only)
    limit = None if all_results else max_results
    if limit is not None:
        logger.warning("Displaying top %s results from the list command.", limit)

    def with_rest() -> list[Entity]:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        documents = workspace.pages("jobs", API_VERSION, listViewType=view)
        return [job_entities.job(document, workspace.tenant) for document in islice(documents, limit)]

    def with_sdk() -> list[Entity]:
        client = ml_client(cmd, resource_group_name, workspace_name)
        jobs = client.jobs.list(parent_job_name=parent_job_name, list_view_type=view, max_results=limit)
        return [_dump(job) for job in islice(jobs, limit) if job is not None]

    return with_sdk() if parent_job_name else without_sdk(with_rest, with_sdk)


def stream(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> None:
    ml_client(cmd, resource_group_name, workspace_name).jobs.stream(name)


def download(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    download_path: str | None = None,
    output_name: str | None = None,
    all: bool = False,  # noqa: A002  the option is --all
) -> None:
    folder = download_path or cmd.cli_ctx.local_context.current_dir
    client = ml_client(cmd, resource_group_name, workspace_name)
    client.jobs.download(name, download_path=folder, output_name=output_name, all=all)


def cancel(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    workspace = Workspace(cmd, resource_group_name, workspace_name)
    workspace.post(f"jobs/{name}/cancel", API_VERSION, no_wait=no_wait)


def archive(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> None:
    ml_client(cmd, resource_group_name, workspace_name).jobs.archive(name)


def restore(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> None:
    ml_client(cmd, resource_group_name, workspace_name).jobs.restore(name)


def show_services(cmd: Any, resource_group_name: str, workspace_name: str, name: str, node_index: int = 0) -> Any:
    return ml_client(cmd, resource_group_name, workspace_name).jobs.show_services(name, node_index)


def update_get(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    return _dump(ml_client(cmd, resource_group_name, workspace_name).jobs.get(name))


def update_set(
    cmd: Any, resource_group_name: str, workspace_name: str, parameters: Entity, web: bool = False
) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from azure.ai.ml.entities import Job
    from azure.ai.ml.exceptions import PipelineChildJobError
    from marshmallow.utils import EXCLUDE

    if parameters.get("type") is None:  # a step of a pipeline: read-only
        job_id = parameters["id"].removeprefix("azureml:")
        raise PipelineChildJobError(job_id=job_id, command="update", prompt_studio_ui=True)
    entity = _dump(client.jobs.create_or_update(Job._load(data=parameters, unknown=EXCLUDE)))
    if web:
        _open(entity)
    return entity
