"""Rows counted alike on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from predictions import count_rows, first_rows, input_rows


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("p.csv", "0,1.5,a.csv\n1,2.5,a.csv\n", 2),
        ("p.csv", '"two\nlines",1\nlast', 2),
        ("p.csv", "\n\n", 0),
        ("p.csv", "", 0),
        ("p.tsv", "a\tb\n", 1),
        ("p.txt", "[0, 1.5, 'a.csv']\n", 1),
        ("p.jsonl", '{"a": "x,\\"y"}\n\n{"a": 2}\n', 2),
        ("part-0", "1\n2\n", 2),
    ],
)
def test_predictions_have_no_header(tmp_path: Path, name: str, text: str, rows: int) -> None:
    (tmp_path / name).write_text(text)
    assert count_rows([tmp_path / name]) == rows


def test_first_rows_come_from_all_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"{name},1\n{name},2\n")
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert first_rows(files, 3) == ["a.csv, 1", "a.csv, 2", "b.csv, 1"]


def test_an_inputs_csv_files_have_a_header_each(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    (tmp_path / "b.jsonl").write_text("{}\n")
    (tmp_path / ".keep").touch()
    assert input_rows(tmp_path) == 3
    assert input_rows(tmp_path / "a.csv") == 2
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    assert input_rows(tmp_path) is None
