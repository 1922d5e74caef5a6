"""Pages at ml.azure.com for people who follow a job's Studio link: jobs, online endpoints, and a list of both.

They only show, take the tokens that the API takes, and have no script in them. A browser that knows neither the proxy
nor tokens is led here by `azureml-local open`. The studio itself, and the API behind it, are not here.

markup.py    HTML that cannot be broken by what is shown
job_page.py, endpoint_page.py, index_page.py    what the pages say
viewer.py    `azureml-local open`
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from azureml_local.errors import not_found
from azureml_local.routing import Host, WorkspaceRef
from azureml_local.services import Services

from . import endpoint_page, index_page, job_page
from .markup import Html

# Nothing is loaded and nothing runs, whatever a job managed to have shown.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def install(services: Services) -> None:
    """Routes of the pages, at the addresses that Azure's own have."""
    settings, routes = services.settings, services.routes

    def workspace_of(request: Request) -> WorkspaceRef:
        """The workspace in `?wsid=<ARM id>`; the settings' own without."""
        parts = (request.query_params.get("wsid") or settings.workspace_id).strip("/").split("/")
        found = services.workspace(parts[1], parts[3], parts[7]) if len(parts) == 8 else None
        if found is None:
            raise not_found("workspace", parts[-1])
        return found

    def answer(page: Html) -> Response:
        return HTMLResponse(page, headers=_HEADERS)

    @routes.get(Host.STUDIO, "/")
    async def index(request: Request) -> Response:
        return answer(index_page.page(services, workspace_of(request)))

    @routes.get(Host.STUDIO, "/runs/{run}")
    async def job(request: Request) -> Response:
        workspace = workspace_of(request)
        run = services.jobs.get(workspace, request.path_params["run"])
        return answer(await job_page.page(services, workspace, run))

    @routes.get(Host.STUDIO, "/endpoints/realtime/{endpoint}/detail")
    async def endpoint(request: Request) -> Response:
        workspace, name = workspace_of(request), request.path_params["endpoint"]
        document = services.store.get(f"{workspace.id}/onlineEndpoints/{name}")
        if document is None:
            raise not_found("online endpoint", name)
        return answer(endpoint_page.page(services, workspace, document))
