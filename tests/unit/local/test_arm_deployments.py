"""Template deployments: a workspace is made, whatever else a template asks for is refused by name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from azureml_local import arm, arm_deployments, operations
from support.local_server import ARM, Server, make_server

WORKSPACE = {
    "type": "Microsoft.MachineLearningServices/workspaces",
    "name": "[parameters('workspaceName')]",
    "kind": "[parameters('kind')]",
    "tags": "[parameters('tags')]",
    "properties": {"friendlyName": "[parameters('friendly')]", "description": "made by a template"},
}
VAULT = {"type": "Microsoft.KeyVault/vaults", "name": "kv"}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return make_server(tmp_path, operations, arm, arm_deployments)


def group_url(server: Server, group: str = "rg-local") -> str:
    return f"{ARM}/subscriptions/{server.services.settings.subscription_id}/resourcegroups/{group}"


def deploy(server: Server, *resources: dict[str, Any], group: str = "rg-local", **values: Any) -> Any:
    body = {
        "properties": {
            "template": {
                "parameters": {"kind": {"defaultValue": "default"}, "workspaceName": {}, "tags": {}, "friendly": {}},
                "resources": list(resources),
            },
            "parameters": {name: {"value": value} for name, value in values.items()},
        }
    }
    url = f"{group_url(server, group)}/providers/Microsoft.Resources/deployments/d1"
    return asyncio.run(server.call("PUT", url, json=body))


def test_the_workspace_of_a_template_is_made_and_what_stands_beside_it_is_not(server: Server) -> None:
    answer = deploy(server, VAULT, WORKSPACE, workspaceName="aml-two", tags={"team": "a"}, friendly="Two")
    assert (answer.status_code, answer.json()["properties"]["provisioningState"]) == (201, "Succeeded")
    url = f"{group_url(server)}/providers/Microsoft.MachineLearningServices/workspaces/aml-two"
    made = asyncio.run(server.call("GET", url)).json()
    assert made["tags"] == {"team": "a"}
    assert made["properties"]["friendlyName"] == "Two"
    assert made["properties"]["description"] == "made by a template"
    deployment = f"{group_url(server)}/providers/Microsoft.Resources/deployments/d1"
    assert asyncio.run(server.call("GET", deployment)).json()["properties"]["outputResources"] == [{"id": made["id"]}]
    parts = f"{group_url(server)}/deployments/d1/operations"
    assert asyncio.run(server.call("GET", parts)).json() == {"value": []}


@pytest.mark.parametrize(
    ("resources", "values", "message"),
    [
        ([VAULT], {}, "deployments that make 0 Azure ML workspaces; it does one."),
        (
            [WORKSPACE, {"type": "Microsoft.Sql/servers"}],
            {"workspaceName": "aml-two"},
            "does not implement deployments of microsoft.sql/servers.",
        ),
        ([WORKSPACE], {"workspaceName": "aml-two", "kind": "hub"}, "workspaces of the kind 'hub'; it does 'default'."),
        (
            [{**WORKSPACE, "name": "[concat('a', 'b')]"}],
            {},
            "does not implement template expressions; the workspace's name is [concat('a', 'b')].",
        ),
        ([WORKSPACE], {"workspaceName": "-x"}, "Workspace name '-x' is invalid."),
    ],
)
def test_what_it_cannot_deploy_is_named_and_nothing_is_made(
    server: Server, resources: list[dict[str, Any]], values: dict[str, str], message: str
) -> None:
    answer = deploy(server, *resources, **values)
    assert answer.status_code in {400, 501}
    assert message in answer.json()["error"]["message"]
    url = f"{group_url(server)}/providers/Microsoft.MachineLearningServices/workspaces"
    assert [found["name"] for found in asyncio.run(server.call("GET", url)).json()["value"]] == ["aml-local"]


def test_a_missing_group_is_told(server: Server) -> None:
    answer = deploy(server, WORKSPACE, group="nope", workspaceName="aml-two")
    assert answer.json()["error"]["code"] == "ResourceGroupNotFound"
