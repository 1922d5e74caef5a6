"""`make lint`: every static check of the repository, each named, all run even when one fails.

Exit code: 0 all clean, 1 something was found.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unfold_composites import unfold

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTHON = ("infrastructure/local/azureml_local", "scripts", "tests")


def tracked(*patterns: str) -> list[str]:
    """The repository's files that match, as git knows them (new ones included)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    return [name for name in listed if name and (ROOT / name).is_file()]


def commands(scratch: Path) -> Iterator[tuple[str, list[str]]]:
    """Every check: its name and its argument list."""
    workflows = tracked(".github/workflows/*.yml", "examples/**/.github/workflows/*.yml")
    actions = tracked("actions/*/action.yml", "action.yml")
    unfolded = []
    for action in actions:
        file = scratch / ".github" / "workflows" / f"{Path(action).parent.name or 'root'}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(unfold(ROOT / action))
        unfolded.append(str(file))
    actionlint = [str(BIN / "actionlint"), "-shellcheck", str(BIN / "shellcheck"), "-pyflakes", ""]
    if workflows:
        yield "actionlint, workflows", [*actionlint, *workflows]
        yield "workflow schema", [
            str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *workflows,
        ]  # fmt: skip
    if unfolded:
        yield "actionlint, inside the composites", [*actionlint, *unfolded]
        yield "action schema", [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-actions", *actions]
        yield "zizmor", [str(BIN / "zizmor"), "--offline", "--quiet", "--no-progress", "--persona", "pedantic",
                         "--config", ".github/zizmor.yml", *workflows, *actions]  # fmt: skip
    yield "dependabot schema", [
        str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml",
    ]  # fmt: skip
    yield "shellcheck", [str(BIN / "shellcheck"), *tracked("*.sh", ".ci/run")]
    yield "ruff check", [str(BIN / "ruff"), "check", "--quiet", "."]
    yield "ruff format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]
    yield "mypy, strict", [str(BIN / "mypy"), "--no-error-summary", *PYTHON]


def run(check: tuple[str, list[str]]) -> tuple[str, int, str]:
    name, command = check
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return name, done.returncode, (done.stdout + done.stderr).strip()


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, commands(Path(scratch))))
    failed = 0
    for name, code, output in results:
        print(f"{'ok  ' if code == 0 else 'FAIL'} {name}", flush=True)
        if code != 0:
            failed += 1
            print("\n".join("     " + line for line in output.splitlines()))
    print(f"{len(results) - failed} of {len(results)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
