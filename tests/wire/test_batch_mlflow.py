"""MLflow models without code, and pipeline components, behind batch endpoints, through the real SDK."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azureml_local import tools

if TYPE_CHECKING:
    from conftest import LocalWorkspace

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def found(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the scenario found, in one SDK process for all tests."""
    folder = tmp_path_factory.mktemp("batch-mlflow")
    workspace.sign_in()
    config = workspace.settings
    python = tools.ensure(workspace.paths, "sdk", print) / "bin" / "python"
    scenario = Path(__file__).with_name("batch_mlflow_scenario.py")
    done = workspace.run(
        str(python), str(scenario), str(folder), config.subscription_id, config.resource_group, config.workspace,
        check=False, AZUREML_RUN_POLLING_INTERVAL_MIN="1", AZUREML_RUN_POLLING_INTERVAL_MAX="1",
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    content: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return content


def test_each_row_has_what_the_model_says_in_process(found: dict[str, Any]) -> None:
    assert found["good"]["status"] == "Completed", found["good"]["error"]
    text = found["good"]["files"]["fares.csv"]
    scored: dict[str, list[float]] = {}
    for row, prediction, file in csv.reader(io.StringIO(text)):
        assert int(row) == len(scored.setdefault(file, []))
        scored[file].append(float(prediction))
    assert scored == {name: pytest.approx(values, rel=1e-9) for name, values in found["expected"].items()}


def test_a_file_that_cannot_be_read_fails_the_job_by_name(found: dict[str, Any]) -> None:
    assert found["bad"]["status"] == "Failed"
    assert "Error processing input file: 'd.avro'. File type 'avro' is not supported." in found["bad"]["error"]


def test_an_image_is_one_row(found: dict[str, Any]) -> None:
    assert found["images"]["status"] == "Completed", found["images"]["error"]
    expected = "0,0,grey0.png\n0,6,grey1.png\n0,1200,grey200.png\n"
    assert found["images"]["files"] == {"predictions.csv": expected}


def test_a_pipeline_component_runs_as_a_pipeline_with_its_parallel_step(found: dict[str, Any]) -> None:
    pipeline = found["pipeline"]
    assert pipeline["status"] == "Completed", pipeline["error"]
    assert pipeline["tags"]["azureml.jobtype"] == "azureml.pipelinejob"
    assert pipeline["steps"] == ["count", "words"]
    (text,) = pipeline["files"].values()
    assert text.splitlines() == [f"t{n}.txt {n}" for n in range(1, 6)]
