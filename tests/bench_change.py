"""An endpoint under load while it is replaced: requests at a steady rate through a whole run of deploy-online.

    make demo                                              # once: an endpoint to replace
    python tests/bench.py change [model] [requests/s]      # taxi and 50, unless said otherwise

The rate is kept whatever the answers do: a request that is late holds up no other. Everything is printed, only the
statuses are judged: exit code 1 when a request was not answered 200 or the workflow failed, 2 when nothing is there to
replace.
"""

from __future__ import annotations

import asyncio
import collections
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from azureml_local import daemon, settings
from azureml_local.paths import REPOSITORY, StatePaths
from support.load import Line, Workspace, connect, percentile, post

BUCKET = 5.0  # seconds per line of the table
AFTER = 3.0  # seconds of load before and after the change
_DEPLOYMENT = re.compile(rb"azureml-model-deployment: (\S+)", re.IGNORECASE)


@dataclass
class Asked:
    """One request: when it was sent, in seconds since the beginning; its latency, in seconds."""

    at: float
    latency: float
    status: str
    deployment: str


@dataclass
class Load:
    """Asks at a steady rate until `stop`."""

    workspace: Workspace
    host: str
    request: bytes
    rate: float
    asked: list[Asked] = field(default_factory=list)
    stop: bool = False
    _idle: list[Line] = field(default_factory=list)

    async def run(self) -> None:
        begin = time.perf_counter()
        tasks: list[asyncio.Task[None]] = []
        while not self.stop:
            await asyncio.sleep(max(0.0, begin + len(tasks) / self.rate - time.perf_counter()))
            tasks.append(asyncio.create_task(self._ask(begin)))
        await asyncio.gather(*tasks)

    async def _ask(self, begin: float) -> None:
        sent = time.perf_counter()
        try:
            line = self._line() or await connect(self.host, self.workspace.config, self.workspace.context)
            answer = await line.ask(self.request)
        except OSError as error:
            status, deployment = f"{type(error).__name__}: {error}", "-"
        else:
            status = answer.split(b" ", 2)[1].decode()
            found = _DEPLOYMENT.search(answer)
            deployment = found[1].decode() if found else "-"
            self._idle.append(line)
        self.asked.append(Asked(sent - begin, time.perf_counter() - sent, status, deployment))

    def _line(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.open:
                return line
        return None


def endpoint_of(workspace: Workspace, model: str) -> str:
    """The model's endpoint, as deploy-online names it."""
    for endpoint in workspace.arm("GET", "/onlineEndpoints")["value"]:
        if endpoint["name"].startswith(f"{model}-online"):
            return str(endpoint["name"])
    print(f"There is no endpoint of {model} to replace: run `make demo MODEL={model}` first.", file=sys.stderr)
    raise SystemExit(2)


async def change(load: Load, model: str, log: Path) -> int:
    """Put the load on the endpoint, replace it, and return the workflow's exit code."""
    loading = asyncio.create_task(load.run())
    await asyncio.sleep(AFTER)
    command = [sys.executable, "-m", "azureml_local.cli", "run", "deploy-online", "-i", f"model={model}",
               "-i", "soak-seconds=10", "--quiet"]  # fmt: skip
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        code = await running.wait()
    await asyncio.sleep(AFTER)
    load.stop = True
    await loading
    return code


def report(asked: list[Asked]) -> None:
    print(f"{'second':>8}{'asked':>7}{'not 200':>9}{'p50 ms':>8}{'p95 ms':>8}{'max ms':>8}  answered by")
    for number in range(int(max(each.at for each in asked) / BUCKET) + 1):
        bucket = [each for each in asked if int(each.at / BUCKET) == number]
        if bucket:
            bad = sum(each.status != "200" for each in bucket)
            by = collections.Counter(each.deployment for each in bucket)
            print(f"{number * BUCKET:8.0f}{len(bucket):7}{bad:9}{_times(bucket)}  {_counted(by)}")
    print(f"{'all':>8}{len(asked):7}{sum(each.status != '200' for each in asked):9}{_times(asked)}")
    print(f"statuses: {_counted(collections.Counter(each.status for each in asked))}")


def _times(asked: list[Asked]) -> str:
    latencies = [each.latency * 1000 for each in asked]
    return "".join(f"{percentile(latencies, share):8.0f}" for share in (0.5, 0.95, 1.0))


def _counted(counter: collections.Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


def main(argv: list[str]) -> int:
    """argv: the model, the requests per second."""
    model = argv[0] if argv else "taxi"
    rate = float(argv[1]) if len(argv) > 1 else 50.0
    paths = StatePaths.from_environment()
    config = settings.load(paths)
    if daemon.find(paths, config) is None:
        print(f"bench: no local workspace runs in {paths.root}; first: make demo MODEL={model}", file=sys.stderr)
        return 2
    workspace = Workspace(paths, config)
    workspace.sign_in()
    name = endpoint_of(workspace, model)
    key = str(workspace.arm("POST", f"/onlineEndpoints/{name}/listKeys")["primaryKey"])
    host = f"{name}.{workspace.config.location}.inference.ml.azure.com"
    body = (REPOSITORY / "data" / model / f"{model}-request.json").read_bytes()
    print(f"{rate:g} requests/s on {name} while deploy-online replaces what serves it")
    load = Load(workspace, host, post(host, key, body), rate)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "deploy-online.log"
        code = asyncio.run(change(load, model, log))
        if code != 0:
            print(log.read_text(errors="replace")[-4000:])
    report(load.asked)
    print(f"deploy-online: {'done' if code == 0 else f'exit code {code}'}")
    return 1 if code != 0 or any(each.status != "200" for each in load.asked) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
