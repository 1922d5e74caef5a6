"""Where the az extension is, and the key a cache keeps it under."""

from __future__ import annotations

from pathlib import Path

from extension import TITLE, find
from support.fake_azure import World


def test_an_installed_extension_needs_no_cache(world: World) -> None:
    assert world.run(TITLE, find) == 0
    assert world.outputs["missing"] == "false"
    assert world.outputs["folder"] == str(Path(world.env["AZURE_EXTENSION_DIR"]) / "ml")
    assert world.az.calls == []


def test_the_key_has_all_that_compiled_parts_depend_on(world: World, tmp_path: Path) -> None:
    world.env.update(
        AZURE_EXTENSION_DIR=str(tmp_path / "none"),
        RUNNER_OS="Linux",
        RUNNER_ARCH="X64",
        ImageOS="ubuntu24",
        ImageVersion="20260101.1.0",
    )
    world.give(ml_extension_version="2.40.1")
    assert world.run(TITLE, find) == 0
    assert world.outputs["missing"] == "true"
    assert world.outputs["key"] == "az-ml-2.40.1-Linux-X64-ubuntu24-20260101.1.0"


def test_a_bad_version_is_refused(world: World) -> None:
    world.give(ml_extension_version="latest; rm")
    assert world.run(TITLE, find) == 2
    assert "ml-extension-version is 'latest; rm'" in world.log
