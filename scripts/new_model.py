"""A new model that trains at once: `make new-model NAME=churn`.

Copies examples/new-model over the repository, the name put in, and adds the model to mlops/models.yml. Everything is
checked before the first file is written; no file is ever overwritten. Exit codes: 0 made, 2 it cannot be.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from errors import ActionError, ExitCode, Problem, bad_input
from models import MANIFEST, read_manifest

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path("examples/new-model")
_SKIPPED = {TEMPLATE / "README.md"}
# Azure gives 32 characters to an endpoint's name, and `-batch-dp` is put behind.
_NAME = re.compile(r"[a-z](?:[a-z0-9]|[_-](?=[a-z0-9])){1,22}")
_ENTRY = """
  {name}:
    gate:
      metric: test_accuracy
      goal: maximize
      limit: 0.6
      tolerance: 0.01
"""


def filled(text: str, name: str) -> str:
    """The template's text or path with the name in it."""
    return text.replace("__model-dash__", name.replace("_", "-")).replace("__model__", name)


def planned(root: Path, name: str) -> dict[Path, str]:
    """Path -> content of every file to write. Raises ActionError telling everything that is in the way."""
    if _NAME.fullmatch(name) is None:
        allowed = "it must have 2 to 23 small letters, digits, - or _, starting with a letter, not ending with - or _"
        raise bad_input([Problem(f"NAME is '{name}': {allowed}. For example: make new-model NAME=churn")])
    if name in read_manifest(root).names():
        raise bad_input([Problem(f"NAME is '{name}': there is such a model already.")])
    template = root / TEMPLATE
    sources = [
        file
        for file in sorted(template.rglob("*"))
        if file.is_file() and file.relative_to(root) not in _SKIPPED and "__pycache__" not in file.parts
    ]
    if not sources:
        raise bad_input([Problem(f"{TEMPLATE} is not there; it is what a new model is made from.")])
    files = {
        root / filled(file.relative_to(template).as_posix(), name): filled(file.read_text(encoding="utf-8"), name)
        for file in sources
    }
    problems = [
        Problem(f"{file.relative_to(root)} exists already; nothing is overwritten.") for file in files if file.exists()
    ]
    if problems:
        raise bad_input(problems)
    return files


def add_entry(root: Path, name: str) -> None:
    """Put the model at the end of the manifest, whose `models:` is its last key."""
    path = root / MANIFEST
    text = path.read_text(encoding="utf-8").rstrip("\n") if path.is_file() else "models:"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n" + _ENTRY.format(name=name), encoding="utf-8")
    read_manifest(root)


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="", help="small letters, digits, - and _")
    name = parser.parse_args(argv).name
    try:
        files = planned(root, name)
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"  {path.relative_to(root)}")
        add_entry(root, name)
    except ActionError as error:
        print(f"new-model: {error.text()}", file=sys.stderr)
        return int(ExitCode.BAD_INPUT)
    print(f"  {MANIFEST} (one entry more)\n\n{name} is there. Train it here and now:  make demo MODEL={name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
