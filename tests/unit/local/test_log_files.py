"""The end of a log, and logs that stay small while servers write to them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from azureml_local import log_files


def test_the_end_of_a_log(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    assert log_files.tail(file, 5) == ""
    file.write_text("".join(f"line {number}\n" for number in range(5000)))
    assert log_files.tail(file, 2) == "line 4998\nline 4999"
    assert log_files.tail(file, 6000).count("\n") == 4999
    long = "x" * 100_000
    file.write_text(f"{long}\n{long}\n")
    assert log_files.tail(file, 1) == long


def test_a_log_that_grows_too_large_is_cut_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    with file.open("ab", buffering=0) as server:
        server.write(b"before\n" * 10_000)
        log_files.trim(file, 100_000, 200)
        assert file.stat().st_size == 70_000
        server.write(b"more\n" * 10_000)
        log_files.trim(file, 100_000, 200)
        server.write(b"after\n")
    text = file.read_text()
    assert text.startswith("azureml-local: the log was cut at 100000 bytes; this is its end\nmore\n")
    assert text.endswith("more\nafter\n")
    assert len(text) < 2000


def test_a_log_of_one_endless_line_is_cut_too(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"x" * 100_001)
    log_files.trim(file, 100_000)
    assert file.stat().st_size < 51_000


def test_every_log_of_a_folder_is_kept_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(log_files, "trim", lambda file: looked.append(file.name))
    for name in ("server.log", "mlflow.log", "other.txt"):
        (tmp_path / name).touch()

    async def for_a_while() -> None:
        keeping = asyncio.create_task(log_files.keep_small(tmp_path, 0.001))
        while len(looked) < 4:
            await asyncio.sleep(0.001)
        keeping.cancel()

    asyncio.run(for_a_while())
    assert sorted(looked[:4]) == ["mlflow.log", "mlflow.log", "server.log", "server.log"]
