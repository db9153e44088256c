"""An issue with a frozen audience in, its copies handed over and every row's outcome written down, batch by batch."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from worker.delivery.audience import freeze_audience, move_issue
from worker.delivery.backoff import seconds_left
from worker.delivery.breaker import check_issue, hold_issue
from worker.delivery.canary import end_canary, find_turn
from worker.delivery.fence import FENCE, LongStillError, OldDatabaseError, check_stillness
from worker.delivery.flight import Flight
from worker.delivery.ledger import Lease
from worker.delivery.recheck import sort_by_kind
from worker.delivery.replies import Model, fold_living, fold_replies
from worker.delivery.senders import Sender, SenderRefusedError, open_sender
from worker.delivery.variants import Variants, read_variants
from worker.errors import BroadsheetError, ConfigurationError, ConflictError, TransientError
from worker.issues.find import find_issue, lock_issue
from worker.storage import bulk
from worker.storage.models import Alarm, Delivery, DeliveryState, Issue, IssueState, Notice

LONGEST_NAP_SECONDS = 2.0  # so that a cancel is seen soon
SWEEP_SECONDS = 10.0  # what is not due sooner the timetable's sweep finds as well
MOST_MISSES = 5  # in a row, once the sender has worked: 1 + 2 + 4 + 8 + 16 seconds
# A call that takes one letter for all its readers is only as full as the batch has readers of that kind.
CALLS_CLAIMED = 10
CLAIM = 2000  # copies: between two batches the next hop has nothing to do, so they are not small
_STOPPABLE = (IssueState.APPROVED, IssueState.SENDING, IssueState.HELD)


@dataclass(frozen=True)
class Batch:
    """What one batch did. `deferred` copies are queued again for later."""

    claimed: int = 0
    accepted: int = 0
    failed: int = 0
    uncertain: int = 0
    deferred: int = 0
    suppressed: int = 0
    cancelled: int = 0
    open: bool = False  # rows of the issue are still queued or attempting
    pause: float = 0  # seconds for which the next hop asked to be left alone
    # For the batch that follows.
    variants: Variants | None = field(default=None, repr=False, compare=False)
    width: int = field(default=1, compare=False)  # calls at once


FIRST = Batch()


@dataclass(frozen=True)
class Run:
    """How a stretch of delivering ended. `finished`: nothing of the issue can be done at this moment; it is sent, or
    stopped, or what is open waits for its time."""

    finished: bool
    state: str
    states: dict[str, int]


def deliver_batch(issue_id: int, sender: Sender, *, limit: int | None = None, now: datetime | None = None,
                  last: Batch = FIRST, is_stopping: Callable[[], bool] = lambda: False) -> Batch:
    """Claim up to `limit` queued copies of the issue and hand them over, `sender.batch_size` at a time.

    `limit` is CLAIM, or one full call if that takes more; ten calls' worth if all copies of a call must be of one kind.
    `now` is what the mails' `Date` says; leases and waiting times go by the database's clock. `last` is the batch before: what
    it had frozen serves for a minute while nothing in it has changed. Once `is_stopping` says so no further copy is begun.
    Must be called outside a transaction. Raises NotFoundError; BroadsheetError if the edition is not what was approved (the
    issue is held); TransientError if the sender cannot be reached and SenderRefusedError if it turns us away (the issue is
    held), with everything that was not handed over back in the queue.
    """
    issue = find_issue(issue_id)
    if issue.state != IssueState.SENDING or issue.started_at is None:
        return Batch(open=_is_open(issue_id))
    if wait := seconds_left():
        return Batch(open=_is_open(issue_id), pause=wait, variants=last.variants, width=last.width)
    variants = _read_variants(issue, now or timezone.now(), last.variants)
    lease = Lease(Delivery)
    states: Counter[str] = Counter()
    try:
        ids = lease.claim(find_turn(issue), limit or _choose_limit(sender))
        if sender.one_letter:
            ids = sort_by_kind(ids, variants)
        flight = Flight(issue, variants, lease, sender, states, is_stopping, width=last.width)
        pause = flight.carry(ids)
    except SenderRefusedError as error:
        hold_issue(issue_id, str(error))
        raise
    finally:
        lease.release()
    if ids:
        check_issue(issue_id, lost_together=sender.lost_together)
    end_canary(issue)
    return Batch(claimed=len(ids), accepted=states[DeliveryState.ACCEPTED], failed=states[DeliveryState.FAILED],
                 uncertain=states[DeliveryState.UNCERTAIN], deferred=states[DeliveryState.QUEUED],
                 suppressed=states[DeliveryState.SUPPRESSED], cancelled=states[DeliveryState.CANCELLED],
                 open=_is_open(issue_id), pause=pause, variants=variants, width=flight.width)


def _choose_limit(sender: Sender) -> int:
    """Return how many copies a batch claims: where few may go at a time the others are better left alone."""
    if settings.SEND_RATES or settings.WARM_UP:
        return sender.batch_size * sender.calls_at_once
    return max(CLAIM, sender.batch_size * (CALLS_CLAIMED if sender.one_letter else 1))


def _read_variants(issue: Issue, at: datetime, kept: Variants | None) -> Variants:
    """Return the edition ready to be spliced for whoever gets it; one that is not what was approved, or an older database, holds
    the issue."""
    try:
        return read_variants(issue, at, kept)
    except OldDatabaseError as error:
        hold_issue(issue.pk, str(error), by=FENCE, turns=error.turns)
        raise
    except BroadsheetError as error:
        hold_issue(issue.pk, str(error))
        raise


def deliver_issue(issue_id: int, *, sender: Sender | None = None, seconds: float | None = None,
                  on_progress: Callable[[int, int], None] | None = None,
                  is_stopping: Callable[[], bool] = lambda: False) -> Run:
    """Deliver in this process: until the issue is sent or stopped, or for about `seconds`, or until nothing is due.

    Without `seconds` it also waits for deferred copies and for the leases of workers that are gone. `on_progress` gets
    (copies no longer open, audience). Once `is_stopping` says so, what is under way is ended and nothing else is begun. Raises
    what `deliver_batch` raises, and ConflictError if the issue is held because its sending stood still for long; a sender that
    is lost after it once worked is given five more chances over half a minute, if there is no limit in `seconds`.
    """
    settle_expired()
    audience = _freeze(issue_id)
    stop_at = None if seconds is None else time.monotonic() + seconds
    out = sender or open_sender()
    done, patience, batch = 0, 0, FIRST
    try:
        while True:
            try:
                batch = deliver_batch(issue_id, out, last=batch, is_stopping=is_stopping)
            except TransientError:
                if not patience or stop_at is not None:
                    raise
                patience, batch = patience - 1, FIRST
                time.sleep(2.0 ** (MOST_MISSES - 1 - patience))
                continue
            patience = MOST_MISSES if batch.claimed else patience
            done = _report(issue_id, audience, done, batch, on_progress)
            state = _close(issue_id, batch)
            if state != IssueState.SENDING:
                return _end_run(issue_id, True, state)
            left = _count_down(issue_id, batch.pause) if not batch.claimed or batch.pause else 0
            if is_stopping() or (stop_at is not None and (left >= SWEEP_SECONDS or time.monotonic() > stop_at)):
                return _end_run(issue_id, left >= SWEEP_SECONDS, state)
            if left:
                time.sleep(min(left, LONGEST_NAP_SECONDS))
                settle_expired()
    finally:
        if sender is None:
            out.close()


def _close(issue_id: int, batch: Batch) -> str:
    """Finish the issue if nothing of it is open, and return its state; of a million rows that is not asked after each batch."""
    if not batch.open:
        finish_issue(issue_id)
    state = str(Issue.objects.values_list("state", flat=True).get(pk=issue_id))
    if state == IssueState.CANCELLED:
        bulk.cancel_queued(issue_id)  # what a call under way gave back after the cancel
    return state


def _freeze(issue_id: int) -> int:
    issue = find_issue(issue_id)
    try:
        if issue.state == IssueState.SENDING:
            check_stillness(issue)
            if issue.started_at is None:
                _read_variants(issue, timezone.now(), None)
        return freeze_audience(issue_id)
    except (ConfigurationError, LongStillError) as error:  # the former: the erasure journal cannot be read, which says whom to omit
        hold_issue(issue_id, str(error))
        raise


def _end_run(issue_id: int, finished: bool, state: str) -> Run:
    return Run(finished=finished, state=state, states=bulk.count_states(issue_id))


def _report(issue_id: int, audience: int, done: int, batch: Batch,
            on_progress: Callable[[int, int], None] | None) -> int:
    """Count what this batch closed. Other workers' share is counted in when this one has nothing to do."""
    closed = batch.accepted + batch.failed + batch.uncertain + batch.suppressed + batch.cancelled
    if on_progress:
        if not batch.claimed or not done:
            states = bulk.count_states(issue_id)
            done = audience - sum(states.get(state, 0) for state in bulk.OPEN)
        else:
            done = min(done + closed, audience)
        on_progress(done, audience)
    return done


def _count_down(issue_id: int, pause: float) -> float:
    """Return in how many seconds there may be something to do."""
    if pause:
        return pause
    due = bulk.next_due(issue_id)
    return max((due - timezone.now()).total_seconds(), 0.1) if due else SWEEP_SECONDS


def settle_expired() -> int:
    """Write down what processes that are gone had been told, give back what they had not reached, and turn the rest of their
    attempts into `uncertain` once their lease is over; return how many. Leases go by the database's clock. What went back to the
    queue of an issue that was cancelled meanwhile is cancelled."""
    fold_replies()
    bulk.cancel_queued(*Issue.objects.filter(state=IssueState.CANCELLED, started_at__isnull=False).values_list("pk", flat=True))
    under_way = list(Issue.objects.filter(state__in=[IssueState.SENDING, IssueState.HELD, IssueState.CANCELLED],
                                          started_at__isnull=False).values_list("pk", flat=True))
    return _settle(Delivery, issue_id__in=under_way) + _settle(Notice) + _settle(Alarm)


def _settle(model: Model, **where: object) -> int:
    expired = bulk.find_expired(model, **where)
    if not expired:
        return 0
    fold_living(model, expired)
    return bulk.expire_attempts(model, **where)


def finish_issue(issue_id: int) -> bool:
    """Mark the issue sent once nothing of it is queued or attempting; say whether this call did."""
    return bulk.close_issue(issue_id)


def cancel_issue(issue_id: int, *, by: str, note: str = "") -> int:
    """Stop an issue for good; return how many readers will not get it.

    Copies already handed over stay what they are; a call under way ends within one `batch_size`. Raises NotFoundError,
    and ConflictError if the issue is not approved, being sent or held.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state == IssueState.CANCELLED:
            return 0
        if issue.state not in _STOPPABLE:
            raise ConflictError(f"issue {issue_id} is {issue.state}: only one that is approved, sending or held is cancelled")
        cancelled = Delivery.objects.filter(issue_id=issue_id, state=DeliveryState.CANCELLED)
        before = cancelled.count()
        move_issue(issue, IssueState.CANCELLED, by=by, action="cancel", note=note)
        Issue.objects.filter(pk=issue_id).update(send_at=None, send_zone="")
    # Only then, as a worker that marks copies has their rows before the issue's. A worker or the sweep may do it at the same time.
    bulk.cancel_queued(issue_id)
    return cancelled.count() - before


def status(issue_id: int) -> dict[str, Any]:
    """Return {"issue", "audience", "states": {state: readers}}; the states sum to the audience. Raises NotFoundError."""
    find_issue(issue_id)
    states = bulk.count_states(issue_id)
    return {"issue": issue_id, "audience": sum(states.values()), "states": states}


def count_workers(issue_id: int) -> int:
    """Return how many workers hold a lease on some of the issue's deliveries right now.

    They claim the first that are open, so no more are looked at than they can have claimed.
    """
    first = Delivery.objects.filter(issue_id=issue_id, state__in=bulk.OPEN).order_by("pk")[: 10 * CLAIM]
    held = first.values_list("lease_token", "leased_until", Now())
    return len({token for token, until, now in held if until and until > now})


def _is_open(issue_id: int) -> bool:
    return Delivery.objects.filter(issue_id=issue_id, state__in=bulk.OPEN).exists()

