"""MLTable files: what is read of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.jobs.mltables import TableError, read_table


def table(folder: Path, text: str, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x,y\n1,2\n")
    (folder / "MLTable").write_text(text)
    return folder


def elsewhere(uri: str) -> Path:
    return Path("/data") / uri.rpartition("/")[2]


def test_files_folders_and_patterns_are_found_beside_the_table(tmp_path: Path) -> None:
    text = """
        type: mltable
        paths:
          - file: ./b.csv
          - pattern: ./many/*.csv
          - folder: ./deep
        transformations:
          - read_delimited: {delimiter: ";", encoding: ascii, header: all_files_same_headers}
          - keep_columns: [x]
          - take: 5
    """
    read = read_table(
        table(tmp_path, text, "b.csv", "many/2.csv", "many/1.csv", "many/n.txt", "deep/er/c.csv"), elsewhere
    )
    assert [Path(file).relative_to(tmp_path).as_posix() for file in read["files"]] == [
        "b.csv", "many/1.csv", "many/2.csv", "deep/er/c.csv",
    ]  # fmt: skip
    assert read["steps"] == [
        ["read_delimited", {"delimiter": ";", "encoding": "ascii", "header": "all_files_same_headers"}],
        ["keep_columns", ["x"]],
        ["take", 5],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file MLTable is empty"),
        ("paths: [", "the file MLTable is not YAML"),
        ("paths: []", "its paths name no file"),
        ("paths: [{file: ./no.csv}]", "there is no file './no.csv'"),
        ("paths: [{folder: ./no}]", "there is no folder './no'"),
        ("paths: [{glob: ./a.csv}]", "'glob' is not one of file, folder, pattern"),
        ("paths: [{pattern: 'https://x/*.csv'}]", "must be relative to the file MLTable"),
        ("paths: [{file: ./a.csv}]", "its transformations must begin with one of read_delimited, read_parquet"),
        (
            "{paths: [{file: ./a.csv}], transformations: [read_delta_lake]}",
            "'read_delta_lake' is not one that is done here",
        ),
        (
            "{paths: [{file: ./a.csv}], transformations: [read_parquet, {filter: 'x > 1'}]}",
            "'filter' is not one that is done here: keep_columns, drop_columns, take, skip, extract_columns",
        ),
        (
            "{paths: [{file: ./a.csv}], transformations: [{read_parquet: {nulls: no}}]}",
            "read_parquet has the option 'nulls'; known are include_path_column",
        ),
        (
            "{paths: [{file: ./a.csv}], transformations: [{read_delimited: {header: maybe}}]}",
            "the header 'maybe' of read_delimited is not one of all_files_same_headers",
        ),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TableError) as refused:
        read_table(table(tmp_path, text, "a.csv"), elsewhere)
    assert message in str(refused.value)


def test_a_folder_without_the_file_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no file 'MLTable' in the folder"):
        read_table(tmp_path, elsewhere)
