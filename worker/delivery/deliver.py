"""An issue with a frozen audience in, its copies handed over and every row's outcome written down, batch by batch."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from worker import editorial
from worker.delivery.audience import find_audience, freeze_audience, move_issue, read_edition
from worker.delivery.breaker import check_issue, hold_issue
from worker.delivery.ledger import Lease, hand_over
from worker.delivery.message import Sheet
from worker.delivery.recheck import begin_call, sort_by_kind
from worker.delivery.senders import Sender, SenderRefusedError, open_sender
from worker.delivery.variants import Variants
from worker.errors import BroadsheetError, ConfigurationError, ConflictError, TransientError
from worker.issues.find import find_issue, lock_issue
from worker.press.approve import check_edition
from worker.storage import bulk
from worker.storage.models import Delivery, DeliveryState, Issue, IssueState, Notice

LONGEST_NAP_SECONDS = 2.0
MOST_MISSES = 5  # in a row, once the sender has worked: 1 + 2 + 4 + 8 + 16 seconds
# A call that takes one letter for all its readers is only as full as the batch has readers of that kind.
CALLS_CLAIMED = 10
BATCH_SECONDS = 30.0  # then the rest of a batch goes back to the queue: calls may be slow
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
    variants: Variants | None = field(default=None, repr=False, compare=False)  # for the batch that follows


@dataclass(frozen=True)
class Run:
    """How a stretch of delivering ended. `finished`: nothing of the issue can be done at this moment; it is sent, or
    stopped, or what is open waits for its time."""

    finished: bool
    state: str
    states: dict[str, int]


def deliver_batch(issue_id: int, sender: Sender, *, limit: int | None = None, now: datetime | None = None,
                  kept: Variants | None = None) -> Batch:
    """Claim up to `limit` queued copies of the issue and hand them over, `sender.batch_size` at a time.

    `limit` is 500, or one full call if that takes more; ten calls' worth if all copies of a call must be of one kind.
    `now` is what the mails' `Date` says; leases and waiting times go by the database's clock. `kept` is what the batch before
    had frozen, which serves for a minute while nothing in it has changed. Must be called outside a transaction. Raises
    NotFoundError; BroadsheetError if the edition is not what was approved (the issue is held); TransientError if the sender
    cannot be reached and SenderRefusedError if it turns us away (the issue is held), with everything that was not handed over
    back in the queue.
    """
    issue = find_issue(issue_id)
    if issue.state != IssueState.SENDING or issue.started_at is None:
        return Batch(open=_is_open(issue_id))
    variants = _read_variants(issue, now or timezone.now(), kept)
    lease = Lease(Delivery)
    most = sender.batch_size * (CALLS_CLAIMED if sender.one_letter else 1)
    ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), lease.token, limit=limit or max(500, most),
                          seconds=lease.seconds)
    states: Counter[str] = Counter()
    try:
        if sender.one_letter:
            ids = sort_by_kind(ids, variants)
        pause = _hand_over_all(issue, ids, variants, lease, sender, states)
    except SenderRefusedError as error:
        hold_issue(issue_id, str(error))
        raise
    finally:
        lease.release()
    if ids:
        check_issue(issue_id, call_size=sender.batch_size)
    return Batch(claimed=len(ids), accepted=states[DeliveryState.ACCEPTED], failed=states[DeliveryState.FAILED],
                 uncertain=states[DeliveryState.UNCERTAIN], deferred=states[DeliveryState.QUEUED],
                 suppressed=states[DeliveryState.SUPPRESSED], cancelled=states[DeliveryState.CANCELLED],
                 open=_is_open(issue_id), pause=pause, variants=variants)


def _hand_over_all(issue: Issue, ids: Sequence[int], variants: Variants, lease: Lease, sender: Sender,
                   states: Counter[str]) -> float:
    """Hand over the claimed rows call by call, counting their next states; stop early if the issue was stopped or the
    next hop wants a pause, and return how long a one.
    """
    due_at = issue.started_at or timezone.now()
    audience = find_audience(issue.newsletter, digest=issue.digest)
    stop_at = time.monotonic() + BATCH_SECONDS
    waiting = list(ids)
    while waiting and time.monotonic() < stop_at:
        lease.renew()
        taken, waiting = waiting[: sender.batch_size], waiting[sender.batch_size :]
        call = begin_call(issue, taken, audience, variants, lease, states, one_letter=sender.one_letter)
        if call is None:
            break
        waiting = call.others + waiting
        if not call.ready:
            continue
        handed = hand_over(lease, call.ready, sender, age=(timezone.now() - due_at).total_seconds())
        states.update(handed.states)
        if handed.policy:
            hold_issue(issue.pk, f"the next hop refuses us, not a reader: {handed.policy}")
        if handed.policy or handed.pause:
            return handed.pause
    return 0


def _read_variants(issue: Issue, at: datetime, kept: Variants | None) -> Variants:
    """Return the edition ready to be spliced for whoever gets it; one that is not what was approved holds the issue."""
    try:
        edition = read_edition(issue.pk)
        check_edition(edition)
        named = (edition.from_name, edition.from_email, edition.list_title) if edition.from_email else _name_now(issue)
        sheet = Sheet(
            edition.subject, edition.html, edition.text, *named, list_key=issue.newsletter,
            feedback=f"{issue.slug}:{issue.newsletter}:issue:broadsheet")
        if kept and kept.serves(sheet, at):
            return kept
        variants = Variants(sheet, issue.pk, at)
        variants.find(partners=False, tracking=False, topics="")  # a fault shows before anything is claimed
        return variants
    except BroadsheetError as error:
        hold_issue(issue.pk, str(error))
        raise


def _name_now(issue: Issue) -> tuple[str, str, str]:
    """Return who an edition comes from that was approved before editions said so."""
    newsletter = editorial.load().newsletter(issue.newsletter)
    return newsletter.from_name, newsletter.from_email, newsletter.title


def deliver_issue(issue_id: int, *, sender: Sender | None = None, seconds: float | None = None,
                  on_progress: Callable[[int, int], None] | None = None) -> Run:
    """Deliver in this process: until the issue is sent or stopped, or for about `seconds`, or until nothing is due.

    Without `seconds` it also waits for deferred copies and for the leases of workers that are gone. `on_progress` gets
    (copies no longer open, audience). Raises what `deliver_batch` raises; a sender that is lost after it once worked is
    given five more chances over half a minute, if there is no limit in `seconds`.
    """
    audience = _freeze(issue_id)
    stop_at = None if seconds is None else time.monotonic() + seconds
    out = sender or open_sender()
    done, patience, kept = 0, 0, None
    try:
        while True:
            settle_expired()
            try:
                batch = deliver_batch(issue_id, out, kept=kept)
            except TransientError:
                if not patience or stop_at is not None:
                    raise
                patience -= 1
                time.sleep(2.0 ** (MOST_MISSES - 1 - patience))
                continue
            patience, kept = MOST_MISSES if batch.claimed else patience, batch.variants
            done = _report(issue_id, audience, done, batch, on_progress)
            finish_issue(issue_id)
            state = Issue.objects.values_list("state", flat=True).get(pk=issue_id)
            idle = not batch.claimed or batch.pause > 0
            if state != IssueState.SENDING:
                return _end_run(issue_id, True, state)
            if stop_at is not None and (idle or time.monotonic() > stop_at):
                return _end_run(issue_id, idle, state)
            if idle:
                time.sleep(_nap(issue_id, batch.pause))
    finally:
        if sender is None:
            out.close()


def _freeze(issue_id: int) -> int:
    try:
        return freeze_audience(issue_id)
    except ConfigurationError as error:  # the erasure journal cannot be read: nobody knows whom it names
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


def _nap(issue_id: int, pause: float) -> float:
    """Return how long to sleep until there may be something to do: short naps, so that a cancel is seen soon."""
    if pause:
        return min(pause, LONGEST_NAP_SECONDS * 5)
    due = bulk.next_due(issue_id)
    left = (due - timezone.now()).total_seconds() if due else LONGEST_NAP_SECONDS
    return min(max(left, 0.1), LONGEST_NAP_SECONDS)


def settle_expired() -> int:
    """Turn attempts whose worker is gone into `uncertain`; return how many. Leases go by the database's clock."""
    under_way = list(Issue.objects.filter(state__in=[IssueState.SENDING, IssueState.HELD, IssueState.CANCELLED],
                                          started_at__isnull=False).values_list("pk", flat=True))
    settled = bulk.expire_attempts(Delivery, issue_id__in=under_way) if under_way else 0
    return settled + bulk.expire_attempts(Notice)


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
        move_issue(issue, IssueState.CANCELLED, by=by, action="cancel", note=note)
        return bulk.cancel_queued(issue_id)


def status(issue_id: int) -> dict[str, Any]:
    """Return {"issue", "audience", "states": {state: readers}}; the states sum to the audience. Raises NotFoundError."""
    find_issue(issue_id)
    states = bulk.count_states(issue_id)
    return {"issue": issue_id, "audience": sum(states.values()), "states": states}


def is_worked_on(issue_id: int) -> bool:
    """Say whether a worker holds a lease on some of the issue's deliveries right now."""
    return Delivery.objects.filter(issue_id=issue_id, state__in=bulk.OPEN, leased_until__gt=Now()).exists()


def _is_open(issue_id: int) -> bool:
    return Delivery.objects.filter(issue_id=issue_id, state__in=bulk.OPEN).exists()

