"""The workflow deploy-batch under real act: a folder scored, its predictions kept as an artifact, the default set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.rest import Rest
from support.suite_copy import make_copy

pytestmark = pytest.mark.workflow


def test_a_folder_is_scored_and_its_predictions_are_kept(workspace: LocalWorkspace, tmp_path: Path) -> None:
    rest = Rest(workspace.paths, workspace.settings)
    rest.put_model("tiny", "1", {"factor.txt": "2"})
    cluster = {
        "computeType": "AmlCompute",
        "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 2}},
    }
    assert rest.call("PUT", "/computes/tiny-cluster", {"properties": cluster}).status_code in (200, 201)
    inputs = ["-i", "model=tiny", "-i", "cluster-name=tiny-cluster", "-i", "expect-rows=3"]
    done = workspace.local("run", "deploy-batch", "-C", str(make_copy(tmp_path).root), *inputs, check=False)
    assert done.returncode == 0, done.stdout
    assert "✅ 3 rows scored with tiny:1 after " in done.stdout
    (folder,) = re.findall(r"the full log: (\S+)", done.stdout)
    (artifact,) = Path(folder).rglob("predictions.csv")
    assert sorted(artifact.read_text().split()) == ["2.0", "4.0", "6.0"]
    names = [each["name"] for each in rest.call("GET", "/batchEndpoints").json()["value"]]
    name = next(each for each in names if re.fullmatch(r"tiny-batch-[0-9a-f]{6}", each))
    found = rest.call("GET", f"/batchEndpoints/{name}").json()
    assert found["properties"]["defaults"]["deploymentName"] == "blue"
    assert "deploy-lock" not in found["tags"]
