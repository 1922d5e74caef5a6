"""azure-ai-ml as the commands use it: a client with az's own sign-in, entities from YAML, entities as dictionaries.

Importing the SDK takes seconds, so nothing here imports it before a command needs it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

from .errors import created_from

Entity = dict[str, Any]
Overrides = list[dict[str, Any]]


def import_sdk() -> Any:
    """The module azure.ai.ml. Its thousands of classes are built with the garbage collector at rest: 10 % faster."""
    gc.disable()
    try:
        import azure.ai.ml
    finally:
        gc.enable()
    return azure.ai.ml


def ml_client(
    cmd: Any,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
) -> Any:
    """An MLClient for the workspace, or for the registry where one is named, signed in as az is."""
    from azure.cli.core.commands.client_factory import get_mgmt_service_client, get_subscription_id

    sdk = import_sdk()
    context = cmd.cli_ctx
    return get_mgmt_service_client(
        context,
        sdk.MLClient._ml_client_cli,
        subscription_id=get_subscription_id(context),
        resource_group_name=resource_group_name,
        workspace_name=None if registry_name else workspace_name,
        registry_name=registry_name,
        cloud=context.cloud.name,
        user_agent="az-ml",
        logging_enable="--debug" in context.data.get("safe_params", ()),
        enable_telemetry=False,
    )


def asset_client(
    cmd: Any, resource_group_name: str | None, workspace_name: str | None, registry_name: str | None
) -> Any:
    """`ml_client` for the commands that serve workspaces and registries: one of the two must be named."""
    if not workspace_name and not registry_name:
        from azure.cli.core.azclierror import CLIError

        raise CLIError("one the following arguments are required: [--workspace-name/-w, --registry-name]")
    return ml_client(cmd, resource_group_name, workspace_name, registry_name)


def load(kind: str, file: str | None, overrides: Overrides | None = None, **options: Any) -> Any:
    """The entity in a YAML file, by the SDK's `load_<kind>`, with fields overridden: `[{"dotted.path": value}]`."""
    import_sdk()
    from azure.ai.ml.entities import _load_functions

    created_from(file)
    loader: Callable[..., Any] = getattr(_load_functions, f"load_{kind}")
    return loader(source=file, params_override=overrides or [], **options)


def overriding(overrides: Overrides | None, **fields: Any) -> Overrides:
    """What `--set` gave, then every argument that was given; `__` in a name stands for the dot of a path."""
    given = [{name.replace("__", "."): value} for name, value in fields.items() if value]
    return [*(overrides or []), *given]


def dump(entity: Any) -> Entity:
    """An entity as the dictionary that az prints: snake_case, without nulls."""
    if isinstance(entity, dict):
        return entity
    plain = type(entity).__name__ in {"BatchJobResource", "ComponentContainerData"}
    shown: Entity = entity.as_dict() if plain else entity._to_dict()
    return shown


def dump_all(entities: Iterable[Any], max_results: str | int | None = None) -> list[Entity]:
    return [dump(entity) for entity in islice(entities, int(max_results) if max_results else None)]


def wait(poller: Any, *, no_wait: bool = False) -> Any:
    """The result of a long-running operation; nothing when nobody wants to wait."""
    if no_wait or not hasattr(poller, "result"):
        return None if no_wait else poller
    return poller.result()


def outcome(poller: Any, *, no_wait: bool) -> Entity | None:
    """What a long-running operation made, as az prints it; None when nobody waited, or when it makes nothing."""
    made = wait(poller, no_wait=no_wait)
    return None if made is None else dump(made)


def view_type(*, include_archived: bool, archived_only: bool) -> str:
    """Azure's ListViewType of the two switches."""
    if include_archived and archived_only:
        raise ValueError("Cannot provide both archived-only and include-archived.")
    return "All" if include_archived else "ArchivedOnly" if archived_only else "ActiveOnly"


def is_missing(error: Exception) -> bool:
    """Whether the service said 404."""
    return getattr(error, "status_code", None) == 404


def open_in_browser(url: str | None, missing: str) -> None:
    """Open a page as `--web` asks; without one, or without a browser, a warning and no failure."""
    import webbrowser

    from knack.log import get_logger

    if not url:
        get_logger(__name__).warning(missing)
        return
    with suppress(webbrowser.Error, OSError):
        webbrowser.open_new_tab(url)
