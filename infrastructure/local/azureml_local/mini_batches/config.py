"""What the workspace tells the driver, and the driver its workers: one JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NO_LIMIT = -1


@dataclass(frozen=True)
class Config:
    """Paths are absolute, times in seconds.

    scorer: "script" for an entry script with `init()` and `run(mini_batch)`, "mlflow" for a model without one.
    recursive: whether files in subfolders of the input are scored too.
    table: the input is a table, `{"files", "base", "steps"}` as jobs/mltables.py reads it; its mini-batches are rows of
    about mini_batch_bytes, or those with the same values of the partition_keys.
    processes: worker processes of each of the `nodes`.
    error_threshold, mini_batch_error_threshold: how many files, mini-batches may fail; NO_LIMIT accepts all.
    failed_percent: how many of a hundred mini-batches may fail.
    rows_to: the file that gets the rows, "" when results are only counted (`summary_only`).  overwrite: even if it is
    there already.  header: whether it begins with the names of a DataFrame's columns.
    staging, output: what scripts write to `staging` (AZUREML_BI_OUTPUT_PATH) is moved to `output` when all is done.
    scratch: a folder for what is under way.  logs: the run's `logs` folder.  result: the file for the outcome.
    """

    input: str
    scratch: str
    logs: str
    result: str
    scorer: str = "script"
    script: str = ""
    arguments: list[str] = field(default_factory=list)
    model: str = ""
    recursive: bool = False
    mini_batch_size: int = 10
    table: dict[str, Any] | None = None
    mini_batch_bytes: int = 1 << 20
    partition_keys: list[str] = field(default_factory=list)
    nodes: int = 1
    processes: int = 1
    max_retries: int = 3
    timeout: float = 30.0
    start_timeout: float = 600.0
    error_threshold: int = NO_LIMIT
    mini_batch_error_threshold: int = NO_LIMIT
    failed_percent: int = 100
    logging_level: str = "INFO"
    rows_to: str = ""
    overwrite: bool = False
    header: bool = False
    staging: str = ""
    output: str = ""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: str) -> Config:
        given: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(**given)
