"""What `azureml-local run` leaves: its last line names the folder."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from azureml_local.paths import REPOSITORY


def run_folder(done: subprocess.CompletedProcess[str]) -> Path:
    """The folder with the run's summaries, artifacts and log."""
    found = re.search(r"Summaries, artifacts and the full log: (.*)", done.stdout)
    assert found, done.stdout
    return REPOSITORY / found[1]


def job_summary(done: subprocess.CompletedProcess[str], job: str) -> str:
    """A job's summary, in Markdown as the job wrote it."""
    return (run_folder(done) / f"summary-{job}.md").read_text()
