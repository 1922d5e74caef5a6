from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release_notes import main, moves_major, parse, problems, project_version, sections

CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-20

### Added
- A thing.

## [1.1.0] - 2026-10-01

### Fixed
- Another.

[1.2.0]: https://example.com/1.2.0
"""
PYPROJECT = '[build-system]\nversion = "9.9.9"\n\n[project]\nname = "x"\nversion = "1.2.0"\n\n[tool.x]\nversion = "8"\n'


def test_a_version_is_three_numbers() -> None:
    assert parse("1.20.3") == (1, 20, 3)
    for text in ("v1.2.0", "1.2", "1.2.0-rc.1", "01.2.0", "1.2.0 ", ""):
        assert parse(text) is None


def test_the_sections_are_read_without_the_links_below_them() -> None:
    assert [(each.name, each.date) for each in sections(CHANGELOG)] == [
        ("Unreleased", ""),
        ("1.2.0", "2026-11-20"),
        ("1.1.0", "2026-10-01"),
    ]
    assert sections(CHANGELOG)[1].text == "### Added\n- A thing."
    assert sections(CHANGELOG)[2].text == "### Fixed\n- Another."


def test_the_projects_version_is_that_of_its_own_table() -> None:
    assert project_version(PYPROJECT) == "1.2.0"
    assert project_version("[tool.x]\nversion = '1'\n") == ""


def test_a_version_that_all_agree_on_may_be_released() -> None:
    assert problems("1.2.0", CHANGELOG, PYPROJECT, ["v1.1.0", "v1"]) == []


@pytest.mark.parametrize(
    ("version", "changelog", "tags", "told"),
    [
        ("v1.2.0", CHANGELOG, [], ["'v1.2.0' is no version: three numbers are wanted, as in 1.2.0, without a v."]),
        (
            "1.3.0",
            CHANGELOG,
            [],
            [
                "pyproject.toml has version 1.2.0, not 1.3.0.",
                "CHANGELOG.md has no '## [1.3.0] - YYYY-MM-DD': move what is under [Unreleased] there.",
            ],
        ),
        ("1.2.0", CHANGELOG, ["v1.2.0"], ["v1.2.0 exists: a released version is never changed. Take the next number."]),
        (
            "1.2.0",
            CHANGELOG.replace("2026-11-20", "20.11.2026"),
            [],
            ["CHANGELOG.md: [1.2.0] has the date '20.11.2026', YYYY-MM-DD is wanted."],
        ),
        ("1.2.0", CHANGELOG.replace("### Added\n- A thing.\n", ""), [], ["CHANGELOG.md: [1.2.0] says nothing."]),
        (
            "1.2.0",
            CHANGELOG.replace("## [1.2.0]", "## [1.2.1] - 2026-11-21\n- Oh.\n\n## [1.2.0]"),
            [],
            ["CHANGELOG.md: [1.2.1] stands above [1.2.0]; the newest comes first."],
        ),
        (
            "1.2.0",
            CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n- Forgotten.\n"),
            [],
            ["CHANGELOG.md: [Unreleased] is not empty; what it says would be in 1.2.0 and not in its notes."],
        ),
    ],
)
def test_every_reason_against_a_release_is_told(version: str, changelog: str, tags: list[str], told: list[str]) -> None:
    assert problems(version, changelog, PYPROJECT, tags) == told


def test_the_major_tag_moves_forward_only() -> None:
    assert moves_major((1, 2, 0), [])
    assert moves_major((1, 2, 0), ["v1", "v1.1.9", "v2.0.0", "nightly"])
    assert moves_major((1, 10, 0), ["v1.9.0"])
    assert not moves_major((1, 2, 1), ["v1.3.0"])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("GITHUB_ACTIONS", "GITHUB_OUTPUT"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (
        ["init", "--quiet"],
        [*identity, "commit", "--quiet", "--allow-empty", "-m", "x"],
        ["tag", "v1.1.0"],
    ):
        subprocess.run(["git", *command], check=True)
    return tmp_path


def test_the_notes_and_the_outputs(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(repository / "output"))
    assert main(["1.2.0"]) == 0
    assert capsys.readouterr().out == "### Added\n- A thing.\n"
    assert (repository / "output").read_text() == "tag=v1.2.0\nmajor=v1\nmoves-major=true\n"


def test_a_refusal_prints_no_notes_and_sets_no_output(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(repository / "output"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    subprocess.run(["git", "tag", "v1.2.0"], check=True)
    assert main(["1.2.0"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("::error title=No release::v1.2.0 exists")
    assert not (repository / "output").exists()
    assert main(["1.2.0", "--no-tags"]) == 0


def test_this_repositorys_own_changelog_can_be_read() -> None:
    root = Path(__file__).parents[3]
    names = [each.name for each in sections((root / "CHANGELOG.md").read_text())]
    assert names[0] == "Unreleased"
    assert all(parse(name) for name in names[1:])
    assert parse(project_version((root / "pyproject.toml").read_text()))
