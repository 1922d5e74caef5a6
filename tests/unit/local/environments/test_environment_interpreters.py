"""Which Python an environment gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from azureml_local.environments import interpreters
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.environments.interpreters import Interpreter


def choose(asked: str | None, *available: str, broken: str = "") -> tuple[str, str | None]:
    """Choose among versions like "3.11.7"; the first one is the workspace's own."""

    def run(path: Path) -> Interpreter | None:
        major, minor, patch = map(int, path.name.split("."))
        return None if path.name == broken else Interpreter(path, (major, minor, patch))

    listed = [(int(version.split(".")[1]), Path(version)) for version in available]
    found, warning = interpreters.choose(asked, "environment e:1", listed, run)
    return found.path.name, warning


@pytest.mark.parametrize(
    ("asked", "available", "chosen"),
    [
        ("==3.10.*", ("3.11.7", "3.10.13", "3.9.18"), "3.10.13"),
        ("==3.10.13", ("3.11.7", "3.10.2", "3.10.13"), "3.10.13"),
        ("==3.10.5", ("3.11.7", "3.10.13"), "3.10.13"),  # another patch release is the asked version
        (None, ("3.11.7", "3.13.0", "3.9.18"), "3.11.7"),
        (">=3.8", ("3.11.7", "3.13.0"), "3.11.7"),  # the workspace's own where it fits
        (">=3.8,<3.11", ("3.11.7", "3.8.18", "3.10.13", "3.9.18"), "3.10.13"),  # else the highest
        ("==3.*", ("3.11.7", "3.13.0"), "3.11.7"),
    ],
)
def test_the_asked_version_where_the_machine_has_it(asked: str | None, available: tuple[str, ...], chosen: str) -> None:
    assert choose(asked, *available) == (chosen, None)


@pytest.mark.parametrize(
    ("asked", "available", "chosen"),
    [
        ("==3.8.*", ("3.13.0", "3.9.18", "3.11.7"), "3.9.18"),
        ("==3.10.*", ("3.13.0", "3.9.18", "3.11.7"), "3.11.7"),  # equally near: the higher
        ("==3.6.*", ("3.11.7", "3.7.16"), "3.7.16"),
        ("<3.9", ("3.11.7", "3.12.1"), "3.11.7"),
    ],
)
def test_else_the_nearest_with_one_warning(asked: str, available: tuple[str, ...], chosen: str) -> None:
    found, warning = choose(asked, *available)
    assert found == chosen
    assert warning is not None
    assert f"the nearest, Python {'.'.join(chosen.split('.')[:2])}, is used" in warning
    assert "To have the asked one, install it" in warning


def test_the_warning_reads_as_a_sentence() -> None:
    assert choose("==3.8.*", "3.11.7")[1] == (
        "environment e:1: Python 3.8 is asked for and not on this machine; the nearest, Python 3.11, is used. "
        "To have the asked one, install it (for example with `uv python install 3.8`)."
    )


def test_one_that_does_not_run_is_passed_over() -> None:
    assert choose("==3.10.*", "3.11.7", "3.10.2", "3.10.13", broken="3.10.2") == ("3.10.13", None)


def test_a_machine_without_python_is_told_what_to_install() -> None:
    with pytest.raises(EnvironmentBuildError, match=r"no usable Python interpreter .* `uv python install 3\.10`"):
        choose("==3.10.*", "3.6.15")


def test_candidates_are_found_where_pyenv_uv_and_ci_keep_them(tmp_path: Path) -> None:
    for folder, name in [
        ("path", "python3.9"),
        (".pyenv/versions/3.10.2/bin", "python3.10"),
        (".pyenv/versions/3.10.13/bin", "python3.10"),
        (".pyenv/shims", "python3.8"),
        ("cache/Python/3.12.1/x64/bin", "python3.12"),
        (".local/share/uv/python/cpython-3.13.0-linux/bin", "python3.13"),
        ("path", "python3.13t"),
        ("path", "python3-config"),
    ]:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).touch()
    env = {
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}/.pyenv/shims:{tmp_path}/path:{tmp_path}/absent",
        "RUNNER_TOOL_CACHE": str(tmp_path / "cache"),
    }
    found = [path.relative_to(tmp_path) for _, path in interpreters.candidates(env) if path.is_relative_to(tmp_path)]
    assert list(map(str, found)) == [
        "path/python3.9",
        "cache/Python/3.12.1/x64/bin/python3.12",
        ".pyenv/versions/3.10.13/bin/python3.10",
        ".pyenv/versions/3.10.2/bin/python3.10",
        ".local/share/uv/python/cpython-3.13.0-linux/bin/python3.13",
    ]


def test_the_running_interpreter_answers_with_the_one_below_its_virtual_environment() -> None:
    found = interpreters.probe(Path(sys.executable))
    assert found is not None
    assert found.version == sys.version_info[:3]
    assert not (found.path.parent.parent / "pyvenv.cfg").exists()


def test_what_is_no_interpreter_does_not_count(tmp_path: Path) -> None:
    assert interpreters.probe(tmp_path / "absent") is None
    assert interpreters.probe(Path("/bin/true")) is None
