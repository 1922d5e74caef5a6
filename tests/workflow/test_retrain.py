"""Scheduled training under real act: the model's own settings, the gate's outcome, and the text of its issue."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.suite_copy import make_copy

pytestmark = pytest.mark.workflow


def test_one_model_is_trained_and_its_outcome_told(workspace: LocalWorkspace, tmp_path: Path) -> None:
    suite = make_copy(tmp_path)
    manifest = suite.root / "mlops/models.yml"
    manifest.write_text(manifest.read_text() + "\n  tiny:\n    cluster: {name: tiny-cluster, size: 1}\n")
    done = workspace.local("run", "retrain", "-C", str(suite.root), "-i", "model=tiny", check=False)
    assert done.returncode == 0, done.stdout
    assert "tiny-cluster" in done.stdout
    told = done.stdout.partition("─ summary-train.md ─")[2]
    assert "tiny: trained again, the champion stays" in told
    assert "The outcome stands in this job's summary instead." in done.stdout


def test_a_model_that_does_not_exist_is_refused_at_once(workspace: LocalWorkspace) -> None:
    done = workspace.local("run", "retrain", "-i", "model=fare", check=False)
    assert done.returncode == 1
    assert "model is 'fare': it must be one of digits, taxi." in done.stdout
    assert "train │ job started" not in done.stdout
