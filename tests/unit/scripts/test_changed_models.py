"""From a diff to the models it touches."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from changed_models import TITLE, find, touched
from models import Manifest, parse_manifest
from support.fake_azure import World

NOW = Manifest(
    Path("/nowhere"), {"taxi": {"paths": ["mlops/azureml/train/pipeline.yml"]}, "taxi_fast": {}, "digits": {}}
)
ALL = {"taxi", "taxi_fast", "digits"}


@pytest.mark.parametrize(
    ("path", "models"),
    [
        ("data-science/models/digits/code/train.py", {"digits"}),
        ("data/digits/batch/images-01.csv", {"digits"}),
        ("data/taxi-request.json", {"taxi"}),
        ("mlops/azureml/train/digits_pipeline.yml", {"digits"}),
        ("mlops/azureml/deploy/batch/taxi_batch-endpoint.yml", {"taxi"}),
        ("mlops/azureml/train/taxi_fast_pipeline.yml", {"taxi_fast"}),
        ("mlops/azureml/train/pipeline.yml", {"taxi"}),  # as the manifest says
        ("scripts/run_pipeline.py", ALL),
        ("actions/run-pipeline/action.yml", ALL),
        (".github/workflows/train.yml", ALL),
        ("infrastructure/local/azureml_local/jobs/steps.py", ALL),
        ("data-science/shared/features.py", ALL),
        ("mlops/models.schema.json", ALL),
        ("something-new.toml", ALL),  # what no rule knows counts as shared
        ("README.md", set()),
        ("data-science/models/digits/README.md", set()),
        ("docs/guide.md", set()),
        ("tests/unit/scripts/test_inputs.py", set()),
        ("infrastructure/main.bicep", set()),
        ("infrastructure/modules/storage.bicep", set()),
        (".github/workflows/deliver-stage.yml", set()),
        (".github/workflows/pull-request.yml", ALL),
        ("examples/consumer/mlops/train.yml", set()),
    ],
)
def test_one_file_touches(path: str, models: set[str]) -> None:
    assert set(touched([path], NOW, NOW)) == models


def test_a_change_of_the_manifest_touches_whose_settings_it_changes() -> None:
    before = parse_manifest(
        Path("/nowhere"), "models:\n  taxi:\n    cluster: {size: 2}\n  digits:\n    cluster: {size: 2}\n"
    )
    now = parse_manifest(
        Path("/nowhere"), "models:\n  taxi:\n    cluster: {size: 2}\n  digits:\n    cluster: {size: 3}\n"
    )
    assert touched(["mlops/models.yml"], before, now) == {"digits": ["mlops/models.yml"]}


def test_files_of_a_model_that_is_gone_are_nobody_elses() -> None:
    before = Manifest(Path("/nowhere"), {"old": {}, "digits": {}})
    now = Manifest(Path("/nowhere"), {"digits": {}})
    assert touched(["data-science/models/old/code/train.py"], before, now) == {}


def commit(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git = ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@example.com"]
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet", "-b", "main", str(folder)], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


PIPELINES = {f"mlops/azureml/train/{name}_pipeline.yml": "type: pipeline\n" for name in ("taxi", "digits")}


def test_a_diff_of_real_commits(world: World) -> None:
    base = commit(Path(), {**PIPELINES, "data-science/models/digits/code/prep.py": "1\n"})
    head = commit(Path(), {"data-science/models/digits/code/prep.py": "2\n", "README.md": "x\n"})
    world.env.update(INPUT_BASE=base)
    assert world.run(TITLE, find) == 0, world.log
    assert json.loads(world.outputs["models"]) == ["digits"]
    assert world.outputs["base"] == base != head
    assert "| `digits` | `data-science/models/digits/code/prep.py` |" in world.summary


def test_a_docs_change_touches_none(world: World) -> None:
    base = commit(Path(), PIPELINES)
    commit(Path(), {"README.md": "x\n", "docs/guide.md": "y\n"})
    world.env.update(INPUT_BASE=base)
    assert world.run(TITLE, find) == 0
    assert world.outputs["models"] == "[]"
    assert "No model is touched" in world.summary


def test_without_a_base_everything_counts(world: World) -> None:
    commit(Path(), PIPELINES)
    for base in ("", "0" * 40):
        world.env.update(INPUT_BASE=base)
        assert world.run(TITLE, find) == 0
        assert json.loads(world.outputs["models"]) == ["digits", "taxi"]
        assert world.outputs["base"] == ""


def test_a_base_that_git_does_not_have_is_told(world: World) -> None:
    commit(Path(), PIPELINES)
    world.env.update(INPUT_BASE="f" * 40)
    assert world.run(TITLE, find) == 2
    assert "git merge-base " + "f" * 40 + " failed: fatal:" in world.log
