"""taxi/code/rows.py: what is trained on, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RAW = Path(__file__).resolve().parents[3] / "data" / "taxi" / "taxi-data.csv"
SHARES = {"seed": 42, "validation_share": 0.1, "test_share": 0.2, "max_bad_rows": 0}


@pytest.fixture
def rows(load_step: Callable[[str, str], ModuleType]) -> ModuleType:
    return load_step("taxi", "rows")


def csv_with(tmp_path: Path, **changes: str) -> Path:
    """The first hundred rows of the real data; the third row (line 4) with these cells."""
    header, *lines = RAW.read_text().splitlines()[:101]
    cells = dict(zip(header.split(","), lines[2].split(","), strict=True)) | changes
    lines[2] = ",".join(cells.values())
    path = tmp_path / "trips.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_the_committed_rows_are_valid_and_split_by_the_shares(rows: ModuleType) -> None:
    counts = rows.prepare([RAW], **SHARES).counts()
    assert counts["rejected"] == 0
    assert counts["train"] + counts["validation"] + counts["test"] == 10_000
    assert 1900 < counts["test"] < 2100
    assert 900 < counts["validation"] < 1100


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("cost", "free", "cost 'free' is not a number"),
        ("cost", "0", "cost '0' is outside 0.01..500"),
        ("cost", "nan", "cost 'nan' is not a finite number"),
        ("distance", "", "distance is empty"),
        ("distance", "1e999", "distance '1e999' is not a finite number"),
        ("pickup_latitude", "-73.98", "pickup_latitude '-73.98' is outside 40..42"),
        ("pickup_hour", "24", "pickup_hour '24' is outside 0..23"),
        ("passengers", "1.5", "passengers '1.5' is not a whole number"),
        ("store_forward", "maybe", "store_forward 'maybe' is not one of N, Y"),
        ("vendor", "3", "vendor '3' is not one of 1, 2"),
    ],
)
def test_a_bad_cell_is_named_by_file_line_column_and_value(
    rows: ModuleType, tmp_path: Path, column: str, cell: str, said: str
) -> None:
    path = csv_with(tmp_path, **{column: cell})
    with pytest.raises(rows.InvalidRows) as refusal:
        rows.prepare([path], **SHARES)
    assert str(refusal.value) == f"1 bad rows, at most 0 are allowed (--max-bad-rows):\n  trips.csv, line 4: {said}"


def test_bad_rows_up_to_the_limit_are_left_out_and_told(rows: ModuleType, tmp_path: Path) -> None:
    prepared = rows.prepare([csv_with(tmp_path, cost="-1")], **{**SHARES, "max_bad_rows": 1})
    assert prepared.rejected == ["trips.csv, line 4: cost '-1' is outside 0.01..500"]
    assert sum(len(split) for split in prepared.splits.values()) == 99


def test_of_many_bad_rows_ten_are_shown(rows: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text(RAW.read_text().splitlines()[0] + "\n" + "x\n" * 25)
    with pytest.raises(rows.InvalidRows) as refusal:
        rows.prepare([path], **SHARES)
    assert str(refusal.value).count("trips.csv, line ") == 10
    assert str(refusal.value).endswith("... and 15 more")


def test_a_missing_column_is_named_beside_those_that_are_there(rows: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text(RAW.read_text().replace("store_forward,vendor", "store_forward,company", 1))
    with pytest.raises(rows.InvalidRows, match=r"^trips.csv: missing column vendor; the header has: cost, .*company$"):
        rows.prepare([path], **SHARES)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00cost"])
def test_a_file_that_is_no_csv_is_refused_by_name(rows: ModuleType, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trips.csv"
    path.write_bytes(content)
    with pytest.raises(rows.InvalidRows, match=r"^trips.csv"):
        rows.prepare([path], **SHARES)


def test_too_few_rows_for_three_splits_is_refused(rows: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text("\n".join(RAW.read_text().splitlines()[:2]) + "\n")
    with pytest.raises(rows.InvalidRows, match="1 valid rows are too few: no row fell into "):
        rows.prepare([path], **SHARES)


def test_a_folder_is_read_file_by_file_and_an_empty_one_refused(rows: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "b.csv").touch()
    (tmp_path / "a.csv").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in rows.csv_files(tmp_path)] == ["a.csv", "b.csv"]
    with pytest.raises(rows.InvalidRows, match=r"nowhere: neither a file nor a folder with \*.csv files in it"):
        rows.csv_files(tmp_path / "nowhere")


def test_columns_are_found_by_name_in_any_order_with_strangers_among_them(rows: ModuleType, tmp_path: Path) -> None:
    header, line = (text.split(",") for text in RAW.read_text().splitlines()[:2])
    path = tmp_path / "trips.csv"
    path.write_text(",".join(["tip", *reversed(header)]) + "\n" + ",".join(["1", *reversed(line)]) + "\n\n")
    assert list(rows.read_rows(path)) == [(2, dict(zip(header, line, strict=True)))]


def test_whole_numbers_are_written_as_such(rows: ModuleType, tmp_path: Path) -> None:
    prepared = rows.prepare([csv_with(tmp_path, passengers="2.0")], **SHARES)
    cells = {row["passengers"] for split in prepared.splits.values() for row in split}
    assert "2.0" not in cells
    assert "2" in cells


def test_a_row_stays_in_its_split_when_others_are_added(rows: ModuleType, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("\n".join(RAW.read_text().splitlines()[:500]) + "\n")
    small, large = rows.prepare([few], **SHARES), rows.prepare([RAW], **SHARES)
    for name in rows.SPLITS:
        assert all(row in large.splits[name] for row in small.splits[name][:20])


def test_the_seed_decides_the_split(rows: ModuleType) -> None:
    one, same, other = (rows.prepare([RAW], **{**SHARES, "seed": seed}).splits["test"] for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.0, 0.2), "--validation-share is 0; it must lie between 0 and 1"),
        ((0.1, 1.5), "--test-share is 1.5; it must lie between 0 and 1"),
        ((0.5, 0.5), "--validation-share 0.5 and --test-share 0.5 leave nothing to train on"),
    ],
)
def test_impossible_shares_are_refused(rows: ModuleType, shares: tuple[float, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rows.check_shares(*shares)


def test_features_are_all_columns_but_the_target(rows: ModuleType) -> None:
    columns: Any = rows.COLUMNS
    assert set(columns) - set(rows.FEATURES) == {"cost"}
    assert list(columns) == RAW.read_text().splitlines()[0].split(",")
