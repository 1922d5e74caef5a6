"""`azureml-local fault add | list | clear`: the switch of the faults, on the command line.

Exit codes: 0 done; 1 the workspace refused; 2 the fault cannot be asked for like this; 3 the workspace does not run.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from . import daemon, settings
from .faults.kinds import KINDS, FaultError, read
from .local_api import local_key
from .paths import StatePaths, own_command
from .tokens import Tokens


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands of `azureml-local fault`."""
    commands = parser.add_subparsers(dest="fault_command", required=True)
    add = commands.add_parser(
        "add",
        help="switch a fault on",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Switch a fault on, until it has hit --count times, `fault clear` or `down`.",
        epilog=_kinds(),
    )
    add.add_argument("kind", choices=KINDS, metavar="KIND", help="see below")
    add.add_argument("--match", default="", metavar="REGEX", help="whom it hits, without regard to case (default: all)")
    add.add_argument("--count", type=int, default=1, help="how often it hits (default 1; 0: until cleared)")
    add.add_argument("--skip", type=int, default=0, help="let this many matches pass first (default 0)")
    numbers = {name for kind in KINDS.values() for name, option in kind.options.items()}
    for name in sorted(numbers):
        takers = [f"{kind} ({known.options[name].help})" for kind, known in KINDS.items() if name in known.options]
        add.add_argument(f"--{name}", metavar="VALUE", help="for " + ", ".join(takers))
    commands.add_parser("list", help="the faults that are on, and how often they hit").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    commands.add_parser("clear", help="switch all faults off")


def _kinds() -> str:
    lines = ["kinds:"]
    for name, kind in KINDS.items():
        lines.append(f"  {name}: {kind.help}")
        if kind.matches:
            lines.append(f"      --match is searched in {kind.matches}")
        for option, known in kind.options.items():
            allowed = f"one of {', '.join(map(str, known.choices))}; " if known.choices else ""
            lines.append(f"      --{option}  {known.help} ({allowed}default {known.default})")
    return "\n".join(lines)


def _number(value: str) -> float | str:
    """Numbers as numbers, whole ones whole."""
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    names = {name for kind in KINDS.values() for name in kind.options}
    given = {name: getattr(arguments, name.replace("-", "_")) for name in names}
    return {
        "kind": arguments.kind,
        "match": arguments.match,
        "count": arguments.count,
        "skip": arguments.skip,
        "options": {name: _number(value) for name, value in given.items() if value is not None},
    }


def _line(fault: dict[str, Any]) -> str:
    left = "until cleared" if fault["count"] == 0 else f"{fault['hits']} of {fault['count']}"
    options = "".join(f" {name} {value}" for name, value in fault["options"].items())
    state = "on  " if fault["live"] else "done"
    return f"{fault['number']:>3}  {state}  {fault['kind']}{options}  match '{fault['match']}'  hits {left}"


def run(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Do what `azureml-local fault …` says."""
    asked: dict[str, Any] = {}
    if arguments.fault_command == "add":
        asked = _asked(arguments)
        try:
            read(0, asked)
        except FaultError as error:
            print(f"azureml-local fault: {error}", file=sys.stderr)
            return 2
    config = settings.load(paths) if paths.settings.exists() else None
    if config is None or daemon.find(paths, config) is None:
        print(f"azureml-local fault: not running; start it with: {own_command()} up", file=sys.stderr)
        return 3
    key = local_key(Tokens.load(paths, config))
    if arguments.fault_command == "add":
        print(_line(daemon.request(paths, config, "POST", "/faults", asked, key=key)))
    elif arguments.fault_command == "clear":
        print(f"cleared {daemon.request(paths, config, 'DELETE', '/faults', key=key)['cleared']}")
    else:
        faults = daemon.request(paths, config, "GET", "/faults", key=key)["value"]
        if arguments.json:
            print(json.dumps(faults, indent=2))
        else:
            print("\n".join(_line(fault) for fault in faults) or "no fault is on")
    return 0
