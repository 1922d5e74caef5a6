"""When a schedule fires.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-schedule and how-to-schedule-pipeline-job.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from dateutil import rrule
from tzlocal.windows_tz import win_tz

from azureml_local.errors import AzureError, bad_request

_FREQUENCIES = ("minute", "hour", "day", "week", "month")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SECONDS = {"minute": 60, "hour": 3600}
_RULES: Mapping[str, Literal[1, 2, 3]] = {"day": rrule.DAILY, "week": rrule.WEEKLY, "month": rrule.MONTHLY}


@dataclass(frozen=True)
class Trigger(ABC):
    """start, end: the first and the last moment at which it may fire, in UTC.  zone: the clock it goes by."""

    start: datetime
    end: datetime | None
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        """The first firing after a moment, in UTC; None when there is none any more."""
        found = self._next(max(moment, self.start - timedelta(seconds=1)))
        return None if found is None or (self.end is not None and found > self.end) else found

    @abstractmethod
    def _next(self, moment: datetime) -> datetime | None:
        """The first firing after a moment that is not long before the start."""


@dataclass(frozen=True)
class Cron(Trigger):
    """Minutes, hours and days of the week of a cron expression. Azure takes its other two fields for `*`."""

    expression: str

    def _next(self, moment: datetime) -> datetime | None:
        return next(CronSim(self.expression, moment.astimezone(self.zone))).astimezone(timezone.utc)


@dataclass(frozen=True)
class Recurrence(Trigger):
    """Every `interval` minutes, hours, days, weeks or months from the start on, at hours and minutes of those days."""

    frequency: str
    interval: int
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_days: tuple[int, ...] = ()  # 0 is Monday
    month_days: tuple[int, ...] = ()

    def _next(self, moment: datetime) -> datetime | None:
        if self.frequency in _SECONDS:
            step = _SECONDS[self.frequency] * self.interval
            count = math.floor((moment - self.start).total_seconds() / step) + 1
            return self.start + timedelta(seconds=step * max(count, 0))
        # Days, weeks and months are those of the zone's own calendar.
        rule = rrule.rrule(
            _RULES[self.frequency],
            dtstart=self.start.astimezone(self.zone).replace(tzinfo=None),
            interval=self.interval,
            byhour=self.hours or None,
            byminute=self.minutes or None,
            bysecond=0 if self.hours or self.minutes else None,
            byweekday=self.week_days or None,
            bymonthday=self.month_days or None,
        )
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        for found in rule.xafter(local - timedelta(hours=2), inc=True):  # clocks may have been put back
            instant: datetime = found.replace(tzinfo=self.zone).astimezone(timezone.utc)
            if instant > moment:
                return instant
        return None


def read_trigger(given: Mapping[str, Any], created: datetime) -> Trigger:
    """The trigger of a schedule's `properties.trigger`. created: where it starts unless it says so itself.

    Raises AzureError 400 that names the field.
    """
    zone = _zone(str(given.get("timeZone") or "UTC"))
    start = _moment(given.get("startTime"), zone, "startTime") or created
    end = _moment(given.get("endTime"), zone, "endTime")
    kind = str(given.get("triggerType") or "").lower()
    if kind == "cron":
        return Cron(start, end, zone, _cron(str(given.get("expression") or "")))
    if kind == "recurrence":
        return _recurrence(given, start, end, zone)
    raise _wrong("triggerType", f"'{given.get('triggerType')}' is not one of Cron, Recurrence")


def _cron(written: str) -> str:
    fields = written.split()
    if len(fields) != 5:
        raise _wrong("expression", f"'{written}' must have 5 fields: minutes, hours, days, months, days of the week")
    expression = " ".join([*fields[:2], "*", "*", fields[4]])
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=timezone.utc))
    except CronSimError as error:
        raise _wrong("expression", f"'{written}' cannot be read: {error}") from error
    return expression


def _recurrence(given: Mapping[str, Any], start: datetime, end: datetime | None, zone: ZoneInfo) -> Recurrence:
    frequency = str(given.get("frequency") or "").lower()
    if frequency not in _FREQUENCIES:
        raise _wrong("frequency", f"'{given.get('frequency')}' is not one of {', '.join(_FREQUENCIES)}")
    interval = int(given.get("interval") or 0)
    if interval < 1:
        raise _wrong("interval", f"must be 1 or more, but {given.get('interval')} was given")
    pattern = given.get("schedule") or {}
    days = [str(day).lower() for day in pattern.get("weekDays") or []]
    if unknown := [day for day in days if day not in _DAYS]:
        raise _wrong("schedule.weekDays", f"'{unknown[0]}' is not one of {', '.join(_DAYS)}")
    return Recurrence(
        start,
        end,
        zone,
        frequency,
        interval,
        hours=_numbers(pattern, "hours", 0, 23),
        minutes=_numbers(pattern, "minutes", 0, 59),
        week_days=tuple(_DAYS.index(day) for day in days),
        month_days=_numbers(pattern, "monthDays", 1, 31),
    )


def _numbers(pattern: Mapping[str, Any], name: str, least: int, most: int) -> tuple[int, ...]:
    found = tuple(int(number) for number in pattern.get(name) or [])
    if wrong := [number for number in found if not least <= number <= most]:
        raise _wrong(f"schedule.{name}", f"{wrong[0]} is not from {least} to {most}")
    return found


def _zone(name: str) -> ZoneInfo:
    """A time zone by its name in Windows, which is what Azure takes, or in the IANA database."""
    try:
        return ZoneInfo(win_tz.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _wrong("timeZone", f"'{name}' is not known") from error


def _moment(given: object, zone: ZoneInfo, field: str) -> datetime | None:
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(str(given).replace("Z", "+00:00"))
    except ValueError as error:
        raise _wrong(field, f"'{given}' is not a date and time such as 2024-05-31T10:00:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(timezone.utc)


def _wrong(field: str, what: str) -> AzureError:
    return bad_request(f"trigger.{field}: {what}.", target=f"trigger.{field}")
