"""Routes of schedules.

Source: Microsoft.MachineLearningServices 2023-06-01-preview, Schedules; 2024-01-01-preview for `trigger`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets.listing import page
from azureml_local.errors import bad_request, not_found
from azureml_local.routing import WS, Host, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document, timestamp

from .definitions import complete_action
from .scheduler import Scheduler
from .triggers import read_trigger

_TYPE = "Microsoft.MachineLearningServices/workspaces/schedules"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_VIEWS = {"all": (True, False), "enabledonly": (True,), "disabledonly": (False,)}


def install(services: Services, scheduler: Scheduler) -> None:
    """Routes of management.azure.com below `schedules`."""
    routes, store = services.routes, services.store

    def key(request: Request) -> str:
        return f"{workspace_of(request).id}/schedules/{request.path_params['name']}"

    def found(request: Request) -> Document:
        schedule = store.get(key(request))
        if schedule is None:
            raise not_found("schedule", request.path_params["name"])
        return schedule

    @routes.get(Host.ARM, WS + "/schedules")
    async def list_schedules(request: Request) -> Response:
        view = request.query_params.get("listViewType", "EnabledOnly")
        if view.lower() not in _VIEWS:
            raise bad_request(f"listViewType '{view}' is not one of EnabledOnly, DisabledOnly, All.")
        schedules = store.list(f"{workspace_of(request).id}/schedules", newest_first=True)
        wanted = _VIEWS[view.lower()]
        return page(request, [_shown(each) for each in schedules if each["properties"]["isEnabled"] in wanted])

    @routes.get(Host.ARM, WS + "/schedules/{name}")
    async def get_schedule(request: Request) -> Response:
        return JSONResponse(_shown(found(request)))

    @routes.put(Host.ARM, WS + "/schedules/{name}")
    async def put_schedule(request: Request) -> Response:
        name = request.path_params["name"]
        if not _NAME.fullmatch(name):
            raise bad_request(
                f"The schedule name '{name}' is not valid. It may have up to 255 letters, digits, '-' and '_', and "
                "must begin with a letter or a digit.",
                target="name",
            )
        given = (await request.json()).get("properties") or {}
        existing = store.get(key(request))
        now = services.clock()
        created = existing["created"] if existing else timestamp(now)
        trigger = _trigger(given, created)
        action = complete_action(services, workspace_of(request), given.get("action") or {})
        # A schedule that does not say when it starts does so now, with a first job; an older one goes on from here.
        at_once = existing is None and not (given.get("trigger") or {}).get("startTime")
        document = store.put(
            {
                "id": key(request),
                "name": name,
                "type": _TYPE,
                "properties": {
                    "description": given.get("description"),
                    "displayName": given.get("displayName"),
                    "tags": given.get("tags") or {},
                    "properties": given.get("properties") or {},
                    "isEnabled": given.get("isEnabled") is not False,
                    "provisioningState": "Succeeded",
                    "trigger": trigger,
                    "action": action,
                },
                "created": created,
            },
            by=request.state.principal.name if request.state.principal else "local",
        )
        scheduler.changed(document)
        if at_once and document["properties"]["isEnabled"]:
            scheduler.fire(workspace_of(request), document, now)
        shown = _shown(document)

        async def done() -> Document:
            return shown

        # Done already; but clients read the type of the action from the answer that ends an operation only.
        status = 200 if existing else 201
        return services.operations.start(request, done, name=f"schedule {name}", body=shown, status=status)

    @routes.delete(Host.ARM, WS + "/schedules/{name}")
    async def delete_schedule(request: Request) -> Response:
        schedule = store.get(key(request))
        if schedule is None:
            return Response(status_code=204)
        if schedule["properties"]["isEnabled"]:
            raise bad_request(f"The schedule '{schedule['name']}' is enabled. Disable it before you delete it.")
        store.delete(schedule["id"])
        return Response(status_code=200)

    @routes.post(Host.ARM, WS + "/schedules/{name}/trigger")
    async def trigger_once(request: Request) -> Response:
        schedule = found(request)
        if not schedule["properties"]["isEnabled"]:
            raise bad_request(f"The schedule '{schedule['name']}' is disabled. Enable it before you trigger it.")
        job = scheduler.fire(workspace_of(request), schedule, services.clock())
        return JSONResponse({"scheduleActionType": "CreateJob", "submissionId": job})


def _trigger(given: Document, created: str) -> Document:
    """The trigger, checked."""
    trigger = given.get("trigger")
    if not isinstance(trigger, dict):
        raise bad_request("trigger: a schedule needs a trigger.", target="trigger")
    kept: dict[str, Any] = {key: value for key, value in trigger.items() if value is not None}
    read_trigger(kept, datetime.fromisoformat(created))
    return kept


def _shown(schedule: Document) -> Document:
    return {name: value for name, value in schedule.items() if name != "created"}
