"""Copy the files that match into `<run folder>/artifacts/<name>`, laid out as actions/upload-artifact does."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from pathlib import Path


def root_of(pattern: str) -> Path:
    """Where the real action begins to walk: the pattern's folders before the first wildcard."""
    parts = Path(pattern).parts
    plain = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:plain])


def is_hidden(file: Path, root: Path) -> bool:
    """Whether a name on the walk starts with a dot; folders above its root do not count."""
    return any(part.startswith(".") for part in (root.name, *file.relative_to(root).parts))


def matches(patterns: str, hidden: bool) -> list[Path]:
    """The files of every pattern, less those of the patterns that start with `!`."""
    chosen: set[Path] = set()
    for line in filter(None, (line.strip() for line in patterns.splitlines())):
        pattern = os.path.normpath(line.lstrip("!"))
        names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - ** in the middle
        files: set[Path] = set()
        for name in names:
            path = Path(name)
            files |= {path} if path.is_file() else {inner for inner in path.rglob("*") if inner.is_file()}
        if not hidden:
            files = {file for file in files if not is_hidden(file, root_of(pattern))}
        chosen = chosen - files if line.startswith("!") else chosen | files
    return sorted(file.resolve() for file in chosen)


def main() -> None:
    name = os.environ["NAME"]
    files = matches(os.environ["PATTERNS"], os.environ["HIDDEN"] == "true")
    if not files:
        level = {"error": "error", "ignore": "notice"}.get(os.environ["MISSING"], "warning")
        print(f"::{level}::No files were found with the provided path: {os.environ['PATTERNS'].strip()}")
        sys.exit(1 if level == "error" else 0)
    target = Path(os.environ["AZUREML_LOCAL_RUN_FOLDER"]) / "artifacts" / name
    if target.exists():
        if os.environ["OVERWRITE"] != "true":
            sys.exit(f"::error::An artifact with the name '{name}' already exists in this run.")
        shutil.rmtree(target)
    # The least common ancestor of all files is the artifact's root, as for the real action.
    root = Path(os.path.commonpath([str(file.parent) for file in files]))
    for file in files:
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    print(f"Artifact {name}: {len(files)} file(s) in {target}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as output:
        output.write(f"artifact-id={name}\nartifact-url=file://{target}\n")


if __name__ == "__main__":
    main()
