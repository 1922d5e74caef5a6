"""The data plane: requests to `https://<endpoint>.<region>.inference.ml.azure.com` on their way to an instance.

Who may call, which deployment (by header, else by the traffic's weights), a turn on an instance, the answer back. The
answer of a model is passed on as it comes; a status other than 200 becomes Azure's 424, which names it in
`ms-azureml-model-error-statuscode`.

Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints, "HTTP status codes"; header
names and reasons as Azure's own proxy configuration writes them (in the public images of the inference server).
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from azureml_local.errors import AzureError
from azureml_local.http_protocol import ABORT

from .access import Guard
from .backend import Backend, NotReadyError, Target, TooManyRequestsError
from .body import RequestBody
from .upstream import Connection, UpstreamError

log = logging.getLogger("azureml_local.online")

DEPLOYMENT = b"azureml-model-deployment"
REASON = "ms-azureml-model-error-reason"
STATUS = "ms-azureml-model-error-statuscode"
_NOT_FORWARDED = frozenset(
    {b"authorization", b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"expect", b"content-length"}
)  # fmt: skip
_NOT_RETURNED = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding", b"upgrade",
     b"server", b"date", DEPLOYMENT, b"x-request-id"}
)  # fmt: skip


@dataclass(frozen=True)
class EndpointRoute:
    """One endpoint. `traffic` and `mirror` are pairs of a deployment's name and its percentage."""

    name: str
    guard: Guard
    traffic: Sequence[tuple[str, int]]
    mirror: Sequence[tuple[str, int]]
    backends: Mapping[str, Backend] = field(default_factory=dict)

    def backend(self, name: str) -> Backend | None:
        return self.backends.get(name.lower())


def choose(traffic: Sequence[tuple[str, int]], at: float) -> str | None:
    """The deployment at this point (0 <= at < 1) of the traffic laid end to end; None when there is no traffic."""
    point = at * sum(weight for _, weight in traffic)
    for name, weight in traffic:
        point -= weight
        if point < 0:
            return name
    return None


class Router:
    """The endpoints by their names in lower case. A changed one gets a new route; requests under way keep theirs."""

    def __init__(self, *, chance: Callable[[], float] = random.random) -> None:
        self.endpoints: dict[str, EndpointRoute] = {}
        self.chance = chance
        self._mirrored: set[asyncio.Task[None]] = set()

    def answer(self, request: Request) -> Response:
        """The answer to a request for one of the endpoints; nothing has happened until it is sent."""
        return _Answer(self, dict(request.scope["headers"]))

    def find(self, host: str) -> EndpointRoute:
        """The endpoint that a Host header means, or 404."""
        name = host.partition(".")[0].lower()
        route = self.endpoints.get(name)
        if route is None:
            raise AzureError(404, "EndpointNotFound", f"There is no online endpoint '{name}' in this region.")
        return route

    def backend(self, route: EndpointRoute, wanted: bytes | None) -> Backend:
        """The deployment for a request: the one it names, else one by the traffic's weights."""
        if wanted is not None:
            name: str | None = wanted.decode("latin-1").strip()
            backend = route.backend(name or "")
            if backend is None:
                message = f"The endpoint '{route.name}' has no deployment '{name}' (header azureml-model-deployment)."
                raise AzureError(404, "DeploymentNotFound", message)
            return backend
        name = choose(route.traffic, self.chance())
        backend = route.backend(name) if name is not None else None
        if backend is None:
            message = (
                f"The endpoint '{route.name}' has no deployment with traffic. Set its traffic, or name a deployment in "
                "the header azureml-model-deployment."
            )
            raise AzureError(404, "NoDeploymentWithTraffic", message)
        return backend

    def mirror(self, route: EndpointRoute, head: bytes, body: bytes) -> None:
        """Send a copy to the mirror; its answer and its failures stay unseen."""
        backend = route.backend(route.mirror[0][0])
        if backend is None:
            return
        task = asyncio.get_running_loop().create_task(_mirrored(backend, head, body))
        self._mirrored.add(task)
        task.add_done_callback(self._mirrored.discard)

    def mirrors(self, route: EndpointRoute) -> bool:
        """Whether this request is one of those that the mirror gets."""
        return bool(route.mirror) and self.chance() * 100 < route.mirror[0][1]


class _Answer(Response):
    """Answers one request by asking an instance."""

    def __init__(self, router: Router, given: Mapping[bytes, bytes]) -> None:
        self._router = router
        self._given = given
        self._request_id = given.get(b"x-request-id") or str(uuid.uuid4()).encode()
        self.status_code = 200
        self.raw_headers = [(b"x-request-id", self._request_id), (b"x-ms-request-id", self._request_id)]
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = self._given
        if (client := given.get(b"x-ms-client-request-id")) is not None:
            self.headers["x-ms-client-request-id"] = client.decode("latin-1")
        try:
            route = self._router.find(given.get(b"host", b"").decode("latin-1"))
            route.guard.check(given.get(b"authorization"))
            backend = self._router.backend(route, given.get(DEPLOYMENT))
        except AzureError as error:
            await self._refuse(error, scope, receive, send)
            return
        self.raw_headers.append((DEPLOYMENT, backend.name.encode()))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + backend.timeout
        body = RequestBody(receive, given)
        started = False

        async def send_once(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await body.begin()
            head = _head(scope, self._request_id, body.framing)
            if self._router.mirrors(route):
                body.when_whole(
                    lambda whole, framing: self._router.mirror(route, _head(scope, self._request_id, framing), whole)
                )
            target = await backend.acquire(deadline)
            try:
                await self._exchange(target, head, body, deadline, scope["method"], send_once)
            finally:
                backend.release(target)
        except (TooManyRequestsError, NotReadyError, asyncio.TimeoutError, UpstreamError, OSError) as error:
            if started:
                log.warning("%s/%s broke off its answer: %s", route.name, backend.name, error)
                _break_off(scope)  # the answer has begun: that is all that can be done
                return
            self.raw_headers.extend(_reason(error))
            await self._refuse(_refusal(error, backend), scope, receive, send)

    async def _exchange(
        self, target: Target, head: bytes, body: RequestBody, deadline: float, method: str, send: Send
    ) -> None:
        """Send the request and pass the answer on."""
        connection = target.pool.connection()
        timer = asyncio.get_running_loop().call_at(deadline, connection.fail, asyncio.TimeoutError())
        try:
            if method == "HEAD":
                connection.begin(answer_has_body=False)
            await body.send_to(connection, head)
            await connection.head()
            await send(
                {
                    "type": "http.response.start",
                    "status": self._status(connection),
                    "headers": self._returned(connection),
                }
            )
            while True:
                data = await connection.chunk()
                more = not connection.done
                await send({"type": "http.response.body", "body": data, "more_body": more})
                if not more:
                    break
            target.pool.give_back(connection)
        except BaseException:
            connection.close()
            raise
        finally:
            timer.cancel()

    def _status(self, connection: Connection) -> int:
        if connection.status == 200:
            return 200
        self.headers[REASON] = "model_error"
        self.headers[STATUS] = str(connection.status)
        self.status_code = 424
        return 424

    def _returned(self, connection: Connection) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in self.raw_headers} - {b"x-ms-request-id", b"x-ms-correlation-request-id"}
        theirs = [(name, value) for name, value in connection.headers if name not in _NOT_RETURNED and name not in own]
        names = {name for name, _ in theirs}
        return theirs + [(name, value) for name, value in self.raw_headers if name not in names]

    async def _refuse(self, error: AzureError, scope: Scope, receive: Receive, send: Send) -> None:
        response = error.response()
        response.raw_headers.extend(self.raw_headers)
        self.status_code = error.status
        await response(scope, receive, send)


def _break_off(scope: Scope) -> None:
    """End the caller's connection, so that it does not take the part it got for the whole."""
    abort = scope.get(ABORT)
    if abort is None:
        raise ConnectionAbortedError("the server's answer broke off")
    abort()


def _head(scope: Scope, request_id: bytes, framing: bytes) -> bytes:
    """The request's first line and headers, as the instance gets them. framing: the header that tells the length."""
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    lines = [scope["method"].encode(), b" ", path, b"?" + query if query else b"", b" HTTP/1.1\r\n"]
    for name, value in scope["headers"]:
        if name not in _NOT_FORWARDED and name != b"x-request-id":
            lines += (name, b": ", value, b"\r\n")
    lines += (b"x-request-id: ", request_id, b"\r\n", framing, b"\r\n")
    return b"".join(lines)


def _refusal(error: BaseException, backend: Backend) -> AzureError:
    """Azure's answer to a request that no model answered."""
    name = backend.name
    if isinstance(error, TooManyRequestsError):
        message = (
            f"The deployment '{name}' has {backend.limit} requests in hand, the most it takes: 2 x "
            "max_concurrent_requests_per_instance x instance_count."
        )
        return AzureError(429, "TooManyRequests", message)
    if isinstance(error, NotReadyError):
        if error.starting:
            message = f"The local workspace was started a moment ago and deployment '{name}' is not ready yet."
            return AzureError(503, "ServiceUnavailable", message, headers={"Retry-After": "1"})
        return AzureError(424, "ModelNotReady", f"No instance of deployment '{name}' is ready. See its logs.")
    if isinstance(error, asyncio.TimeoutError):
        seconds = f"{backend.timeout:g}"
        return AzureError(
            408, "RequestTimeout", f"Deployment '{name}' did not answer within {seconds} s (request_timeout)."
        )
    return AzureError(
        424, "ModelError", f"An instance of deployment '{name}' ended or broke off: {error}. See its logs."
    )


def _reason(error: BaseException) -> list[tuple[bytes, bytes]]:
    reason, status = "model_error", "502"
    if isinstance(error, TooManyRequestsError):
        return [(REASON.encode(), b"too_many_pending_request")]
    if isinstance(error, asyncio.TimeoutError):
        return [(REASON.encode(), b"model_timeout")]
    if isinstance(error, NotReadyError):
        reason, status = "model_not_ready", "503"
    return [(REASON.encode(), reason.encode()), (STATUS.encode(), status.encode())]


async def _mirrored(backend: Backend, head: bytes, body: bytes) -> None:
    """One copy to the mirror, within its own limits."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + backend.timeout
    try:
        target = await backend.acquire(deadline)
        try:
            connection = target.pool.connection()
            timer = loop.call_at(deadline, connection.fail, asyncio.TimeoutError())
            try:
                await connection.send(head + body)
                await connection.head()
                while not connection.done:
                    await connection.chunk()
                target.pool.give_back(connection)
            except BaseException:
                connection.close()
                raise
            finally:
                timer.cancel()
        finally:
            backend.release(target)
    except (TooManyRequestsError, NotReadyError, asyncio.TimeoutError, UpstreamError, OSError) as error:
        log.debug("mirror %s: %s: %s", backend.name, type(error).__name__, error)
