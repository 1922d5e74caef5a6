"""Inputs are read from INPUT_ variables, and all that is wrong is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import ActionError, ExitCode
from inputs import COMPUTE, RESOURCE_GROUP, WORKSPACE, Inputs, variable


def read(**values: str) -> Inputs:
    return Inputs({variable(name.replace("_", "-")): value for name, value in values.items()})


def test_a_name_with_dashes_travels_with_underscores() -> None:
    assert variable("node-sku") == "INPUT_NODE_SKU"


def test_all_problems_come_in_one_error() -> None:
    inputs = read(cluster_size="many", tier="cheap", wait="yes")
    inputs.text("cluster-name", required=True)
    assert inputs.integer("cluster-size", default=4, low=1, high=10) == 4
    inputs.choice("tier", ("dedicated", "low_priority"), default="low_priority")
    inputs.boolean("wait", default=True)
    with pytest.raises(ActionError) as raised:
        inputs.check()
    assert raised.value.exit_code is ExitCode.BAD_INPUT
    assert raised.value.text() == (
        "4 problems with the inputs of this action; nothing was created.\n"
        "- cluster-name is empty: it is required. Give `cluster-name:` under `with:`.\n"
        "- cluster-size is 'many': it must be a whole number from 1 to 10.\n"
        "- tier is 'cheap': it must be one of dedicated, low_priority.\n"
        "- wait is 'yes': it must be 'true' or 'false'."
    )


def test_good_inputs_pass() -> None:
    inputs = read(name="  taxi ", size="7", wait="FALSE", tier="b", lines="a=1\n\n# no\n b=2 \n")
    assert inputs.text("name", required=True) == "taxi"
    assert inputs.integer("size", default=1, low=0, high=9) == 7
    assert inputs.boolean("wait", default=True) is False
    assert inputs.choice("tier", ("a", "b"), default="a") == "b"
    assert inputs.lines("lines") == ["a=1", "b=2"]
    inputs.check()


@pytest.mark.parametrize("value", ["0", "11", "-1", "1.5", "0x1", "9" * 30])
def test_numbers_outside_the_range_are_refused(value: str) -> None:
    inputs = read(size=value)
    inputs.integer("size", default=1, low=1, high=10)
    assert f"size is '{value}': it must be a whole number from 1 to 10." in inputs.problems[0].message


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (RESOURCE_GROUP, ["rg", "rg-a_(1).x"], ["rg.", "a/b", "x" * 91]),
        (WORKSPACE, ["aml", "a1-b_c"], ["-a", "a", "x" * 34, "a;b"]),
        (COMPUTE, ["cpu-cluster", "c1"], ["1c", "c-", "c_1", "x" * 25]),
    ],
)
def test_names_follow_azures_rules(rule: tuple[str, str], good: list[str], bad: list[str]) -> None:
    for value in good + bad:
        inputs = read(name=value)
        inputs.text("name", pattern=rule[0], allowed=rule[1])
        assert bool(inputs.problems) == (value in bad), value


def test_an_id_must_be_one() -> None:
    inputs = read(client_id="me")
    inputs.guid("client-id")
    assert inputs.problems[0].message.startswith("client-id is 'me': it must be an id like 00000000-")


def test_a_missing_file_names_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "taxi_pipeline.yml").touch()
    inputs = read(pipeline_file="train/pipelin.yml", other="train")
    assert inputs.file("pipeline-file", what="a pipeline") is None
    assert inputs.file("other", what="a pipeline") is None
    first, second = (problem.message for problem in inputs.problems)
    assert first == (
        f"pipeline-file is 'train/pipelin.yml': there is no such file in {tmp_path}; it must name a pipeline. "
        "There is: train/taxi_pipeline.yml."
    )
    assert "other is 'train': it is a folder, not a file" in second


def test_an_empty_checkout_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = read(pipeline_file="p.yml")
    inputs.file("pipeline-file", what="a pipeline")
    assert "Run actions/checkout first." in inputs.problems[0].message
