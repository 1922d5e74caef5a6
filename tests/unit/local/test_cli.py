"""Ctrl-C ends the command line with one line and 130, whenever it comes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

import azureml_local
from azureml_local import cli, commands


class Interrupted:
    """Whoever imports the commands is interrupted, as if Ctrl-C were pressed just then."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "azureml_local.commands":
            raise KeyboardInterrupt
        return None


def test_ctrl_c_while_the_commands_are_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "azureml_local.commands")
    monkeypatch.delattr(azureml_local, "commands")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert cli.main(["status"]) == 130
    assert capsys.readouterr().err == "azureml-local: interrupted\n"


def test_ctrl_c_in_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        """Wait for somebody to press Ctrl-C."""
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "status", interrupted)
    assert cli.main(["status"]) == 130
    assert capsys.readouterr().err == "azureml-local: interrupted\n"
