"""Check out what `checkouts.json` of the run's folder knows, as actions/checkout lays it out.

repository   ref     what comes
empty        empty   the repository that the workflow itself comes from (`job.workflow_repository` is empty here)
the run's    given   that commit of the run's repository, a clone
another      any     the folder that is mapped for it
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


def main() -> None:
    known = json.loads((Path(os.environ["AZUREML_LOCAL_RUN_FOLDER"]) / "checkouts.json").read_text())
    repository, ref = os.environ["REPOSITORY"], os.environ["REF"]
    folders = [Path(line.strip().strip("/")) for line in os.environ["SPARSE"].splitlines() if line.strip()]
    workspace = Path(os.environ["GITHUB_WORKSPACE"]).resolve()
    target = (workspace / os.environ["TARGET"]).resolve()
    if workspace not in target.parents:
        sys.exit(f"::error::Repository path '{target}' is not below '{workspace}'; give `path`.")
    shutil.rmtree(target, ignore_errors=True)
    commit = ""
    if repository in ("", known["name"]) and ref:
        git("clone", "--quiet", "--no-checkout", known["repository"], str(target))
        if folders:
            git("-C", str(target), "sparse-checkout", "set", *map(str, folders))
        commit = find(target, ref) or sys.exit(f"::error::{known['name']} has no branch, tag or commit '{ref}'.")
        git("-C", str(target), "checkout", "--quiet", "--detach", commit)
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
    print(f"{what} is in {target.relative_to(workspace)}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as output:
        output.write(f"commit={commit}\n")


if __name__ == "__main__":
    main()
