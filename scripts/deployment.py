"""What deploy-online and deploy-batch have in common: the inputs, the beginning, the endpoint, and every end.

Both mark an endpoint, put a deployment beside what serves, and leave everything as it was when something goes wrong.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from action import Context
from az_cli import ML_EXTENSION
from az_create import Creator
from cancellation import Cancelled
from deploy_lock import Lock, owner_of
from deployment_files import (
    DEPLOYMENT,
    ENDPOINT,
    MODEL,
    DeploymentFile,
    EndpointFile,
    ModelVersion,
    amend,
    endpoint_name,
    read_deployment,
    read_endpoint,
    resolve_model,
)
from endpoints import Endpoint
from errors import ActionError, ExitCode, unforeseen
from inputs import Inputs
from known_failures import failure
from session import Session, Target
from workspace import Workspace

UNDO = 15 * 60.0  # seconds that restoring traffic and deleting a deployment may take
AT_ONCE = 8.0  # seconds from a signal until the runner kills by force, less a margin


class Rejected(ActionError):  # noqa: N818 - the usual word for a deployment that did not pass
    """The new deployment did not pass its tests."""

    def __init__(self, what: str, **more: Any) -> None:
        super().__init__(what, exit_code=ExitCode.REJECTED, **more)


@dataclass(frozen=True)
class Order:
    """The inputs that both have. `name`: of the deployment, "" for the idle one of blue and green; `timeout` in s."""

    endpoint_file: EndpointFile
    deployment_file: DeploymentFile
    endpoint_name: str
    name: str
    model: str
    timeout: float
    extension: str


def read(inputs: Inputs, *, minutes: int, most: int) -> Order:
    """Reads and checks these inputs; problems are collected in `inputs`. `minutes`: timeout-minutes, up to `most`."""
    return Order(
        endpoint_file=read_endpoint(inputs),
        deployment_file=read_deployment(inputs),
        endpoint_name=inputs.text("endpoint-name", pattern=ENDPOINT[0], allowed=ENDPOINT[1]),
        name=inputs.text("deployment-name", pattern=DEPLOYMENT[0], allowed=DEPLOYMENT[1]),
        model=inputs.text("model", pattern=MODEL[0], allowed=MODEL[1]),
        timeout=60.0 * inputs.integer("timeout-minutes", default=minutes, low=1, high=most),
        extension=inputs.text("ml-extension-version", default=ML_EXTENSION, pattern=r"\d+\.\d+\.\d+"),
    )


@dataclass
class Site:
    """Where it is deployed, signed in: nothing is changed yet. `deadline`: the clock's monotonic seconds."""

    context: Context
    order: Order
    session: Session
    workspace: Workspace
    model: ModelVersion
    endpoint: Endpoint
    lock: Lock
    creator: Creator
    deadline: float

    @classmethod
    def open(cls, context: Context, target: Target, order: Order, kind: str, began: float) -> Site:
        """Signs in, finds out the exact model and the endpoint's name; the outputs that are known by then are set."""
        runner, clock = context.runner, context.clock
        session, workspace = context.sign_in(target)
        model = resolve_model(workspace, order.model or order.deployment_file.registered_model)
        name = endpoint_name(order.endpoint_name, order.endpoint_file, model.name, workspace.id)
        endpoint = Endpoint(workspace, kind, name, clock, runner.say)
        change = partial(amend, order.endpoint_file, runner.tags())
        lock = Lock(endpoint, owner_of(runner.env, secrets.token_hex(6)), runner.run_url, runner.say, change)
        runner.output("endpoint-name", name)
        runner.output("lock", lock.owner)  # now, so that a workflow's `if: cancelled()` step knows it
        creator = Creator(context.az, session, workspace, runner, clock, order.extension)
        return cls(context, order, session, workspace, model, endpoint, lock, creator, began + order.timeout)

    def left(self) -> float:
        """Seconds until timeout-minutes is over, at least one."""
        return max(1.0, self.deadline - self.context.clock.monotonic())

    def tags(self) -> list[str]:
        """The tags of everything that is made, as values of `az ml --set`."""
        return [f"tags.{key}={value}" for key, value in self.context.runner.tags().items()]

    def ensure_endpoint(self) -> dict[str, Any]:
        """The endpoint's document; it is made from its file when there is none.

        One that exists is not updated from the file as a whole: that would take traffic or the default from it.
        """
        found = self.endpoint.settled_or_gone(self.deadline)
        if found is not None:
            return found
        name, file = self.endpoint.name, self.order.endpoint_file.path
        told = self.creator.create(
            [self.endpoint.command, "create", "--file", str(file), "--name", name, "--set", *self.tags()],
            f"Creating endpoint {name}",
            self.left(),
        )
        if self.endpoint.find() is None:  # the truth, whatever az printed
            raise failure(f"Endpoint {name} could not be created from {file}.", told or "az reported success")
        return self.endpoint.settled(self.deadline)


class Deploying(Protocol):
    """A deployment on its way: the way forward, and the ends it may come to, each with its exit code."""

    def forward(self) -> None: ...

    def done(self) -> int: ...

    def failed(self, error: ActionError) -> int: ...

    def cancelled(self, cancelled: Cancelled) -> int: ...


def carry_out(deploying: Deploying, traceback: Callable[[Exception], None]) -> int:
    """Forward to one of the ends; the exit code. Whatever happens on the way, nothing stays half-way."""
    try:
        try:
            deploying.forward()
        except Exception as error:  # noqa: BLE001 - what nobody foresaw must be undone too
            if not isinstance(error, ActionError):
                traceback(error)
            return deploying.failed(unforeseen(error))
        return deploying.done()
    except Cancelled as cancelled:  # on the way forward, or on the way back
        return deploying.cancelled(cancelled)
