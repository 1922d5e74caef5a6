"""Requests to an online endpoint: the credential that its auth_mode wants, one request, many requests judged.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint and
…/how-to-troubleshoot-online-endpoints#http-status-codes
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clock import Clock
from credentials import Cached, Token
from endpoints import Endpoint
from github import Runner
from json_schema import Schema
from rest import Credential
from transport import Request, Response, Transport, TransportError

HEADER = "azureml-model-deployment"
TIMEOUT = 65.0  # seconds for one request; Azure itself ends one after 60 s unless told otherwise, at most 180 s
INTERVAL = 0.1  # seconds from one probe to the next, when the answers come faster
FEWEST = 20  # probes of a traffic step, however short its soak
REACHED = 5  # of them answered by the new deployment, where answers tell; chance may need some more probes for it
MOST_FOR_REACHED = 300
SMOKE = 5  # requests of a smoke test, after the one that warms up
WARM_UP = 60.0  # seconds in which a deployment that is there must begin to answer
_NOT_YET = frozenset({404, 408, 429, 502, 503, 504})

#: What statuses mean at an online endpoint.
MEANINGS = {
    401: "the key or token was not accepted",
    403: "the identity may not score (it needs the action onlineEndpoints/score)",
    404: "there is no such deployment, or the model's server has no such path",
    408: "the model took too long (request_settings.request_timeout_ms)",
    413: "the request is larger than the endpoint takes",
    424: "the model failed",
    429: "more requests at once than max_concurrent_requests_per_instance allows",
    502: "the model's server crashed or closed the connection",
    503: "no instance can take the request now",
    504: "the model took too long",
}


@dataclass(frozen=True)
class Answer:
    """One answer. `problem` is "" for a good one; `seconds` as a fresh client sees it, connecting included."""

    status: int
    seconds: float
    body: str
    problem: str
    deployment: str


@dataclass
class Client:
    """Asks one endpoint with one request body. `expect` judges the answers' bodies, None takes all."""

    url: str
    body: bytes
    credential: Callable[[], str]
    transport: Transport
    clock: Clock
    expect: Schema | None = None

    def ask(self, deployment: str = "") -> Answer:
        """One request: through the router, or directly to `deployment` whatever its traffic."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.credential()}"}
        if deployment:
            headers[HEADER] = deployment
        began = self.clock.monotonic()
        try:
            response = self.transport(Request("POST", self.url, headers, self.body, TIMEOUT))
        except TransportError as error:
            return Answer(0, self.clock.monotonic() - began, "", f"no answer: {error}", "")
        seconds = self.clock.monotonic() - began
        text = response.body.decode(errors="replace")
        who = response.headers.get(HEADER, "")
        return Answer(response.status, seconds, text, self._problem(response, text), who)

    def _problem(self, response: Response, text: str) -> str:
        if response.status != 200:
            inner = response.headers.get("ms-azureml-model-error-statuscode", "")
            meaning = MEANINGS.get(response.status, "")
            said = " ".join(text.split())[:300]
            parts = [f"status {response.status}", f"({meaning}{f', with {inner}' if inner else ''})" if meaning else ""]
            return " ".join(part for part in parts if part) + (f": {said}" if said else "")
        if self.expect is None:
            return ""
        try:
            value = json.loads(text)
        except ValueError:
            return f"the answer is not JSON: {text[:200]}"
        wrong = "; ".join(self.expect.violations(value)[:3])
        return f"the answer is not what expect says: {wrong}" if wrong else ""


def credential_of(
    endpoint: Endpoint, auth_mode: str, azure_ml: Callable[[], Credential], runner: Runner
) -> Callable[[], str]:
    """What the endpoint takes as bearer: its key, a token of its own, or one of Entra ID for Azure ML.

    Every one of them is masked before it is used.
    """
    mode = auth_mode.lower()
    if mode == "key":
        keys = endpoint.rest.call("POST", endpoint.url(action="listKeys")).json()
        for name in ("primaryKey", "secondaryKey"):
            runner.mask(str(keys.get(name) or ""))
        return lambda: str(keys["primaryKey"])
    if mode == "amltoken":

        def fetch() -> Token:
            found = endpoint.rest.call("POST", endpoint.url(action="token")).json()
            runner.mask(str(found["accessToken"]))
            return Token(str(found["accessToken"]), float(found.get("expiryTimeUtc") or 0) or _soon(endpoint.clock))

        return Cached(fetch, endpoint.clock).token
    source = azure_ml()

    def token() -> str:
        text = source.token()
        runner.mask(text)
        return text

    return token


def _soon(clock: Clock) -> float:
    return clock.time() + 600


def percentile(seconds: Sequence[float], share: float) -> float:
    """Nearest-rank percentile, 0 for none: p95 of 20 values is the 19th."""
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass
class Tally:
    """Many answers, judged together."""

    answers: int = 0
    errors: int = 0
    unanswered: int = 0  # errors without status 200
    seconds: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    deployments: Counter[str] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)  # errors by deployment, where the answer names it
    last_good: str = ""

    def add(self, answer: Answer) -> None:
        self.answers += 1
        self.seconds.append(answer.seconds)
        self.deployments[answer.deployment] += 1
        if answer.problem:
            self.errors += 1
            self.unanswered += answer.status != 200
            self.problems[answer.problem] += 1
            self.failing[answer.deployment] += 1
        else:
            self.last_good = answer.body

    @property
    def error_rate(self) -> float:
        """Percent."""
        return 100.0 * self.errors / self.answers if self.answers else 0.0

    @property
    def p50_ms(self) -> float:
        return 1000 * percentile(self.seconds, 0.5)

    @property
    def p95_ms(self) -> float:
        return 1000 * percentile(self.seconds, 0.95)

    @property
    def commonest(self) -> str:
        """The problem that most of the errors had."""
        return self.problems.most_common(1)[0][0] if self.problems else ""


@dataclass(frozen=True)
class Limits:
    """`error_rate` in percent; `p95_ms` in milliseconds, 0 for no limit."""

    error_rate: float = 0.0
    p95_ms: int = 0

    def verdict(self, tally: Tally) -> str:
        """Why the answers are not good enough, "" when they are."""
        if tally.error_rate > self.error_rate:
            return (
                f"{tally.errors} of {tally.answers} requests failed ({tally.error_rate:.1f} %, allowed are "
                f"{self.error_rate:g} %): {tally.commonest}"
            )
        if self.p95_ms and tally.p95_ms > self.p95_ms:
            return f"p95 latency is {tally.p95_ms:.0f} ms, allowed are {self.p95_ms} ms"
        return ""


def smoke(client: Client, deployment: str, limits: Limits, say: Callable[[str], None]) -> tuple[Tally, str]:
    """Ask a deployment directly: it has a minute to begin to answer, then every answer must be good.

    Returns the answers after the warm-up, and why they are not good enough.
    """
    end = client.clock.monotonic() + WARM_UP
    told = False
    while True:
        first = client.ask(deployment)
        if first.status == 200 or first.status not in {0, *_NOT_YET} or client.clock.monotonic() >= end:
            break
        if not told:
            say(f"{deployment} does not answer yet: {first.problem}")
            told = True
        client.clock.sleep(2.0)
    tally = Tally()
    if first.problem:
        tally.add(first)
        return tally, first.problem
    for _ in range(SMOKE):
        tally.add(client.ask(deployment))
    if tally.errors:
        return tally, f"{tally.errors} of {tally.answers} requests failed: {tally.commonest}"
    return tally, Limits(0.0, limits.p95_ms).verdict(tally)


def soak(client: Client, deployment: str, seconds: float, limits: Limits) -> tuple[Tally, str]:
    """Ask through the router for `seconds`, at least twenty times and until `deployment` gave five of the answers.

    Ends early when it cannot get good any more. Returns the answers, and why they are not good enough.
    """
    clock = client.clock
    began = clock.monotonic()
    planned = max(FEWEST, math.ceil(seconds / INTERVAL))
    tally = Tally()
    while tally.answers < FEWEST or clock.monotonic() - began < seconds or _too_few(tally, deployment):
        asked = clock.monotonic()
        tally.add(client.ask())
        if 100.0 * tally.errors / planned > limits.error_rate and tally.errors:
            break
        clock.sleep(max(0.0, INTERVAL - (clock.monotonic() - asked)))
    return tally, limits.verdict(tally)


def _too_few(tally: Tally, deployment: str) -> bool:
    told = tally.answers > tally.deployments.get("", 0)
    return told and tally.deployments[deployment] < REACHED and tally.answers < MOST_FOR_REACHED


def as_json(text: str) -> Any:
    """The answer decoded, or as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
