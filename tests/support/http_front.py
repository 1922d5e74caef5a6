"""uvicorn's side of a connection, as the server has it, for tests that need no server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from azureml_local.http_protocol import HttpProtocol


def protocols(front: Any) -> Callable[[], HttpProtocol]:
    """For `loop.create_server`. front: an ASGI application with a method `direct`."""
    config = uvicorn.Config(front, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    state = ServerState()
    return lambda: HttpProtocol(config, state, {})
