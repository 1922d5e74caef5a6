"""One request on its way to an instance, and the answer on its way back.

It works in callbacks, because the way of a request is the same few steps a thousand times a second: who called it tells
it of the request's body and of room for the answer, the connection to the instance of the answer. Nothing is awaited
but a turn on an instance when all of them are busy.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from azureml_local.errors import AzureError
from azureml_local.http_direct import Caller, Headers

from . import refusals
from .backend import NotReadyError, Target, TooManyRequestsError
from .body import RequestBody, length_header
from .upstream import Connection

if TYPE_CHECKING:
    from .router import EndpointRoute, Router

log = logging.getLogger("azureml_local.online")

DEPLOYMENT = b"azureml-model-deployment"
_REQUEST_ID = b"x-request-id"
_CLIENT_ID = b"x-ms-client-request-id"
_READ_HERE = frozenset(
    {b"authorization", b"host", b"content-length", b"transfer-encoding", DEPLOYMENT, _REQUEST_ID, _CLIENT_ID}
)
_FORWARDED_TOO = frozenset({b"host", DEPLOYMENT, _CLIENT_ID})
_NOT_FORWARDED = frozenset(
    {b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"trailer", b"upgrade",
     b"expect"}
) | (_READ_HERE - _FORWARDED_TOO)  # fmt: skip
_NOT_RETURNED = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding", b"upgrade",
     b"server", b"date", DEPLOYMENT, _REQUEST_ID}
)  # fmt: skip

_ids = itertools.count(1)
_id_prefix = str(uuid.uuid4())[:24]


def new_request_id() -> bytes:
    """In the form of a UUID: random per process, then counted. Random ones cost more than the routing."""
    return f"{_id_prefix}{next(_ids) & 0xFFFFFFFFFFFF:012x}".encode()


class Exchange:
    """A `Handler`. method and target are the request line's; headers are its headers, their names in lower case."""

    def __init__(
        self, router: Router, caller: Caller, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> None:
        self._router = router
        self._caller = caller
        self._method = method
        self._target = target
        self._given = {name: value for name, value in headers if name in _READ_HERE}
        self._headers = headers
        self._request_id = self._given.get(_REQUEST_ID) or new_request_id()
        self._own: Headers = [(_REQUEST_ID, self._request_id), (b"x-ms-request-id", self._request_id)]
        self._body: RequestBody | None = None
        self._all_written = False
        self._turn: asyncio.Task[None] | None = None
        self._at: Target | None = None
        self._connection: Connection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = self._over = False

    # -- told by the caller --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Check the request by its head: refuse it, or ask for its body."""
        given, router = self._given, self._router
        if (client := given.get(_CLIENT_ID)) is not None:
            self._own.append((_CLIENT_ID, client))
        try:
            route = router.find(given.get(b"host", b"").decode("latin-1"))
            route.guard.check(given.get(b"authorization"))
            self._backend = router.backend(route, given.get(DEPLOYMENT))
        except AzureError as error:
            self._refuse(error)
            return
        self._own.append((DEPLOYMENT, self._backend.name.encode()))
        self._deadline = asyncio.get_running_loop().time() + self._backend.timeout
        self._mirror: EndpointRoute | None = route if router.mirrors(route) else None
        chunked = b"transfer-encoding" in given
        self._body = RequestBody(given.get(b"content-length"), chunked=chunked, copied=self._mirror is not None)
        if not self._body.ended:
            self._caller.wants_body()

    def body(self, data: bytes) -> None:
        """A piece of the request's body."""
        if self._over or self._body is None:
            return
        self._body.add(data)
        if self._connection is not None:
            self._send_on()
        elif self._body.begun:
            self._ask_for_turn()
            if self._turn is not None:
                self._caller.pause()

    def body_ended(self) -> None:
        """That was all of the request."""
        if self._over or self._body is None:
            return
        self._body.ended = True
        if self._connection is not None:
            self._send_on()
        else:
            self._ask_for_turn()

    def drained(self) -> None:
        """The caller can take more of the answer."""
        if self._connection is not None and not self._over:
            self._connection.resume()

    def gone(self) -> None:
        """The caller left. A whole request is still answered: the instance is busy with it, whoever listens."""
        if self._body is None or not self._body.ended:
            self._end()
        else:
            self.drained()

    # -- a turn --------------------------------------------------------------------------------------------------

    def _ask_for_turn(self) -> None:
        if self._turn is not None:
            return
        try:
            target = self._backend.take()
        except (TooManyRequestsError, NotReadyError) as error:
            self._fail(error)
            return
        if target is not None:
            self._ask(target)
        else:
            self._turn = asyncio.get_running_loop().create_task(self._wait_for_turn())

    async def _wait_for_turn(self) -> None:
        try:
            target = await self._backend.acquire(self._deadline)
        except (TooManyRequestsError, NotReadyError, asyncio.TimeoutError) as error:
            self._fail(error)
            return
        self._turn = None
        self._caller.resume()
        self._ask(target)

    def _ask(self, target: Target) -> None:
        self._at = target
        assert self._body is not None
        try:
            self._connection = target.pool.connection(self, answer_has_body=self._method != b"HEAD")
        except OSError as error:
            self._fail(error)
            return
        self._timer = asyncio.get_running_loop().call_at(self._deadline, self._fail, asyncio.TimeoutError())
        self._send_on(self._head(self._body.framing()))

    def _head(self, framing: bytes) -> bytes:
        """The request's first line and headers, for the instance. framing: the header that tells the length."""
        lines = [self._method, b" ", self._target, b" HTTP/1.1\r\n"]
        for name, value in self._headers:
            if name not in _NOT_FORWARDED:
                lines += (name, b": ", value, b"\r\n")
        lines += (b"x-request-id: ", self._request_id, b"\r\n", framing, b"\r\n")
        return b"".join(lines)

    def _send_on(self, head: bytes = b"") -> None:
        """Send what there is of the request."""
        connection, body = self._connection, self._body
        assert connection is not None
        assert body is not None
        if self._all_written:
            return
        self._all_written = body.ended
        if data := head + body.take():
            connection.write(data)
        if body.ended:
            if self._mirror is not None and (copy := body.copy()) is not None:
                self._router.mirror(self._mirror, self._head(length_header(len(copy)) if copy else b""), copy)
        elif connection.full:
            self._caller.pause()

    # -- told by the connection ----------------------------------------------------------------------------------

    def writable(self) -> None:
        self._caller.resume()

    def answered(self) -> None:
        """More of the answer."""
        connection = self._connection
        assert connection is not None
        if connection.error is not None:
            self._fail(connection.error)
            return
        data, done = connection.take(), connection.done
        if done:
            self._end(keep=self._all_written)
        if self._started:
            self._caller.write(data, more=not done)
        else:
            self._started = True
            self._caller.begin(self._status(connection), self._returned(connection), data, more=not done)
        if not done and self._caller.full:
            connection.pause()

    def _status(self, connection: Connection) -> int:
        if connection.status == 200:
            return 200
        self._own += refusals.reason("model_error", connection.status)
        return 424

    def _returned(self, connection: Connection) -> Headers:
        own = {name for name, _ in self._own if name != b"x-ms-request-id"} | _NOT_RETURNED
        headers = [header for header in connection.headers if header[0] not in own]
        names = {name for name, _ in headers}
        return headers + [header for header in self._own if header[0] not in names]

    # -- the end -------------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        """No answer, or no more of it."""
        if self._over:
            return
        self._end()
        if self._started:
            log.warning("%s broke off its answer: %s", self._backend.name, error)
            self._caller.abort()
            return
        self._own += refusals.reason_of(error)
        self._refuse(refusals.refusal(error, self._backend))

    def _refuse(self, error: AzureError) -> None:
        self._over = self._started = True
        response = error.response()
        self._caller.begin(response.status_code, response.raw_headers + self._own, bytes(response.body), more=False)

    def _end(self, *, keep: bool = False) -> None:
        """Give the turn back, and the connection if it can be kept."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._turn is not None:
            self._turn.cancel()
        if self._at is not None:
            target, self._at = self._at, None
            if self._connection is not None:
                if keep:
                    target.pool.give_back(self._connection)
                else:
                    self._connection.close()
            self._backend.release(target)
