"""The end of `azureml-local demo`: what the tables say of a training and of the workflows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml_local import settings
from azureml_local.paths import REPOSITORY, StatePaths
from azureml_local.settings import Settings
from azureml_local.workflow_run import demo, facts
from azureml_local.workflow_run.facts import PipelineStep
from azureml_local.workflow_run.records import JobRecord, RunRecord, StepRecord

METRICS = {"test_rmse": 1.9811, "champion_test_rmse": 2.0102, "test_rows": 1953.0, "train_rmse": 1.7}


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[StatePaths, Settings]:
    """The state and settings that the tables ask with; what the workspace would answer is set by `answers`."""
    monkeypatch.setattr(facts, "pipeline_steps", lambda *_: [PipelineStep("prep", "Completed", 18.0)])
    paths = StatePaths(tmp_path, tmp_path / "cache")
    paths.create()
    return paths, settings.load(paths)


def answers(monkeypatch: pytest.MonkeyPatch, **tags: str) -> None:
    root: dict[str, Any] = {"metrics": {}, "params": {}, "tags": tags}
    monkeypatch.setattr(facts, "run_data", lambda *_: root)


def record(version: str, *, result: str = "success") -> RunRecord:
    step = StepRecord("Train", 0.0, 8.0, result)
    outputs = {"job-name": "j", "model-name": "taxi", "model-version": version, "metrics": json.dumps(METRICS)}
    return RunRecord({"train": JobRecord("w/train", "run-pipeline", 0.0, 9.0, result, [step], outputs)})


def test_a_better_model_stands_beside_the_champion(
    where: tuple[StatePaths, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, champion_version="1", decision="test_rmse 1.9811 is at least as good")
    assert demo.model_table(*where, record("2")).splitlines() == [
        "taxi       now            champion before",
        "─────────  ─────────────  ───────────────",
        "version    2, registered  1",
        "test_rmse  1.9811         2.0102",
        "test_rows  1953           -",
        "",
        "test_rmse 1.9811 is at least as good",
    ]


def test_a_first_model_has_no_champion_and_a_worse_one_no_version(
    where: tuple[StatePaths, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, champion_version="none")
    assert "version    1, registered  none" in demo.model_table(*where, record("1"))
    answers(monkeypatch, champion_version="4")
    assert "version    none registered  4" in demo.model_table(*where, record(""))


def test_durations_of_workflows_jobs_and_pipeline_steps(where: tuple[StatePaths, Settings], tmp_path: Path) -> None:
    done = demo.Done("train", record("1"), 0, tmp_path, 12.0)
    assert demo.duration_table(*where, [done]).splitlines()[2:] == [
        "train                           success    12s",
        "  ✓ run-pipeline                success    9.0s",
        "      prep                      Completed  18s",
    ]


def test_a_failed_jobs_steps_are_listed(where: tuple[StatePaths, Settings], tmp_path: Path) -> None:
    done = demo.Done("train", record("", result="failure"), 1, tmp_path, 12.0)
    assert demo.duration_table(*where, [done]).splitlines()[2:] == [
        "train                           failure  12s",
        "  ✗ run-pipeline                failure  9.0s",
        "      Train                     failure  8.0s",
    ]


def test_what_to_try_next_begins_as_the_readme_says() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    told = [line.strip() for line in demo.NEXT.format(command=".venv/bin/azureml-local", model="taxi").splitlines()]
    signing_in = [line for line in told if line.startswith(("eval", "az login", "az configure"))]
    assert len(signing_in) == 3
    assert "\n".join(signing_in) in readme


def test_a_model_that_is_not_there_is_told_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.is_known("taxi")
    assert not demo.is_known("fare")
    assert capsys.readouterr().err == "azureml-local demo: no model 'fare'; there are: digits, taxi\n"
