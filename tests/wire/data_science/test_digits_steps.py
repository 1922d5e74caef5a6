"""The digits steps and the scoring script by hand: their own environment, MLflow in a local database, no workspace."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from json_schema import Schema

pytestmark = pytest.mark.wire

ROOT = Path(__file__).resolve().parents[3]
CODE = ROOT / "data-science/models/digits/code"
DATA = ROOT / "data/digits"
# One process for all: importing MLflow and scikit-learn is what costs.
SCENARIO = """
import contextlib, io, json, os, runpy, sys
from pathlib import Path

code, data, scratch = map(Path, sys.argv[1:])
sys.path.insert(0, str(code))
sys.argv = ["generate.py", str(scratch / "generated")]
(scratch / "generated").mkdir()
runpy.run_path(str(data / "generate.py"), run_name="__main__")

import evaluate, prep, register, train
from decision import Decision

results = {}
for name, options in (("first", []), ("worse", ["--gamma", "0.9"])):
    folder = scratch / name
    prepared, model, judged = str(folder / "prepared"), str(folder / "model"), str(folder / "evaluation")
    assert prep.main(["--output", prepared]) == 0
    assert train.main(["--data", prepared, "--model", model, *options]) == 0
    assert evaluate.main(["--data", prepared, "--model", model, "--output", judged]) == 0
    assert register.main(["--model", model, "--evaluation", judged, "--output", str(folder / "registration")]) == 0
    decision = Decision.read(Path(judged))
    results[name] = {
        "metrics": decision.metrics, "deploy": decision.deploy_flag, "reason": decision.reason,
        "champion": decision.champion_version, "measured": decision.champion_measured,
        "info": json.loads((folder / "registration" / "model_info.json").read_text()),
    }
errors = io.StringIO()
with contextlib.redirect_stderr(errors):
    results["bad split"] = [prep.main(["--output", str(scratch / "x"), "--test-share", "1.5"]), errors.getvalue()]

os.environ["AZUREML_MODEL_DIR"] = str(scratch / "first")
import score
score.init()
results["answer"] = score.run((data / "digits-request.json").read_text())
rows = json.loads((data / "digits-request.json").read_text())["images"]
square = [rows[0][at : at + 8] for at in range(0, 64, 8)]
results["square"] = score.run(json.dumps({"images": [square]}))
bad = ["no json", "{}", '{"images": []}', '{"images": [[1, 2]]}', json.dumps({"images": [rows[0], [99] * 64]})]
results["refused"] = [[each.status_code, each.get_data(as_text=True)] for each in map(score.run, bad)]
(scratch / "results.json").write_text(json.dumps(results))
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenario's folder, after it ran."""
    folder = tmp_path_factory.mktemp("digits")
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", "--no-python-downloads", "--python", ">=3.10,<3.13", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    wanted = CODE.parent / "environment" / "requirements.txt"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "-r", wanted], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AZUREML_"))}
    kept |= {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", SCENARIO, CODE, DATA, folder], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def results(scratch: Path) -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = json.loads((scratch / "results.json").read_text())
    return loaded


def test_the_committed_data_is_what_generate_writes(scratch: Path) -> None:
    generated = scratch / "generated"
    names = {path.relative_to(generated).as_posix() for path in generated.rglob("*") if path.is_file()}
    assert len(names) == 5
    for name in names:
        assert (generated / name).read_bytes() == (DATA / name).read_bytes(), name


def test_the_committed_settings_reach_what_the_readme_says(results: dict[str, dict[str, object]]) -> None:
    first = results["first"]
    assert first["metrics"]["test_accuracy"] == pytest.approx(0.9907, abs=0.0001)  # type: ignore[index]
    assert first["info"]["reference"] == "azureml:digits:1"  # type: ignore[index]


def test_a_worse_model_is_compared_on_the_same_images_and_not_registered(results: dict[str, dict[str, object]]) -> None:
    worse = results["worse"]
    assert (worse["deploy"], worse["champion"], worse["measured"]) == (False, "1", True)
    assert str(worse["reason"]).startswith("test_accuracy 0.")
    assert worse["info"]["registered"] is False  # type: ignore[index]


def test_a_split_that_cannot_be_made_is_told(results: dict[str, list[object]]) -> None:
    assert results["bad split"] == [1, "prep: --test-share is 1.5; it must lie between 0 and 1\n"]


def test_the_endpoints_answer_fits_its_schema(results: dict[str, list[dict[str, object]]]) -> None:
    schema = Schema.read(json.loads((DATA / "digits-response.schema.json").read_text()))
    assert schema.problems == []
    assert schema.violations(results["answer"]) == []
    assert [each["digit"] for each in results["answer"]] == [0, 1, 1]
    assert results["square"][0] == results["answer"][0]


def test_a_request_that_is_none_is_answered_with_the_reason(results: dict[str, list[list[object]]]) -> None:
    told = [str(text) for _, text in results["refused"]]
    assert [status for status, _ in results["refused"]] == [400] * 5
    assert "the request is not JSON" in told[0]
    assert all("with at least one image" in text for text in told[1:3])
    assert "images[0] must be 64 numbers, or 8 rows of 8" in told[3]
    assert "images[1] has a pixel outside 0..16" in told[4]
