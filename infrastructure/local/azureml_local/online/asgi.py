"""An exchange behind the front door: for requests that a fault may hit, which are asked there one by one.

All others go the short way (http_direct.py). What becomes of them is the exchange's in both cases.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from azureml_local.http_direct import Headers
from azureml_local.http_protocol import ABORT

from .exchange import Exchange
from .router import Router


class Answer(Response):
    """Answers one request by asking an instance; nothing has happened until it is sent."""

    def __init__(self, router: Router, request: Request) -> None:
        self._caller = _Caller()
        self._left = False
        scope = request.scope
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = (scope.get("raw_path") or scope["path"].encode()) + query
        self._exchange = Exchange(router, self._caller, scope["method"].encode(), target, scope["headers"])
        self.status_code = 200
        self.raw_headers = []
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, exchange = self._caller, self._exchange
        exchange.begin()
        reading = asyncio.get_running_loop().create_task(self._read(receive))
        try:
            while (message := await caller.messages.get()) is not None:
                if message["type"] == "http.response.start":
                    names = {name for name, _ in message["headers"]}
                    message["headers"] += [header for header in self.raw_headers if header[0] not in names]
                await send(message)
                if message["type"] == "http.response.body" and not message["more_body"]:
                    return
                exchange.drained()
            if not self._left:
                _break_off(scope)
        finally:
            reading.cancel()
            exchange.gone()

    async def _read(self, receive: Receive) -> None:
        """Tell the exchange of the request's body, as fast as it wants it."""
        more = True
        while more:
            await self._caller.wanted.wait()
            message = await receive()
            if message["type"] == "http.disconnect":
                self._left = True
                self._caller.abort()
                return
            if data := message.get("body", b""):
                self._exchange.body(data)
            more = bool(message.get("more_body"))
        self._exchange.body_ended()


class _Caller:
    """Keeps the answer for whoever sends it."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue()  # None: the answer breaks off
        self.wanted = asyncio.Event()
        self.wanted.set()

    @property
    def full(self) -> bool:
        return not self.messages.empty()

    def wants_body(self) -> None:
        pass  # asking for it says so

    def pause(self) -> None:
        self.wanted.clear()

    def resume(self) -> None:
        self.wanted.set()

    def begin(self, status: int, headers: Headers, data: bytes, *, more: bool) -> None:
        self.messages.put_nowait({"type": "http.response.start", "status": status, "headers": headers})
        self.write(data, more=more)

    def write(self, data: bytes, *, more: bool) -> None:
        self.messages.put_nowait({"type": "http.response.body", "body": data, "more_body": more})

    def abort(self) -> None:
        self.messages.put_nowait(None)


def _break_off(scope: Scope) -> None:
    abort = scope.get(ABORT)
    if abort is None:
        raise ConnectionAbortedError("the server's answer broke off")
    abort()
