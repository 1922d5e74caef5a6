"""`azureml-local up | down | status | logs | env | reset | run | demo | fault | open`.

Exit codes: 0 done; 1 it failed (the message says why); 2 wrong usage; 3 not running (status, logs --follow, env);
130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from . import (
    __version__,
    certificates,
    daemon,
    extension_index,
    faults_command,
    problems,
    settings,
    shell_environment,
    tools,
)
from .paths import StatePaths, own_command
from .studio import viewer


def _say(text: str) -> None:
    print(f"azureml-local: {text}", file=sys.stderr, flush=True)


def up(paths: StatePaths, _: argparse.Namespace) -> int:
    """Start the workspace in the background; does nothing when it is up."""
    az = tools.ensure(paths, "az", _say)
    paths.create()
    with tools.file_lock(paths.root / "prepare.lock"):  # two may start at once
        shell_environment.write_launchers(paths, az / "bin" / "python", Path(sys.executable).parent / "azureml-local")
        if refreshed := extension_index.refresh(paths.az_extensions):
            _say(refreshed)
    running = daemon.start(paths, _say)
    config = settings.load(paths)
    _say(f"ready (pid {running.pid}): workspace {config.workspace} in {config.resource_group}, state in {paths.root}")
    return 0


def down(paths: StatePaths, _: argparse.Namespace) -> int:
    """Stop the workspace and everything it runs."""
    _say("stopped" if daemon.stop(paths) else "not running")
    return 0


def status(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Say whether it runs, and where."""
    config = settings.load(paths) if paths.settings.exists() else None
    running = daemon.find(paths, config) if config else None
    if arguments.json:
        facts = {
            "running": running is not None,
            "pid": running.pid if running else None,
            "state": str(paths.root),
            "subscription": config.subscription_id if config else None,
            "resource_group": config.resource_group if config else None,
            "workspace": config.workspace if config else None,
        }
        print(json.dumps(facts, indent=2))
    elif running is None or config is None:
        print(f"not running (state {paths.root}); start it with: {own_command()} up")
    else:
        print(f"running, pid {running.pid}")
        print(f"state          {paths.root}")
        print(f"subscription   {config.subscription_id}")
        print(f"resource group {config.resource_group}")
        print(f"workspace      {config.workspace}")
        print(f"log            {paths.log}")
    return 0 if running else 3


def logs(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Print the server's log."""
    if not paths.log.exists():
        print(f"no log yet in {paths.log}", file=sys.stderr)
        return 3
    with paths.log.open(errors="replace") as file:
        print("".join(file.readlines()[-arguments.lines :]), end="")
        while arguments.follow:
            line = file.readline()
            if line:
                print(line, end="", flush=True)
                continue
            time.sleep(0.2)
            if paths.log.exists() and paths.log.stat().st_size < file.tell():  # it was cut
                file.seek(0)
    return 0


def env(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Print the shell variables that lead az, the SDK and MLflow here."""
    if not paths.settings.exists() or not paths.ca_bundle.exists():
        _say(f"no workspace yet; start it with: {own_command()} up")
        return 3
    config = settings.load(paths)
    certificates.write_bundle(paths)
    if daemon.find(paths, config) is None:
        _say(f"not running; start it with: {own_command()} up")
    print(shell_environment.exports(paths, config, arguments.shell))
    return 0


def reset(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Stop, then remove the state: every job, model and endpoint. Built tools and environments stay unless --all."""
    if not arguments.yes and sys.stdin.isatty():
        answer = input(f"Remove all jobs, models and endpoints in {paths.root}? [y/N] ")
        if answer.strip().lower() not in {"y", "yes"}:
            return 1
    daemon.stop(paths)
    if not paths.root.exists():
        return 0
    for entry in paths.root.iterdir():
        if entry == paths.cache and not arguments.all:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    _say(f"removed what was in {paths.root}")
    return 0


def run(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Run a workflow of this repository with act against the workspace."""
    from .workflow_run import command  # noqa: PLC0415 - only this command needs act

    return command.run(paths, arguments)


def demo(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Bring the workspace up, train a model and put it to use, through the real workflows."""
    from .workflow_run import demo as demonstration  # noqa: PLC0415 - only this command needs act

    if not demonstration.is_known(arguments.model):
        return 2
    code = up(paths, arguments)
    return code or demonstration.run(paths, arguments.model)


def fault(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Switch faults on and off: throttling, lost connections, preempted nodes … to test what lives through them."""
    return faults_command.run(paths, arguments)


def open_(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Show the pages of jobs and endpoints in the browser, until Ctrl-C."""
    return viewer.run(paths, arguments)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="azureml-local", description="A local Azure Machine Learning workspace.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument(
        "--state", help="state folder (default: $AZUREML_LOCAL_STATE, else .azureml-local in the repository)"
    )
    commands = top.add_subparsers(dest="command", required=True)

    def add(name: str, function: object) -> argparse.ArgumentParser:
        text = getattr(function, "__doc__", "") or ""
        sub = commands.add_parser(name, help=text.splitlines()[0], description=text)
        sub.set_defaults(function=function)
        return sub

    add("up", up)
    add("down", down)
    add("status", status).add_argument("--json", action="store_true", help="as JSON")
    sub = add("logs", logs)
    sub.add_argument("-f", "--follow", action="store_true", help="keep printing as it grows")
    sub.add_argument("-n", "--lines", type=int, default=200, help="how many lines from the end (default 200)")
    sub = add("env", env)
    sub.add_argument("--shell", choices=("posix", "fish", "plain"), default="posix")
    sub = add("reset", reset)
    sub.add_argument("-y", "--yes", action="store_true", help="do not ask")
    sub.add_argument("--all", action="store_true", help="remove built tools and environments too")
    _add_run(add("run", run))
    faults_command.add_arguments(add("fault", fault))
    viewer.add_arguments(add("open", open_))
    add("demo", demo).add_argument("model", nargs="?", default="taxi", help="a model of this repository (taxi)")
    return top


def _add_run(sub: argparse.ArgumentParser) -> None:
    from .workflow_run import command  # noqa: PLC0415 - beside its own options

    command.add_arguments(sub)


def main(argv: list[str] | None = None) -> int:
    """Run one command. Ctrl-C is the caller's to tell: see cli.py."""
    arguments = parser().parse_args(argv)
    paths = StatePaths.from_environment(arguments.state)
    try:
        with problems.full_disk_of(paths.root):
            code = arguments.function(paths, arguments)
        assert isinstance(code, int)
        return code
    except (daemon.DaemonError, tools.ToolError) as error:
        _say(str(error))
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
