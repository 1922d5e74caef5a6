"""Which files the stand-in for actions/upload-artifact takes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from azureml_local.workflow_run.repositories import STAND_INS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Below a folder whose own name starts with a dot, as the state folder's does."""
    root = tmp_path / ".state" / "training"
    for name in ("result.json", "plots/a.png", "plots/.thumb", ".cache/b"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("patterns", "hidden", "expected"),
    [
        ("{root}", False, ["plots/a.png", "result.json"]),
        ("{root}/", False, ["plots/a.png", "result.json"]),
        ("{root}", True, [".cache/b", "plots/.thumb", "plots/a.png", "result.json"]),
        ("{root}/**/*.png", False, ["plots/a.png"]),
        ("{root}\n!{root}/plots", False, ["result.json"]),
        ("{root}/.cache", False, []),
        ("{root}/nothing", False, []),
    ],
)
def test_hidden_files_are_left_out_but_not_for_the_folders_above(
    folder: Path, patterns: str, hidden: bool, expected: list[str]
) -> None:
    upload = runpy.run_path(str(STAND_INS / "actions" / "upload-artifact" / "upload.py"))
    found = upload["matches"](patterns.format(root=folder), hidden)
    assert [file.relative_to(folder).as_posix() for file in found] == expected
