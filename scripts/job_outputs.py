"""Where a job's outputs are, and bringing them here.

Sources: run history's `rundata` and the data service's `batchGetResolvedUris`, as `az ml job download` asks them.
"""

from __future__ import annotations

from workspace import Workspace

SCORE = "score"  # the output of a batch job's scoring step


def output_uris(workspace: Workspace, run: str) -> dict[str, str]:
    """The data outputs of one run: name -> azureml:// URI."""
    url = f"{workspace.service('history')}/history/v1.0{workspace.id}/rundata"
    data = workspace.rest.call("POST", url, {"runId": run, "selectRunMetadata": True}).json()
    outputs = ((data.get("runMetadata") or {}).get("outputs")) or {}
    assets = {str(each["assetId"]): name for name, each in outputs.items() if each and each.get("assetId")}
    if not assets:
        return {}
    url = f"{workspace.service('api')}/data/v1.0{workspace.id}/dataversion/batchGetResolvedUris"
    found = workspace.rest.call("POST", url, {"values": list(assets)}).json().get("values") or {}
    return {assets[asset]: str(each["uri"]) for asset, each in found.items() if asset in assets and each.get("uri")}


def predictions_uri(workspace: Workspace, job: str) -> str:
    """Where a batch job's predictions are, "" for nowhere.

    A model's: `score` of its scoring step. A pipeline component's: the job's own output of that name, or its only one.
    """
    for child in workspace.children(job):
        found = output_uris(workspace, child.id).get(SCORE, "")
        if found:
            return found
    own = output_uris(workspace, job)
    return own.get(SCORE, "") or (next(iter(own.values())) if len(own) == 1 else "")
