"""Which GitHub environment each job of a run is in, and whether it may go on: what GitHub's reviewers decide.

Environments and their reviewers are settings of a repository on GitHub, in no file: `--reviewed` says here which have
reviewers. A job in one waits for `--approve`, else for an answer at the terminal; where there is none, it is held back,
and so is all that needs it.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from azureml_local import daemon
from azureml_local.settings import write_private

from .environment_step import ANSWERS
from .id_tokens import Trust
from .records import Event, JobRecord


@dataclass(frozen=True)
class Decision:
    """`how` stands beside the environment in the run's table; `told` is the job's error where it is refused."""

    approved: bool
    how: str
    told: str = ""


class Reviews:
    """Answers the jobs of one run.

    reviewed, approved: names of environments; trust: makes the workspace accept a job in an environment, and gives the
    subject of its ID tokens and the URL to ask for them at; ask: a question to the reviewer, None for no answer.
    """

    def __init__(
        self,
        folder: Path,
        trust: Trust,
        *,
        reviewed: frozenset[str],
        approved: frozenset[str],
        ask: Callable[[str, int], bool | None],
    ) -> None:
        self._folder = folder / ANSWERS
        self._folder.mkdir()
        self._trust = trust
        self._reviewed = reviewed | approved
        self._approved = approved
        self._ask = ask

    def answer(self, event: Event) -> None:
        """Decide about the job of an `environment` event, note it in the job's record, and let the job know."""
        assert event.job is not None
        asked = json.loads(event.text)
        environment = str(asked["environment"])
        decision = self.decide(event.job, environment, int(asked["pid"]))
        said: dict[str, Any] = {"approved": decision.approved, "told": decision.told}
        if decision.approved:
            try:
                said["subject"], said["url"] = self._trust(environment)
            except (OSError, daemon.DaemonError) as error:
                decision = Decision(False, "the workspace does not answer")
                said = {
                    "approved": False,
                    "told": f"The local workspace did not take the job's environment over: {error}",
                }
        event.job.environment = environment
        event.job.review, event.job.held_back = decision.how, not decision.approved
        file = self._folder / str(asked["answer"])
        write_private(file.with_suffix(".new"), json.dumps(said).encode())
        file.with_suffix(".new").rename(file)

    def decide(self, job: JobRecord, environment: str, pid: int) -> Decision:
        """Whether the job may go on. `pid`: its process, which waits for that."""
        if environment not in self._reviewed:
            return Decision(True, "no reviewers")
        if environment in self._approved:
            return Decision(True, "approved by --approve")
        answer = self._ask(f"Job {job.label} waits for an approval of environment {environment}. Approve? [y/N] ", pid)
        if answer is None:
            told = (
                f"Environment {environment} has reviewers and nobody approved: this job and those that need it do not "
                f"run. Run again with --approve {environment}, or at a terminal, where you are asked."
            )
            return Decision(False, "not approved", told)
        if answer:
            return Decision(True, "approved at the terminal")
        return Decision(False, "rejected", f"The deployment to environment {environment} was rejected at the terminal.")


def ask_terminal(question: str, pid: int, stdin: TextIO | None = None) -> bool | None:
    """The answer typed in; None where stdin is no terminal, or process `pid` is gone, as when the run was cancelled.

    Nothing else of the run is shown meanwhile: its lines would tear the question apart.
    """
    stdin = stdin or sys.stdin
    if not stdin.isatty():
        return None
    print(question, end="", file=sys.stderr, flush=True)
    while not select.select([stdin], [], [], 0.2)[0]:
        if not _alive(pid):
            print(file=sys.stderr)
            return None
    return stdin.readline().strip().lower() in ("y", "yes")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
