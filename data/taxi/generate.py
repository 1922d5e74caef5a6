"""Write the taxi data set: the training rows, the files to score in batch and the request to score online.

    python data/taxi/generate.py              rewrite the committed files
    python data/taxi/generate.py --into DIR   write them somewhere else (the tests compare the bytes)

The trips are invented, the columns are those of the New York taxi set. Same seed, same bytes on every platform
and Python: only `random.Random.random()` is drawn from (the one method whose sequence Python promises to keep)
and only + - * / are applied to it (exact in IEEE 754; a libm's sin or log may differ in the last bit).
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

SEED = 20150101
TRAINING_ROWS = 10_000
BATCH_FILES = 5
BATCH_ROWS = 40
REQUEST_ROWS = 3

MILES_PER_DEGREE_LATITUDE = 69.0
MILES_PER_DEGREE_LONGITUDE = 52.3  # at New York's latitude


@dataclass(frozen=True)
class Zone:
    """Where trips start and end: centre and half-width in degrees, share of all trip ends."""

    name: str
    latitude: float
    longitude: float
    spread: float
    weight: float
    manhattan: bool = False


ZONES = (
    Zone("midtown", 40.7549, -73.9840, 0.012, 30, manhattan=True),
    Zone("downtown", 40.7165, -74.0060, 0.011, 16, manhattan=True),
    Zone("upper-east", 40.7736, -73.9566, 0.010, 15, manhattan=True),
    Zone("upper-west", 40.7870, -73.9754, 0.010, 12, manhattan=True),
    Zone("harlem", 40.8116, -73.9465, 0.010, 5, manhattan=True),
    Zone("williamsburg", 40.7081, -73.9571, 0.014, 7),
    Zone("park-slope", 40.6710, -73.9814, 0.012, 4),
    Zone("long-island-city", 40.7447, -73.9485, 0.012, 4),
    Zone("laguardia", 40.7769, -73.8740, 0.004, 4),
    Zone("jfk", 40.6413, -73.7781, 0.006, 3),
)
TOLL_ZONES = {"laguardia", "jfk"}

# Trips begun in each hour (relative), and the speed the traffic allows then, miles per hour.
DEMAND = (5, 4, 3, 2, 2, 2, 4, 7, 9, 8, 8, 8, 8, 8, 9, 9, 8, 10, 12, 12, 11, 10, 10, 8)
SPEED = (19, 20, 21, 22, 22, 20, 16, 12, 10, 10, 10, 10, 10, 10, 9.5, 9, 9, 9, 10, 11, 12, 13, 15, 17)
WEEKEND_SPEED_UP = 1.2
FREE_FLOW_SPEED = 24.0


@dataclass(frozen=True)
class Trip:
    """One row of the CSV; the fields are its columns, in order. Cost in US dollars, distance in miles."""

    cost: float
    distance: float
    dropoff_latitude: float
    dropoff_longitude: float
    passengers: int
    pickup_latitude: float
    pickup_longitude: float
    pickup_weekday: int  # Monday is 0
    pickup_month: int
    pickup_monthday: int
    pickup_hour: int
    pickup_minute: int
    pickup_second: int
    dropoff_weekday: int
    dropoff_month: int
    dropoff_monthday: int
    dropoff_hour: int
    dropoff_minute: int
    dropoff_second: int
    store_forward: str  # Y: the taximeter had no connection and sent the trip later
    vendor: int


COLUMNS = tuple(field.name for field in fields(Trip))
FEATURES = COLUMNS[1:]


class Dice:
    """The few distributions needed, from the one generator method that is stable across Python versions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - invented trips, not cryptography

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def integer(self, low: int, high: int) -> int:
        """`low` <= result <= `high`."""
        return low + int(self._random() * (high - low + 1))

    def bell(self) -> float:
        """Mean 0, standard deviation 1: the sum of twelve uniforms (no logarithm, no sine)."""
        return sum(self._random() for _ in range(12)) - 6.0

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def pick(self, weights: tuple[float, ...]) -> int:
        """An index, drawn in proportion to its weight."""
        left = self._random() * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return len(weights) - 1


def invent_trip(dice: Dice) -> Trip:
    """One trip: where and when, how long it takes in that hour's traffic, what the meter then shows."""
    weights = tuple(zone.weight for zone in ZONES)
    start, end = ZONES[dice.pick(weights)], ZONES[dice.pick(weights)]
    start_latitude, start_longitude = _point(dice, start)
    end_latitude, end_longitude = _point(dice, end)
    # Streets are a grid: miles add up along both axes, with a detour.
    miles = 0.3 + dice.uniform(0.92, 1.15) * (
        abs(start_latitude - end_latitude) * MILES_PER_DEGREE_LATITUDE
        + abs(start_longitude - end_longitude) * MILES_PER_DEGREE_LONGITUDE
    )

    pickup = datetime(2015, 1, 1) + timedelta(  # noqa: DTZ001 - local time, as a taximeter prints it
        days=dice.integer(0, 364),
        hours=dice.pick(tuple(float(share) for share in DEMAND)),
        minutes=dice.integer(0, 59),
        seconds=dice.integer(0, 59),
    )
    speed = SPEED[pickup.hour] * (WEEKEND_SPEED_UP if pickup.weekday() >= 5 else 1.0)
    if start.name in TOLL_ZONES or end.name in TOLL_ZONES:
        speed *= 1.5  # most of the way is a motorway
    speed = min(FREE_FLOW_SPEED * 1.4, speed * max(0.5, 1.0 + 0.1 * dice.bell()))
    minutes = 1.5 + 60.0 * miles / speed
    dropoff = pickup + timedelta(seconds=int(minutes * 60))

    return Trip(
        cost=_cost(dice, start, end, pickup=pickup, miles=miles, minutes=minutes),
        distance=round(miles, 2),
        dropoff_latitude=end_latitude,
        dropoff_longitude=end_longitude,
        passengers=1 + dice.pick((70.0, 14.0, 5.0, 3.0, 5.0, 3.0)),
        pickup_latitude=start_latitude,
        pickup_longitude=start_longitude,
        pickup_weekday=pickup.weekday(),
        pickup_month=pickup.month,
        pickup_monthday=pickup.day,
        pickup_hour=pickup.hour,
        pickup_minute=pickup.minute,
        pickup_second=pickup.second,
        dropoff_weekday=dropoff.weekday(),
        dropoff_month=dropoff.month,
        dropoff_monthday=dropoff.day,
        dropoff_hour=dropoff.hour,
        dropoff_minute=dropoff.minute,
        dropoff_second=dropoff.second,
        store_forward="Y" if dice.chance(0.01) else "N",
        vendor=dice.integer(1, 2),
    )


def _point(dice: Dice, zone: Zone) -> tuple[float, float]:
    # The mean of two uniforms: denser towards the centre.
    north = dice.uniform(-1, 1) + dice.uniform(-1, 1)
    east = dice.uniform(-1, 1) + dice.uniform(-1, 1)
    return round(zone.latitude + zone.spread * north / 2, 6), round(zone.longitude + zone.spread * east / 2, 6)


def _cost(dice: Dice, start: Zone, end: Zone, *, pickup: datetime, miles: float, minutes: float) -> float:
    """What the passenger pays, in dollars, without a tip: fare, surcharges, tolls."""
    weekday_peak = pickup.weekday() < 5 and 16 <= pickup.hour < 20
    night = pickup.hour >= 20 or pickup.hour < 6
    flat = (start.name == "jfk" and end.manhattan) or (end.name == "jfk" and start.manhattan)
    if flat:
        cost = 52.0 + (4.5 if weekday_peak else 0.0)
    else:
        # The meter counts miles while the cab moves and minutes while it crawls.
        crawling = max(0.0, minutes - 60.0 * miles / FREE_FLOW_SPEED)
        cost = (2.5 + 2.5 * miles + 0.5 * crawling) * (1.0 + 0.04 * dice.bell())
        cost += (1.0 if weekday_peak else 0.0) + (0.5 if night else 0.0)
    cost += 0.8  # state and improvement surcharges
    if (start.name in TOLL_ZONES or end.name in TOLL_ZONES) and dice.chance(0.4):
        cost += 5.54  # a tunnel or a bridge was taken: nothing else in the row tells
    return round(max(cost, 3.3), 2)


def csv_text(trips: list[Trip], columns: tuple[str, ...]) -> str:
    """Lines end in LF everywhere; money and miles with two decimals, degrees with six."""
    lines = [",".join(columns)]
    for trip in trips:
        values = dict(zip(COLUMNS, astuple(trip), strict=True))
        lines.append(",".join(_cell(column, values[column]) for column in columns))
    return "\n".join(lines) + "\n"


def _cell(column: str, value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if column in {"cost", "distance"} else f"{value:.6f}"
    return str(value)


def request_text(trips: list[Trip]) -> str:
    """The body an online endpoint with an MLflow model takes: pandas' "split" layout under `input_data`."""
    rows = ",\n      ".join(json.dumps(astuple(trip)[1:]) for trip in trips)
    return (
        '{\n  "input_data": {\n'
        f'    "columns": {json.dumps(FEATURES)},\n'
        f'    "index": {json.dumps(list(range(len(trips))))},\n'
        f'    "data": [\n      {rows}\n    ]\n'
        "  }\n}\n"
    )


def contents() -> dict[str, str]:
    """Every generated file: path below `data/` -> text. Batch files and the request carry no `cost`."""
    training = Dice(SEED)
    files = {
        "taxi/taxi-data.csv": csv_text([invent_trip(training) for _ in range(TRAINING_ROWS)], COLUMNS),
    }
    # A seed of their own: more training rows would not change them, and none of them was trained on.
    batch = Dice(SEED + 1)
    for number in range(1, BATCH_FILES + 1):
        trips = [invent_trip(batch) for _ in range(BATCH_ROWS)]
        files[f"taxi/batch/trips-{number:02d}.csv"] = csv_text(trips, FEATURES)
    request = Dice(SEED + 2)
    body = request_text([invent_trip(request) for _ in range(REQUEST_ROWS)])
    files["taxi/taxi-request.json"] = body
    files["taxi-request.json"] = body  # the same request where older instructions look for it
    return files


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the taxi data set.")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parents[1], metavar="DIR")
    into: Path = parser.parse_args(argv).into
    for name, text in contents().items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("ascii"))
        print(f"{target}: {text.count(chr(10))} lines")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
