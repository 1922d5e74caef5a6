"""The faults that are on, and the questions that the front door and the parts ask them."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.routing import Host, asked_for
from azureml_local.tokens import TOKEN_SECONDS

from . import answers
from .kinds import Fault, read

if TYPE_CHECKING:
    from azureml_local.jobs.runs import Run
    from azureml_local.services import Services

log = logging.getLogger("azureml_local.faults")

_DEPLOYMENT = re.compile(r"/onlineEndpoints/[^/]+/deployments/[^/]+/?\Z", re.IGNORECASE)
_ENDPOINT = re.compile(r"/onlineEndpoints/[^/]+/?\Z", re.IGNORECASE)


class Faults:
    """All faults of this server. None is on until somebody asks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._faults: list[Fault] = []
        self._number = 0

    # -- switching -----------------------------------------------------------------------------------------------

    def add(self, asked: Mapping[str, Any]) -> Fault:
        """Switch a fault on; see `kinds.read` for what may be asked. Raises FaultError."""
        fault = read(self._number + 1, asked)
        self._number += 1
        self._faults.append(fault)
        tokens = self._services.tokens
        if fault.kind == "expire-tokens":
            tokens.not_before = math.floor(tokens.now()) + 1  # `iat` has whole seconds
            fault.hits = fault.count
        elif fault.kind == "token-lifetime":
            tokens.lifetime = float(fault.options["seconds"])
            fault.count = 0
        log.warning("switched on: %s", fault.document())
        return fault

    def all(self) -> list[Fault]:
        """Every fault that was switched on and not cleared, with how often it hit."""
        return list(self._faults)

    @property
    def on(self) -> bool:
        """Whether any was switched on and not cleared."""
        return bool(self._faults)

    def live(self, kind: str) -> bool:
        return any(fault.live for fault in self._faults if fault.kind == kind)

    def clear(self) -> int:
        """Switch all off. Returns how many there were."""
        count = len(self._faults)
        self._faults.clear()
        self._services.tokens.lifetime = TOKEN_SECONDS
        return count

    def take(self, kind: str, subject: str) -> Fault | None:
        """The first fault of this kind that hits the subject, counted; else None."""
        for fault in self._faults:
            if fault.kind == kind and fault.takes(subject):
                log.warning("%s hits %s", kind, subject.partition("?")[0])
                return fault
        return None

    # -- what is asked -------------------------------------------------------------------------------------------

    async def response_for(self, request: Request, family: Host) -> Response | None:
        """The fault's answer in place of the right one, or None. The workspace's own line is never hit."""
        if not self._faults or family is Host.LOCAL:
            return None
        subject = asked_for(request)
        if fault := self.take("throttle", subject):
            return answers.throttled(family, float(fault.options["retry-after"]))
        if fault := self.take("server-error", subject):
            return answers.server_error(family, int(fault.options["status"]))
        for fault in self._faults:
            if fault.kind == "cut" and fault.options["when"] == "before" and fault.takes(subject):
                log.warning("cut before %s", subject.partition("?")[0])
                return answers.Cut()
        if request.method == "PUT" and family is Host.ARM:
            return await self._quota(request, subject)
        return None

    def response_lost(self, request: Request, family: Host) -> Response | None:
        """In place of an answer that is ready: a broken connection, if a fault wants it lost."""
        if not self._faults or family is Host.LOCAL:
            return None
        subject = asked_for(request)
        for fault in self._faults:
            if fault.kind == "cut" and fault.options["when"] == "after" and fault.takes(subject):
                log.warning("cut after %s", subject.partition("?")[0])
                return answers.Cut()
        return None

    async def _quota(self, request: Request, subject: str) -> Response | None:
        """The refusals that come at once; a cluster's and a run's come later."""
        subscription = self._services.settings.subscription_id
        path = request.url.path
        if _DEPLOYMENT.search(path) and self.take("quota", subject):
            return answers.no_quota_for_deployment(subscription, await request.json()).response()
        if _ENDPOINT.search(path) and self.take("quota", subject):
            return answers.no_quota_for_endpoint(subscription).response()
        return None

    def check_cluster(self, subject: str, size: str) -> None:
        """Raises AzureError when a fault refuses a cluster's cores."""
        if self.take("quota", subject):
            raise answers.no_quota_for_cluster(size)

    def check_run(self, run: Run, size: str | None, nodes: int) -> None:
        """Raises AzureError when a fault refuses a run's nodes."""
        if self.take("quota", f"PUT {Host.ARM.value}{run.workspace}/jobs/{run.root}/{run.step or ''}"):
            raise answers.no_quota_for_run(size, nodes)

    async def slow(self, subject: str) -> None:
        """Returns later when a fault slows this long-running operation."""
        if fault := self.take("slow", subject):
            await asyncio.sleep(float(fault.options["seconds"]))
