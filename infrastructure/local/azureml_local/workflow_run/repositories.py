"""Which folder stands for each remote action under act: there is no GitHub to fetch it from.

A stand-in does what the action does, locally: azure/login signs in with the job's ID token, upload-artifact keeps files
in the run's folder. The suite itself, used from another repository, is an export of its git files, never the working
tree: act copies a mapped folder with everything that git ignores.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from azureml_local.paths import REPOSITORY

from .workflow_file import RemoteUse, WorkflowError, load, local_target, local_use, remote_use, remote_uses, steps

STAND_INS = Path(__file__).parent / "stand_ins"
_SIBLING = re.compile(r"""(\buses:\s*["']?)\./(\.github/workflows/[\w.-]+)""")


def export(source: Path, target: Path) -> Path:
    """Copy the files that git knows (tracked, or untracked and not ignored), as they are now."""
    listed = subprocess.run(
        ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        origin, copy = source / name, target / name
        if origin.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, copy)
    return target


def with_siblings(folder: Path, use: RemoteUse, scratch: Path) -> Path:
    """The folder for a called workflow, or a copy of it in which workflows call each other by the repository's name.

    GitHub looks `./.github/workflows/x.yml` up where the calling workflow comes from; act 0.2.89 always looks in the
    caller's work tree (nektos/act#1875).
    """
    files = sorted((folder / ".github" / "workflows").glob("*.y*ml"))
    changed = {file.name: _SIBLING.sub(rf"\1{use.repository}/\2@{use.ref}", file.read_text()) for file in files}
    if all(changed[file.name] == file.read_text() for file in files):
        return folder
    copy = scratch / "called" / use.key.replace("/", "_")
    is_repository = (folder / ".git").exists()
    if is_repository:
        export(folder, copy)
    else:
        shutil.copytree(folder, copy)
    for name, text in changed.items():
        (copy / ".github" / "workflows" / name).write_text(text)
    return copy


def mapping(
    uses: Iterable[RemoteUse], *, given: Mapping[str, Path], suite_names: Iterable[str], scratch: Path
) -> dict[str, Path]:
    """`owner/repo@ref` -> folder for each remote use. Raises WorkflowError naming every one that nothing stands for.

    given: what the user mapped, by `owner/repo@ref` or `owner/repo`.
    suite_names: repository names under which other repositories use this suite.
    scratch: where the suite's export goes.
    """
    suite = {name.lower() for name in suite_names}
    folders: dict[str, Path] = {}
    missing: list[str] = []
    queue, seen = list(uses), set()
    while queue:
        use = queue.pop()
        key = use.key
        if (key, use.path) in seen:
            continue
        seen.add((key, use.path))
        folder = folders.get(key) or given.get(key) or given.get(use.repository)
        if folder is None and use.repository.lower() in suite:
            folder = scratch / "suite"
            if not folder.exists():
                export(REPOSITORY, folder)
        if folder is None:
            stand_in = STAND_INS / use.repository
            folder = stand_in if stand_in.is_dir() else None
        if folder is None:
            missing.append(f"{key} (in {use.file.name})")
            continue
        if use.path.startswith(".github/workflows/"):
            folder = with_siblings(folder, use, scratch)
        folders[key] = folder
        file = local_target(folder, use.path)
        if file is None:
            raise WorkflowError(
                f"{use.file}: uses '{use.repository}/{use.path}@{use.ref}', but {folder} has no such action or workflow"
            )
        queue.extend(remote_uses(folder, file))
    if missing:
        raise WorkflowError(
            "nothing on this machine stands for: "
            + ", ".join(sorted(missing))
            + ". Map a folder with --local-repository OWNER/REPO@REF=FOLDER; there are stand-ins for "
            + ", ".join(stand_in_names())
        )
    return folders


def target_of(
    root: Path, file: Path, document: Mapping[Any, Any], uses: str, folders: Mapping[str, Path]
) -> tuple[Path, Path] | None:
    """The repository's folder and the file that a `uses` in this file of `root` leads to; None for an image."""
    use = remote_use(file, uses)
    base = folders[use.key] if use else root
    found = local_target(base, use.path) if use else local_use(root, document, uses)
    return (base, found) if found else None


def reach(repository: Path, file: Path, folders: Mapping[str, Path]) -> Iterator[tuple[Path, Path, Mapping[Any, Any]]]:
    """Every workflow and action that a run of this file can reach, remote ones too: repository's folder, file, YAML."""
    seen: set[Path] = set()
    queue = [(repository, file)]
    while queue:
        root, current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        document = load(current)
        yield root, current, document
        for step in steps(document):
            if isinstance(step.get("uses"), str):
                target = target_of(root, current, document, step["uses"], folders)
                queue.extend([target] if target else [])


def stand_in_names() -> list[str]:
    """The remote actions that have a stand-in here."""
    return sorted(
        {
            f"{file.relative_to(STAND_INS).parts[0]}/{file.relative_to(STAND_INS).parts[1]}"
            for file in STAND_INS.glob("*/*/**/action.yml")
        }
    )
