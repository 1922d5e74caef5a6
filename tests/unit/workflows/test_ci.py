"""ci.yml: its gate is red unless every other job succeeded, and nothing escapes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]


def test_the_gate_waits_for_every_other_job_and_always_runs() -> None:
    assert set(JOBS["gate"]["needs"]) == set(JOBS) - {"gate"}
    assert JOBS["gate"]["if"] == "always()", "else a failed job leaves it skipped, and GitHub takes that for success"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ({"lint": "success", "test": "success"}, 0),
        ({"lint": "success", "test": "failure"}, 1),
        ({"lint": "cancelled", "test": "success"}, 1),
        ({"lint": "success", "test": "skipped"}, 1),
    ],
)
def test_the_gate_is_green_only_if_all_succeeded(results: dict[str, str], code: int) -> None:
    [step] = JOBS["gate"]["steps"]
    needs = {name: {"result": result, "outputs": {}} for name, result in results.items()}
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "JOBS": json.dumps(needs)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert str(results) in done.stdout


def test_every_python_that_the_project_supports_is_tested() -> None:
    assert JOBS["test"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13"]
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.10,<3.14"' in pyproject


def test_ci_runs_the_targets_that_developers_run() -> None:
    commands = {step.get("run") for job in JOBS.values() for step in job["steps"]}
    assert {"make lint", "make test"} <= commands


def test_a_pull_request_of_a_fork_needs_no_secret() -> None:
    assert "secrets." not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
