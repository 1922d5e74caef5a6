"""A fake Azure for every test of the scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_azure import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Signed in by OIDC, an empty workspace, the working folder a temporary one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return World(tmp_path)
