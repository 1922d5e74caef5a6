"""Splits always sum to 100, and blue and green take turns."""

from __future__ import annotations

import pytest

import traffic


@pytest.mark.parametrize(("text", "steps"), [("10,50,100", [10, 50, 100]), ("100", [100]), (" 5 %, 20%", [5, 20])])
def test_steps_are_read(text: str, steps: list[int]) -> None:
    assert traffic.parse_steps(text) == steps


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "percents separated by commas"),
        ("ten", "percents separated by commas"),
        ("10;50", "percents separated by commas"),
        ("10,101", "no step may exceed 100"),
        ("50,10", "larger than the one before"),
        ("10,10", "larger than the one before"),
    ],
)
def test_wrong_steps_say_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        traffic.parse_steps(text)


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ({"blue": 100}, 10, {"blue": 90, "green": 10}),
        ({"blue": 100}, 100, {"green": 100}),
        ({"blue": 50, "red": 50}, 10, {"blue": 45, "red": 45, "green": 10}),
        ({"a": 34, "b": 33, "c": 33}, 10, {"a": 30, "b": 30, "c": 30, "green": 10}),
        ({"a": 1, "b": 99}, 99, {"b": 1, "green": 99}),
        ({}, 100, {"green": 100}),
        ({"green": 100}, 100, {"green": 100}),
        ({"blue": 100}, 0, {"blue": 100}),
    ],
)
def test_the_rest_is_shared_as_before(before: dict[str, int], percent: int, after: dict[str, int]) -> None:
    assert traffic.shifted(before, "green", percent) == after


def test_every_split_sums_to_100() -> None:
    for share in range(1, 100):
        for percent in range(1, 101):
            split = traffic.shifted({"a": share, "b": 100 - share, "c": 0}, "new", percent)
            assert sum(split.values()) == 100
            assert split.get("new") == percent


def test_a_first_deployment_gets_everything_at_once() -> None:
    assert traffic.steps_from({}, [10, 50, 100]) == [100]
    assert traffic.steps_from({}, [0]) == []
    assert traffic.steps_from({"blue": 100}, [0, 10]) == [10]


@pytest.mark.parametrize(
    ("existing", "live", "name"),
    [
        ([], {}, "blue"),
        (["blue"], {"blue": 100}, "green"),
        (["green"], {"green": 100}, "blue"),
        (["blue", "green"], {"green": 100}, "blue"),
        (["blue", "green"], {"blue": 100}, "green"),
        (["blue"], {}, "green"),
        (["blue", "green"], {"blue": 90, "green": 10}, ""),
        (["taxi-online-dp"], {"taxi-online-dp": 100}, "blue"),
    ],
)
def test_the_idle_one_is_chosen(existing: list[str], live: dict[str, int], name: str) -> None:
    assert traffic.idle_name(existing, live) == name


def test_bars_and_words() -> None:
    assert traffic.bar(0) == "░" * 20
    assert traffic.bar(1) == "█" + "░" * 19
    assert traffic.bar(100) == "█" * 20
    assert traffic.told({"green": 10, "blue": 90, "red": 0}) == "blue 90 %, green 10 %"
    assert traffic.told({}) == "no traffic"
    assert traffic.of({"blue": "100", "green": 0}) == {"blue": 100}
