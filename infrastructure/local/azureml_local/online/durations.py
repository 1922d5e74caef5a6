"""ISO 8601 durations as the service's JSON has them: `PT5S`, `PT0.5S`, `PT1M30S`, `P1D`."""

from __future__ import annotations

import re

from azureml_local.errors import bad_request

_FORM = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def seconds(text: object, field: str) -> float:
    """The duration in seconds, or Azure's 400 that names the field."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groupdict().values()):
        raise bad_request(f"{field} '{text}' is not an ISO 8601 duration such as PT5S or PT1M30S.", target=field)
    return sum(float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value)
