"""The driver with real worker processes and tiny entry scripts."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from azureml_local.mini_batches.config import Config

PROGRAM = Path(__file__).parents[4] / "infrastructure" / "local" / "azureml_local" / "mini_batches"

ECHO = """
    def init():
        pass

    def run(mini_batch):
        return [open(file).read() for file in mini_batch]
"""

STRICT = """
    import os

    def init():
        global offset
        offset = 100

    def run(mini_batch):
        rows = []
        for file in mini_batch:
            text = open(file).read()
            try:
                rows.append(int(text) + offset)
            except ValueError as error:
                raise ValueError(f"{os.path.basename(file)} is corrupt") from error
        return rows
"""


@dataclass
class Scoring:
    """A folder with an input and a script, and what came of scoring it."""

    folder: Path

    def files(self, count: int, **contents: str) -> None:
        source = self.folder / "input"
        source.mkdir(exist_ok=True)
        for number in range(count):
            (source / f"f{number:03d}.txt").write_text(str(number))
        for name, content in contents.items():
            (source / f"{name}.txt").write_text(content)

    def config(self, script: str, **settings: Any) -> Path:
        code = self.folder / "code"
        code.mkdir(exist_ok=True)
        (code / "score.py").write_text(textwrap.dedent(script))
        for name in ("scratch", "staging"):
            (self.folder / name).mkdir(exist_ok=True)
        known: dict[str, Any] = {
            "input": str(self.folder / "input"),
            "scratch": str(self.folder / "scratch"),
            "logs": str(self.folder / "logs"),
            "result": str(self.folder / "result.json"),
            "script": str(code / "score.py"),
            "mini_batch_size": 1,
            "max_retries": 0,
            "rows_to": str(self.folder / "output" / "predictions.csv"),
            "staging": str(self.folder / "staging"),
            "output": str(self.folder / "output"),
        }
        file = self.folder / "config.json"
        Config(**{**known, **settings}).write(file)
        return file

    def start(self, script: str, **settings: Any) -> subprocess.Popen[str]:
        command = [sys.executable, str(PROGRAM), str(self.config(script, **settings))]
        environment = {**os.environ, "AZUREML_BI_OUTPUT_PATH": str(self.folder / "staging"), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=self.folder / "code",
        )

    def run(self, script: str, **settings: Any) -> tuple[int, str]:
        """Exit code and log."""
        process = self.start(script, **settings)
        log, _ = process.communicate(timeout=60)
        return process.returncode, log

    @property
    def outcome(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return content

    @property
    def rows(self) -> list[str]:
        return (self.folder / "output" / "predictions.csv").read_text().splitlines()

    def log(self, path: str) -> str:
        return (self.folder / "logs" / path).read_text()


@pytest.fixture
def scoring(tmp_path: Path) -> Scoring:
    return Scoring(tmp_path)


def test_rows_come_in_the_order_of_the_files_whoever_is_first(scoring: Scoring) -> None:
    scoring.files(12)
    slow_start = """
        import time
        def init(): pass
        def run(mini_batch):
            time.sleep(0.2 if mini_batch[0].endswith("f000.txt") else 0)
            return [open(file).read() for file in mini_batch]
    """
    code, log = scoring.run(slow_start, mini_batch_size=2, nodes=2, processes=2)
    assert (code, scoring.rows) == (0, [str(number) for number in range(12)])
    assert "12 files in 6 mini-batches of up to 2, 4 workers" in log
    assert "Rows:         12" in log
    assert scoring.outcome == {
        "completed": True, "message": None, "files": 12, "rows": 12, "failed": [], "failed_files": 0,
        "warnings": [], "traceback": "",
    }  # fmt: skip


def test_init_runs_once_in_each_worker_and_shutdown_at_the_end(scoring: Scoring) -> None:
    scoring.files(6)
    script = """
        import os
        calls = []
        def init(): calls.append("init")
        def run(mini_batch):
            calls.append("run")
            return [1]
        def shutdown():
            with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], str(os.getpid())), "w") as file:
                file.write(" ".join(calls))
    """
    code, _ = scoring.run(script, processes=2)
    told = [path.read_text() for path in (scoring.folder / "output").iterdir() if path.name.isdigit()]
    assert code == 0
    assert all(text.startswith("init") and text.count("init") == 1 for text in told)
    assert sum(text.count("run") for text in told) == 6


def test_one_corrupt_file_of_a_hundred_and_no_failures_allowed(scoring: Scoring) -> None:
    scoring.files(99, broken="no number")
    code, log = scoring.run(STRICT, mini_batch_size=10, processes=2, error_threshold=0, max_retries=1)
    assert code == 1
    assert scoring.outcome["message"].startswith("10 files of 100 failed, and error_threshold is 0. broken.txt: ")
    assert "ValueError: broken.txt is corrupt" in scoring.outcome["message"]
    assert "with 9 other files, tried 2 times" in scoring.outcome["message"]
    assert "Result:       failed. 10 files of 100" in log
    assert not (scoring.folder / "output").exists(), "a failed job leaves no output"
    assert "invalid literal for int()" in scoring.log("user/error/failed_mini_batches.txt")
    assert 'raise ValueError(f"{os.path.basename(file)} is corrupt")' in scoring.outcome["traceback"]


def test_one_corrupt_file_of_a_hundred_and_all_failures_allowed(scoring: Scoring) -> None:
    scoring.files(99, broken="no number")
    code, log = scoring.run(STRICT, processes=2, error_threshold=-1)
    assert code == 0
    assert scoring.rows == [str(number + 100) for number in range(99)]
    assert scoring.outcome["failed_files"] == 1
    assert scoring.outcome["failed"][0].startswith("broken.txt: ValueError: broken.txt is corrupt (mini-batch ")
    assert "FAILED broken.txt: ValueError: broken.txt is corrupt" in log


def test_a_threshold_is_what_may_fail(scoring: Scoring) -> None:
    scoring.files(8, broken="no", spoiled="no")
    assert scoring.run(STRICT, error_threshold=2)[0] == 0
    (scoring.folder / "output" / "predictions.csv").unlink()
    assert scoring.run(STRICT, error_threshold=1)[0] == 1


def test_mini_batches_have_a_threshold_of_their_own(scoring: Scoring) -> None:
    scoring.files(8, broken="no", spoiled="no")
    code, _ = scoring.run(STRICT, mini_batch_error_threshold=1)
    assert code == 1
    assert "2 mini-batches of 10 failed, and mini_batch_error_threshold is 1." in scoring.outcome["message"]
    code, _ = scoring.run(STRICT, failed_percent=10)
    assert code == 1
    assert "2 mini-batches of 10 failed, and allowed_failed_percent is 10." in scoring.outcome["message"]


def test_fewer_results_than_files_are_failed_files(scoring: Scoring) -> None:
    scoring.files(4)
    script = """
        def init(): pass
        def run(mini_batch):
            return [1 for file in mini_batch if not file.endswith("f001.txt")]
    """
    code, _ = scoring.run(script, mini_batch_size=2, error_threshold=0)
    assert code == 1
    assert "f000.txt, f001.txt: run() returned 1 result for 2 files (mini-batch 0)" in scoring.outcome["message"]
    code, _ = scoring.run(script, mini_batch_size=2, error_threshold=1)
    assert (code, scoring.rows) == (0, ["1", "1", "1"])


def test_a_killed_worker_is_replaced_and_its_mini_batch_tried_again(scoring: Scoring) -> None:
    scoring.files(6)
    script = """
        import os, signal
        def init(): pass
        def run(mini_batch):
            mark = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "killed")
            if mini_batch[0].endswith("f003.txt") and not os.path.exists(mark):
                open(mark, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            return [open(file).read() for file in mini_batch]
    """
    code, log = scoring.run(script, max_retries=1, error_threshold=0)
    assert (code, scoring.rows) == (0, ["0", "1", "2", "3", "4", "5"])
    assert "mini-batch 3 failed (try 1 of 2), trying it again: the worker process was ended by SIGKILL" in log


def test_a_worker_that_always_dies_is_a_failed_file(scoring: Scoring) -> None:
    scoring.files(3)
    script = """
        import os
        def init(): pass
        def run(mini_batch):
            if mini_batch[0].endswith("f001.txt"):
                os._exit(7)
            return [1]
    """
    code, _ = scoring.run(script, max_retries=2, error_threshold=0)
    assert code == 1
    expected = "f001.txt: the worker process exited with code 7 (mini-batch 1, tried 3 times)"
    assert expected in scoring.outcome["message"]


def test_a_hung_worker_is_killed_with_its_children_after_the_time_limit(scoring: Scoring) -> None:
    scoring.files(2)
    script = """
        import os, subprocess, sys, time
        def init(): pass
        def run(mini_batch):
            mark = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "child")
            if not os.path.exists(mark):
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                open(mark, "w").write(str(child.pid))
                time.sleep(600)
            return [1]
    """
    code, log = scoring.run(script, max_retries=1, timeout=1.0)
    assert (code, scoring.rows) == (0, ["1", "1"])
    assert "run() took longer than the time limit of 1 s" in log
    child = int((scoring.folder / "output" / "child").read_text())
    assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_driver_even_while_they_hang(scoring: Scoring, number: signal.Signals) -> None:
    scoring.files(1)
    script = """
        import os, time
        def init(): pass
        def run(mini_batch):
            path = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "worker")
            open(path + ".draft", "w").write(str(os.getpid()))
            os.rename(path + ".draft", path)
            time.sleep(600)
    """
    process = scoring.start(script, timeout=300)
    mark = scoring.folder / "staging" / "worker"
    wait_until(mark.exists)
    process.send_signal(number)
    process.wait(30)
    wait_until(lambda: gone(int(mark.read_text())))
    assert process.stdout is not None
    process.stdout.close()
    assert not (scoring.folder / "output").exists()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def init(): pass", "The entry script 'score.py' has no function run(). It needs init() and run(mini_batch)."),
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def init(:\n  pass", "SyntaxError: invalid syntax (score.py, line 1)"),
        ("def init(): raise KeyError('MODEL')\ndef run(b): return []", "KeyError: 'MODEL'"),
        ("import sys\ndef init(): sys.exit(3)\ndef run(b): return []", "SystemExit: 3"),
    ],
)
def test_a_script_that_cannot_start_fails_the_job_at_once(scoring: Scoring, script: str, message: str) -> None:
    scoring.files(5)
    code, log = scoring.run(script, error_threshold=-1, max_retries=3)
    assert code == 1
    assert scoring.outcome["message"] == f"The scoring script could not be started: {message}"
    assert message in log


def test_a_worker_that_dies_in_init_is_not_started_for_ever(scoring: Scoring) -> None:
    scoring.files(5)
    code, log = scoring.run("import os\ndef init(): os._exit(9)\ndef run(b): return []")
    assert code == 1
    assert "the worker process exited with code 9 in init(), 3 times" in scoring.outcome["message"]
    assert "before init() was done" in log


def test_summary_only_writes_no_rows_but_what_the_script_wrote(scoring: Scoring) -> None:
    scoring.files(3)
    script = """
        import os
        def init(): pass
        def run(mini_batch):
            for file in mini_batch:
                folder = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "part")
                os.makedirs(folder, exist_ok=True)
                open(os.path.join(folder, os.path.basename(file)), "w").write("scored")
            return mini_batch
    """
    code, log = scoring.run(script, rows_to="", mini_batch_size=2)
    written = sorted(path.name for path in (scoring.folder / "output" / "part").iterdir())
    assert (code, written) == (0, ["f000.txt", "f001.txt", "f002.txt"])
    assert not (scoring.folder / "output" / "predictions.csv").exists()
    assert "Rows:         3" in log


def test_an_output_file_that_exists_is_never_overwritten(scoring: Scoring) -> None:
    scoring.files(1)
    (scoring.folder / "output").mkdir()
    (scoring.folder / "output" / "predictions.csv").write_text("earlier")
    code, _ = scoring.run(ECHO)
    assert code == 1
    assert "The output file 'predictions.csv' exists already." in scoring.outcome["message"]
    assert scoring.rows == ["earlier"]


def test_the_script_sees_its_folder_its_arguments_and_nothing_of_the_driver(scoring: Scoring) -> None:
    scoring.files(1)
    (scoring.folder / "code").mkdir()
    (scoring.folder / "code" / "worker.py").write_text("HELPER = 'mine'")
    script = """
        import logging, os, sys
        import worker
        def init(): logging.getLogger("scoring").debug("seen")
        def run(mini_batch):
            print("to stdout")
            return [[worker.HELPER, sys.argv[1:], os.getcwd().endswith("code"), "driver" in sys.modules]]
    """
    code, _ = scoring.run(script, arguments=["--rate", "3"], logging_level="debug")
    assert (code, scoring.rows) == (0, ["['mine', ['--rate', '3'], True, False]"])
    assert scoring.log("user/stdout/node0/process000.stdout.txt") == "to stdout\n"
    assert "DEBUG scoring: seen" in scoring.log("user/stderr/node0/process000.stderr.txt")


def test_it_runs_on_the_oldest_python_that_an_environment_may_have() -> None:
    for file in PROGRAM.glob("*.py"):
        ast.parse(file.read_text(), feature_version=(3, 7))


def test_azure_mls_own_logger_is_there(scoring: Scoring) -> None:
    scoring.files(1)
    script = """
        from azureml_user.parallel_run import EntryScript
        def init(): EntryScript().logger.info("ready")
        def run(mini_batch): return [EntryScript() is EntryScript()]
    """
    code, _ = scoring.run(script, logging_level="info")
    assert (code, scoring.rows) == (0, ["True"])
    assert "INFO azureml_user.parallel_run: ready" in scoring.log("user/stderr/node0/process000.stderr.txt")


def test_azure_mls_own_module_says_what_it_lacks(scoring: Scoring) -> None:
    scoring.files(1)
    script = """
        from azureml_user.parallel_run import EntryScript
        def init(): EntryScript().output_dir
        def run(mini_batch): return []
    """
    code, _ = scoring.run(script)
    assert code == 1
    said = "The local workspace's EntryScript has a logger and nothing else; not 'output_dir'."
    assert said in scoring.outcome["message"]


def test_a_result_that_is_no_list_is_a_failure_that_says_so(scoring: Scoring) -> None:
    scoring.files(1)
    code, _ = scoring.run("def init(): pass\ndef run(b): return None", error_threshold=0)
    assert code == 1
    assert (
        "f000.txt: run() returned NoneType. It must return a list or a pandas DataFrame" in scoring.outcome["message"]
    )


def test_only_the_folder_itself_is_scored_unless_asked(scoring: Scoring) -> None:
    scoring.files(1)
    (scoring.folder / "input" / "sub").mkdir()
    (scoring.folder / "input" / "sub" / "deep.txt").write_text("deep")
    code, log = scoring.run(ECHO)
    assert (code, scoring.rows) == (0, ["0"])
    assert "WARNING: 1 files in subfolders of the input are not scored" in log
    assert scoring.outcome["warnings"] == [
        "1 files in subfolders of the input are not scored: batch deployments read one folder"
    ]
    (scoring.folder / "output" / "predictions.csv").unlink()
    code, _ = scoring.run(ECHO, recursive=True)
    assert (code, scoring.rows) == (0, ["0", "deep"])


def test_a_single_file_is_an_input_too(scoring: Scoring) -> None:
    scoring.files(3)
    code, _ = scoring.run(ECHO, input=str(scoring.folder / "input" / "f002.txt"))
    assert (code, scoring.rows) == (0, ["2"])


def test_an_empty_input_is_an_error(scoring: Scoring) -> None:
    (scoring.folder / "input").mkdir()
    code, _ = scoring.run(ECHO)
    assert (code, scoring.outcome["message"]) == (1, "The input folder is empty: there is nothing to score.")


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be collected has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path("/proc").is_dir()


def wait_until(true: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
