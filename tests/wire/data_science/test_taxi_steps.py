"""The taxi steps run by hand: their own environment, real MLflow in a local database, no workspace of any kind."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

pytestmark = pytest.mark.wire

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "data-science/models/taxi"
RAW = ROOT / "data/taxi/taxi-data.csv"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment made from the model's requirements.txt."""
    folder = tmp_path_factory.mktemp("taxi-environment")
    uv = find_uv_bin()
    # mlflow 2.16 asks for a pyarrow that has no wheels from Python 3.13 on
    subprocess.run([uv, "venv", "-q", "--no-python-downloads", "--python", ">=3.10,<3.13", folder / "venv"], check=True)
    interpreter = folder / "venv" / "bin" / "python"
    wanted = MODEL / "environment" / "requirements.txt"
    subprocess.run([uv, "pip", "install", "-q", "--python", interpreter, "-r", wanted], check=True)
    return interpreter


def clean_environment(scratch: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AZUREML_"))}
    return kept | {"MLFLOW_TRACKING_URI": f"sqlite:///{scratch}/mlflow.db", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def results(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    scratch = tmp_path_factory.mktemp("taxi-steps")
    scenario = Path(__file__).with_name("taxi_steps_scenario.py")
    done = subprocess.run(
        [python, scenario, MODEL / "code", RAW, scratch],
        cwd=scratch, env=clean_environment(scratch), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    loaded: dict[str, Any] = json.loads((scratch / "results.json").read_text())
    return loaded


def test_first_model_is_registered_without_a_champion(results: dict[str, Any]) -> None:
    first = results["first"]
    assert first["info"]["reference"] == "azureml:taxi:1"
    assert first["decision"]["champion_version"] is None
    assert 1.0 < first["decision"]["metrics"]["test_rmse"] < 2.5
    assert first["pipeline"]["tags"]["champion_version"] == "none"


def test_equal_model_is_registered_with_the_champion_measured_on_the_same_rows(results: dict[str, Any]) -> None:
    second = results["second"]
    assert second["info"]["version"] == "2"
    assert second["decision"]["champion_measured"] is True
    assert (
        second["decision"]["champion_metrics"]
        == second["decision"]["metrics"]
        == results["first"]["decision"]["metrics"]
    )


def test_pipeline_run_shows_the_figures_beside_the_champions(results: dict[str, Any]) -> None:
    shown = results["second"]["pipeline"]
    assert shown["metrics"]["test_rmse"] == shown["metrics"]["champion_test_rmse"]
    assert {"test_mae", "champion_test_mae", "test_r2", "champion_test_r2"} <= set(shown["metrics"])
    assert shown["tags"]["deploy_flag"] == "true"
    assert shown["tags"]["decision"] == results["second"]["decision"]["reason"]
    assert shown["tags"]["registered_model_name"] == "taxi"
    assert shown["tags"]["registered_model_version"] == "2"


def test_version_leads_back_to_pipeline_commit_and_train_run(results: dict[str, Any]) -> None:
    version = next(version for version in results["versions"] if str(version["version"]) == "2")
    assert version["tags"]["job"] == results["second"]["pipeline"]["id"]
    assert version["tags"]["commit"] == "c0ffee"
    assert float(version["tags"]["test_rmse"]) == results["second"]["decision"]["metrics"]["test_rmse"]
    assert version["run_id"]


def test_repeating_register_finds_the_version_it_made(results: dict[str, Any]) -> None:
    assert results["again"]["version"] == "2"


def test_worse_model_is_not_registered_and_says_why(results: dict[str, Any]) -> None:
    worse = results["worse"]
    assert worse["info"]["registered"] is False
    assert worse["info"]["version"] is None
    assert "is worse than the champion's" in worse["info"]["reason"]
    assert worse["pipeline"]["tags"]["deploy_flag"] == "false"
    assert "registered_model_version" not in worse["pipeline"]["tags"]


def test_champion_that_cannot_be_loaded_counts_with_its_recorded_error(results: dict[str, Any]) -> None:
    lost, equal = results["champion_lost"], results["champion_lost_but_equal"]
    assert lost["decision"]["champion_measured"] is False
    assert lost["info"]["registered"] is False
    assert equal["decision"]["champion_measured"] is False
    assert equal["info"]["version"] == "3"


def test_champion_of_unknown_quality_closes_the_gate(results: dict[str, Any]) -> None:
    unmeasured = results["unmeasured"]
    assert unmeasured["info"]["registered"] is False
    assert "archive or delete that version to go on without it" in unmeasured["info"]["reason"]


def test_only_what_passed_the_gate_is_in_the_registry(results: dict[str, Any]) -> None:
    assert sorted(str(version["version"]) for version in results["versions"]) == ["1", "2", "3"]


def test_plots_are_artifacts_of_the_evaluation(results: dict[str, Any]) -> None:
    assert results["plots"] == ["plots/error_by_hour.png", "plots/predicted.png"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("prep", "prep: nowhere: neither a file nor a folder with *.csv files in it\n"),
        ("train", "train: nowhere/train.csv is not there; prep.py writes it\n"),
        ("train_twice", "/first/model is not empty; give a new folder\n"),
        ("evaluate", "evaluate: nowhere/test.csv is not there; prep.py writes it\n"),
        ("register", "register: nowhere/decision.json: not there; the evaluate step writes it\n"),
    ],
)
def test_a_step_that_lacks_something_says_so_in_one_line_and_makes_nothing(
    results: dict[str, Any], step: str, said: str
) -> None:
    refusal = results["refusals"][step]
    assert refusal["exit"] == 1
    assert refusal["stderr"].endswith(said)
    assert refusal["stderr"].count("\n") == 1
    assert refusal["created"] is False
