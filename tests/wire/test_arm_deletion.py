"""`az ml workspace delete` and `az group delete` on workspaces that were made beside the one of the settings."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from conftest import LocalWorkspace
from support.az_batch import az_batch
from support.rest import Rest

pytestmark = pytest.mark.wire


def test_workspaces_and_groups_are_deleted_with_their_runs(workspace: LocalWorkspace, tmp_path: Path) -> None:
    config = workspace.settings
    other = config.workspace_id.replace(config.resource_group, "rg-gone").replace(config.workspace, "gone")
    rest = Rest(workspace.paths, config)

    def experiments(body: dict[str, str] | None = None) -> httpx.Response:
        """MLflow's experiments of the workspace; with a body, one is made."""
        url = f"https://{config.api_host}/mlflow/v2.0{other}/api/2.0/mlflow/experiments/"
        headers = {"Authorization": f"Bearer {rest.token()}"}
        with rest.client() as client:
            if body:
                return client.post(url + "create", json=body, headers=headers)
            return client.get(url + "search?max_results=10", headers=headers)

    in_group = "--name gone --resource-group rg-gone"
    made = az_batch(
        workspace,
        f"group create --name rg-gone --location {config.location}",
        f"ml workspace create {in_group}",
        cwd=tmp_path,
    )
    assert [answer.code for answer in made] == [0, 0], made
    assert experiments({"name": "mine"}).status_code == 200
    deleted, missing, again, kept = az_batch(
        workspace,
        f"ml workspace delete {in_group} --yes",
        f"ml workspace show {in_group}",
        f"ml workspace create {in_group}",
        f"ml workspace delete --name {config.workspace} --resource-group {config.resource_group} --yes",
        cwd=tmp_path,
    )
    assert deleted.code == 0, deleted.err
    assert missing.code == 3, missing.err
    assert again.code == 0, again.err
    assert [each["name"] for each in experiments().json()["experiments"]] == ["Default"]
    assert kept.code == 1
    assert f"The workspace '{config.workspace}' is the one that `azureml-local env` points every client at" in kept.err
    assert "`azureml-local reset` empties it" in kept.err

    gone, exists, groups = az_batch(
        workspace,
        "group delete --name rg-gone --yes",
        "group exists --name rg-gone",
        "group list --query [].name",
        cwd=tmp_path,
    )
    assert (gone.code, exists.out.strip()) == (0, "false"), gone.err
    assert "rg-gone" not in json.loads(groups.out)
    assert experiments().status_code == 404
