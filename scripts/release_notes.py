"""May this version be released, and what is new in it: CHANGELOG.md, pyproject.toml and the tags must agree.

    python3 scripts/release_notes.py 1.2.0            # check, then print the notes
    python3 scripts/release_notes.py 1.2.0 --no-tags  # without looking at git's tags

Under GitHub Actions it sets the outputs `tag` (v1.2.0), `major` (v1) and `moves-major` ('true' unless a newer version
of the same major exists: a fix of an old version must not move v1 back).

Exit codes: 0 it may be released, 1 it may not, every reason told, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

Version = tuple[int, int, int]

CHANGELOG = Path("CHANGELOG.md")
PYPROJECT = Path("pyproject.toml")
UNRELEASED = "Unreleased"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\S+))?[ \t]*$", re.MULTILINE)
_LINK = re.compile(r"^\[[^\]]+\]: \S+$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A `## [name] - date` of the changelog; `date` is empty where none is given."""

    name: str
    date: str
    text: str


def parse(text: str) -> Version | None:
    """`1.2.0` as numbers, None for anything else: no leading v, no zeros in front, no pre-release."""
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def sections(changelog: str) -> list[Section]:
    """The sections of a Keep-a-Changelog file in its order, links at its end left out."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return [
        Section(heading["name"], heading["date"] or "", _LINK.sub("", changelog[heading.end() : end]).strip())
        for heading, end in zip(headings, ends, strict=True)
    ]


def project_version(pyproject: str) -> str:
    """`version` of the table [project], empty when there is none."""
    table = re.search(r"^\[project\]$(.*?)(?=^\[|\Z)", pyproject, re.MULTILINE | re.DOTALL)
    found = re.search(r'^version = "([^"]*)"$', table[1], re.MULTILINE) if table else None
    return found[1] if found else ""


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def problems(version: str, changelog: str, pyproject: str, tags: Sequence[str]) -> list[str]:
    """Every reason why the version may not be released."""
    wanted = parse(version)
    if wanted is None:
        return [f"'{version}' is no version: three numbers are wanted, as in 1.2.0, without a v."]
    found = []
    if project_version(pyproject) != version:
        found.append(f"{PYPROJECT} has version {project_version(pyproject) or '(none)'}, not {version}.")
    known = sections(changelog)
    section = next((each for each in known if each.name == version), None)
    if section is None:
        found.append(f"{CHANGELOG} has no '## [{version}] - YYYY-MM-DD': move what is under [{UNRELEASED}] there.")
    else:
        if not _is_date(section.date):
            found.append(f"{CHANGELOG}: [{version}] has the date '{section.date}', YYYY-MM-DD is wanted.")
        if not section.text:
            found.append(f"{CHANGELOG}: [{version}] says nothing.")
        first = next((each.name for each in known if each.name != UNRELEASED), "")
        if first != version:
            found.append(f"{CHANGELOG}: [{first}] stands above [{version}]; the newest comes first.")
    if any(each.name == UNRELEASED and each.text for each in known):
        found.append(
            f"{CHANGELOG}: [{UNRELEASED}] is not empty; what it says would be in {version} and not in its notes."
        )
    if f"v{version}" in tags:
        found.append(f"v{version} exists: a released version is never changed. Take the next number.")
    return found


def moves_major(version: Version, tags: Sequence[str]) -> bool:
    """Whether no tag of the same major version is newer."""
    released = [parse(tag.removeprefix("v")) for tag in tags if tag.startswith("v")]
    return all(each is None or each[0] != version[0] or each < version for each in released)


def git_tags() -> list[str]:
    """Names of all tags; a checkout needs `fetch-depth: 0` to have them."""
    done = subprocess.run(["git", "tag", "--list"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="as in 1.2.0")
    parser.add_argument("--no-tags", action="store_true", help="do not look at git's tags")
    args = parser.parse_args(argv)
    tags = [] if args.no_tags else git_tags()
    changelog = CHANGELOG.read_text(encoding="utf-8")
    found = problems(args.version, changelog, PYPROJECT.read_text(encoding="utf-8"), tags)
    for problem in found:
        print(f"::error title=No release::{problem}" if "GITHUB_ACTIONS" in os.environ else problem, file=sys.stderr)
    wanted = parse(args.version)
    if found or wanted is None:
        return 1
    print(next(each.text for each in sections(changelog) if each.name == args.version))
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"tag=v{args.version}\nmajor=v{wanted[0]}\n")
            file.write(f"moves-major={str(moves_major(wanted, tags)).lower()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
