"""Statements that move many rows of post at once, with the reason beside each. What to move is decided elsewhere.

Leases and waiting times are compared by the database's clock only: workers on several machines need not agree on the time.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db import connection, transaction
from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Now

from worker.storage import among  # noqa: F401  for `pk__among`
from worker.storage.models import Alarm, Delivery, DeliveryState, Issue, IssueState, Notice, Subscription

Row = TypeVar("Row", bound=Delivery | Notice | Alarm)
OPEN = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING)
SUSPECT_CLAIMS = 2
ALONE_CLAIMS = SUSPECT_CLAIMS + 2  # before that in a tenth and a hundredth of a claim
MOST_CLAIMS = ALONE_CLAIMS + 3  # three of them alone
CRASHED = "the worker stopped before it learnt whether this copy was taken"
POISON = "set aside: each worker that prepared this copy ended in the middle of it; the logs may say why"


class Ending(NamedTuple):
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
    run out was claimed by a worker that is gone: it was never attempted, so it may be claimed again. Those on which that has
    happened twice may hold the one that ends them. They are claimed after the others, and fewer and fewer at a time, until it is
    alone and no other suffers for it; after three times alone it is set aside.
    """
    own = rows.model._default_manager
    with transaction.atomic():
        free = (rows.filter(_free(), state=DeliveryState.QUEUED).order_by("pk")
                .select_for_update(skip_locked=True, of=("self",)).values_list("pk", "claims"))
        found = list(free.filter(claims__lt=SUSPECT_CLAIMS)[:limit]) or list(free[:limit])
        poison = [pk for pk, claims in found if claims >= MOST_CLAIMS]
        if poison:
            own.filter(pk__among=set(poison)).update(state=DeliveryState.FAILED, error=POISON, lease_token="", leased_until=None,
                                             not_before=None, updated_at=Now())
        ids = _choose([(pk, claims) for pk, claims in found if claims < MOST_CLAIMS], limit)
        own.filter(pk__among=set(ids)).update(lease_token=token, leased_until=_in(seconds), claims=F("claims") + 1)
    return ids


def _choose(found: Sequence[tuple[int, int]], limit: int) -> list[int]:
    """Return which of these rows (id, how often it was claimed in vain) are claimed now: the least suspect. Pure."""
    least = max(min((claims for _, claims in found), default=0), SUSPECT_CLAIMS - 1)
    most = 1 if least >= ALONE_CLAIMS else max(1, limit // 10 ** (least - SUSPECT_CLAIMS + 1))
    return [pk for pk, claims in found if claims <= least][:most]


def renew_lease(model: type[Row], ids: Collection[int], token: str, seconds: float) -> None:
    """Keep those of the rows this worker has claimed that it has not reached yet from being taken over."""
    own = model._default_manager.filter(pk__among=set(ids), lease_token=token, state=DeliveryState.QUEUED)
    own.filter(leased_until__gte=Now()).update(leased_until=_in(seconds))


def release_rows(model: type[Row], ids: Collection[int], token: str) -> None:
    """Give back those of the rows this worker has claimed that it did not reach, so that nobody need wait for the lease's end."""
    if not ids:
        return
    model._default_manager.filter(pk__among=set(ids), lease_token=token, state=DeliveryState.QUEUED).update(
        lease_token="", leased_until=None, claims=0)


def give_up(model: type[Row], token: str, begun: Collection[int], *, is_whole: bool, lives: bool = False) -> None:
    """Take leave of a worker that is gone: give back what it had claimed, and end its attempts. Of one that `lives`, and seems to
    be stalled, only those whose lease is over: it begins none of them any more.

    `begun` are the copies it is known to have begun. If that is the whole of them (`is_whole`) the others of its attempts go back
    too, and do not count; the rest are `uncertain`. These keep their token: see `expire_attempts`.
    """
    rows = model._default_manager.filter(lease_token=token, **({"leased_until__lt": Now()} if lives else {}))
    with transaction.atomic():
        rows.filter(state=DeliveryState.QUEUED).update(lease_token="", leased_until=None)
        if is_whole:
            given_up = Q(state=DeliveryState.UNCERTAIN, error=CRASHED)  # by another machine, which could not know
            if model is Delivery:
                given_up &= Q(issue__in=_lock_going_on(token))
            rows.filter(Q(state=DeliveryState.ATTEMPTING) | given_up).exclude(pk__among=set(begun)).update(
                state=DeliveryState.QUEUED, attempts=Greatest(F("attempts"), 1) - 1, error="", lease_token="", leased_until=None)
        rows.filter(state=DeliveryState.ATTEMPTING).update(
            state=DeliveryState.UNCERTAIN, error=CRASHED, leased_until=None, updated_at=Now())


def _lock_going_on(token: str) -> list[int]:
    """Return the issue of a lease if it goes on, locked: so it is neither closed nor cancelled before what goes back to its queue
    can be seen."""
    owners = Delivery.objects.filter(lease_token=token).values("issue_id")
    going_on = Issue.objects.filter(pk__in=owners, state__in=[IssueState.SENDING, IssueState.HELD])
    return list(going_on.select_for_update(no_key=True).values_list("pk", flat=True))


def put_off(model: type[Row], waits: Mapping[int, float], token: str) -> None:
    """Give claimed rows back that may not go yet, by the seconds for which each is to wait."""
    together: dict[float, list[int]] = defaultdict(list)
    for row_id, seconds in waits.items():
        together[seconds].append(row_id)
    for seconds, ids in together.items():
        model._default_manager.filter(pk__among=set(ids), lease_token=token, state=DeliveryState.QUEUED).update(
            not_before=_in(seconds), lease_token="", leased_until=None, claims=0, updated_at=Now())


def mark_attempting(model: type[Row], ids: Collection[int], token: str, seconds: float) -> int:
    """Say before the network call that it may happen. Only for rows still queued under this worker's own token."""
    return model._default_manager.filter(pk__among=set(ids), lease_token=token, state=DeliveryState.QUEUED).update(
        state=DeliveryState.ATTEMPTING, attempts=F("attempts") + 1, claims=0, leased_until=_in(seconds), not_before=None,
        error="", updated_at=Now())


def close_unsent(model: type[Row], ids: Collection[int], token: str, state: str, error: str) -> int:
    """End rows that will not be attempted after all (suppressed, cancelled, an address that cannot be written)."""
    return model._default_manager.filter(pk__among=set(ids), lease_token=token, state=DeliveryState.QUEUED).update(
        state=state, error=error[:500], lease_token="", leased_until=None, not_before=None, updated_at=Now())


def record_endings(model: type[Row], token: str, endings: Iterable[Ending], *, late: bool = False) -> int:
    """Write down how attempts ended; return how many rows were still this worker's to write.

    The token fences off a worker that was thought dead: once its lease was taken over, it changes nothing. `late`: what is known
    also settles rows that were given up as uncertain meanwhile, if nobody else has settled them (the token then is another);
    they go back to the queue only while their issue goes on. One statement for all: each mail server's answer is another.
    """
    rows = [(end.row_id, end.state, end.provider_id[:200], end.error[:500], float(end.wait), end.attempted) for end in endings]
    if not rows:
        return 0
    settles = f"post.state = '{DeliveryState.ATTEMPTING}'"
    if late:
        lock = " FOR SHARE" if connection.features.has_select_for_update else ""  # against `close_issue` and a cancel
        goes_on = (f"EXISTS (SELECT 1 FROM storage_issue WHERE storage_issue.id = post.issue_id AND storage_issue.state IN "  # noqa: S608
                   f"('{IssueState.SENDING}', '{IssueState.HELD}'){lock})" if model is Delivery else "1 = 1")
        settles += (f" OR (post.state = '{DeliveryState.UNCERTAIN}' AND post.error = '{CRASHED}' AND "
                    f"(said.state <> '{DeliveryState.QUEUED}' OR {goes_on}))")
    erased = "1 = 0" if model is Alarm else "post.reader_id IS NULL"
    now, later, said, values = _SAID[connection.vendor](rows)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {model._meta.db_table} AS post
               SET state = said.state,
                   -- of who was erased while the answer was on its way nothing is kept
                   provider_id = CASE WHEN {erased} THEN '' ELSE said.provider_id END,
                   error = CASE WHEN {erased} THEN '' ELSE said.error END,
                   not_before = CASE WHEN said.wait > 0 THEN {later} END,
                   attempts = CASE WHEN said.attempted OR post.attempts = 0 THEN post.attempts ELSE post.attempts - 1 END,
                   lease_token = '', leased_until = NULL, updated_at = {now}
              FROM {said}
             WHERE post.id = said.id AND post.lease_token = %s AND ({settles})
            """, [*values, token])  # noqa: S608  the names are ours, every value is a parameter
        return max(int(cursor.rowcount), 0)


def _say_postgres(rows: Sequence[tuple[Any, ...]]) -> tuple[str, str, str, list[Any]]:
    said = ("unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::boolean[]) "
            "AS said (id, state, provider_id, error, wait, attempted)")
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    return "statement_timestamp()", "statement_timestamp() + said.wait * interval '1 second'", said, columns


def _say_sqlite(rows: Sequence[tuple[Any, ...]]) -> tuple[str, str, str, list[Any]]:
    names = ("id", "state", "provider_id", "error", "wait", "attempted")
    parts = ", ".join(f"value ->> {place} AS {name}" for place, name in enumerate(names))
    clock = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now'{})"
    said = f"(SELECT {parts} FROM json_each(%s)) AS said"  # noqa: S608  as above
    return clock.format(""), clock.format(", said.wait || ' seconds'"), said, [json.dumps(rows)]


# By the database: its clock, its clock and a row's wait, the rows as a table called `said`, and that table's values.
_SAID = {"postgresql": _say_postgres, "sqlite": _say_sqlite}


def find_expired(model: type[Row], **where: object) -> list[str]:
    """Return the tokens of attempts whose lease has run out."""
    return list(model._default_manager.filter(state=DeliveryState.ATTEMPTING, leased_until__lt=Now(), **where)
                .order_by().values_list("lease_token", flat=True).distinct())


def expire_attempts(model: type[Row], **where: object) -> int:
    """Turn attempts whose lease has run out into `uncertain`: whoever made them is gone, and they may have arrived.

    They keep their token: an answer that their worker had had, and another machine finds later, still settles them.
    """
    return model._default_manager.filter(state=DeliveryState.ATTEMPTING, leased_until__lt=Now(), **where).update(
        state=DeliveryState.UNCERTAIN, error=CRASHED, leased_until=None, updated_at=Now())


def cancel_queued(*issue_ids: int) -> int:
    """Take back what nobody has attempted yet, leased or not: the worker's own update then finds it gone."""
    return Delivery.objects.filter(issue_id__in=issue_ids, state=DeliveryState.QUEUED).update(
        state=DeliveryState.CANCELLED, error="", lease_token="", leased_until=None, not_before=None, updated_at=Now())


def close_issue(issue_id: int) -> bool:
    """Make the issue `sent` if its audience is frozen and nothing of it is open; say whether it was this call that did.

    The issue is locked first, and the rows looked at in a statement of their own: so what was queued again by somebody who had
    the lock before is seen, and nobody queues anything in between.
    """
    with transaction.atomic():
        issue = Issue.objects.select_for_update(no_key=True).filter(
            pk=issue_id, state=IssueState.SENDING, started_at__isnull=False)
        if not issue or Delivery.objects.filter(issue_id=issue_id, state__in=OPEN).exists():
            return False
        Issue.objects.filter(pk=issue_id).update(state=IssueState.SENT, sent_at=Coalesce("sent_at", Now()))
        return True


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

