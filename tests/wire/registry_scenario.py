"""What teams do with a registry, through the real SDK in one process.

    python registry_scenario.py FOLDER SUBSCRIPTION GROUP WORKSPACE REGISTRY

FOLDER has `registry.yml`, `model/weights.txt`, `score/score.py`, `step/go.py`, `rows.csv` and `input`, and gets
what is downloaded, and `found.json` with what was seen. Signed in by the environment's AZURE_CLIENT_… variables.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, MLClient, command, dsl, load_component, load_registry
from azure.ai.ml.constants import BatchDeploymentOutputAction
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BuildContext,
    CodeConfiguration,
    Data,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import AzureError
from azure.identity import EnvironmentCredential

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
CONDA = {"dependencies": ["python=3.11", "pip", {"pip": ["azureml-inference-server-http"]}]}
COMPONENT = """
name: weigh
version: "1"
type: command
code: ./step
command: python go.py ${{inputs.model}} ${{inputs.rows}}
inputs: {model: {type: custom_model}, rows: {type: uri_file}}
environment: ENVIRONMENT
"""


class Scenario:
    def __init__(self, folder: Path, subscription: str, group: str, workspace: str, name: str) -> None:
        self.folder = folder
        self.id = f"azureml://registries/{name}"
        self.name = name
        self.workspace = MLClient(EnvironmentCredential(), subscription, group, workspace)
        made = self.workspace.registries.begin_create(load_registry(folder / "registry.yml")).result()
        self.registry = MLClient(EnvironmentCredential(), registry_name=name)
        self.found: dict[str, Any] = {"location": made.location}

    def refused(self, what: str, act: Any) -> None:
        try:
            act()
            self.found[what] = "was done"
        except AzureError as error:
            self.found[what] = str(error).splitlines()[0]

    def share(self) -> None:
        """From the workspace: a model, environments, data."""
        ml, folder = self.workspace, self.folder
        ml.models.create_or_update(Model(name="weights", version="3", path=folder / "model", tags={"made-by": "x"}))
        ml.environments.create_or_update(Environment(name="tiny", version="1", image=IMAGE, conda_file=CONDA))
        context = BuildContext(path=str(folder / "step"), dockerfile_path="Dockerfile")
        ml.environments.create_or_update(Environment(name="built", version="1", build=context))
        ml.data.create_or_update(Data(name="rows", version="1", path=str(folder / "rows.csv"), type="uri_file"))

        def share(kind: str, name: str, version: str, new: str) -> Any:
            return getattr(ml, kind).share(
                name, version, registry_name=self.name, share_with_name=name, share_with_version=new
            )

        model = share("models", "weights", "3", "7")
        self.found["shared model"] = [model.id, model.tags]
        self.found["shared"] = [
            share("environments", "tiny", "1", "1").id,
            share("environments", "built", "1", "1").id,
            share("data", "rows", "1", "1").id,
        ]
        self.refused("shared twice", lambda: share("models", "weights", "3", "7"))
        self.refused("shared, not there", lambda: share("models", "weights", "4", "8"))
        self.registry.models.download("weights", "7", download_path=str(folder / "downloaded"))

    def create(self) -> None:
        """In the registry itself."""
        registry, folder = self.registry, self.folder
        registry.models.create_or_update(Model(name="direct", path=folder / "model"))
        again = registry.models.create_or_update(Model(name="direct", path=folder / "model" / "weights.txt"))
        self.found["direct"] = [again.id, registry.models.get("direct", label="latest").version]
        again.tags = {"a": "b"}
        self.found["direct updated"] = registry.models.create_or_update(again).tags
        registry.models.archive("direct", version="1")
        self.found["models"] = [model.name for model in registry.models.list()]
        self.found["versions"] = [model.version for model in registry.models.list("direct")]
        registry.data.create_or_update(Data(name="folder", version="1", path=str(folder / "model"), type="uri_folder"))
        registry.environments.create_or_update(Environment(name="own", image=IMAGE, conda_file=CONDA))
        other = {"dependencies": ["python=3.12"]}
        registry.environments.create_or_update(Environment(name="own", image=IMAGE, conda_file=other))
        self.refused(
            "environment changed",
            lambda: registry.environments.create_or_update(Environment(name="own", version="1", image="python:3.12")),
        )
        self.found["environments"] = [environment.version for environment in registry.environments.list("own")]
        file = folder / "component.yml"
        file.write_text(COMPONENT.replace("ENVIRONMENT", f"{self.id}/environments/tiny/versions/1"))
        component = registry.components.create_or_update(load_component(file))
        self.found["component"] = [component.id, component.code.rpartition("/codes/")[0]]
        microsofts = MLClient(EnvironmentCredential(), registry_name="azureml")
        self.found["curated"] = microsofts.environments.get("sklearn-1.5", label="latest").image

    def run(self) -> None:
        """Jobs and pipelines of the workspace, on what the registry has."""
        ml = self.workspace
        ml.compute.begin_create_or_update(AmlCompute(name="reg-cluster", size="Standard_DS3_v2")).result()
        inputs = {
            "model": Input(type="custom_model", path=f"{self.id}/models/weights/versions/7"),
            "rows": Input(type="uri_file", path=f"{self.id}/data/rows/versions/1"),
        }
        environment = f"{self.id}/environments/tiny/labels/latest"
        text = "cat ${{inputs.model}}/weights.txt ${{inputs.rows}} > outputs/seen.txt"
        job = ml.jobs.create_or_update(command(command=text, environment=environment, inputs=inputs))
        weigh = self.registry.components.get("weigh", version="1")

        def weighing() -> None:
            weigh(**inputs)

        pipeline = ml.jobs.create_or_update(dsl.pipeline(default_compute="reg-cluster")(weighing)())
        for what, name in (("job", job.name), ("pipeline", pipeline.name)):
            ml.jobs.stream(name)
            self.found[what] = ml.jobs.get(name).status
        ml.jobs.download(job.name, download_path=str(self.folder / "job"))

    def serve(self) -> None:
        """An online and a batch deployment of the shared model, in the shared environment."""
        ml, folder = self.workspace, self.folder
        settings: dict[str, Any] = {
            "model": f"{self.id}/models/weights/labels/latest",
            "environment": f"{self.id}/environments/tiny/versions/1",
            "code_configuration": CodeConfiguration(code=str(folder / "score"), scoring_script="score.py"),
        }
        ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="reg-online")).result()
        online = ManagedOnlineDeployment(
            name="blue", endpoint_name="reg-online", instance_type="Standard_DS3_v2", instance_count=1, **settings
        )
        ml.online_deployments.begin_create_or_update(online).result()
        (folder / "request.json").write_text("{}")
        self.found["online"] = ml.online_endpoints.invoke(
            "reg-online", deployment_name="blue", request_file=str(folder / "request.json")
        )
        ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="reg-batch")).result()
        rows = ModelBatchDeploymentSettings(
            mini_batch_size=1, output_action=BatchDeploymentOutputAction.APPEND_ROW, output_file_name="rows.csv"
        )
        batch = ModelBatchDeployment(
            name="green", endpoint_name="reg-batch", compute="reg-cluster", settings=rows, **settings
        )
        ml.batch_deployments.begin_create_or_update(batch).result()
        job = ml.batch_endpoints.invoke(
            "reg-batch", deployment_name="green", input=Input(type="uri_folder", path=str(folder / "input"))
        )
        ml.jobs.stream(job.name)
        ml.jobs.download(job.name, output_name="score", download_path=str(folder / "scored"))

    def delete(self) -> None:
        self.workspace.registries.begin_delete(name=self.name).result()
        self.refused("after its deletion", lambda: self.registry.models.get("weights", "7"))


def main() -> None:
    folder, *names = sys.argv[1:]
    scenario = Scenario(Path(folder), *names)
    for part in (scenario.share, scenario.create, scenario.run, scenario.serve, scenario.delete):
        part()
    (Path(folder) / "found.json").write_text(json.dumps(scenario.found))


if __name__ == "__main__":
    main()
