"""The driver: deals mini-batches out to workers, tries failed ones again, and writes the output when all went well.

Nothing is put into the output before the end, so a job that failed leaves none.
"""

from __future__ import annotations

import selectors
import shutil
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from .config import Config
from .inputs import InputError, MiniBatch, find_files, split
from .pool import Pool, Worker
from .report import Report, say, write_outcome
from .tables import split_table
from .tally import Tally

_FAILED_STARTS = 3  # a worker that dies before it is ready is started again so many times
_SHUTDOWN_SECONDS = 10.0


class JobError(Exception):
    """The job failed as a whole; the message is what people are told first."""


class Driver:
    """One job."""

    def __init__(
        self, config: Config, config_file: str, batches: list[MiniBatch], tally: Tally, report: Report
    ) -> None:
        self._config = config
        self._tally = tally
        self._report = report
        self._pool = Pool(config_file, Path(config.logs), config.processes)
        self._waiting = deque(batches)
        self._places = deque(range(min(config.nodes * config.processes, len(batches))))
        self._workers: dict[Worker, int] = {}
        self._selector = selectors.DefaultSelector()
        self._tries: dict[int, int] = {}
        self._rows: dict[int, Path] = {}
        self._header = ""
        self._failed_starts = 0

    def score(self) -> None:
        """Until every mini-batch is done. Raises JobError when too much failed; no worker is left then."""
        try:
            while self._waiting or any(worker.batch for worker in self._workers):
                self._deal()
                for key, _ in self._selector.select(self._next_deadline()):
                    self._hear(key.data)
                self._watch_time()
                exceeded = self._tally.exceeded()
                if exceeded is not None:
                    raise JobError(f"{exceeded} {self._tally.failures[-1].sentence()}")
            self._let_go()
        finally:
            for worker in list(self._workers):
                self._drop(worker)

    def write_output(self) -> None:
        """The rows in the order of the files, and what scripts wrote themselves, to where they belong."""
        config = self._config
        if config.rows_to:
            whole = Path(config.scratch) / "rows.txt"
            with whole.open("wb") as out:
                if config.header and self._header:
                    out.write(self._header.encode() + b"\n")
                for number in sorted(self._rows):
                    with self._rows[number].open("rb") as part:
                        shutil.copyfileobj(part, out)
            Path(config.rows_to).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(str(whole), config.rows_to)
        if config.staging:
            _merge(Path(config.staging), Path(config.output))

    # -- workers -------------------------------------------------------------------------------------------------

    def _deal(self) -> None:
        """Give every worker something to do, and start those that are missing."""
        idle = [worker for worker in self._workers if worker.ready and worker.batch is None]
        for worker in idle:
            if not self._waiting:
                return
            batch = self._waiting.popleft()
            if not worker.give(batch, self._rows_file(batch)):
                self._lost(worker)
        starting = sum(not worker.ready for worker in self._workers)
        while self._places and starting < len(self._waiting):
            place = self._places.popleft()
            worker = self._pool.start(place)
            self._workers[worker] = place
            self._selector.register(worker.answers, selectors.EVENT_READ, worker)
            starting += 1

    def _hear(self, worker: Worker) -> None:
        if worker not in self._workers:
            return  # it was dropped while its answer was on the way
        messages = worker.read()
        if messages is None:
            self._lost(worker)
            return
        for message in messages:
            kind = message["kind"]
            if kind == "ready":
                worker.ready = True
                self._failed_starts = 0
            elif kind == "unusable":
                self._report.unusable(message["error"], message["traceback"])
                raise JobError(f"The scoring script could not be started: {message['error']}")
            elif kind == "done":
                self._done(worker, message)
            else:
                self._try_failed(worker, message["error"], message["traceback"])

    def _watch_time(self) -> None:
        now, config = time.monotonic(), self._config
        for worker in list(self._workers):
            if worker.batch is not None and now - worker.since > config.timeout:
                self._try_failed(worker, f"run() took longer than the time limit of {config.timeout:g} s", "")
                self._drop(worker)
            elif not worker.ready and now - worker.since > config.start_timeout:
                raise JobError(f"init() took longer than {config.start_timeout:g} s, so nothing could be scored.")

    def _next_deadline(self) -> float | None:
        limits = [
            worker.since + (self._config.timeout if worker.batch is not None else self._config.start_timeout)
            for worker in self._workers
            if worker.batch is not None or not worker.ready
        ]
        return max(min(limits) - time.monotonic(), 0.0) + 0.01 if limits else None

    def _lost(self, worker: Worker) -> None:
        """A worker is gone that nobody sent away."""
        how = self._drop(worker)
        if worker.batch is not None:
            self._try_failed(worker, how, "")
        elif not worker.ready:
            self._failed_starts += 1
            say(f"worker {worker.name}: {how} before init() was done")
            if self._failed_starts >= _FAILED_STARTS:
                raise JobError(
                    f"The scoring script could not be started: {how} in init(), {self._failed_starts} times."
                )

    def _drop(self, worker: Worker) -> str:
        self._selector.unregister(worker.answers)
        self._places.append(self._workers.pop(worker))
        return worker.end()

    def _let_go(self) -> None:
        """Let the workers call `shutdown()` and end; those that never got anything to do need not."""
        for worker in list(self._workers):
            if worker.ready:
                worker.tasks.close()
            else:
                self._drop(worker)
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        for worker in list(self._workers):
            while worker.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)

    # -- mini-batches --------------------------------------------------------------------------------------------

    def _rows_file(self, batch: MiniBatch) -> Path:
        """Each try has a file of its own: what a dying worker wrote never mixes with what the next one writes."""
        return Path(self._config.scratch) / f"rows-{batch.number}-{self._tries.get(batch.number, 0)}.txt"

    def _done(self, worker: Worker, message: dict[str, Any]) -> None:
        batch = worker.batch
        assert batch is not None
        assert batch.number == message["number"]
        self._rows[batch.number] = self._rows_file(batch)
        self._header = self._header or message["header"]
        short = self._tally.succeeded(batch, message["items"], message["rows"])
        if short is not None:
            self._report.failed(short)
        name = batch.names[0] + (f" and {len(batch.names) - 1} more" if len(batch.names) > 1 else "")
        self._report.scored(name, time.monotonic() - worker.since, worker.name)
        worker.batch = None

    def _try_failed(self, worker: Worker, reason: str, traceback: str) -> None:
        """One try of a worker's mini-batch failed: it goes back into the line, or is given up."""
        batch = worker.batch
        assert batch is not None
        worker.batch = None
        self._tries[batch.number] = tries = self._tries.get(batch.number, 0) + 1
        self._report.retried(batch.number, reason, tries, traceback)
        if tries <= self._config.max_retries:
            self._waiting.append(batch)
        else:
            self._report.failed(self._tally.failed(batch, reason, tries))


def _merge(source: Path, target: Path) -> None:
    """Move the content of a folder into another; a file that is there already is replaced."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and not entry.is_symlink():
            _merge(entry, place)
        else:
            shutil.move(str(entry), str(place))


def _stop(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def main(arguments: list[str]) -> int:
    """CONFIG: score what it says. Exit codes: 0 completed, 1 failed with the reason in `config.result`."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _stop)
    config = Config.read(arguments[0])
    report = Report(config, Tally(config, 0, 0))
    message = None
    try:
        if config.rows_to and not config.overwrite and Path(config.rows_to).exists():
            raise JobError(
                f"The output file '{Path(config.rows_to).name}' exists already. Give the job an output path or "
                "file name of its own."
            )
        below = 0
        if config.table:
            batches, count = split_table(config)
            most = "the partition keys" if config.partition_keys else f"about {config.mini_batch_bytes} bytes"
        else:
            files, below = find_files(config.input, recursive=config.recursive)
            batches, count = split(files, config.input, config.mini_batch_size), len(files)
            most = f"up to {config.mini_batch_size}"
        tally = Tally(config, count, len(batches))
        report = Report(config, tally)
        if below:
            report.warn(f"{below} files in subfolders of the input are not scored: batch deployments read one folder")
        workers = min(config.nodes * config.processes, len(batches))
        size = f"{len(batches)} mini-batches {'by' if config.partition_keys else 'of'} {most}"
        say(f"{count} {tally.noun}s in {size}, {workers} worker{'s' * (workers > 1)}")
        driver = Driver(config, arguments[0], batches, tally, report)
        driver.score()
        driver.write_output()
    except (JobError, InputError) as error:
        message = str(error)
    except OSError as error:
        message = f"The output could not be written: {error}"
        write_outcome(config, message)
        raise
    report.end(message, started)
    return 0 if message is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
