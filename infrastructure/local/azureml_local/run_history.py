"""Run history: runs, their details, children, outputs and log files, as clients ask for them beside ARM.

`az ml job stream`, `download` and `list --parent-job-name` live on it, and steps of pipelines are known here only.

Source: the service clients runhistory, dataset_dataplane and model_dataplane of azure-ai-ml 1.31.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import bad_request, not_found
from .jobs import states
from .jobs.history_documents import TYPES, definition_document, details_document, run_document
from .jobs.runs import Run
from .routing import WS, Host, workspace_of
from .services import Services
from .store import Document

_PAGE = 100
STREAM_SECONDS = 60.0  # a client that created a job begins to stream within that time
_ASSET = re.compile(r"azureml://locations/[^/]+/workspaces/[^/]+/(data|models)/(.+)/versions/1", re.IGNORECASE)
_OUTPUT = re.compile(r"azureml_(?P<run>.+?)_output_(?:data|model)_(?P<name>.+)")
_FILTER = re.compile(r"(\w+(?:/[\w.]+)?)\s+(eq|ne)\s+'?([^']*)'?", re.IGNORECASE)


def install(services: Services) -> None:
    """Routes of run history and of the data planes that tell where outputs lie."""
    routes, jobs = services.routes, services.jobs

    def named(request: Request, name: str | None = None) -> Run:
        run = jobs.runs.get(workspace_of(request), name or request.path_params["run"])
        if run is None:
            raise not_found("run", name or request.path_params["run"])
        return run

    def show(request: Request, runs: Iterable[Run]) -> list[Document]:
        return [run_document(services, workspace_of(request), run) for run in runs]

    async def get_run(request: Request) -> Response:
        return JSONResponse(run_document(services, workspace_of(request), named(request)))

    async def patch_run(request: Request) -> Response:
        run = jobs.edit(named(request), await request.json())
        return JSONResponse(run_document(services, workspace_of(request), run))

    asked: set[tuple[str, str]] = set()
    since = services.clock()

    async def details(request: Request) -> Response:
        """Clients that stream look at log files only while a run is under way. One that began and ended before it was
        asked for is told as Finalizing once, so that its log is shown."""
        run = named(request)
        document = details_document(services, workspace_of(request), run)
        unseen = (run.workspace, run.name) not in asked and datetime.fromisoformat(run.created) >= since
        if unseen and run.ended and _just_now(services, run):
            document["status"] = states.FINALIZING
        asked.add((run.workspace, run.name))
        return JSONResponse(document)

    async def children(request: Request) -> Response:
        """GET, with `$top` and `$continuationtoken`; newest first as Azure lists them."""
        run = named(request)
        found = list(reversed(jobs.runs.children(run.workspace, run.name)))
        return JSONResponse(_page(request, show(request, _filtered(found, request.query_params.get("$filter")))))

    async def query(request: Request) -> Response:
        """POST `{"filter", "top", "continuationToken"}`: runs of the workspace or below `rootRunId`."""
        body = await request.json()
        found = list(reversed(jobs.runs.all(workspace_of(request))))
        if experiment := request.path_params.get("experiment"):
            found = [run for run in found if experiment in (run.experiment, run.experiment_id)]
        shown = show(request, _filtered(found, body.get("filter")))
        return JSONResponse(
            {"value": shown[: int(body.get("top") or _PAGE)], "continuationToken": None, "nextLink": None}
        )

    async def tags(request: Request) -> Response:
        """PATCH `{"values": {…}}` adds tags, `{"keys": […]}` or DELETE removes them."""
        run, body = named(request), await request.json()
        kept = {name: value for name, value in run.tags.items() if name not in _keys(body)}
        values = body.get("values") if isinstance(body, dict) else None
        run = jobs.edit(run, {"tags": {**kept, **(values or {})}})
        return JSONResponse(run_document(services, workspace_of(request), run))

    async def cancel(request: Request) -> Response:
        await jobs.cancel(workspace_of(request), named(request).name)
        return JSONResponse(run_document(services, workspace_of(request), named(request)))

    async def instances(request: Request) -> Response:
        """Interactive services of a node: there are none here."""
        named(request)
        return JSONResponse({"instances": {}})

    for base in ("", "/experiments/{experiment}", "/experimentids/{experiment}"):
        runs = f"/history/v1.0{WS}{base}/runs"
        routes.get(Host.API, runs + "/{run}")(get_run)
        routes.patch(Host.API, runs + "/{run}")(patch_run)
        routes.get(Host.API, runs + "/{run}/details")(details)
        routes.get(Host.API, runs + "/{run}/children")(children)
        routes.post(Host.API, runs + ":query")(query)
        routes.post(Host.API, runs + "/query")(query)
        routes.patch(Host.API, runs + "/{run}/tags")(tags)
        routes.delete(Host.API, runs + "/{run}/tags")(tags)
        routes.post(Host.API, runs + "/{run}/cancel")(cancel)
        routes.get(Host.API, runs + "/{run}/serviceinstances/{node}")(instances)

    @routes.post(Host.API, f"/history/v1.0{WS}/rundata")
    async def run_data(request: Request) -> Response:
        body = await request.json()
        run = named(request, str(body.get("runId") or ""))
        return JSONResponse(
            {
                "runMetadata": run_document(services, workspace_of(request), run),
                "runDefinition": definition_document(run) if body.get("selectRunDefinition") else None,
                "jobSpecification": None,
            }
        )

    @routes.post(Host.API, f"/history/v1.0{WS}/batchrundata")
    async def batch_run_data(request: Request) -> Response:
        body = await request.json()
        values: dict[str, Any] = {}
        for name in body.get("runIds") or []:
            run = named(request, str(name))
            values[run.name] = {"runMetadata": run_document(services, workspace_of(request), run)}
        return JSONResponse({"runDataMap": values})

    def resolve(request: Request, identifier: str) -> Document:
        """The output that an asset id stands for: `{"uri", "type"}`."""
        match = _ASSET.fullmatch(identifier)
        parts = _OUTPUT.fullmatch(match.group(2)) if match else None
        if parts is None:
            raise bad_request(f"'{identifier}' is not the id of a job's output.")
        output = named(request, parts["run"]).outputs.get(parts["name"])
        if output is None:
            raise not_found("output", parts["name"])
        return {"uri": output["uri"], "type": TYPES[output["type"]]}

    @routes.post(Host.API, f"/data/v1.0{WS}/dataversion/batchGetResolvedUris")
    async def data_uris(request: Request) -> Response:
        identifiers = (await request.json()).get("values") or []
        return JSONResponse({"values": {identifier: resolve(request, identifier) for identifier in identifiers}})

    @routes.post(Host.API, f"/modelregistry/v1.0{WS}/models/batchGetResolvedUris")
    async def model_uris(request: Request) -> Response:
        identifiers = (await request.json()).get("values") or []
        values = {identifier: {"path": resolve(request, identifier)["uri"]} for identifier in identifiers}
        return JSONResponse({"values": values})


def _just_now(services: Services, run: Run) -> bool:
    ended = datetime.fromisoformat(str(run.ended_at))
    return (services.clock() - ended).total_seconds() < STREAM_SECONDS


def _page(request: Request, documents: list[Document]) -> Document:
    query = request.query_params
    start = int(query.get("$continuationtoken") or 0)
    size = min(int(query.get("$top") or _PAGE), _PAGE)
    body: Document = {"value": documents[start : start + size], "continuationToken": None, "nextLink": None}
    if start + size < len(documents) and "$top" not in query:
        following = urlencode({**query, "$continuationtoken": str(start + size)})
        body["continuationToken"] = str(start + size)
        body["nextLink"] = f"https://{request.url.netloc}{request.url.path}?{following}"
    return body


def _filtered(runs: list[Run], text: str | None) -> list[Run]:
    """Runs that satisfy `a eq 'b' and c ne 'd'`; what cannot be read is refused."""
    if not text:
        return runs
    for clause in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE):
        match = _FILTER.fullmatch(clause.strip("() "))
        if match is None:
            raise bad_request(f"The filter '{clause}' is not supported; use NAME eq 'VALUE' and NAME ne 'VALUE'.")
        wanted = match[2].lower() == "eq"
        runs = [run for run in runs if (_field(run, match[1]) == match[3]) == wanted]
    return runs


def _field(run: Run, name: str) -> str | None:
    kind, _, key = name.partition("/")
    if kind.lower() in ("tags", "properties"):
        return (run.tags if kind.lower() == "tags" else run.properties).get(key)
    fields = {
        "status": run.status,
        "runid": run.name,
        "rootrunid": run.root,
        "parentrunid": run.parent,
        "displayname": run.display_name,
        "name": run.display_name,
        "runtype": run.kind,
        "target": run.compute,
    }
    if name.lower() not in fields:
        raise bad_request(
            f"Runs cannot be filtered by '{name}'; by {', '.join(fields)}, tags/NAME and properties/NAME."
        )
    return fields[name.lower()]


def _keys(body: Any) -> set[str]:
    if isinstance(body, list):
        return {str(name) for name in body}
    return {str(name) for name in (body.get("keys") or body.get("tags") or [])} if isinstance(body, dict) else set()
