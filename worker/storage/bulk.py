"""Statements that move many rows of post at once, with the reason beside each. What to move is decided elsewhere.

Leases and waiting times are compared by the database's clock only: workers on several machines need not agree on the time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Case, Count, F, Min, Q, QuerySet, Value, When
from django.db.models.functions import Greatest, Now

from worker.storage.models import Delivery, DeliveryState, Issue, IssueState, Notice, Subscription

Row = TypeVar("Row", bound=Delivery | Notice)
OPEN = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING)
CRASHED = "the worker stopped before it learnt whether this copy was taken"


@dataclass(frozen=True)
class Ending:
    """How one attempt ended: the row's next state, and for one that goes back to the queue, how long it waits."""

    row_id: int
    state: str
    provider_id: str = ""
    error: str = ""
    wait: float = 0  # seconds
    attempted: bool = True  # False: nothing was handed over, so the attempt does not count


def insert_audience(issue_id: int, audience: QuerySet[Subscription], now: datetime) -> int:
    """Owe the issue to the reader of every subscription of `audience`, in its order; return how many rows are new.

    One statement, so that the audience is one moment's audience and no address passes through Python: a million rows
    take seconds. ON CONFLICT DO NOTHING makes a second run, or two at once, harmless. The audience must have a WHERE:
    SQLite cannot tell ON CONFLICT from a join's ON in an INSERT..SELECT without one.
    """
    fixed = [Value(value) for value in (DeliveryState.QUEUED.value, "", 0, "", "", now, issue_id)]
    rows = audience.values_list(*fixed, "reader_id")
    select, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO storage_delivery
                   (state, lease_token, attempts, provider_id, error, updated_at, issue_id, reader_id)
            {select}
                ON CONFLICT DO NOTHING
            """, values)
        return max(int(cursor.rowcount), 0)


def _free() -> Q:
    """Return what holds of a queued row that may be claimed: nobody's, or of somebody who is gone, and not waiting."""
    return (Q(leased_until=None) | Q(leased_until__lt=Now())) & (Q(not_before=None) | Q(not_before__lte=Now()))


def is_due(rows: QuerySet[Row]) -> bool:
    """Say whether any of `rows` may be claimed now."""
    return rows.filter(_free(), state=DeliveryState.QUEUED).exists()


def is_worked_on(rows: QuerySet[Row]) -> bool:
    """Say whether a worker that lives has claimed any of `rows`.

    Those that are claimed are the first of those that are queued: a thousand are looked at, not a million.
    """
    first = rows.filter(state=DeliveryState.QUEUED).order_by("pk").values("pk")[:1000]
    held = rows.model._default_manager.filter(leased_until__gte=Now())
    return rows.filter(state=DeliveryState.ATTEMPTING, leased_until__gte=Now()).exists() or held.filter(pk__in=first).exists()


def claim_rows(rows: QuerySet[Row], token: str, *, limit: int, seconds: float) -> list[int]:
    """Lease up to `limit` queued rows of `rows` for `seconds` and return their ids, lowest first.

    SKIP LOCKED lets several workers take different rows at once on PostgreSQL instead of queueing for the same ones;
    on SQLite the IMMEDIATE transaction admits one at a time and Django leaves the clause out. A row whose lease has
    run out was claimed by a worker that is gone: it was never attempted, so it may be claimed again.
    """
    with transaction.atomic():
        ids = list(rows.filter(_free(), state=DeliveryState.QUEUED).order_by("pk")
                   .select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:limit])
        rows.model._default_manager.filter(pk__in=ids).update(lease_token=token, leased_until=_in(seconds))
    return ids


def renew_lease(model: type[Row], token: str, seconds: float) -> None:
    """Keep the rows this worker has claimed but not reached yet from being taken over."""
    model._default_manager.filter(lease_token=token, state=DeliveryState.QUEUED, leased_until__gte=Now()).update(
        leased_until=_in(seconds))


def release_rows(model: type[Row], token: str) -> None:
    """Give back what was claimed and not reached, so that another worker need not wait for the lease to end."""
    model._default_manager.filter(lease_token=token, state=DeliveryState.QUEUED).update(
        lease_token="", leased_until=None)


def mark_attempting(model: type[Row], ids: Collection[int], token: str, seconds: float) -> int:
    """Say before the network call that it may happen. Only for rows still queued under this worker's own token."""
    return model._default_manager.filter(pk__in=ids, lease_token=token, state=DeliveryState.QUEUED).update(
        state=DeliveryState.ATTEMPTING, attempts=F("attempts") + 1, leased_until=_in(seconds), not_before=None,
        error="", updated_at=Now())


def close_unsent(model: type[Row], ids: Collection[int], token: str, state: str, error: str) -> int:
    """End rows that will not be attempted after all (suppressed, cancelled, an address that cannot be written)."""
    return model._default_manager.filter(pk__in=ids, lease_token=token, state=DeliveryState.QUEUED).update(
        state=state, error=error[:500], lease_token="", leased_until=None, not_before=None, updated_at=Now())


def record_endings(model: type[Row], token: str, endings: Iterable[Ending]) -> int:
    """Write down how attempts ended; return how many rows were still this worker's to write.

    The token fences off a worker that was thought dead: once its lease was taken over, it changes nothing. One
    statement per distinct ending, since a provider's answer to a call of a thousand is the same for all of them.
    """
    groups: dict[tuple[str, str, str, float, bool], list[int]] = defaultdict(list)
    for end in endings:
        groups[end.state, end.provider_id, end.error, end.wait, end.attempted].append(end.row_id)
    written = 0
    with transaction.atomic():
        for (state, provider_id, error, wait, attempted), ids in groups.items():
            own = model._default_manager.filter(pk__in=ids, lease_token=token, state=DeliveryState.ATTEMPTING)
            written += own.update(
                state=state, provider_id=_of_somebody(provider_id[:200]), error=_of_somebody(error[:500]), lease_token="",
                leased_until=None,
                not_before=_in(wait) if wait else None, updated_at=Now(),
                attempts=F("attempts") if attempted else Greatest(F("attempts"), 1) - 1)
    return written


def _of_somebody(words: str) -> object:
    """Of who was erased while the answer was on its way nothing is kept."""
    return Case(When(reader=None, then=Value("")), default=Value(words)) if words else Value("")


def expire_attempts(model: type[Row], **where: object) -> int:
    """Turn attempts whose lease has run out into `uncertain`: whoever made them is gone, and they may have arrived."""
    return model._default_manager.filter(state=DeliveryState.ATTEMPTING, leased_until__lt=Now(), **where).update(
        state=DeliveryState.UNCERTAIN, error=CRASHED, lease_token="", leased_until=None, updated_at=Now())


def cancel_queued(issue_id: int) -> int:
    """Take back what nobody has attempted yet, leased or not: the worker's own update then finds it gone."""
    return Delivery.objects.filter(issue_id=issue_id, state=DeliveryState.QUEUED).update(
        state=DeliveryState.CANCELLED, lease_token="", leased_until=None, not_before=None, updated_at=Now())


def close_issue(issue_id: int) -> bool:
    """Make the issue `sent` if its audience is frozen and nothing of it is open, in one statement, so that nothing
    can be queued in between; say whether it was this call that did.
    """
    unfinished = Delivery.objects.filter(issue_id=issue_id, state__in=OPEN).values("issue_id")
    return Issue.objects.filter(pk=issue_id, state=IssueState.SENDING, started_at__isnull=False).exclude(
        pk__in=unfinished).update(state=IssueState.SENT, sent_at=Now()) == 1


def count_states(issue_id: int) -> dict[str, int]:
    """Return how many rows of the issue are in each state that occurs, from the index on (issue, state) alone."""
    found = dict(Delivery.objects.filter(issue_id=issue_id).values_list("state").annotate(Count("pk")).order_by())
    return {state: found[state] for state in DeliveryState.values if state in found}


def count_up_to(rows: QuerySet[Row], most: int) -> int:
    """Count rows, but no further than `most`: a rate is known long before a million rows are counted."""
    return rows.order_by()[:most].count()


def next_due(issue_id: int) -> datetime | None:
    """Return when the next open row can be claimed or its lease runs out; None if nothing is open."""
    moment = Delivery.objects.filter(issue_id=issue_id, state__in=OPEN).aggregate(
        lease=Min("leased_until"), wait=Min("not_before"))
    known = [at for at in moment.values() if at is not None]
    return min(known) if known else None


def _in(seconds: float) -> object:
    return Now() + timedelta(seconds=seconds)

