"""The server process: `python -m azureml_local.server STATE`. Started in the background by `azureml-local up`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

import uvicorn
import uvloop

from . import certificates, http_protocol, log_files, problems, settings
from .app import Application, install_parts
from .paths import StatePaths
from .proxy import UPSTREAM_NO_PROXY, UPSTREAM_PROXY, Proxy
from .services import Services
from .state_lock import StateLock
from .store import ResourceStore
from .tokens import Tokens


def build(paths: StatePaths, config: settings.Settings) -> Services:
    """The services with every part installed, nothing started yet."""
    with problems.damage_of(paths.database):
        store = ResourceStore(paths.database)
    with problems.damage_of(paths.token_key):
        tokens = Tokens.load(paths, config)
    services = Services(paths=paths, settings=config, store=store, tokens=tokens)
    install_parts(services)
    return services


async def serve(paths: StatePaths, config: settings.Settings, lock: StateLock) -> None:
    """Answer until SIGTERM or SIGINT, or until the state folder is gone; then end all that runs."""
    services = build(paths, config)
    server_config = uvicorn.Config(
        Application(services),
        host="127.0.0.1",
        port=config.server_port,
        log_config=None,
        access_log=False,
        http=http_protocol.HttpProtocol,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    server_config.load()
    with problems.damage_of(paths.certificates):
        server_config.ssl = certificates.prepare(paths, config)
    server = uvicorn.Server(server_config)
    proxy = Proxy(
        config,
        config.server_port,
        upstream=os.environ.get(UPSTREAM_PROXY),
        no_proxy=os.environ.get(UPSTREAM_NO_PROXY, ""),
    )
    await proxy.start(config.proxy_port)
    serving = asyncio.create_task(server._serve())
    services.reserve.hold()
    for hook in services.on_start:
        await hook()
    services.spawn(log_files.keep_small(paths.log.parent), "keep the logs small")
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    record = {"pid": os.getpid(), "nonce": os.environ.get("AZUREML_LOCAL_NONCE", ""), "started": time.time()}
    settings.write_private(paths.process, json.dumps(record).encode())
    stopping = asyncio.create_task(stop.wait())
    lost = asyncio.create_task(lock.until_lost())
    await asyncio.wait({serving, stopping, lost}, return_when=asyncio.FIRST_COMPLETED)
    if lost.done():
        services.log.error("the state folder %s was removed: ending", paths.root)
    for hook in reversed(services.on_stop):
        try:
            await asyncio.wait_for(hook(), 15)
        except Exception:
            services.log.exception("stopping a part failed")
    server.should_exit = True
    await proxy.stop()
    await asyncio.wait({serving}, timeout=5)
    await services.stop_tasks()
    services.store.close()
    if lock.held():  # else the record is another server's
        paths.process.unlink(missing_ok=True)


def main(argv: list[str]) -> int:
    """argv: the state folder. Logs go to stderr, which `up` has led into the log file."""
    logging.basicConfig(
        level=os.environ.get("AZUREML_LOCAL_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("uvicorn.error").setLevel("WARNING")
    paths = StatePaths.from_environment(Path(argv[0]))
    with problems.full_disk_of(paths.root):
        paths.create()
        lock = StateLock(paths)
        try:
            uvloop.run(serve(paths, settings.load(paths), lock))
        finally:
            lock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
