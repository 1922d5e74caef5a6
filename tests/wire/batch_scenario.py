"""What a team does with batch endpoints, through the real SDK in one process.

    python batch_scenario.py FOLDER SUBSCRIPTION GROUP WORKSPACE

FOLDER has `input` (files to score), `code` (score.py) and gets what is downloaded, and
`found.json` with what was seen.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.constants import BatchDeploymentOutputAction
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchRetrySettings,
    CodeConfiguration,
    Data,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.ai.ml.exceptions import JobException, MlException
from azure.core.exceptions import HttpResponseError
from azure.identity import AzureCliCredential

ENDPOINT = "letters-batch"
STORE = "azureml://datastores/workspaceblobstore/paths"
IN_PROGRESS = {"NotStarted", "Starting", "Preparing", "Queued", "Running", "Finalizing", "CancelRequested"}


class Scenario:
    def __init__(self, folder: Path, subscription: str, group: str, workspace: str) -> None:
        self.folder = folder
        self.client = MLClient(AzureCliCredential(), subscription, group, workspace)
        self.found: dict[str, Any] = {"jobs": {}}

    def prepare(self) -> None:
        client = self.client
        client.compute.begin_create_or_update(
            AmlCompute(name="batch-cluster", size="Standard_DS3_v2", max_instances=2)
        ).result()
        model = self.folder / "letters"
        model.mkdir()
        (model / "weights.txt").write_text("7")
        self.model = client.models.create_or_update(Model(name="letters", version="1", path=str(model)))
        self.environment = client.environments.create_or_update(
            Environment(
                name="plain-python",
                version="1",
                image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
                conda_file={"name": "plain", "dependencies": ["python=3.11"]},
            )
        )
        self.data = client.data.create_or_update(
            Data(name="letters-input", version="1", type="uri_folder", path=str(self.folder / "input"))
        )
        self.few = client.data.create_or_update(
            Data(name="letters-few", version="1", type="uri_folder", path=str(self.folder / "few"))
        )
        made = client.batch_endpoints.begin_create_or_update(
            BatchEndpoint(name=ENDPOINT, description="Letters", tags={"team": "forecast"})
        ).result()
        self.found["endpoint"] = made.dump()

    def deploy(self, name: str, **settings: Any) -> None:
        retry = BatchRetrySettings(max_retries=settings.pop("max_retries", 0), timeout=settings.pop("timeout", 30))
        variables = settings.pop("environment_variables", {})
        deployment = ModelBatchDeployment(
            name=name,
            endpoint_name=ENDPOINT,
            model=self.model.id,
            environment=self.environment.id,
            code_configuration=CodeConfiguration(code=str(self.folder / "code"), scoring_script="score.py"),
            compute="batch-cluster",
            settings=ModelBatchDeploymentSettings(
                retry_settings=retry, environment_variables={"GREETING": "hello", **variables}, **settings
            ),
        )
        if "instance_count" in settings:
            deployment.resources.instance_count = settings["instance_count"]
        self.client.batch_deployments.begin_create_or_update(deployment).result()

    def deploy_all(self) -> None:
        self.deploy("strict", mini_batch_size=10, error_threshold=0, max_concurrency_per_instance=2)
        self.deploy("tolerant", mini_batch_size=1, error_threshold=-1, max_concurrency_per_instance=2, instance_count=2)
        self.deploy("fragile", mini_batch_size=2, error_threshold=0, max_retries=2,
                    environment_variables={"KILL_ON": "f002.txt", "HANG_ON": "f004.txt"}, timeout=2)  # fmt: skip
        self.deploy("files", mini_batch_size=5, output_action=BatchDeploymentOutputAction.SUMMARY_ONLY,
                    environment_variables={"WRITE_FILES": "yes"})  # fmt: skip
        endpoint = self.client.batch_endpoints.get(ENDPOINT)
        endpoint.defaults = {"deployment_name": "tolerant"}
        self.client.batch_endpoints.begin_create_or_update(endpoint).result()
        shown = self.client.batch_deployments.get("tolerant", ENDPOINT)
        self.found["deployment"] = {
            "provisioning_state": shown.provisioning_state, "mini_batch_size": shown.mini_batch_size,
            "retries": shown.retry_settings.max_retries, "timeout": shown.retry_settings.timeout,
            "output_file_name": shown.output_file_name, "output_action": shown.output_action,
            "default": self.client.batch_endpoints.get(ENDPOINT).defaults.deployment_name,
            "listed": sorted(deployment.name for deployment in self.client.batch_deployments.list(ENDPOINT)),
        }  # fmt: skip

    def invoke_all(self) -> dict[str, str]:
        invoke = self.client.batch_endpoints.invoke
        folder = Input(type="uri_folder", path=str(self.folder / "input"))
        jobs = {"tolerant": invoke(endpoint_name=ENDPOINT, input=folder)}
        few = Input(type="uri_folder", path=self.few.path)
        jobs["fragile"] = invoke(endpoint_name=ENDPOINT, deployment_name="fragile", inputs={"letters": few})
        one = Input(type="uri_file", path=str(self.folder / "input" / "f007.txt"))
        jobs["files"] = invoke(
            endpoint_name=ENDPOINT, deployment_name="files", input=one, job_name="letters-of-one-file"
        )
        asset = Input(type="uri_folder", path=self.data.id)
        jobs["strict"] = invoke(
            endpoint_name=ENDPOINT, deployment_name="strict", input=asset, experiment_name="strictly"
        )
        jobs["named"] = invoke(
            endpoint_name=ENDPOINT,
            deployment_name="tolerant",
            inputs={"data": Input(type="uri_folder", path=self.few.id)},
            outputs={"score": Output(type="uri_file", path=f"{STORE}/letters/all.csv")},
            params_override=[{"mini_batch_size": 4}],
        )
        self.found["invoked"] = {"id": jobs["tolerant"].id, "name": jobs["tolerant"].name}
        return {name: job.name for name, job in jobs.items()}

    def follow(self, name: str, job: str) -> None:
        log = io.StringIO()
        error = None
        with contextlib.redirect_stdout(log):
            try:
                self.client.jobs.stream(job)
            except JobException as failure:
                error = str(failure)
        ended = self.client.jobs.get(job)
        while ended.status in IN_PROGRESS:
            time.sleep(0.2)
            ended = self.client.jobs.get(job)
        children = list(self.client.jobs.list(parent_job_name=job))
        self.found["jobs"][name] = {
            "name": job, "status": ended.status, "tags": ended.tags, "experiment": ended.experiment_name,
            "children": [child.display_name for child in children], "stream": log.getvalue(), "error": error,
        }  # fmt: skip
        if ended.status == "Completed":
            target = self.folder / "downloads" / name
            self.client.jobs.download(job, download_path=target, output_name="score")
            self.found["jobs"][name]["files"] = {
                path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()
            }
        child = children[0].name
        self.client.jobs.download(child, download_path=self.folder / "logs" / name)
        logs = self.folder / "logs" / name / "artifacts"
        self.found["jobs"][name]["logs"] = {
            path.relative_to(logs).as_posix(): path.read_text() for path in logs.rglob("*.txt")
        }

    def refusals(self) -> dict[str, str]:
        """What is refused, and how it is said."""
        attempts: dict[str, Callable[[], object]] = {
            "unknown deployment": lambda: self.client.batch_endpoints.invoke(
                endpoint_name=ENDPOINT, deployment_name="missing", input=Input(type="uri_folder", path=self.few.id)
            ),
            "two inputs": lambda: self.client.batch_endpoints.invoke(
                endpoint_name=ENDPOINT, deployment_name="files",
                inputs={name: Input(type="uri_folder", path=self.few.id) for name in ("a", "b")},
            ),
            "name taken": lambda: self.client.batch_endpoints.invoke(
                endpoint_name=ENDPOINT, deployment_name="files", input=Input(type="uri_folder", path=self.few.id),
                job_name="letters-of-one-file",
            ),
            "too many nodes": lambda: self.deploy("large", mini_batch_size=1, instance_count=3),
            "default deleted": lambda: self.client.batch_deployments.begin_delete("tolerant", ENDPOINT).result(),
        }  # fmt: skip
        said = {}
        for name, attempt in attempts.items():
            try:
                attempt()
                said[name] = "nothing"
            except HttpResponseError as error:
                said[name] = f"{error.status_code} {error.message}"
            except (MlException, ValueError) as error:
                said[name] = str(error)
        return said

    def run(self) -> None:
        self.prepare()
        self.deploy_all()
        jobs = self.invoke_all()
        for name, job in jobs.items():
            self.follow(name, job)
        listed = [(job.name, str(job.properties.status)) for job in self.client.batch_endpoints.list_jobs(ENDPOINT)]
        self.found["listed"] = listed
        of_one = self.client.batch_deployments.list_jobs(ENDPOINT, name="files")
        self.found["listed_of_files"] = [job.name for job in of_one]
        self.found["refused"] = self.refusals()
        self.client.batch_deployments.begin_delete("files", ENDPOINT).result()
        self.client.batch_endpoints.begin_delete(ENDPOINT).result()
        self.found["left"] = [endpoint.name for endpoint in self.client.batch_endpoints.list()]


if __name__ == "__main__":
    scenario = Scenario(Path(sys.argv[1]), *sys.argv[2:5])
    try:
        scenario.run()
    finally:
        (scenario.folder / "found.json").write_text(json.dumps(scenario.found))
