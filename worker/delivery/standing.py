"""An issue on its way in, how it stands out: its copies by state, how fast they go, how long it takes, why nothing moves.

All of it is one statement whatever the audience, and the states sum to it. Each state is counted by itself: that reads the index on
(issue, state) as it lies, in 60 to 130 ms for a million copies; grouped by state it takes three times as long. When a copy was
settled stands in no index, and need not: the difference between two looks says how many were settled in between, so whoever looks
hands in what they saw before.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Func, IntegerField, Min, Subquery
from django.db.models.functions import Now

from worker.delivery.backoff import seconds_left
from worker.delivery.canary import find_turn
from worker.delivery.pace import why_waiting
from worker.errors import NotFoundError
from worker.storage import bulk
from worker.storage.models import AuditEntry, Delivery, DeliveryState, Issue, IssueState

WINDOW_SECONDS = 60.0  # the rate is that of the last minute
STALE_SECONDS = 900.0  # what was seen longer ago says nothing of now
STEP_SECONDS = 5.0  # looks closer together than that are not all kept
LEAST_SECONDS = 0.5  # between two looks that a rate can be told from
STALL_SECONDS = 8.0  # without a copy settled; then the last minute's rate tells nothing of the time left
# From done to not done.
STATES = ("delivered", "accepted", "attempting", "queued", "uncertain", "bounced", "failed", "suppressed", "cancelled")


@dataclass(frozen=True)
class Look:
    """How many copies were settled at one moment (seconds since 1970 by the database's clock)."""

    at: float
    settled: int


@dataclass(frozen=True)
class Standing:
    """How an issue stands at one moment.

    `states` holds those that occur. `rate` is in copies settled a second, None before a second look. `looks` are to be handed in
    the next time. `is_stalled`: for some seconds nothing has moved. `reason`: why it does not, or not faster; "" if all is well.
    `is_unattended`: copies are due, and nobody works on them.
    """

    issue_id: int
    state: str
    at: datetime
    states: dict[str, int]
    looks: Sequence[Look]
    rate: float | None
    is_stalled: bool = False
    reason: str = ""
    is_unattended: bool = False

    @property
    def audience(self) -> int:
        """How many copies there are."""
        return sum(self.states.values())

    @property
    def open(self) -> int:
        """How many of them are not settled yet."""
        return sum(self.states.get(state, 0) for state in bulk.OPEN)

    @property
    def settled(self) -> int:
        """How many are."""
        return self.audience - self.open

    @property
    def percent(self) -> int:
        """How many of a hundred are; 100 only when all are."""
        return 100 * self.settled // self.audience if self.audience else 0

    @property
    def is_moving(self) -> bool:
        """Tell whether copies are on their way or about to be."""
        return self.state == IssueState.SENDING

    @property
    def speed(self) -> str:
        """The rate in words; "" while it is not known or nothing is on its way."""
        return say_rate(self.rate) if self.is_moving and self.rate is not None else ""

    @property
    def left(self) -> str:
        """How long it takes from now on, in words; "" if nobody can know."""
        is_known = self.is_moving and self.rate and not self.is_stalled and self.open
        return say_time(self.open / self.rate) if is_known and self.rate else ""


def read_standing(issue_id: int, looks: Iterable[Look] = (), *, is_attended: bool = False) -> Standing:
    """Return how the issue stands. `looks` is what was seen before, of whatever age and in any order.

    `is_attended`: whoever asks delivers it, so a worker need not be looked for. Raises NotFoundError.
    """
    row = _read(issue_id)
    states = _pick_states(row)
    settled = sum(count for state, count in states.items() if state not in bulk.OPEN)
    new = Look(row["clock"].timestamp(), settled)
    kept = thin_out(looks, new)
    rate, is_stalled = find_rate(kept, new), has_stalled(kept, new)
    reason, is_unattended = _explain(row, states, bool(rate) and not is_stalled, is_attended)
    return Standing(issue_id, row["state"], row["clock"], states, (*kept, new), rate, is_stalled, reason, is_unattended)


def count_copies(issue_id: int) -> dict[str, int]:
    """Return how many copies of the issue are in each state that occurs. Raises NotFoundError."""
    return _pick_states(_read(issue_id))


def _pick_states(row: dict[str, Any]) -> dict[str, int]:
    return {state: row[state] for state in STATES if row[state]}


def _read(issue_id: int) -> dict[str, Any]:
    """Return the issue's own columns, the database's time and the count of each state, all as of one moment."""
    count = Func(template="COUNT(*)", output_field=IntegerField())
    counts = {state: Subquery(Delivery.objects.filter(issue_id=issue_id, state=state).order_by().annotate(number=count)
                              .values("number")) for state in STATES}
    row = (Issue.objects.filter(pk=issue_id).order_by()
           .values("pk", "state", "note", "started_at", "canary_at", clock=Now(), **counts).first())
    if row is None:
        raise NotFoundError(f"there is no issue {issue_id}; `broadsheet issues` lists them")
    return {**row}


def thin_out(looks: Iterable[Look], new: Look) -> list[Look]:
    """Return those of the earlier looks that the rate can be told from, oldest first, some seconds apart. Pure.

    After copies were queued again less is settled than was: what was seen before that counts no more.
    """
    kept: list[Look] = []
    for look in sorted(looks, key=lambda look: look.at):
        if look.settled > new.settled or not 0 < new.at - look.at <= STALE_SECONDS:
            continue
        if not kept or look.at - kept[-1].at >= STEP_SECONDS:
            kept.append(look)
    recent = [look for look in kept if new.at - look.at <= WINDOW_SECONDS]
    return recent or kept[-1:]


def find_rate(looks: Sequence[Look], new: Look) -> float | None:
    """Return how many copies a second were settled since the oldest of the looks; None if that says nothing. Pure."""
    if not looks or new.at - looks[0].at < LEAST_SECONDS:
        return None
    return (new.settled - looks[0].settled) / (new.at - looks[0].at)


def has_stalled(looks: Sequence[Look], new: Look) -> bool:
    """Say whether nothing was settled for some seconds, as far as the looks can tell. Pure."""
    return any(new.at - look.at >= STALL_SECONDS and look.settled == new.settled for look in looks)


def _explain(row: dict[str, Any], states: dict[str, int], moves: bool, is_attended: bool) -> tuple[str, bool]:
    """Return why nothing moves, or not faster, and whether that is because nobody works on it."""
    if row["state"] == IssueState.HELD:
        return _explain_hold(row), False
    if row["state"] != IssueState.SENDING:
        return "", False
    if row["started_at"] is None:
        return "The audience is being counted; the first copies go out as soon as a worker takes it up.", not is_attended
    limits, canary = why_waiting(), _explain_canary(row)
    if limits:
        return f"Held back on purpose: {limits}.", False
    if row["note"]:
        return f"{row['note'][0].upper()}{row['note'][1:].rstrip('.')}.", False
    if moves or _is_watched(row) or not any(states.get(state) for state in bulk.OPEN):
        return canary, False
    obstacle, is_unattended = _find_obstacle(row, is_attended)
    return " ".join(filter(None, (canary, obstacle))), is_unattended


def _explain_hold(row: dict[str, Any]) -> str:
    entry = AuditEntry.objects.filter(subject=f"issue {row['pk']}", action="hold").order_by("-at", "-pk").first()
    since = f" since {say_moment(entry.at, row['clock'])}" if entry else ""
    return f"Held{since}: {row['note'].rstrip('.') or 'nobody said why'}."


def _explain_canary(row: dict[str, Any]) -> str:
    if row["canary_at"] is None:
        return "A small share goes first, and the rest if that goes well."
    if not _is_watched(row):
        return ""
    return f"The share that goes first is out; the rest follows at {say_moment(_end_of_canary(row), row['clock'])} if it goes well."


def _is_watched(row: dict[str, Any]) -> bool:
    """Say whether the copies that go first are out, and time is given to what is reported of them."""
    return row["canary_at"] is not None and _end_of_canary(row) > row["clock"]


def _end_of_canary(row: dict[str, Any]) -> datetime:
    out_at: datetime = row["canary_at"]
    return out_at + timedelta(minutes=settings.CANARY_MINUTES)


def _find_obstacle(row: dict[str, Any], is_attended: bool) -> tuple[str, bool]:
    """Look at the copies themselves; only done when nothing has moved, as it may read many rows."""
    copies = Delivery.objects.filter(issue_id=row["pk"])
    wait = seconds_left()
    if wait:
        return ("The next hop is left alone for a while, as it asked for it or lost its answers; it goes on in "
                f"{say_time(wait)}."), False
    if not is_attended and bulk.is_worked_on(copies):
        return "A worker has copies in hand and waits for the next hop’s answers.", False
    if bulk.is_due(find_turn(Issue(pk=row["pk"], canary_at=row["canary_at"]))):
        return ("", False) if is_attended else (
            "Waiting for a worker. If this stays so, see that `broadsheet up`, or `broadsheet worker`, is running.", True)
    next_try = copies.filter(state=DeliveryState.QUEUED).aggregate(at=Min("not_before"))["at"]
    if next_try is None:  # what is left is being handed over at this moment
        return "", False
    return f"What is left was put off and waits for another try; the next is at {say_moment(next_try, row['clock'])}.", False


def say_moment(at: datetime, now: datetime) -> str:
    """Return a moment in words, with its day unless that is today. Pure."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.astimezone(UTC).date() else f"{at:%H:%M} UTC on {at.day} {at:%B}"


def say_rate(rate: float) -> str:
    """Return a rate in words. Pure."""
    for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600)):
        if rate * seconds >= 1:
            return f"{rate * seconds:,.0f} a {unit}"
    return "none"


def say_time(seconds: float) -> str:
    """Return a time in words, as rough as anybody can know it. Pure."""
    if seconds < 60:
        return "less than a minute"
    minutes = math.ceil(seconds / 60)
    if minutes == 1:
        return "about a minute"
    if minutes < 100:
        return f"about {minutes} minutes"
    hours = round(minutes / 60)
    return f"about {hours} hours" if hours < 48 else f"about {round(hours / 24)} days"
