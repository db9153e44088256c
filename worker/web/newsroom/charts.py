"""Figures by day in, the small pictures that pages draw of them out: places and lengths for SVG, and the same in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

DAYS = 30
_HEIGHT = 24.0
_STEP, _BAR = 4.0, 3.0


class Day(NamedTuple):
    """What a day brought, and whether something went wrong on it."""

    number: int
    failed: int = 0


@dataclass(frozen=True)
class Bar:
    """One day's bar. `failed`: a mark is drawn below it."""

    x: float
    y: float
    height: float
    failed: bool


@dataclass(frozen=True)
class Spark:
    """A row of bars, oldest first, and what it shows in words, for whoever does not see it."""

    bars: Sequence[Bar]
    words: str
    width: float = DAYS * _STEP


def last_days(today: date, days: int = DAYS) -> list[date]:
    """Return the days up to today, oldest first."""
    return [today - timedelta(days=back) for back in range(days - 1, -1, -1)]


def draw_spark(found: Mapping[date, Day], today: date, *, noun: str, failing: str = "") -> Spark:
    """Return the bars of the last thirty days. `noun` is what is counted, `failing` what went wrong, both for the words."""
    row = [found.get(day, Day(0)) for day in last_days(today)]
    most = max(day.number for day in row)
    bars = []
    for number, day in enumerate(row):
        height = max(round(_HEIGHT * day.number / most, 2), 1.0) if day.number else 0.0
        bars.append(Bar(number * _STEP, round(_HEIGHT - height, 2), height, bool(day.failed)))
    words = f"{sum(day.number for day in row):,} {noun} in {DAYS} days"
    if most:
        best = max(last_days(today), key=lambda one: found.get(one, Day(0)).number)
        words += f", most on {best:%-d %B} ({most:,})"
    bad = sum(1 for day in row if day.failed)
    if failing and bad:
        words += f"; {failing} on {bad} day{'s' * (bad != 1)}"
    return Spark(bars, words)
