"""Starts azureml-inference-server-http in a deployment's own environment: `python launcher.py PARENT FD …`.

The server takes the listening socket that the workspace opened on the loopback interface (descriptor FD) by gunicorn's
socket activation, instead of binding every interface as its own command does. Where the system can say so (Linux), it
ends with its parent, so that a killed workspace leaves no server behind. The other arguments are the server's.

This file runs with the deployment's Python and imports nothing of azureml_local.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1
_ACTIVATED = 3  # where socket activation looks for the socket


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before it could be watched
            sys.exit(1)


def _close_control_socket() -> None:
    """Newer gunicorns open a control socket below HOME, where all servers of the workspace would take each other's."""
    config = importlib.import_module("gunicorn.config")
    if "control_socket_disable" in config.make_settings():
        given = os.environ.get("GUNICORN_CMD_ARGS", "")
        os.environ["GUNICORN_CMD_ARGS"] = f"--no-control-socket {given}"


def main() -> None:
    parent, descriptor, *arguments = sys.argv[1:]
    del sys.path[0]  # this file's folder: what lies there must not be importable by a scoring script
    _end_with(int(parent))
    if int(descriptor) == _ACTIVATED:
        os.set_inheritable(_ACTIVATED, True)
    else:
        os.dup2(int(descriptor), _ACTIVATED)
        os.close(int(descriptor))
    _close_control_socket()
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())
    sys.argv = ["azmlinfsrv", *arguments]
    runpy.run_module("azureml_inference_server_http", run_name="__main__", alter_sys=True)


main()
