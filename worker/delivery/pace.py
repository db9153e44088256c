"""Copies whose turn it is in, those that may go at this moment out: no faster than SEND_RATES, no more a day than WARM_UP.

Each rate is a bucket that fills at the rate and holds a second's worth of copies and one more. How full it is, and the day's count,
stand in the database (`Pace`), are read and written in the transaction that commits `attempting`, and go by the database's clock:
all workers on all machines share them without talking to each other. A worker that ends after it took from a bucket has wasted
that, and nothing else.

A copy that finds its provider's bucket empty is told when to come back: each gets the next turn after the last one given, so they
come back at the pace at which the bucket fills. A turn is no right: whoever comes back asks like everyone, and gets another one if
the bucket is empty again. Turns are given for a quarter of an hour ahead. When those are gone, a copy only learns to ask again
before it is over: so a raised rate, or the cancelling of what stood in front, is noticed by then. The limits for everything
together give no turns: when one is reached nobody can go on, and the worker may as well pause and leave the rows alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import ceil

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now, TruncDate
from django.utils import timezone

from worker.readers.providers import is_provider, read_mailbox
from worker.storage.models import Pace
from worker.values import Rate

EVERYTHING = "*"
WARM_UP = "warm-up"
BUCKET = timedelta(seconds=1)
LONGEST_TURN = timedelta(minutes=15)
# A bucket that overflows for so long while turns are given out for later: those who have them do not come (their issue was
# cancelled, or is held), and nobody need stand behind them.
FORSAKEN = timedelta(seconds=10)
STEP = timedelta(seconds=0.25)  # waiting times are rounded up to it, so that rows can be put off many at a time
SPREAD = 40  # different moments at which those without a turn come back
ONE_DAY = timedelta(days=1)
PAUSE = BUCKET / 2  # so that the next call finds more than one copy's worth, and the bucket does not overflow meanwhile

_MICROSOFT = {"hotmail", "live", "outlook", "msn", "passport", "windowslive"}
# https://www.twilio.com/docs/sendgrid/concepts/inbox-provider-insights/yahoo names whose mail Yahoo's servers take.
_YAHOO = {"ymail.com", "rocketmail.com", "aol.com", "att.net", "comcast.net", "verizon.net"}
_NOT_YAHOO = {"yahoo.co.jp"}  # another company's, with servers of its own


@dataclass(frozen=True)
class Admitted:
    """What became of the copies that asked, by their rows' ids. Those that are neither in `go` nor in `waits` stay as they are."""

    go: list[int] = field(default_factory=list)
    waits: dict[int, float] = field(default_factory=dict)  # seconds after which each is to ask again
    pause: float = 0  # seconds in which no copy may go to anybody


@dataclass
class Lane:
    """One rate at one moment.

    `free_at` is when the bucket will be full again: the one number that says how full it is now ("theoretical arrival time" in the
    generic cell rate algorithm, ITU-T I.371). `queue_until` is the last turn that was given.
    """

    rate: Rate
    now: datetime
    free_at: datetime
    queue_until: datetime

    @property
    def has_room(self) -> bool:
        """Say whether one more copy may go."""
        return self.free_at <= self.now + BUCKET

    @property
    def next_at(self) -> datetime:
        """Return when the bucket holds a copy's worth again, if it is empty."""
        return self.free_at - BUCKET

    def take(self) -> None:
        """Let a copy go."""
        self.free_at += self.rate.gap

    def put_off(self, row_id: int) -> float:
        """Return after how many seconds a copy that found the bucket empty is to ask again."""
        turn = max(self.next_at, self.queue_until + self.rate.gap)
        if turn > self.now + LONGEST_TURN:
            return LONGEST_TURN.total_seconds() * (1 - row_id % SPREAD / SPREAD / 2)
        self.queue_until = turn
        return max(ceil((turn - self.now) / STEP), 1) * STEP.total_seconds()


def open_lane(rate: Rate, free_at: datetime | None, queue_until: datetime | None, now: datetime) -> Lane:
    """Return a rate as it stands now. Pure.

    Nothing is believed that lies further ahead than can be: the clock was set back since, or the rate raised.
    """
    is_forsaken = free_at is None or free_at < now - FORSAKEN
    return Lane(rate, now, free_at=min(max(free_at or now, now), now + BUCKET + rate.gap),
                queue_until=now if is_forsaken else min(queue_until or now, now + LONGEST_TURN))


def share_out(copies: Iterable[tuple[int, str]], lanes: Mapping[str, Lane], left: int | None, midnight: float) -> Admitted:
    """Decide which of the copies may go, in their order, and take that from the lanes. Pure but for the lanes.

    A copy passes all limits that concern it or takes nothing from any. `left` is how many may still go today, None if there is
    no such limit; `midnight` is how many seconds are left of the day.
    """
    admitted = Admitted()
    everything = lanes.get(EVERYTHING)
    for row_id, address in copies:
        if left is not None and len(admitted.go) >= left:
            return Admitted(admitted.go, admitted.waits, midnight)
        if everything and not everything.has_room:
            everything.queue_until = everything.next_at + PAUSE
            return Admitted(admitted.go, admitted.waits, (everything.queue_until - everything.now).total_seconds())
        lane = lanes.get(name_provider(address))
        if lane and not lane.has_room:
            admitted.waits[row_id] = lane.put_off(row_id)
            continue
        for limit in (lane, everything):
            if limit:
                limit.take()
        admitted.go.append(row_id)
    return admitted


def name_provider(address: str) -> str:
    """Return the domain under which the provider is known that has this mailbox; the address's own if none is known. Pure."""
    return _name_provider(address.rpartition("@")[2].lower())


@lru_cache(maxsize=10_000)
def _name_provider(domain: str) -> str:
    home = read_mailbox("x", domain).rpartition("@")[2] or domain
    name, _, ending = home.partition(".")
    if is_provider(home):
        if read_mailbox("x", f"x.{home}"):
            return "fastmail.com"  # it alone takes names in front of its domains
        return "outlook.com" if name in _MICROSOFT else home
    is_yahoo = name == "yahoo" and ending.count(".") < 2 and home not in _NOT_YAHOO
    return "yahoo.com" if is_yahoo or home in _YAHOO else home


def admit(copies: Sequence[tuple[int, str]]) -> Admitted:
    """Say which of these copies (row id, address), in the order of their turn, may go now, and count them as gone.

    To be called in the transaction that commits `attempting`, after everything else in it that may wait: until it ends no other
    worker's copies are admitted. Asks the database nothing if there is no limit for any of them.
    """
    rates, plan = _read_rates(), settings.WARM_UP
    keys = {EVERYTHING, *(name_provider(address) for _, address in copies)} & rates.keys() if rates else set()
    if _may_hold(plan):
        keys.add(WARM_UP)
    if not copies or not keys:
        return Admitted([row_id for row_id, _ in copies])
    with transaction.atomic(savepoint=False):
        return _admit(copies, sorted(keys), rates, plan)


def _admit(copies: Sequence[tuple[int, str]], keys: Sequence[str], rates: Mapping[str, Rate], plan: Mapping[date, int]) -> Admitted:
    rows, now = _lock_rows(keys)
    lanes = {key: open_lane(rates[key], row.free_at, row.queue_until, now) for key, row in rows.items() if key != WARM_UP}
    most = plan.get(now.date()) if WARM_UP in rows else None
    begun = _count_begun(rows[WARM_UP], now.date()) if most else 0
    admitted = share_out(copies, lanes, most - begun if most else None, (_midnight_after(now.date()) - now).total_seconds())
    for key, lane in lanes.items():
        Pace.objects.filter(key=key).update(free_at=lane.free_at, queue_until=lane.queue_until)
    if most:
        Pace.objects.filter(key=WARM_UP).update(day=now.date(), begun_today=begun + len(admitted.go))
    return admitted


def give_back(count: int) -> None:
    """Take back from the day's count copies that were admitted and then not handed over: the next hop was not there.

    What they took from the buckets is there again in a moment anyway.
    """
    if count and settings.WARM_UP:
        today = TruncDate(Now(), tzinfo=UTC)
        Pace.objects.filter(key=WARM_UP, day=today).update(begun_today=Greatest(F("begun_today"), count) - count)


def why_waiting() -> str:
    """Return in words which limits hold copies up at this moment; "" if none does."""
    rates, plan = _read_rates(), settings.WARM_UP
    if not rates and not plan:
        return ""
    rows = Pace.objects.filter(key__in=[*rates, WARM_UP]).annotate(asked_at=Now()).order_by("key")
    return "; ".join(filter(None, (_explain(row, row.asked_at.astimezone(UTC), rates, plan) for row in rows)))


def rest_until() -> datetime | None:
    """Return until when the limits for everything kept, or keep, all copies waiting, as far as is known; None if it is not.

    An issue that stood still that long did so on purpose.
    """
    ends: list[datetime | None] = []
    for row in Pace.objects.filter(key__in=[EVERYTHING, WARM_UP]):
        most = settings.WARM_UP.get(row.day) if row.day else None
        ends += [row.queue_until, _midnight_after(row.day) if row.day and most and row.begun_today >= most else None]
    return max(filter(None, ends), default=None)


def _read_rates() -> dict[str, Rate]:
    """Return the rates by the provider's best known domain; of two for one provider the slower one holds."""
    rates: dict[str, Rate] = {}
    for domain, rate in settings.SEND_RATES.items():
        key = domain if domain == EVERYTHING else name_provider(domain)
        rates[key] = max(rate, rates.get(key, rate), key=lambda one: one.gap)
    return rates


def _may_hold(plan: Mapping[date, int]) -> bool:
    """Say whether this may be a day of the warm-up, by this machine's clock, which may be a day wrong.

    Only so that the database is not asked for years because the setting was left there.
    """
    today = timezone.now().date()
    return bool(plan) and min(plan) - ONE_DAY <= today <= max(plan) + ONE_DAY


def _lock_rows(keys: Sequence[str]) -> tuple[Mapping[str, Pace], datetime]:
    """Return the rows of these keys, locked, and the time once that was done: waiting for others may have taken some.

    One statement makes what is missing and locks what is there, in the order given, which is everybody's: so no two workers wait
    for each other.
    """
    Pace.objects.bulk_create([Pace(key=key) for key in keys], update_conflicts=True, unique_fields=["key"], update_fields=["key"])
    rows = {row.key: row for row in Pace.objects.filter(key__in=keys).annotate(asked_at=Now())}
    return rows, rows[keys[0]].asked_at.astimezone(UTC)


def _count_begun(row: Pace, day: date) -> int:
    return row.begun_today if row.day == day else 0


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + ONE_DAY, time.min, UTC)


def _explain(row: Pace, now: datetime, rates: Mapping[str, Rate], plan: Mapping[date, int]) -> str:
    """Return in words how one limit holds copies up, "" if it does not. Pure."""
    if row.key == WARM_UP:
        most, begun = plan.get(now.date()), _count_begun(row, now.date())
        return (f"warm-up: {begun} of {most} copies of today are out; it goes on at 00:00 UTC" if most and begun >= most else "")
    lane = open_lane(rates[row.key], row.free_at, row.queue_until, now)
    if lane.queue_until <= now:
        return ""
    whose = "copies" if row.key == EVERYTHING else f"copies to {row.key}"
    return f"{whose} wait for their turn (at most {lane.rate}{' in all' if row.key == EVERYTHING else ''})"
