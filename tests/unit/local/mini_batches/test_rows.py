"""Results of run() as rows, with stand-ins for pandas' classes: the development environment has no pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azureml_local.mini_batches.config import Config
from azureml_local.mini_batches.inputs import InputError, MiniBatch, find_files, split
from azureml_local.mini_batches.rows import ResultError, from_returned
from azureml_local.mini_batches.tally import Failure, Tally


def test_elements_of_a_list_are_their_text() -> None:
    result = from_returned([1.5, "a b", ["x", 2]])
    assert (result.text, result.rows, result.items) == ("1.5\na b\n['x', 2]\n", 3, 3)


def test_a_data_frame_is_written_as_azure_ml_does() -> None:
    asked: list[dict[str, Any]] = []

    class DataFrame:
        __module__ = "pandas.core.frame"

        def __len__(self) -> int:
            return 2

        def head(self, count: int) -> DataFrame:
            return self

        def to_csv(self, **options: Any) -> str:
            asked.append(options)
            return "file prediction\n" if options.get("header", True) else 'a.csv 1\n"b c.csv" 2\n'

    result = from_returned(DataFrame())
    assert (result.text, result.rows, result.header) == ('a.csv 1\n"b c.csv" 2\n', 2, "file prediction")
    assert asked[0] == {"sep": " ", "index": False, "header": False}


@pytest.mark.parametrize("returned", [None, "text", {"a": 1}, 5])
def test_anything_else_is_refused(returned: object) -> None:
    with pytest.raises(ResultError, match=f"run\\(\\) returned {type(returned).__name__}. It must return a list"):
        from_returned(returned)


def test_files_are_split_in_order_and_the_last_mini_batch_is_smaller(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    files, below = find_files(str(tmp_path), recursive=False)
    batches = split(files, str(tmp_path), 2)
    assert ([batch.names for batch in batches], below) == ([("a", "b"), ("c",)], 0)


def test_an_input_with_files_in_subfolders_only_says_why_nothing_is_scored(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").touch()
    with pytest.raises(InputError, match="no files of its own, only 1 in subfolders"):
        find_files(str(tmp_path), recursive=False)
    with pytest.raises(InputError, match="no file or folder"):
        find_files(str(tmp_path / "missing"), recursive=False)


def test_the_file_that_the_reason_names_is_told_first() -> None:
    batch = MiniBatch(3, ("/in/1.csv", "/in/11.csv"), ("1.csv", "11.csv"), 2)
    assert Failure(batch, 2, "bad 11.csv", 4).sentence() == (
        "11.csv: bad 11.csv (mini-batch 3 with 1 other file, tried 4 times)"
    )
    assert Failure(batch, 2, "bad", 1).sentence() == "1.csv, 11.csv: bad (mini-batch 3)"
    many = MiniBatch(0, tuple("abcdefghijkl"), tuple("abcdefghijkl"), 12)
    assert Failure(many, 12, "bad:", 1).sentence().startswith("a, b, c, d, e, f, g, h, i, j and 2 more: bad:")


def test_no_limit_accepts_everything() -> None:
    config = Config(input="", scratch="", logs="", result="")
    tally = Tally(config, files=1, batches=1)
    tally.failed(MiniBatch(0, ("a",), ("a",), 1), "bad", 1)
    assert tally.exceeded() is None
