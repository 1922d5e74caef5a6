"""Routes of jobs.

Source: Microsoft.MachineLearningServices 2024-01-01-preview and 2025-01-01-preview, Jobs.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets.listing import page
from azureml_local.errors import bad_request
from azureml_local.routing import WS, Host, workspace_of
from azureml_local.services import Services

from .documents import job_document
from .manager import JobManager
from .runs import Run

PAGE = 50


def install(services: Services, jobs: JobManager) -> None:
    """Routes of management.azure.com below `jobs`."""
    routes = services.routes

    def found(request: Request) -> Run:
        return jobs.get(workspace_of(request), request.path_params["name"])

    def shown(request: Request, run: Run, status: int = 200) -> Response:
        return JSONResponse(job_document(services, workspace_of(request), run), status_code=status)

    @routes.get(Host.ARM, WS + "/jobs")
    async def list_jobs(request: Request) -> Response:
        workspace = workspace_of(request)
        runs = [run for run in reversed(jobs.runs.all(workspace)) if run.parent is None and _wanted(request, run)]
        return page(request, [job_document(services, workspace, run) for run in runs], size=PAGE)

    @routes.get(Host.ARM, WS + "/jobs/{name}")
    async def get_job(request: Request) -> Response:
        return shown(request, found(request))

    @routes.put(Host.ARM, WS + "/jobs/{name}")
    async def put_job(request: Request) -> Response:
        body = await request.json()
        properties = body.get("properties")
        if not isinstance(properties, dict):
            raise bad_request("The job has no properties.", target="properties")
        by = request.state.principal.name if request.state.principal else "local"
        run, created = jobs.submit(workspace_of(request), request.path_params["name"], properties, by=by)
        return shown(request, run, 201 if created else 200)

    @routes.patch(Host.ARM, WS + "/jobs/{name}")
    async def patch_job(request: Request) -> Response:
        body = await request.json()
        return shown(request, jobs.edit(found(request), body.get("properties") or {}))

    @routes.post(Host.ARM, WS + "/jobs/{name}/cancel")
    async def cancel_job(request: Request) -> Response:
        run = found(request)
        if run.ended:
            return Response(status_code=200)
        workspace = workspace_of(request)

        async def cancel() -> None:
            await jobs.cancel(workspace, run.name)

        return services.operations.start(request, cancel, name=f"cancel job {run.name}")

    @routes.delete(Host.ARM, WS + "/jobs/{name}")
    async def delete_job(request: Request) -> Response:
        run = jobs.runs.get(workspace_of(request), request.path_params["name"])
        if run is None:
            return Response(status_code=204)
        jobs.delete(run)
        return Response(status_code=200)


def _wanted(request: Request, run: Run) -> bool:
    query = request.query_params
    view = query.get("listViewType", "ActiveOnly").lower()
    if view not in ("all", "activeonly", "archivedonly"):
        raise bad_request(f"listViewType '{view}' is not one of ActiveOnly, ArchivedOnly, All.", target="listViewType")
    if view != "all" and run.archived != (view == "archivedonly"):
        return False
    if (tag := query.get("tag")) and not _tagged(run, tag):
        return False
    if (kind := query.get("jobType")) and kind.lower() != str(run.definition.get("jobType")).lower():
        return False
    if query.get("scheduled", "false").lower() == "true" and run.schedule is None:
        return False
    return (
        not (schedule := query.get("scheduleId")) or schedule.rpartition("/")[2].lower() == (run.schedule or "").lower()
    )


def _tagged(run: Run, wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in run.tags and (not equals or run.tags[name] == value)
