"""One deployment at a time on one endpoint, and a way back that survives the runner's death.

Azure refuses (409) a change only while it is working on another; two runs that take turns would still overwrite each
other's traffic. So a run marks the endpoint by two tags: `deploy-lock` (who, until when) and `deploy-before` (the
traffic that was there, to be restored by whoever finds the mark of a run that died). Endpoints have no ETags, so the
mark is written, given time to be overwritten by a rival that read the endpoint at the same moment, and read again;
every later change looks at it first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import traffic
from clock import spoken
from endpoints import ONLINE, Endpoint
from errors import ActionError, ExitCode
from traffic import Traffic

LOCK = "deploy-lock"
BEFORE = "deploy-before"
SETTLE = 2.0  # seconds in which a rival's write would have to arrive
_LONGEST_TAG = 256


def owner_of(env: Mapping[str, str], unique: str) -> str:
    """This run's name on a lock: repository, run, attempt and job, or `unique` outside GitHub."""
    run = env.get("GITHUB_RUN_ID", "")
    if not run.isdigit() or len(run) == 1:  # 1: act without an event of its own
        return unique
    parts = (env.get("GITHUB_REPOSITORY", ""), run, env.get("GITHUB_RUN_ATTEMPT", "1"), env.get("GITHUB_JOB", ""))
    return ":".join(part.replace(" ", "") for part in (*parts, unique))


def shares_of(kind: str, properties: Mapping[str, Any]) -> Traffic:
    """Who serves how many percent. The default of a batch endpoint serves all of it."""
    if kind == ONLINE:
        return traffic.of(properties.get("traffic"))
    default = (properties.get("defaults") or {}).get("deploymentName")
    return {str(default): 100} if default else {}


def give(kind: str, properties: dict[str, Any], shares: Traffic) -> None:
    """Write the shares into an endpoint's properties."""
    if kind == ONLINE:
        properties["traffic"] = dict(shares)
    else:
        properties["defaults"] = {**(properties.get("defaults") or {}), "deploymentName": next(iter(shares), None)}


@dataclass(frozen=True)
class Mark:
    """Somebody's lock: `until` in seconds since 1970."""

    owner: str
    until: float
    where: str

    @classmethod
    def of(cls, tags: Mapping[str, Any]) -> Mark | None:
        parts = str(tags.get(LOCK, "")).split(" ")
        if len(parts) < 2 or not parts[1].isdigit():
            return None
        return cls(parts[0], float(parts[1]), parts[2] if len(parts) > 2 else "")

    def tag(self) -> str:
        return f"{self.owner} {self.until:.0f} {self.where}".strip()[:_LONGEST_TAG]

    def superseded_by(self, owner: str) -> bool:
        """Whether the holder is an earlier attempt of the same run: it has ended, or there were no later one."""
        mine, theirs = owner.split(":"), self.owner.split(":")
        if len(mine) != 5 or len(theirs) != 5 or not (mine[2].isdigit() and theirs[2].isdigit()):
            return False
        return mine[:2] == theirs[:2] and int(theirs[2]) < int(mine[2])


class LockLostError(ActionError):
    """Another run has taken the endpoint over."""


class _Taken(Exception):  # noqa: N818 - not an error: a rival was faster
    """Somebody else's mark was found at the moment of writing."""


class Lock:
    """The right to change an endpoint's traffic. `before`: the traffic that is restored when things go wrong.

    `amend` changes the endpoint's body further in the write that marks it: each write may take Azure a minute.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        owner: str,
        where: str,
        say: Callable[[str], None],
        amend: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self.endpoint = endpoint
        self.owner = owner
        self._where = where if " " not in where else ""
        self._say = say
        self._amend = amend
        self.before: Traffic = {}
        self.held = False

    def acquire(self, seconds: float, deadline: float) -> None:
        """Wait for the endpoint and mark it for `seconds`. What a dead run left behind is mended in the same breath."""
        clock = self.endpoint.clock
        told = ""
        pause = 1.0
        while True:
            document = self.endpoint.settled(deadline)
            mark = Mark.of(document.get("tags") or {})
            if mark is not None and not self._mine_to_take(mark):
                if mark.owner != told:
                    told = mark.owner
                    self._say(
                        f"Endpoint {self.endpoint.name} is being deployed to by another run "
                        f"({mark.where or mark.owner}): waiting for it, at most until its mark ends "
                        f"in {spoken(max(0.0, mark.until - clock.time()))}."
                    )
                if clock.monotonic() + pause > deadline:
                    raise ActionError(
                        f"Endpoint {self.endpoint.name} is held by another run: {mark.where or mark.owner}.",
                        fix=f"Wait for that run. If it is dead, remove the endpoint's tag {LOCK}, or wait until "
                        "its mark ends.",
                        exit_code=ExitCode.TIMEOUT,
                    )
                clock.sleep(pause)
                pause = min(pause * 1.5, 10.0)
                continue
            try:
                self.held = True  # as good as: what a signal interrupts from here on is released
                self.endpoint.change(lambda body: self._marked(body, seconds), "Marking the endpoint", deadline)
            except _Taken:
                self.held = False
                continue
            clock.sleep(SETTLE)
            found = Mark.of(self.endpoint.get().get("tags") or {})
            if found is not None and found.owner == self.owner:
                return
            self.held = False

    def _mine_to_take(self, mark: Mark) -> bool:
        over = mark.until <= self.endpoint.clock.time()
        return mark.owner == self.owner or over or mark.superseded_by(self.owner)

    def _marked(self, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        tags, properties = body["tags"], body["properties"]
        mark = Mark.of(tags)
        if mark is not None and not self._mine_to_take(mark):
            raise _Taken
        if mark is not None and mark.owner != self.owner:
            self._say(f"The run that held this endpoint ({mark.where or mark.owner}) is over without cleaning up.")
            left = before_of(tags)
            if left is not None and left != shares_of(self.endpoint.kind, properties):
                names = {str(each["name"]) for each in self.endpoint.deployments()}
                if set(left) <= names:
                    self._say(f"What it had found is restored: {traffic.told(left)}.")
                    give(self.endpoint.kind, properties, left)
        self.before = shares_of(self.endpoint.kind, properties)
        self._amend(body)
        tags[LOCK] = Mark(self.owner, self.endpoint.clock.time() + seconds, self._where).tag()
        tags[BEFORE] = json.dumps(self.before, separators=(",", ":"))[:_LONGEST_TAG]
        return body

    def check(self, body: Mapping[str, Any]) -> None:
        """Called before every change of a marked endpoint: is the mark still this run's?"""
        mark = Mark.of(body["tags"])
        if mark is None or mark.owner != self.owner:
            self.held = False
            raise LockLostError(
                f"Another run has taken endpoint {self.endpoint.name} over"
                + (f": {mark.where or mark.owner}." if mark else "; its mark was removed."),
                "This run's mark ended before the run did, or somebody removed it.",
                "Look which deployment should have the traffic, and run again. A longer timeout-minutes keeps the "
                "mark longer.",
            )

    def set_traffic(self, wanted: Traffic, deadline: float, what: str) -> None:
        """Change the traffic (or a batch endpoint's default), if the endpoint is still this run's."""

        def decide(body: dict[str, Any]) -> dict[str, Any] | None:
            self.check(body)
            if shares_of(self.endpoint.kind, body["properties"]) == wanted:
                return None
            give(self.endpoint.kind, body["properties"], wanted)
            return body

        self.endpoint.change(decide, what, deadline)

    def commit(self, deadline: float) -> None:
        """There is nothing to restore any more: whoever finds the mark now only removes it."""

        def decide(body: dict[str, Any]) -> dict[str, Any]:
            self.check(body)
            body["tags"].pop(BEFORE, None)
            return body

        self.endpoint.change(decide, "Committing the traffic", deadline)

    def release(self, deadline: float) -> None:
        """Remove the marks; what another run wrote meanwhile stays."""

        def decide(body: dict[str, Any]) -> dict[str, Any] | None:
            mark = Mark.of(body["tags"])
            if mark is None or mark.owner != self.owner:
                return None
            return without_marks(body)

        if self.held:
            self.endpoint.change(decide, "Releasing the endpoint", deadline)
            self.held = False


def without_marks(body: dict[str, Any]) -> dict[str, Any]:
    """The body of an endpoint that nobody holds."""
    body["tags"] = {name: value for name, value in body["tags"].items() if name not in (LOCK, BEFORE)}
    return body


def before_of(tags: Mapping[str, Any]) -> Traffic | None:
    """The traffic that the holder of the mark found; None when the tag tells nothing."""
    try:
        found = json.loads(str(tags.get(BEFORE, "")))
        return traffic.of(found) if isinstance(found, dict) else None
    except ValueError:
        return None
