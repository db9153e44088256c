"""A date, an hour and a time zone as somebody typed them in; one moment out, and words that say it back in that zone and in UTC."""

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone

from worker.errors import BroadsheetError

MINUTE = timedelta(minutes=1)
LONGEST_AHEAD = timedelta(days=366)  # beyond that it is a slip of the year's digits, not a plan
_WALL = re.compile(r"(\d{4}-\d{2}-\d{2})[ T]+(\d{2}:\d{2})(?::00)?")


@dataclass(frozen=True)
class Hour:
    """When an issue starts: a moment in UTC, the zone it was said in, and what whoever said it should know of it."""

    at: datetime
    zone: str
    remark: str = ""

    def __str__(self) -> str:
        return describe_hour(self.at, self.zone)


def read_hour(text: str, zone: str, *, now: datetime | None = None) -> Hour:
    """Return the moment at which the clocks of `zone` show `text` ("2026-12-01 07:00"); of two such moments the first.

    Raises BroadsheetError for what is no hour or zone, for an hour that is left out when the clocks go forward, and for one that
    has passed: the minute that it is at this moment means now.
    """
    now = now or timezone.now()
    name, place = _find_zone(zone)
    wall = _read_wall(text)
    if abs(wall.year - now.year) <= 1:  # beyond, the conversion may leave what a date can hold
        first, second = (wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first.astimezone(place).replace(tzinfo=None) != wall:
            raise BroadsheetError(_explain_gap(wall, name, place, second, first))
        if first < now - MINUTE:
            again = f"; it comes twice that day, for the second time give {second:%Y-%m-%d %H:%M} UTC" if second >= now else ""
            raise BroadsheetError(f"{describe_hour(first, name)} has passed{again}; give an hour to come, or send it now")
        if first <= now + LONGEST_AHEAD:
            remark = "" if first == second else (
                f"{wall:%H:%M} comes twice that day in {name}: the first is meant ({_offset(first.astimezone(place))}), "
                f"not the second ({_offset(second.astimezone(place))})")
            return Hour(first, name, remark)
    far = "more than a year ahead" if wall.year >= now.year else "long past"
    raise BroadsheetError(f"{text.strip()} is {far}; look at the year")


def describe_hour(at: datetime, zone: str) -> str:
    """Return a moment as the clocks of `zone` show it, with their offset, and in UTC."""
    utc, (local, name) = at.astimezone(UTC), show_hour(at, zone)
    if name == "UTC":
        return f"{_name_day(utc)}, {utc:%H:%M} UTC"
    day = "" if utc.date() == local.date() else f"{_name_day(utc)}, "
    return f"{_name_day(local)}, {local:%H:%M} in {name} ({_offset(local)}), which is {day}{utc:%H:%M} UTC"


def show_hour(at: datetime, zone: str) -> tuple[datetime, str]:
    """Return a moment as the clocks of `zone` show it, and the zone; in UTC if this machine does not know one that another did."""
    try:
        name, place = _find_zone(zone or "UTC")
    except BroadsheetError:
        name, place = "UTC", ZoneInfo("UTC")
    return at.astimezone(place), name


def _name_day(moment: datetime) -> str:
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def _offset(local: datetime) -> str:
    shown = local.strftime("%z")
    return f"UTC{shown[:3]}:{shown[3:5]}"


def _read_wall(text: str) -> datetime:
    found = _WALL.fullmatch(text.strip())
    try:
        if found:
            return datetime.fromisoformat(f"{found[1]} {found[2]}")
    except ValueError:
        pass
    raise BroadsheetError(f"{text.strip()[:40]!r} is not a date and an hour; write them as 2026-12-01 07:00")


def _find_zone(name: str) -> tuple[str, ZoneInfo]:
    name = name.strip()
    try:
        return name, ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    known = {one.lower(): one for one in available_timezones()}
    key = name.replace(" ", "_").lower()
    if key in known:
        return known[key], ZoneInfo(known[key])
    same_city = [one for one in sorted(known) if key and one.endswith(f"/{key}")]
    near = [*same_city, *difflib.get_close_matches(key, known, 1)]
    hint = f"did you mean {known[near[0]]}?" if near else "give one such as Europe/London, or UTC"
    raise BroadsheetError(f"there is no time zone {name[:40]!r}; {hint}")


def _explain_gap(wall: datetime, name: str, place: ZoneInfo, before: datetime, after: datetime) -> str:
    """Return in words which hours stand around one that the clocks pass over, somewhere between these two moments."""
    old = before.astimezone(place).utcoffset()
    while after - before > MINUTE:
        middle = before + (after - before) // MINUTE // 2 * MINUTE
        if middle.astimezone(place).utcoffset() == old:
            before = middle
        else:
            after = middle
    nearest = [f"{one:%Y-%m-%d %H:%M} ({_offset(one)})" for one in (before.astimezone(place), after.astimezone(place))]
    return (f"{wall:%Y-%m-%d %H:%M} does not exist in {name}: the clocks go forward over it; the nearest that do are "
            f"{nearest[0]} and {nearest[1]}")
