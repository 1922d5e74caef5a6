"""Several commands of the real az in one process: the SDK is imported once, so the later ones take a third of a second.

A test calls `az_batch`. It has az's own Python run this file: standard input has a JSON list of commands, standard
output gets a JSON list of `{"code", "out", "err"}`.
"""

from __future__ import annotations

import io
import json
import logging
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import LocalWorkspace


@dataclass(frozen=True)
class Answer:
    """What one command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, parsed; a command that failed shows why."""
        assert self.code == 0, self.err
        return json.loads(self.out or "null")


def az_batch(workspace: LocalWorkspace, *commands: str, cwd: Path) -> list[Answer]:
    """Run `az <command>` for each, in order, whether or not one fails. Commands are split as a shell would."""
    from azureml_local import tools

    workspace.sign_in()
    python = tools.ensure(workspace.paths, "az", print) / "bin" / "python"
    done = subprocess.run(
        [str(python), "-s", __file__],
        input=json.dumps([shlex.split(command) for command in commands]),
        env={**workspace.environment, "AZ_INSTALLER": "PIP"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Answer(**answer) for answer in json.loads(done.stdout.splitlines()[-1])]


def run(arguments: list[str]) -> dict[str, Any]:
    """One command in a command line interface of its own."""
    from azure.cli.core import get_default_cli

    out, err = io.StringIO(), io.StringIO()
    for name in ("cli", "az_command_data_logger"):  # its handlers write to the stderr of the command before
        logging.getLogger(name).handlers.clear()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = get_default_cli().invoke(arguments, out_file=out)
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 1
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
