"""The commands of docs/migration.md, all of them, in order, as they stand there: the real az on the local workspace."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from azureml_local.paths import REPOSITORY
from conftest import LocalWorkspace
from support.az_shell import az_shell
from support.pages import Page

pytestmark = pytest.mark.wire

PAGE = Page(REPOSITORY / "docs" / "migration.md")
MARK = "@@ "


def shell_lines() -> list[str]:
    """The page's script, one command each: continued lines joined, comments left out."""
    (block,) = [text for text in PAGE.fences("bash") if "az ml job create" in text]
    joined = re.sub(r"\\\n\s*", "", block)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def said(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Command -> its standard output, from one shell that stops at the first command that fails.

    The files that the commands name are there by links, so that what they download stays out of the repository.
    """
    folder = tmp_path_factory.mktemp("migration")
    for name in ("mlops", "data", "data-science"):
        (folder / name).symlink_to(REPOSITORY / name)
    lines = shell_lines()
    script = "set -eu\n" + "\n".join(f"echo; echo '{MARK}{index}'\n{line}" for index, line in enumerate(lines))
    with tempfile.TemporaryDirectory() as bin_folder, az_shell(workspace, Path(bin_folder)) as path:
        done = workspace.run("bash", "-c", script, check=False, cwd=folder, PATH=path)
    parts = re.split(rf"^{MARK}\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert done.returncode == 0, f"{lines[len(parts) - 1]}\n{parts[-1]}\n{done.stderr}"
    assert len(parts) == len(lines)
    return {**dict(zip(lines, parts, strict=True)), "folder": str(folder)}


def output(said: dict[str, str], beginning: str) -> str:
    """What the one command that begins so has printed."""
    (command,) = [line for line in said if line.startswith(beginning)]
    return said[command].strip()


def parsed(said: dict[str, str], beginning: str) -> Any:
    return json.loads(output(said, beginning))


def test_the_page_has_each_command_of_the_instructions() -> None:
    """The short list that people bring along; what may differ is the endpoint's name, and how they sign in."""
    expected = """\
az extension add -n ml -y
az extension update -n ml
az extension list
az account set --subscription
az account show
az configure --defaults group=
az ml environment create --file mlops/azureml/train/train-env.yml
az ml compute list
az ml compute create --name cpu-cluster --type amlcompute --size Standard_DS3_v2 --min-instances 0 --max-instances 4 \
--tier low_priority
run_id=$(az ml job create -f mlops/azureml/train/pipeline.yml --query name -o tsv)
az ml job show -n $run_id --web
az ml online-endpoint create --name $endpoint -f mlops/azureml/deploy/online/online-endpoint.yml
az ml online-deployment create --name taxi-online-dp --endpoint $endpoint -f \
mlops/azureml/deploy/online/online-deployment.yml
az ml online-endpoint update --name $endpoint --traffic "taxi-online-dp=100"
az ml online-endpoint invoke -n $endpoint --deployment-name taxi-online-dp --request-file data/taxi-request.json
""".splitlines()
    beginnings = iter(shell_lines())
    for command in expected:
        assert any(line.startswith(command) for line in beginnings), f"{command}: not there, or not in this order"


def test_training(said: dict[str, str]) -> None:
    assert parsed(said, "az ml environment create")["build"]["dockerfile_path"] == "Dockerfile"
    cluster = parsed(said, "az ml compute create")
    assert (cluster["tier"], cluster["min_instances"], cluster["max_instances"]) == ("low_priority", 0, 4)
    job = parsed(said, "az ml job show")
    assert set(job["jobs"]) == {"prep", "train", "evaluate", "register"}
    assert f"RunId: {job['name']}" in output(said, "az ml job stream -n $run_id")
    model = parsed(said, "az ml model show")
    assert model["type"] == "mlflow_model"
    assert 1 < float(model["tags"]["test_rmse"]) < 3
    assert model["tags"]["job"] == job["name"]


def test_the_online_endpoint(said: dict[str, str]) -> None:
    assert parsed(said, "az ml online-endpoint update")["traffic"] == {"taxi-online-dp": 100}
    fares = json.loads(parsed(said, "az ml online-endpoint invoke"))
    assert len(fares) == 3
    assert all(2 < fare < 100 for fare in fares)
    assert set(parsed(said, "az ml online-endpoint get-credentials")) == {"primaryKey", "secondaryKey"}
    assert "POST /score" in output(said, "az ml online-deployment get-logs")


def test_the_batch_endpoint(said: dict[str, str]) -> None:
    assert parsed(said, "az ml batch-deployment create")["name"] == "taxi-batch-dp"
    (job,) = parsed(said, "az ml batch-endpoint list-jobs")
    streamed = output(said, "az ml job stream -n $job")
    assert f"RunId: {job['name']}" in streamed
    assert "Execution Summary" in streamed
    (predictions,) = (Path(said["folder"]) / "build" / "scored").rglob("predictions.csv")
    assert len(predictions.read_text().splitlines()) == 200


def test_powershells_name_is_refused_as_by_the_official_az(workspace: LocalWorkspace) -> None:
    done = subprocess.run(
        ["az", "ml", "job", "show", "-Name", "any", "--web"],
        env=workspace.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "the following arguments are required: --name/-n" in done.stderr
