"""What the jobs of a run may check out besides the caller's working tree, which act copies by itself.

A reusable workflow that another repository calls needs its own repository's scripts: it checks that out at
`job.workflow_repository`, an expression that act knows nothing of and leaves empty. The file written here tells the
stand-in for actions/checkout what an empty repository means in this run, and where the other repositories are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from .repositories import export, reach
from .workflow_file import WorkflowError, own_checkouts

FILE = "checkouts.json"


def write(
    repository: Path,
    name: str,
    file: Path,
    folders: Mapping[str, Path],
    *,
    given: Mapping[str, Path],
    scratch: Path,
) -> Path:
    """Write the file for a run of the workflow `file` of `repository`, which is called `name` on GitHub.

    folders: what stands for each remote use; given: what the user mapped, in use or not.
    Its keys: `name` and `repository` (the caller's, for other commits of it), `own` (what a workflow's own repository
    is, or null), `others` (owner/repo@ref -> folder). Raises WorkflowError when `own` is not one and the same for all.
    """
    roots = {root for root, _, document in reach(repository, file, folders) if own_checkouts(document)}
    if len(roots) > 1:
        raise WorkflowError(
            f"{file.name} runs workflows of several repositories that check themselves out, and act does not say which "
            "job is whose: " + ", ".join(sorted(map(str, roots))) + ". Run them one by one."
        )
    own = roots.pop() if roots else None
    if own == repository:
        own = export(repository, scratch / "own")
    known = {
        "name": name,
        "repository": str(repository),
        "own": str(own) if own else None,
        "others": {key: str(folder) for key, folder in {**given, **folders}.items()},
    }
    target = scratch / FILE
    target.write_text(json.dumps(known, indent=1))
    return target
