"""The documents that the unit tests convert: azure-ai-ml still makes of them what is written there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azureml_local import tools
from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

DOCUMENTS = Path(__file__).parents[1] / "unit" / "local" / "az_ml" / "documents"
CONVERT = """
import json, sys, time
from pathlib import Path
from azure.cli.core.extension.operations import add_extension_to_path
add_extension_to_path("ml")  # the SDK that the commands themselves use
import jwt
from azure.ai.ml import MLClient
from azure.ai.ml import entities
from azure.ai.ml._restclient import (v2022_02_01_preview, v2023_04_01_preview, v2023_08_01_preview, v2023_10_01,
                                     v2024_01_01_preview, v2024_10_01_preview)
from azure.ai.ml.entities import Job
from azure.ai.ml.entities._builders.base_node import BaseNode
from azure.ai.ml.entities._compute.compute import Compute
from azure.core.credentials import AccessToken


class Credential:
    def get_token(self, *scopes, **options):
        claims = {"tid": "TID", "aud": "https://ml.azure.com"}
        return AccessToken(jwt.encode(claims, "x" * 32), int(time.time()) + 999)


def job(resource):
    client = MLClient(Credential(), "00000000-0000-0000-0000-000000000001", "rg", "ws", enable_telemetry=False)
    client.components._get_workspace_key = lambda: "no network"
    found = client.jobs._resolve_azureml_id(Job._from_rest_object(resource))
    hidden = ("_aml_system_", "platform_config")
    found.tags = {key: value for key, value in found.tags.items() if not any(word in key for word in hidden)}
    return found._to_job() if isinstance(found, BaseNode) else found


MAKERS = {
    "batch-deployment": (v2024_01_01_preview, "BatchDeployment", entities.BatchDeployment._from_rest_object),
    "batch-endpoint": (v2023_10_01, "BatchEndpoint", entities.BatchEndpoint._from_rest_object),
    "compute": (v2023_08_01_preview, "ComputeResource", Compute._from_rest_object),
    "data": (v2023_04_01_preview, "DataVersionBase", entities.Data._from_rest_object),
    "data-container": (v2023_04_01_preview, "DataContainer", entities.Data._from_container_rest_object),
    "environment": (v2023_04_01_preview, "EnvironmentVersion", entities.Environment._from_rest_object),
    "environment-container": (v2023_04_01_preview, "EnvironmentContainer",
                              entities.Environment._from_container_rest_object),
    "job": (v2024_01_01_preview, "JobBase", job),
    "model": (v2023_08_01_preview, "ModelVersion", entities.Model._from_rest_object),
    "model-container": (v2023_08_01_preview, "ModelContainer", entities.Model._from_container_rest_object),
    "online-deployment": (v2023_04_01_preview, "OnlineDeployment", entities.OnlineDeployment._from_rest_object),
    "online-endpoint": (v2022_02_01_preview, "OnlineEndpointData", entities.OnlineEndpoint._from_rest_object),
    "workspace": (v2024_10_01_preview, "Workspace",
                  lambda resource: entities.Workspace._from_rest_object(resource, v2_service_context={})),
}
found = {}
for path in Path(sys.argv[1]).glob("*.json"):
    first, _, rest = path.stem.partition("-")
    key = next(key for key in (path.stem, f"{first}-{rest.partition('-')[0]}", first) if key in MAKERS)
    api, model, make = MAKERS[key]
    resource = getattr(api.models, model).deserialize(json.loads(path.read_text())["arm"])
    found[path.stem] = make(resource)._to_dict()
print(json.dumps(found, default=str))
"""


def test_the_sdk_makes_of_each_document_what_is_written_beside_it(workspace: LocalWorkspace) -> None:
    python = tools.ensure(workspace.paths, "az", print) / "bin" / "python"
    done = workspace.run(str(python), "-s", "-c", CONVERT, str(DOCUMENTS))
    made = json.loads(done.stdout.splitlines()[-1])
    expected = {path.stem: json.loads(path.read_text())["az"] for path in DOCUMENTS.glob("*.json")}
    assert made == expected
