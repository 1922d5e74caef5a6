"""Writes or checks COVERAGE.md. Exit codes: 0 done; 1 (--check) the file is out of date."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from azureml_local import server, settings
from azureml_local.paths import REPOSITORY, StatePaths

from .table import markdown

FILE = REPOSITORY / "infrastructure" / "local" / "COVERAGE.md"


def generated() -> str:
    """The file as it should be: from the routes of a workspace that is installed and not started."""
    with tempfile.TemporaryDirectory() as folder:
        paths = StatePaths(Path(folder) / "state", Path(folder) / "cache")
        paths.create()
        services = server.build(paths, settings.load(paths))
        services.store.close()
        return markdown(services.routes)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m azureml_local.coverage")
    parser.add_argument("--check", action="store_true", help="only say whether the file is up to date")
    arguments = parser.parse_args(argv)
    text = generated()
    if not arguments.check:
        FILE.write_text(text)
        return 0
    if FILE.exists() and FILE.read_text() == text:
        return 0
    print(f"{FILE} is out of date: run `python -m azureml_local.coverage`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
