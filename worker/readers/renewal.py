"""Published wordings in, the letters owed about them out: who is told, asked, reminded and paused, and what lapses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Literal

from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from worker.readers.agree import list_asking
from worker.readers.terms import TOLD, letters_key
from worker.readers.terms_file import KINDS
from worker.storage.models import (
    Consent,
    ConsentAction,
    DeliveryState,
    Notice,
    NoticeKind,
    Reader,
    Subscription,
    SubscriptionState,
    Terms,
)
from worker.storage.rounds import Lapse, Round, count_round, lapse_consents, owe_round

WEEK, LAST = timedelta(days=7), timedelta(days=2)  # before the day, for those who have not answered
# After a wording's day nobody can come under an older one but by a form or a link from before: 30 days and 7. Beyond that,
# and some weeks for a service that stood still, there is nobody left to find.
LOOK_DAYS = timedelta(days=60)


class Stage(StrEnum):
    """The letters about a version, in their order."""

    TOLD = "told"  # for information
    ASKED = "asked"
    WEEK = "week"  # reminder
    LAST = "last"  # reminder
    PAUSED = "paused"
    LAPSED = "lapsed"  # a consent to partners' content or tracking has ended


def find_stages(terms: Terms, today: date) -> tuple[Stage, ...]:
    """Return the letters about a version that may be sent on this day. Pure."""
    day = terms.effective
    is_over = today > max(day, terms.published_at.astimezone(UTC).date()) + LOOK_DAYS
    if terms.kind in TOLD and (terms.kind == "privacy" or not terms.material):
        return () if is_over else (Stage.TOLD,)
    if not terms.material:
        return ()
    if today >= day:
        stage = Stage.PAUSED if terms.kind == "newsletter" else Stage.LAPSED
        return () if is_over else (stage,)
    if terms.kind != "newsletter":
        return ()
    if today >= day - LAST:
        return Stage.ASKED, Stage.LAST
    return (Stage.ASKED, Stage.WEEK) if today >= day - WEEK else (Stage.ASKED,)


def plan_rounds(versions: Sequence[Terms], now: datetime) -> list[Round]:
    """Return the letters of this day about these wordings, and whom they are for. Pure.

    The first version of a kind needs no letter. Who is paused already, by an earlier version, is told of a later one when it
    is published, and is not reminded.
    """
    today = now.astimezone(UTC).date()
    asking = list_asking([row for row in versions if row.kind == "newsletter"])
    paused_since = max((row.effective for row in asking if row.effective <= today), default=date.min)
    rounds: list[Round] = []
    for row in _later(versions):
        for stage in find_stages(row, today):
            if stage is not Stage.LAPSED:
                earlier = [one.effective for one in asking if one.effective < row.effective]
                rounds.append(_make_round(row, stage, max(earlier, default=date.min), paused_since))
    return rounds


def _later(versions: Sequence[Terms]) -> list[Terms]:
    """Return the wordings that are not the first of their kind, as they were published."""
    rows = sorted(versions, key=lambda row: row.pk)
    return [row for kind in KINDS for row in [one for one in rows if one.kind == kind][1:]]


def _make_round(row: Terms, stage: Stage, earlier: date, paused_since: date) -> Round:
    def make(**who: Any) -> Round:
        return Round(key=letters_key(row.pk, stage), terms_id=row.pk, stage=stage, **who)

    if stage is Stage.TOLD:
        return make(sha256=row.sha256, confirmed_before=max(row.published_at, _start(row.effective)))
    if stage is Stage.ASKED:
        return make(agreed_before=row.effective)
    if stage is Stage.PAUSED:
        return make(agreed_from=earlier, agreed_before=row.effective)
    left = WEEK if stage is Stage.WEEK else LAST
    return make(agreed_from=paused_since, agreed_before=row.effective, after=letters_key(row.pk, Stage.ASKED),
                after_before=_start(row.effective - left))


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def plan_lapses(versions: Sequence[Terms], now: datetime) -> list[Lapse]:
    """Return the purposes whose earlier consents end: by kind, the newest material wording in force, if it is one to look
    at still. A consent to it, or to any wording since, holds. Pure."""
    today = now.astimezone(UTC).date()
    lapses: list[Lapse] = []
    purposes: tuple[Literal["partners", "tracking"], ...] = ("partners", "tracking")
    for purpose in purposes:
        rows = sorted((row for row in versions if row.kind == purpose), key=lambda row: (row.effective, row.pk))
        later = _later(rows)
        ending = [row for row in rows if row in later and row.material and row.effective <= today]
        if ending and Stage.LAPSED in find_stages(ending[-1], today):
            valid = [row.sha256 for row in rows[rows.index(ending[-1]) :]]
            lapses.append(Lapse(purpose, valid, letters_key(ending[-1].pk, Stage.LAPSED), ending[-1].pk, Stage.LAPSED))
    return lapses


def owe_notices(*, now: datetime | None = None) -> int:
    """Owe the letters of this day that are not owed yet, and end the consents that lapse; return how many letters or consents
    that were.

    The timetable repeats it: who confirms between the publishing and the day is told too, and what a crash left undone is
    done by the next run.
    """
    now = now or timezone.now()
    versions = list(Terms.objects.all())
    ended = sum(lapse_consents(lapse, now) for lapse in plan_lapses(versions, now))
    return ended + sum(owe_round(letters, now) for letters in plan_rounds(versions, now))


def count_letters(terms: Terms, *, now: datetime | None = None) -> int:
    """Return how many readers are owed the first letter about a version that was just published, and were not yet."""
    rounds = plan_rounds(list(Terms.objects.all()), now or timezone.now())
    return sum(count_round(letters) for letters in rounds
               if letters.terms_id == terms.pk and letters.stage in (Stage.TOLD, Stage.ASKED, Stage.PAUSED))


def count_flagged(terms: Terms) -> int:
    """Return how many readers have agreed to what a wording beside a box is about."""
    return Reader.objects.filter(**{terms.kind: True}).count()


@dataclass(frozen=True)
class Standing:
    """How far a version has come. `agreed`, `waiting` and `paused` count today's confirmed readers, for versions that ask."""

    terms: Terms
    asks: bool
    agreed: int
    waiting: int
    paused: int
    lapsed: int
    queued: int
    sent: int


def list_standings(*, now: datetime | None = None) -> list[Standing]:
    """Return how far each version has come, the newest of each kind first."""
    today = (now or timezone.now()).astimezone(UTC).date()
    versions = list(Terms.objects.order_by("kind", "-effective", "-id"))
    asking = list_asking([row for row in versions if row.kind == "newsletter"])
    confirmed = Reader.objects.filter(Exists(Subscription.objects.filter(
        reader=OuterRef("pk"), state=SubscriptionState.CONFIRMED)))
    letters = _count_letters_by_state()
    standings: list[Standing] = []
    for row in versions:
        states = letters.get(row.pk, {})
        open_for = confirmed.filter(terms_since__lt=row.effective).count() if row in asking else 0
        standings.append(Standing(
            terms=row, asks=row in asking, waiting=open_for if today < row.effective else 0,
            agreed=confirmed.filter(terms_since__gte=row.effective).count() if row in asking else 0,
            paused=open_for if today >= row.effective else 0,
            lapsed=Consent.objects.filter(action=ConsentAction.LAPSED, wording_sha256=row.sha256, purpose=row.kind).count()
            if row.kind not in TOLD else 0,
            queued=_sum(states, DeliveryState.QUEUED, DeliveryState.ATTEMPTING),
            sent=_sum(states, DeliveryState.ACCEPTED, DeliveryState.DELIVERED)))
    return standings


def _count_letters_by_state() -> dict[int, dict[str, int]]:
    """Return version's id > state > letters, in one pass over them."""
    found: dict[int, dict[str, int]] = {}
    letters = Notice.objects.filter(kind=NoticeKind.TERMS).order_by()
    for terms_id, state, count in letters.values_list("details__terms", "state").annotate(Count("pk")):
        found.setdefault(terms_id, {})[state] = count
    return found


def _sum(states: Mapping[str, int], *which: str) -> int:
    return sum(states.get(state, 0) for state in which)
