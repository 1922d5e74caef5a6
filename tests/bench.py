"""What the router costs: requests/s and latency through it and directly at the inference server, side by side.

    make bench        # or: python tests/bench.py [seconds per measurement]
    python tests/bench.py change [model]      # an endpoint under load while it is replaced: see bench_change.py

One run, one machine, one model with one worker; the ways take turns (A B C A B C …), so what else the machine does hits
all of them. Only the ratios mean something. With a model that does nothing every microsecond of the router shows, and
on two busy cores router, server and client take them from each other; a model that works shows what remains of it.
Three ways are measured:

    direct    HTTP to the inference server's own port, as the router talks to it
    router    HTTPS to the workspace: TLS, the key, the traffic's weights, a turn, the answer back
    redirect  the same through the loopback proxy that `azureml-local env` points clients at
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import bench_change
from azureml_local import daemon, settings
from azureml_local.paths import REPOSITORY, StatePaths
from support.load import Line, Workspace, connect, percentile, post

SCORING = """
import json, time
def init():
    pass
def run(raw):
    end = time.perf_counter() + json.loads(raw)["ms"] / 1000
    while time.perf_counter() < end:
        pass
    return {"length": len(raw)}
"""
CONDA = "dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]"
ENDPOINT = "bench-router"
ROUNDS = 5
CASES = ((0, 1), (0, 8), (5, 8))  # (milliseconds that the model works, clients at once)


def deploy(workspace: Workspace) -> tuple[str, int]:
    """The endpoint with one deployment and all the traffic; returns its key and the inference server's port."""
    guid = workspace.config.workspace_guid
    folder = workspace.paths.blobs / workspace.config.storage_account / f"azureml-blobstore-{guid}" / "bench" / "code"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text(SCORING)
    store = f"https://{workspace.config.storage_account}.blob.core.windows.net/azureml-blobstore-{guid}"
    workspace.arm("PUT", "/codes/bench/versions/1", {"properties": {"codeUri": f"{store}/bench/code"}})
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
    workspace.arm("PUT", "/environments/bench/versions/1", {"properties": {"image": image, "condaFile": CONDA}})
    endpoint = f"/onlineEndpoints/{ENDPOINT}"
    workspace.arm("PUT", endpoint, {"properties": {"authMode": "Key"}})
    workspace.wait(endpoint)
    deployment = {
        "sku": {"name": "Default", "capacity": 1},
        "properties": {
            "endpointComputeType": "Managed",
            "environmentId": f"{workspace.config.workspace_id}/environments/bench/versions/1",
            "codeConfiguration": {
                "codeId": f"{workspace.config.workspace_id}/codes/bench/versions/1",
                "scoringScript": "score.py",
            },
            "requestSettings": {"maxConcurrentRequestsPerInstance": 64},
        },
    }
    workspace.arm("PUT", endpoint + "/deployments/blue", deployment)
    workspace.wait(endpoint + "/deployments/blue")
    workspace.arm("PUT", endpoint, {"properties": {"authMode": "Key", "traffic": {"blue": 100}}})
    workspace.wait(endpoint)
    logs = workspace.arm("POST", endpoint + "/deployments/blue/getLogs", {"tail": 100})["content"]
    port = re.findall(r"Listening at: http://127\.0\.0\.1:(\d+)", logs)[-1]
    return str(workspace.arm("POST", endpoint + "/listKeys")["primaryKey"]), int(port)


# -- load --------------------------------------------------------------------------------------------------------------

Connect = Callable[[], Awaitable[Line]]


@dataclass
class Way:
    """One way to the model, and what was measured on it: latencies in seconds, requests per second of each round."""

    name: str
    connect: Connect
    request: bytes
    latencies: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        return percentile(self.latencies, share)


def ways(workspace: Workspace, key: str, port: int, milliseconds: int) -> list[Way]:
    config, context = workspace.config, workspace.context
    host = f"{ENDPOINT}.{config.location}.inference.ml.azure.com"

    async def plain(to: int) -> Line:
        return (await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", to))[1]

    async def direct() -> Line:
        return await plain(port)

    async def router() -> Line:
        return await connect(host, config, context)

    async def redirect() -> Line:
        proxied, line = await plain(config.proxy_port), Line()
        await proxied.ask(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        loop = asyncio.get_running_loop()
        line.transport = await loop.start_tls(proxied.transport, line, context, server_hostname=host)
        return line

    asked = post(host, key, json.dumps({"ms": milliseconds, "input_data": [[0.5] * 12] * 4}).encode())
    return [Way("direct", direct, asked), Way("router", router, asked), Way("redirect", redirect, asked)]


async def client(way: Way, until: float) -> int:
    """Ask again and again; returns how many answers came. Fails on the first that is not 200."""
    done = 0
    line: Line | None = None
    while time.perf_counter() < until:
        begin = time.perf_counter()
        if line is None or not line.open:
            line = await way.connect()
        answer = await line.ask(way.request)
        way.latencies.append(time.perf_counter() - begin)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"bench: {way.name}: {answer.decode()}")
        if b"Connection: close" in answer:
            line.transport.close()
            line = None
        done += 1
    if line is not None:
        line.transport.close()
    return done


async def measure(all_ways: list[Way], clients: int, seconds: float) -> None:
    for way in all_ways:
        way.latencies.clear()
        way.rates.clear()
    for number in range(ROUNDS + 1):
        for way in all_ways:
            begin = time.perf_counter()
            counts = await asyncio.gather(*(client(way, begin + seconds) for _ in range(clients)))
            way.rates.append(sum(counts) / (time.perf_counter() - begin))
            if number == 0:  # the first round warms up
                way.latencies.clear()
                way.rates.clear()


def report(all_ways: list[Way], milliseconds: int, clients: int) -> None:
    base = all_ways[0]
    model = f"a model that works {milliseconds} ms" if milliseconds else "a model that does nothing"
    print(f"\n{model}, {clients} client{'s' * (clients != 1)}, medians of {ROUNDS} rounds")
    print(f"{'':10}{'requests/s':>12}{'of direct':>11}{'p50 ms':>9}{'p95 ms':>9}{'p50 more':>10}")
    for way in all_ways:
        rate = statistics.median(way.rates)
        ratio = rate / statistics.median(base.rates)
        p50, p95 = way.percentile(0.5) * 1000, way.percentile(0.95) * 1000
        more = p50 - base.percentile(0.5) * 1000
        print(f"{way.name:10}{rate:12.0f}{ratio:10.0%} {p50:9.2f}{p95:9.2f}{more:+10.2f}")


def cores() -> str:
    """What the machine does to the figures."""
    count = os.cpu_count() or 1
    if count > 2:
        return f"{count} cores: client, router and model have each their own"
    return (
        f"{count} core{'s' * (count != 1)}: client, router and model share {'them' if count > 1 else 'it'}, so each "
        "microsecond of one is taken from the others; with a core for each, the router would cost latency alone"
    )


def main(argv: list[str]) -> int:
    if argv[:1] == ["change"]:
        return bench_change.main(argv[1:])
    seconds = float(argv[0]) if argv else 1.0
    cache = Path(os.environ.get("AZUREML_LOCAL_CACHE") or REPOSITORY / ".azureml-local" / "cache")
    with tempfile.TemporaryDirectory(prefix="azureml-local-bench-") as root:
        paths = StatePaths(Path(root) / "state", cache)
        os.environ["AZUREML_LOCAL_CACHE"] = str(cache)
        daemon.start(paths, print)
        try:
            workspace = Workspace(paths, settings.load(paths))
            workspace.sign_in()
            print(f"{cores()}\ndeploying a model")
            key, port = deploy(workspace)
            for milliseconds, clients in CASES:
                all_ways = ways(workspace, key, port, milliseconds)
                asyncio.run(measure(all_ways, clients, seconds))
                report(all_ways, milliseconds, clients)
        finally:
            daemon.stop(paths)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
