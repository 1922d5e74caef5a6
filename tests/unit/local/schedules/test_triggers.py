"""When schedules fire: nothing but moments in, moments out."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from azureml_local.errors import AzureError
from azureml_local.schedules.triggers import read_trigger

CREATED = datetime(2026, 1, 1, 12, 0, 30, tzinfo=timezone.utc)
PACIFIC = "Pacific Standard Time"


def firings(trigger: dict[str, Any], after: datetime, count: int) -> list[str]:
    read = read_trigger(trigger, CREATED)
    found: list[str] = []
    moment: datetime | None = after
    while len(found) < count and moment is not None:
        moment = read.next_after(moment)
        found.append("never" if moment is None else f"{moment:%m-%d %H:%M}")
    return found


def cron(expression: str, **more: Any) -> dict[str, Any]:
    return {"triggerType": "Cron", "expression": expression, **more}


def every(frequency: str, interval: int = 1, **more: Any) -> dict[str, Any]:
    return {"triggerType": "Recurrence", "frequency": frequency, "interval": interval, **more}


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (cron("15 10 * * 1"), ["01-05 10:15", "01-12 10:15"]),
        (cron("0 9 * * *", timeZone=PACIFIC), ["01-01 17:00", "01-02 17:00"]),
        (cron("0 9 * * *", timeZone="Europe/Berlin"), ["01-02 08:00", "01-03 08:00"]),
        (cron("0 9 31 2 *"), ["01-02 09:00", "01-03 09:00"]),  # days and months are not looked at
        (cron("0 * * * *", startTime="2026-01-01T15:00:00"), ["01-01 15:00", "01-01 16:00"]),
        (cron("0 * * * *", startTime="2020-01-01T00:00:00"), ["01-01 13:00", "01-01 14:00"]),
        (cron("0 * * * *", endTime="2026-01-01T13:00:00"), ["01-01 13:00", "never"]),
        (every("minute", 90), ["01-01 13:30", "01-01 15:00"]),
        (every("hour", 12, startTime="2020-01-01T06:00:00"), ["01-01 18:00", "01-02 06:00"]),
        (every("hour", 1, startTime="2026-02-01T06:00:00"), ["02-01 06:00", "02-01 07:00"]),
        (every("day", 2, startTime="2025-12-31T10:00:00"), ["01-02 10:00", "01-04 10:00"]),
        (every("day", schedule={"hours": [4, 14], "minutes": [0, 30]}), ["01-01 14:00", "01-01 14:30"]),
        (
            every("week", schedule={"hours": [8], "minutes": [0], "weekDays": ["Friday"]}),
            ["01-02 08:00", "01-09 08:00"],
        ),
        (every("month", schedule={"hours": [8], "minutes": [5], "monthDays": [15]}), ["01-15 08:05", "02-15 08:05"]),
        (every("day", startTime="2025-01-01T09:00:00", timeZone=PACIFIC), ["01-01 17:00", "01-02 17:00"]),
    ],
)
def test_the_next_firings(trigger: dict[str, Any], expected: list[str]) -> None:
    assert firings(trigger, CREATED, len(expected)) == expected


def test_a_local_hour_stays_when_clocks_change() -> None:
    before = datetime(2026, 3, 7, 0, 0, tzinfo=timezone.utc)
    daily = every("day", startTime="2026-01-01T09:00:00", timeZone=PACIFIC)
    for trigger in (daily, cron("0 9 * * *", timeZone=PACIFIC)):
        assert firings(trigger, before, 3) == ["03-07 17:00", "03-08 16:00", "03-09 16:00"]


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (cron("0 9 * *"), "trigger.expression: '0 9 * *' must have 5 fields"),
        (cron("0 25 * * *"), "trigger.expression: '0 25 * * *' cannot be read: Bad hour"),
        (cron("0 9 * * *", timeZone="Mars"), "trigger.timeZone: 'Mars' is not known."),
        (cron("0 9 * * *", startTime="tomorrow"), "trigger.startTime: 'tomorrow' is not a date and time such as"),
        (every("year"), "trigger.frequency: 'year' is not one of minute, hour, day, week, month."),
        (every("day", 0), "trigger.interval: must be 1 or more, but 0 was given."),
        (every("day", schedule={"hours": [24]}), "trigger.schedule.hours: 24 is not from 0 to 23."),
        (every("week", schedule={"weekDays": ["Frday"]}), "trigger.schedule.weekDays: 'frday' is not one of monday"),
        ({"triggerType": "Once"}, "trigger.triggerType: 'Once' is not one of Cron, Recurrence."),
    ],
)
def test_bad_triggers_are_refused(trigger: dict[str, Any], message: str) -> None:
    with pytest.raises(AzureError) as refused:
        read_trigger(trigger, CREATED)
    assert (refused.value.status, refused.value.message[: len(message)]) == (400, message)
