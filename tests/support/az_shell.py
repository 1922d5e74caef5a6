"""An `az` for shell scripts that has imported the SDK already: that takes seconds, else for every command anew.

A test calls `az_shell`. It has az's own Python run this file, which listens on a socket; the `az` that it puts on PATH
hands its arguments over, and comes back with output and exit code. Each command is a process of its own, forked.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import LocalWorkspace

CLIENT = """\
#!{python} -SE
import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as line:
    line.connect({path!r})
    line.sendall(json.dumps([os.getcwd(), sys.argv[1:]]).encode())
    line.shutdown(socket.SHUT_WR)
    answer = json.load(line.makefile())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
"""


@contextmanager
def az_shell(workspace: LocalWorkspace, folder: Path) -> Iterator[str]:
    """A PATH whose `az` is the real one of the workspace, kept running. `folder` is new and its path short."""
    from azureml_local import tools

    python = tools.ensure(workspace.paths, "az", print) / "bin" / "python"
    path, command = folder / "s", folder / "az"
    command.write_text(CLIENT.format(python=sys.executable, path=str(path)))
    command.chmod(0o755)
    with subprocess.Popen(
        [str(python), "-s", __file__, str(path)], env={**workspace.environment, "AZ_INSTALLER": "PIP"}
    ) as server:
        try:
            while not path.exists():
                assert server.poll() is None, "az did not start"
                time.sleep(0.05)
            yield f"{folder}:{workspace.environment['PATH']}"
        finally:
            server.terminate()


def serve(path: str) -> None:
    """Answer one command after the other, until this process is ended."""
    from az_batch import run  # type: ignore[import-not-found] # it stands beside this file, which runs alone
    from azure.cli.core.extension.operations import add_extension_to_path

    add_extension_to_path("ml")
    importlib.import_module("azure.ai.ml.entities")
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(path)
        line.listen()
        while True:
            caller, _ = line.accept()
            with caller:
                child = os.fork()
                if child == 0:
                    folder, arguments = json.load(caller.makefile())
                    os.chdir(folder)
                    caller.sendall(json.dumps(run(arguments)).encode())
                    os._exit(0)
                os.waitpid(child, 0)


if __name__ == "__main__":
    serve(sys.argv[1])
