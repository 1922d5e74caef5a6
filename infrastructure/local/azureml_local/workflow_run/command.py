"""The `run` command."""

from __future__ import annotations

import argparse

from ..paths import StatePaths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("workflow", help="a workflow of .github/workflows, with or without .yml")


def run(paths: StatePaths, arguments: argparse.Namespace) -> int:
    raise NotImplementedError
