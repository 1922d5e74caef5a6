"""uvicorn's HTTP protocol, with the connection's end in the application's hand."""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ABORT = "azureml_local.abort"


class Protocol(HttpToolsProtocol):
    """The scope has a function under ABORT that breaks the connection at once: HTTP has no word for that."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[ABORT] = self.transport.abort
