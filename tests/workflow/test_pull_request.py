"""The pull-request workflow under real act: what a change touches is validated, trained and compared, nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.run_output import job_summary
from support.suite_copy import SuiteCopy, make_copy

pytestmark = pytest.mark.workflow

# `tiny` logs a metric by MLflow's REST alone: its environment has no packages.
SCORING = """\
import json
import os
import time
import urllib.request

SCORE = 0.80
BASE = os.environ["MLFLOW_TRACKING_URI"].replace("azureml://", "https://").replace("/mlflow/v1.0", "/mlflow/v2.0")
BASE = BASE.partition("?")[0] + "/api/2.0/mlflow"
METRIC = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "score", "value": SCORE, "timestamp": int(time.time() * 1000)}
request = urllib.request.Request(
    BASE + "/runs/log-metric", data=json.dumps(METRIC).encode(), method="POST",
    headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
)
print(urllib.request.urlopen(request).status, "score", SCORE, flush=True)
"""
GATE = """
  tiny:
    cluster: {name: tiny-cluster, size: 1}
    gate: {metric: score, goal: maximize, tolerance: 0.01}
"""


def git(suite: SuiteCopy, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", "-C", str(suite.root), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def suite(tmp_path: Path) -> SuiteCopy:
    """The repository with `tiny` as a model that has a gate; its base branch is what is committed here."""
    copy = make_copy(tmp_path)
    copy.step.write_text(SCORING)
    manifest = copy.root / "mlops/models.yml"
    manifest.write_text(manifest.read_text() + GATE)
    git(copy, "commit", "--quiet", "-am", "base")
    return copy


def pull_request(
    workspace: LocalWorkspace, suite: SuiteCopy, tmp_path: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Commit what was changed, and run the workflow as for a pull request of it."""
    base = git(suite, "rev-parse", "HEAD")
    git(suite, "add", "--all")
    git(suite, "commit", "--quiet", "-m", "change")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"number": 7, "pull_request": {"number": 7, "base": {"sha": base, "ref": "main"}}}))
    return workspace.local("run", "pull-request", "-C", str(suite.root), "-e", str(event), *options, check=False)


def test_a_change_of_one_model_trains_and_compares_that_one(
    workspace: LocalWorkspace, suite: SuiteCopy, tmp_path: Path
) -> None:
    suite.replace(suite.step, r"SCORE = 0\.80", "SCORE = 0.85")
    done = pull_request(workspace, suite, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "| `tiny` | `data-science/models/tiny/code/step.py` |" in job_summary(done, "changes")
    comment = job_summary(done, "models")
    assert "## ✅ Models: tiny" in comment
    assert "| `tiny` | ✅ passed | `score` 0.85 | 0.8 |" in comment
    assert "| **`score`** | 0.85 | 0.8 | +0.05 🟢 | - | - |" in comment
    assert "first" in comment.partition("```mermaid")[2]
    assert "taxi" not in comment
    assert "The comment stands in this job's summary instead." in done.stdout
    assert "│   │ ## ✅ Models: tiny" in done.stdout, "the comment's text is in the log"


def test_broken_yaml_is_told_with_file_line_and_reason_and_nothing_trains(
    workspace: LocalWorkspace, suite: SuiteCopy, tmp_path: Path
) -> None:
    suite.replace(suite.pipeline, r"\$\{\{parent\.jobs\.first\.outputs\.said\}\}", "${{parent.jobs.fist.outputs.said}}")
    done = pull_request(workspace, suite, tmp_path)
    assert done.returncode == 1
    where = "mlops/azureml/train/tiny_pipeline.yml, line 22: "
    assert re.search(rf"error: .*{re.escape(where)}.*fist", done.stdout), done.stdout
    assert "job started" not in "\n".join(line for line in done.stdout.splitlines() if line.startswith("train"))
    assert "**The YAML files are not right; nothing was trained.**" in job_summary(done, "models")
    assert "tiny_pipeline.yml:22" in job_summary(done, "models")


def test_a_shared_change_touches_all_and_a_docs_change_none(
    workspace: LocalWorkspace, suite: SuiteCopy, tmp_path: Path
) -> None:
    (suite.root / "README.md").write_text("changed\n")
    done = pull_request(workspace, suite, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "No model is touched by this change" in job_summary(done, "models")
    assert not [line for line in done.stdout.splitlines() if line.startswith(("validate", "train"))]

    with (suite.root / "scripts/run_pipeline.py").open("a") as file:
        file.write("# changed\n")
    done = pull_request(workspace, suite, tmp_path, "--job", "changes")
    assert done.returncode == 0, done.stdout
    for model in ("digits", "taxi", "tiny"):
        assert f"| `{model}` | `scripts/run_pipeline.py` |" in job_summary(done, "changes")
