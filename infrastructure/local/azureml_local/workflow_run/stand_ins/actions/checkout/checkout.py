"""Check out what `checkouts.json` of the run's folder knows, as actions/checkout lays it out.

repository   ref     what comes
empty        empty   with `path`: the repository of a called workflow (`job.workflow_repository` is empty here)
the run's    given   that commit of the run's repository, a clone
the run's    empty   its working tree, with the changes that are not committed
another      any     the folder that is mapped for it

Without `path` it replaces what is in the workspace. There the commit at hand, by whatever name, is the working tree: a
workflow that says `ref: ${{ github.head_ref }}` is to be tried before it is committed, as one that says nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path


def git(*arguments: str) -> str:
    """Output of a git command; its own error text is the reason when it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"::error::git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def find(clone: Path, ref: str) -> str:
    """The commit that a branch, a tag or a commit's own name stands for; empty when there is none."""
    for name in (f"origin/{ref.removeprefix('refs/heads/')}", ref):
        done = subprocess.run(
            ["git", "-C", str(clone), "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


def wanted(name: Path, folders: list[Path]) -> bool:
    """Whether git's cone mode has the file: below a folder, or directly in one of its parents."""
    return any(folder in name.parents or name.parent in folder.parents for folder in folders)


def copy(source: Path, target: Path, folders: list[Path]) -> None:
    """Copy a folder's files, only those of the sparse checkout when there is one."""
    if not source.is_dir():
        sys.exit(f"::error::Nothing is at {source}")
    for file in source.rglob("*"):
        name = file.relative_to(source)
        if file.is_file() and ".git" not in name.parts and (not folders or wanted(name, folders)):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target / name)


def empty(folder: Path) -> None:
    """A folder with nothing in it, or none; the folder itself may be in use."""
    for child in folder.glob("*"):
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink()


def bring_changes(source: Path, target: Path, folders: list[Path]) -> None:
    """What differs from the commit in the repository's working tree: changed, new and deleted files."""
    changed = git("-C", str(source), "diff", "--name-only", "-z", "HEAD")
    new = git("-C", str(source), "ls-files", "-z", "--others", "--exclude-standard")
    for name in filter(None, f"{changed}\0{new}".split("\0")):
        if folders and not wanted(Path(name), folders):
            continue
        (target / name).unlink(missing_ok=True)
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def main() -> None:
    known = json.loads((Path(os.environ["AZUREML_LOCAL_RUN_FOLDER"]) / "checkouts.json").read_text())
    repository, ref = os.environ["REPOSITORY"], os.environ["REF"]
    folders = [Path(line.strip().strip("/")) for line in os.environ["SPARSE"].splitlines() if line.strip()]
    workspace = Path(os.environ["GITHUB_WORKSPACE"]).resolve()
    target = (workspace / os.environ["TARGET"]).resolve()
    source = Path(known["repository"])
    root = target == workspace
    if (not root and workspace not in target.parents) or target == source.resolve():
        sys.exit(f"::error::Repository path '{target}' is not in '{workspace}'; give another `path`.")
    empty(target)
    commit = ""
    if repository in ("", known["name"]) and (ref or repository or root or not known["own"]):
        git("clone", "--quiet", "--no-checkout", str(source), str(target))
        if folders:
            git("-C", str(target), "sparse-checkout", "set", *map(str, folders))
        present = git("-C", str(source), "rev-parse", "HEAD")
        commit = find(target, ref) if ref else present
        if not commit:
            sys.exit(f"::error::{known['name']} has no branch, tag or commit '{ref}'.")
        git("-C", str(target), "checkout", "--quiet", "--detach", commit)
        if not ref or (root and commit == present):
            bring_changes(source, target, folders)
    elif not repository and known["own"]:
        copy(Path(known["own"]), target, folders)
    elif folder := known["others"].get(f"{repository}@{ref}") or known["others"].get(repository):
        copy(Path(folder), target, folders)
    else:
        sys.exit(
            f"::error::Nothing on this machine stands for {repository or 'the repository'}@{ref or '(its default)'}: "
            "map a folder with --local-repository OWNER/REPO@REF=FOLDER."
        )
    what = " ".join(word for word in (repository or "The workflow's own repository", commit or ref) if word)
    print(f"{what} is in {'the workspace' if root else target.relative_to(workspace)}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as output:
        output.write(f"commit={commit}\n")


if __name__ == "__main__":
    main()
