"""Azure's other services are refused by name, with what to do instead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from azureml_local import arm, operations
from support.local_server import ARM, make_server


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/microsoft.insights/autoscalesettings/a",
            "has no monitoring and autoscale rules (microsoft.insights). Leave",
        ),
        ("/Microsoft.Storage/storageAccounts", "`az storage blob … --auth-mode login`"),
        ("/Microsoft.Storage/storageAccounts/x/providers/Microsoft.Authorization/roleAssignments/r", "has no roles"),
        ("/Microsoft.Quantum/workspaces", "does not implement PUT management.azure.com"),
    ],
)
def test_a_service_that_is_not_here(path: str, said: str, tmp_path: Path) -> None:
    server = make_server(tmp_path, operations, arm)
    group = server.services.settings.workspace_id.partition("/providers/")[0]
    answer = asyncio.run(server.call("PUT", f"{ARM}{group}/providers{path}?api-version=2022-10-01", json={}))
    assert answer.status_code == 501
    assert answer.json()["error"]["code"] == "NotImplementedLocally"
    assert said in answer.json()["error"]["message"]


def test_the_api_behind_the_studio_is_not_here(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    answer = asyncio.run(server.call("DELETE", "https://ml.azure.com/api/eastus/modelmanagement/v1.0/models/m:1"))
    assert answer.status_code == 501
    assert "(of the studio, it has pages of jobs and online endpoints only" in answer.json()["error"]["message"]
    other = asyncio.run(server.call("GET", "https://example.org/"))
    assert (other.status_code, other.json()["error"]["message"]) == (421, "'example.org' is not served here.")
