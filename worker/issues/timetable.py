"""A newsletter's days and times in, moments out: when its issue is due, which news it covers, when it is too late."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from worker.editorial import WEEKDAYS, Newsletter

LONGEST_WINDOW = timedelta(days=4)  # a long weekend; older news is no news
SHORTEST_FIRST_WINDOW = timedelta(hours=24)
WEEK = timedelta(days=7)
MINUTE = timedelta(minutes=1)
WARNING = timedelta(hours=1)  # before a deadline
LONGEST_WEEK = timedelta(days=10)  # a digest that follows one drafted some days early


def local_day(newsletter: Newsletter, now: datetime) -> date:
    """Return the day it is at `now` (aware) where the newsletter appears."""
    return now.astimezone(ZoneInfo(newsletter.timezone)).date()


def draft_moment(newsletter: Newsletter, day: date) -> datetime:
    """Return the moment (UTC) at which the issue of `day` is to be drafted."""
    return _moment(newsletter, day, newsletter.draft_at)


def deadline(newsletter: Newsletter, drafted_at: datetime) -> datetime:
    """Return the first `send_by` (UTC) after `drafted_at`; a draft made by hand after today's has until tomorrow's."""
    day = local_day(newsletter, drafted_at)
    today = _moment(newsletter, day, newsletter.send_by)
    return today if today > drafted_at else _moment(newsletter, day + timedelta(days=1), newsletter.send_by)


def warn_moment(newsletter: Newsletter, drafted_at: datetime) -> datetime:
    """Return when people are warned that nobody has approved: an hour before the deadline, or half-way to it if that is nearer."""
    send_by = deadline(newsletter, drafted_at)
    return max(send_by - WARNING, drafted_at + (send_by - drafted_at) / 2)


def say_left(left: timedelta) -> str:
    """Return how long it is until a moment, or how long ago it was, in words: "in 2 h 10 min". Pure."""
    days, minutes = divmod(abs(left) // MINUTE, 24 * 60)
    parts = [(days, "d"), (minutes // 60, "h"), (minutes % 60, "min")]
    first = next((place for place, (number, _) in enumerate(parts) if number), 2)
    said = " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "less than a minute"
    return f"in {said}" if left >= timedelta() else f"{said} ago"


def window_begin(newsletter: Newsletter, now: datetime, last_end: datetime | None) -> datetime:
    """Return where the news of an issue drafted at `now` begins.

    That is where the last issue's ended, at most four days back. Without one it is the draft before this one, so that
    a Monday reaches over the weekend, and at least 24 hours.
    """
    if last_end is None:
        last_end = min(now - SHORTEST_FIRST_WINDOW, _previous_draft(newsletter, now))
    return max(last_end, now - LONGEST_WINDOW)


def digest_begin(newsletter: Newsletter, now: datetime, last_end: datetime | None) -> datetime:
    """Return from when on the issues that went out are gathered by a digest drafted at `now`.

    That is where the last digest's week ended, so that no issue falls between two digests however late in the day each is
    drafted. Without one in the last ten days it is a week before the hour at which today's is due.
    """
    if last_end is not None and last_end >= now - LONGEST_WEEK:
        return last_end
    return min(now - WEEK, draft_moment(newsletter, local_day(newsletter, now) - WEEK))


def _previous_draft(newsletter: Newsletter, now: datetime) -> datetime:
    for day in _days_before(local_day(newsletter, now)):
        if WEEKDAYS[day.weekday()] in newsletter.days:
            return draft_moment(newsletter, day)
    return now  # not reached: a newsletter has at least one day a week


def _days_before(day: date) -> Iterator[date]:
    return (day - timedelta(days=back) for back in range(1, 8))


def _moment(newsletter: Newsletter, day: date, clock: str) -> datetime:
    local = datetime.combine(day, time.fromisoformat(clock), tzinfo=ZoneInfo(newsletter.timezone))
    return local.astimezone(UTC)
