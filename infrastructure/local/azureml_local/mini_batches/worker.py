"""A worker process: calls `init()` once, then `run()` for each mini-batch it is given, and says how it went.

It is told what to do and answers by lines of JSON on two pipes. A third pipe never says anything: when it closes the
driver is gone, and the worker ends itself with all it started, even while `run()` hangs.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from .config import Config
from .mlflow_scorer import MlflowScorer
from .rows import from_returned
from .script import Script

_SHORT = 500


def main(arguments: list[str]) -> int:
    """CONFIG worker TASKS ANSWERS LIFELINE: the numbers are descriptors of the pipes."""
    config = Config.read(arguments[0])
    tasks, answers, lifeline = (int(number) for number in arguments[2:5])
    threading.Thread(target=_end_with_driver, args=(lifeline,), daemon=True).start()
    logging.basicConfig(
        level=config.logging_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for descriptor in (tasks, answers, lifeline):  # what the script starts must not keep the pipes open
        os.set_inheritable(descriptor, False)
    scorer: Script | MlflowScorer = MlflowScorer(config) if config.scorer == "mlflow" else Script(config)
    with os.fdopen(tasks, encoding="utf-8") as incoming, os.fdopen(answers, "w", encoding="utf-8") as outgoing:

        def answer(**message: Any) -> None:
            sys.stdout.flush()
            sys.stderr.flush()
            outgoing.write(json.dumps(message) + "\n")
            outgoing.flush()

        try:
            scorer.init()
        except BaseException as error:  # noqa: BLE001 - whatever it is, SystemExit too, the driver is told
            answer(kind="unusable", **_told(error))
            return 1
        answer(kind="ready")
        for line in incoming:
            task = json.loads(line)
            answer(**_run(scorer, task))
        scorer.shutdown()
    return 0


def _run(scorer: Script | MlflowScorer, task: dict[str, Any]) -> dict[str, Any]:
    """Score one mini-batch; its rows go to the file `task["rows"]`."""
    try:
        result = from_returned(scorer.run(task))
        with Path(task["rows"]).open("w", encoding="utf-8", newline="") as file:
            file.write(result.text)
    except BaseException as error:  # noqa: BLE001
        return {"kind": "failed", "number": task["number"], **_told(error)}
    return {
        "kind": "done",
        "number": task["number"],
        "items": result.items,
        "rows": result.rows,
        "header": result.header,
    }


def _told(error: BaseException) -> dict[str, str]:
    """An exception in one line, and in full."""
    if isinstance(error, SyntaxError):
        text = f"SyntaxError: {error.msg} ({Path(error.filename or '').name}, line {error.lineno})"
    elif type(error).__module__.startswith("azureml_mini_batches"):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
    first = " ".join(text.split())
    full = traceback.format_exc()
    print(full, file=sys.stderr)
    return {"error": first if len(first) <= _SHORT else first[: _SHORT - 3] + "...", "traceback": full}


def _end_with_driver(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgid(0), signal.SIGKILL)
