"""Claimed rows in, the copies that may go out now out: who may be written to is looked up once more before each call."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef

from worker.delivery.ledger import Lease, Ready
from worker.delivery.message import AddressError, MessageTemplate, make_copy
from worker.readers.links import preferences_url, unsubscribe_url
from worker.readers.suppress import suppressed_among
from worker.storage import bulk
from worker.storage.models import Delivery, DeliveryState, Issue, IssueState, Subscription, SubscriptionState


class _Row(NamedTuple):
    row_id: int
    attempts: int
    reader_id: int | None
    email: str | None
    is_confirmed: bool


def begin_call(issue: Issue, ids: Sequence[int], template: MessageTemplate, lease: Lease,
               states: Counter[str]) -> list[Ready] | None:
    """Commit `attempting` for the rows that may be written to and close the others; None if the issue was stopped.

    The closed rows are counted in `states`. `durable`: inside another transaction the commit would come only after the
    network call, and a crash would send twice.
    """
    with transaction.atomic(durable=True):
        if not Issue.objects.filter(pk=issue.pk, state=IssueState.SENDING).exists():
            return None
        rows = _read_rows(issue.newsletter, ids, lease)
        suppressed = suppressed_among(row.email for row in rows if row.email)
        ready: list[Ready] = []
        closed: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in rows:
            fault = _find_fault(row, suppressed)
            if not fault:
                try:
                    ready.append(_make_ready(row, issue.newsletter, template))
                except AddressError as error:
                    fault = DeliveryState.FAILED, str(error)
            if fault:
                closed[fault].append(row.row_id)
        for (state, why), closed_ids in closed.items():
            states[state] += bulk.close_unsent(Delivery, closed_ids, lease.token, state, why)
        bulk.mark_attempting(Delivery, [row.row_id for row in ready], lease.token, lease.seconds)
    return ready


def _read_rows(newsletter: str, ids: Sequence[int], lease: Lease) -> list[_Row]:
    """Return the rows that are still this worker's, locked; one that is being cancelled at this moment is left out.

    Plain values: a thousand model objects cost 20 ms.
    """
    confirmed = Subscription.objects.filter(
        reader=OuterRef("reader"), newsletter=newsletter, state=SubscriptionState.CONFIRMED)
    rows = (Delivery.objects.filter(pk__in=ids, lease_token=lease.token, state=DeliveryState.QUEUED)
            .select_for_update(skip_locked=True, of=("self",)).annotate(is_confirmed=Exists(confirmed)).order_by("pk"))
    return [_Row(*values) for values in rows.values_list("pk", "attempts", "reader_id", "reader__email", "is_confirmed")]


def _find_fault(row: _Row, suppressed: set[str]) -> tuple[str, str] | None:
    """Return the state in which a row ends unsent, and why; None if its reader may be written to."""
    if row.reader_id is None or row.email is None:
        return DeliveryState.CANCELLED, "the reader was erased before the copy's turn"
    if row.email in suppressed:
        return DeliveryState.SUPPRESSED, "the address must not be written to"
    if not row.is_confirmed:
        return DeliveryState.CANCELLED, "the reader left before the copy's turn"
    return None


def _make_ready(row: _Row, newsletter: str, template: MessageTemplate) -> Ready:
    reader_id, email = row.reader_id or 0, row.email or ""  # both there, or there was a fault
    copy = make_copy(template, "delivery_id", row.row_id, email, unsubscribe_url=unsubscribe_url(reader_id, newsletter),
                     preferences_url=preferences_url(reader_id))
    return Ready(row.row_id, row.attempts, copy)
