"""The pictures that a pipeline's steps logged, fetched from the workspace.

Source: run history's artifacts of a run, as azureml-mlflow and the studio read them.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote

from errors import ActionError
from github import Runner
from workspace import Workspace

PICTURES = (".png", ".jpg", ".jpeg", ".svg")
_MOST = 20  # pictures of one job


def save_plots(workspace: Workspace, job: str, folder: Path, runner: Runner) -> tuple[str, ...]:
    """Save the pictures of every step of `job` in `folder`; their names, as `evaluate-confusion.png`.

    Pictures are no reason to fail: what cannot be fetched is told.
    """
    saved: list[str] = []
    try:
        document = workspace.job(job) or {}
        experiment = str((document.get("properties") or {}).get("experimentName") or "Default")
        for run in workspace.children(job):
            base = (
                f"{workspace.service('history')}/history/v1.0{workspace.id}"
                f"/experiments/{quote(experiment)}/runs/{quote(run.origin)}/artifacts"
            )
            paths = [str(each.get("path", "")) for each in workspace.rest.get(base).get("value") or []]
            for path in [path for path in paths if path.lower().endswith(PICTURES)][: _MOST - len(saved)]:
                signed = str(workspace.rest.get(f"{base}/contentinfo?path={quote(path)}").get("contentUri", ""))
                response = workspace.rest.raw("GET", signed, anonymous=True)
                if response.status == 200:
                    name = f"{run.name}-{PurePosixPath(path).name}".replace("/", "-")
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(response.body)
                    saved.append(name)
    except ActionError as error:
        runner.notice(f"Plots could not be fetched: {error.what}", title="plots")
    return tuple(saved)
