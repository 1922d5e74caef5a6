"""The switch on the local API: GET, POST and DELETE of /faults."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import bad_request
from azureml_local.local_api import check_key
from azureml_local.routing import Host
from azureml_local.services import Services

from .kinds import FaultError
from .switches import Faults
from .watching import Watcher


def add_routes(services: Services, faults: Faults, watcher: Watcher) -> None:
    """Routes of 127.0.0.1, for whoever has the state folder's key."""

    @services.routes.get(Host.LOCAL, "/faults", authenticated=False)
    async def list_faults(request: Request) -> Response:
        check_key(services, request)
        return JSONResponse({"value": [fault.document() for fault in faults.all()]})

    @services.routes.post(Host.LOCAL, "/faults", authenticated=False)
    async def add_fault(request: Request) -> Response:
        """Switch on `{"kind", "match"?, "count"?, "skip"?, "options"?}`."""
        check_key(services, request)
        try:
            fault = faults.add(await request.json())
        except FaultError as error:
            raise bad_request(str(error), code="BadFault") from error
        watcher.wake()
        return JSONResponse(fault.document(), status_code=201)

    @services.routes.delete(Host.LOCAL, "/faults", authenticated=False)
    async def clear_faults(request: Request) -> Response:
        check_key(services, request)
        return JSONResponse({"cleared": faults.clear()})
