"""A deployment that runs: its folder, its environment, its instances; brought up, replaced, scaled and ended.

A replacement is ready before the old instances drain, so no request is lost. If it fails, the old ones serve on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from azureml_local import log_files
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.environments.hints import hint
from azureml_local.errors import AzureError
from azureml_local.services import Services

from . import layout, logs
from .backend import Backend
from .instance import Instance, InstanceError, Ledger, Serving, start_all
from .plan import Plan

_TAIL = 30
_CAUSE_IN = 200


class Runtime:
    """One deployment's processes. `folder` is its own; `backend` is what the router sends requests to."""

    def __init__(self, services: Services, folder: Path, backend: Backend, ledger: Ledger) -> None:
        self._services = services
        self._folder = folder
        self._ledger = ledger
        self.backend = backend
        self.logs = logs.Logs(folder / "logs")
        self._instances: list[Instance] = []
        self._retiring: list[Instance] = []
        self._revision: str | None = None
        self._serving: Serving | None = None
        self._plan: Plan | None = None

    @property
    def healthy(self) -> bool:
        """Whether it runs and every instance is ready."""
        return bool(self._instances) and all(instance.target.ready for instance in self._instances)

    @property
    def pids(self) -> list[int]:
        """The process ids of the servers that run now."""
        return [instance.pid for instance in self._instances if instance.pid is not None]

    async def bring_up(self, plan: Plan, revision: str | None = None, *, notes: Sequence[str] = ()) -> str:
        """Serve this plan from now on; returns the name of its revision. The old instances end after their requests.

        revision: one that was brought up before and may still be laid out.  notes: what the user should know of it.
        Raises AzureError with the end of the log; what served before then serves on.
        """
        revision = revision or secrets.token_hex(4)
        self.logs.begin(revision)
        for note in notes:
            self.logs.event(f"warning: {note}")
        serving = await self._prepare(plan, self._folder / revision)
        instances = [self._instance(serving, number) for number in range(plan.instances)]
        self.logs.step("UserContainerStart", "InProgress")
        try:
            await start_all(instances)
        except InstanceError as error:
            self.logs.step("UserContainerStart", "Failed")
            await self._discard(revision)
            raise self._failed(
                "ResourceNotReady", f"User container has crashed or terminated. {error}", plan
            ) from error
        except BaseException:
            await self._discard(revision)
            raise
        self.logs.step("UserContainerStart", "Succeeded")
        old, old_revision = self._instances, self._revision
        self._instances, self._revision, self._serving, self._plan = instances, revision, serving, plan
        self._publish()
        if old:
            self._services.spawn(self._retire(old, old_revision), f"retire {plan.deployment}")
        return revision

    async def scale(self, plan: Plan) -> None:
        """Run the number of instances that the plan has; for plans that are served by the same servers."""
        assert self._serving is not None
        missing = plan.instances - len(self._instances)
        if missing > 0:
            added = [self._instance(self._serving, len(self._instances) + number) for number in range(missing)]
            try:
                await start_all(added)
            except InstanceError as error:
                raise self._failed("ResourceNotReady", f"A new instance was not ready. {error}", plan) from error
            self._instances = [*self._instances, *added]
        surplus = self._instances[plan.instances :]
        self._instances = self._instances[: plan.instances]
        self._plan = plan
        self._publish()
        if surplus:
            self._services.spawn(self._retire(surplus, None), f"scale in {plan.deployment}")

    async def end(self, *, keep_files: bool) -> None:
        """Stop serving: the instances first answer what they have in hand, unless the files are kept for a restart."""
        instances, self._instances = self._instances, []
        self.backend.replace((), concurrency=self.backend.concurrency, timeout=self.backend.timeout)
        if not keep_files:
            await asyncio.gather(*(instance.target.emptied(self.backend.timeout) for instance in instances))
        await asyncio.gather(*(instance.stop() for instance in [*instances, *self._retiring]))
        if not keep_files:
            await asyncio.to_thread(layout.remove, self._folder)

    async def tidy(self, revision: str | None) -> None:
        """Remove the files of all revisions but this one: a killed workspace may have left some."""
        for folder in self._folder.glob("*"):
            if folder.name not in (revision, self.logs.folder.name):
                await asyncio.to_thread(layout.remove, folder)

    # -- steps ---------------------------------------------------------------------------------------------------

    async def _prepare(self, plan: Plan, root: Path) -> Serving:
        """Files and environment of a revision; AzureError says what is wrong with them."""
        self.logs.step("ModelDownload", "InProgress")
        try:
            laid = await asyncio.to_thread(layout.lay_out, plan, root, self.logs.storage)
        except OSError as error:
            self.logs.step("ModelDownload", "Failed")
            raise self._failed(
                "BadArgument", f"The deployment's files cannot be laid out in {root}: {error}", plan
            ) from error
        self.logs.step("ModelDownload", "Succeeded")
        self.logs.step("UserContainerImagePull", "InProgress")
        tail: deque[str] = deque(maxlen=_TAIL)

        def say(line: str) -> None:
            tail.append(line)
            self.logs.event(line)

        try:
            spec = await asyncio.to_thread(layout.environment_spec, plan, laid)
            built = await self._services.environments.ensure(spec, say)
        except EnvironmentBuildError as error:
            self.logs.step("UserContainerImagePull", "Failed")
            self.logs.event(f"{error}\n{error.log}")
            lines = "\n".join((error.log or "\n".join(tail)).splitlines()[-_TAIL:])
            await self._discard(root.name)
            raise AzureError(400, "ImageBuildFailure", f"{error}" + (f"\n{lines}" if lines else "")) from error
        for warning in built.warnings:
            self.logs.event(f"warning: {warning}")
        self.logs.step("UserContainerImagePull", "Succeeded")
        environment = layout.environment_variables(self._services, plan, laid, built)
        Path(environment["HOME"]).mkdir(parents=True, exist_ok=True)
        return Serving(
            python=built.python,
            script=laid.script,
            cwd=laid.app_root,
            environment=environment,
            log=self.logs.server,
            liveness=plan.liveness,
            readiness=plan.readiness,
        )

    def _instance(self, serving: Serving, number: int) -> Instance:
        return Instance(serving, number, self._ledger, self.backend.changed)

    def _publish(self) -> None:
        """The router's view is the present instances and settings."""
        assert self._plan is not None
        targets = [instance.target for instance in self._instances]
        self.backend.starting = False
        self.backend.replace(targets, concurrency=self._plan.concurrency, timeout=self._plan.timeout)

    async def _retire(self, instances: list[Instance], revision: str | None) -> None:
        """End instances after what they have in hand; the revision's files go with them."""
        timeout = self.backend.timeout
        self._retiring += instances
        await asyncio.gather(*(instance.target.emptied(timeout + 1) for instance in instances))
        await asyncio.gather(*(instance.stop() for instance in instances))
        self._retiring = [instance for instance in self._retiring if instance not in instances]
        if revision is not None and revision != self._revision:
            await self._discard(revision)

    async def _discard(self, revision: str) -> None:
        if revision != self._revision:
            await asyncio.to_thread(layout.remove, self._folder / revision)

    def _failed(self, code: str, message: str, plan: Plan) -> AzureError:
        cause = logs.cause(log_files.tail(self.logs.server, _CAUSE_IN))
        lines = log_files.tail(self.logs.server, _TAIL)
        message += f" {cause}" if cause else ""
        if cause and (mend := hint(cause, of_model=plan.environment is None)):
            message += f"\n{mend}"
        return AzureError(400, code, message + (f"\nThe end of the container's log:\n{lines}" if lines else ""))
