"""The page of an online endpoint: who gets how much of its traffic, and how its deployments are."""

from __future__ import annotations

from azureml_local.online.logs import INFERENCE_SERVER
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from .markup import Html, document, section, state, table, tag, text

_LOG_LINES = 100


def page(services: Services, workspace: WorkspaceRef, endpoint: Document) -> Html:
    """endpoint: its document. Its keys are not on the page."""
    properties = endpoint["properties"]
    deployments = services.online.deployments(endpoint["id"])
    facts = [
        ("state", state(properties["provisioningState"])),
        ("scoring URI", tag("code", properties["scoringUri"])),
        ("authentication", properties["authMode"]),
        ("description", properties.get("description")),
    ]
    rows = [
        (
            each["name"],
            state(each["properties"]["provisioningState"]),
            _bar(properties["traffic"].get(each["name"], 0)),
            _bar(properties["mirrorTraffic"].get(each["name"], 0)),
            str(each["sku"]["capacity"]),
            _short(each["properties"].get("model")),
        )
        for each in deployments
    ]
    logs = (
        tag("details", tag("summary", each["name"]), tag("pre", _log(services, each)), open="") for each in deployments
    )
    return document(
        endpoint["name"],
        workspace,
        table(("", ""), [(name, value) for name, value in facts if value]),
        section("Deployments", table(("name", "state", "traffic", "mirrored", "instances", "model"), rows)),
        section("Tags", table(("name", "value"), sorted((endpoint.get("tags") or {}).items()))),
        section("Logs", *logs),
    )


def _bar(percent: int) -> Html:
    bar = tag("span", class_="bar", style=f"width: {int(percent)}px") if percent else Html()
    return Html(bar + text(f"{percent} %"))


def _short(model: str | None) -> str:
    """`taxi:3` for `…/models/taxi/versions/3`; other references as they are."""
    name, _, version = (model or "").rpartition("/versions/")
    return f"{name.rpartition('/')[2]}:{version}" if name else model or ""


def _log(services: Services, deployment: Document) -> str:
    return services.online.runtime(deployment["id"]).logs.show(INFERENCE_SERVER, _LOG_LINES)
