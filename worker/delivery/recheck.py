"""Claimed rows in, the copies that may go out now out: who gets what is looked up once more before each call."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from worker.delivery.audience import explain_absence
from worker.delivery.fence import take_turn
from worker.delivery.ledger import Lease, Ready
from worker.delivery.message import AddressError, MessageTemplate, make_copy
from worker.delivery.pace import admit
from worker.delivery.variants import Variants
from worker.errors import BroadsheetError
from worker.readers.links import CopyLinks, go_url, seen_url, sign_link
from worker.readers.suppress import suppressed_among
from worker.storage import bulk
from worker.storage.models import Delivery, DeliveryState, Issue, IssueState, Subscription

log = structlog.get_logger(__name__)


@dataclass
class Call:
    """What may go out in one call, and the rows for which another one must be made. `closed` rows get nothing, and why."""

    ready: list[Ready] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    turn: int = 0  # its number: see `fence`
    pause: float = 0  # seconds in which no further copy may go to anybody: see `pace`
    closed: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))


def sort_by_kind(ids: Sequence[int], variants: Variants) -> list[int]:
    """Return claimed rows with those whose readers get the same copy together, by what the readers chose a moment ago.

    Only to fill the calls: each looks again, and leaves out who chose otherwise since.
    """
    choices = ("reader__partners", "reader__tracking", "reader__topics")
    chosen = Q(reader__partners=True) | Q(reader__tracking=True) | Q(reader__topics__gt="")
    rows = Delivery.objects.filter(chosen, pk__among=set(ids)).order_by()
    choice_of = {row_id: choice for row_id, *choice in rows.values_list("pk", *choices)}  # most readers chose nothing
    kinds: dict[MessageTemplate, list[int]] = {}
    for row_id in sorted(ids):
        template = variants.find(*choice_of.get(row_id, (False, False, "")))
        kinds.setdefault(template, []).append(row_id)
    return [row_id for kind in kinds.values() for row_id in kind]


class _Row(NamedTuple):
    row_id: int
    attempts: int
    reader_id: int | None
    email: str | None
    partners: bool
    tracking: bool
    topics: str
    is_due: bool


def begin_call(issue: Issue, ids: Sequence[int], audience: QuerySet[Subscription], variants: Variants, lease: Lease,
               states: Counter[str], *, one_letter: bool = False) -> Call | None:
    """Commit `attempting` for the rows that may be written to and close the others; None if the issue was stopped.

    `audience` is who is to get the issue (`find_audience`). What each reader agreed to and chose is read here, in the
    transaction that commits: who withdraws a consent before it gets a copy without. `one_letter`: only rows of the first
    one's template are taken, those of other templates stay as they are and are named in the call's `others`. The closed
    rows are counted in `states`. `durable`: inside another transaction the commit would come only after the network call,
    and a crash would send twice.
    """
    with transaction.atomic(durable=True):
        if not Issue.objects.filter(pk=issue.pk, state=IssueState.SENDING).exists():
            return None
        call = _sort_rows(issue, _read_rows(ids, audience, lease), variants, one_letter)
        for (state, why), closed_ids in call.closed.items():
            states[state] += bulk.close_unsent(Delivery, closed_ids, lease.token, state, why)
        call.pause = _keep_pace(call, lease)
        bulk.mark_attempting(Delivery, [row.row_id for row in call.ready], lease.token, lease.seconds)
        call.turn = take_turn(issue.pk)  # last, as other workers wait for the issue's row from here on
        if not call.turn:
            transaction.set_rollback(True)
            return None
    return call


def _keep_pace(call: Call, lease: Lease) -> float:
    """Leave in the call what may go at this moment, tell the others when to come back, and return how long all have to wait."""
    admitted = admit([(row.row_id, row.copy.to) for row in call.ready])
    if len(admitted.go) < len(call.ready):
        bulk.put_off(Delivery, admitted.waits, lease.token)
        go = set(admitted.go)
        call.ready = [row for row in call.ready if row.row_id in go]
    return admitted.pause


def _sort_rows(issue: Issue, rows: Sequence[_Row], variants: Variants, one_letter: bool) -> Call:
    call = Call()
    bugs: list[Exception] = []
    suppressed = suppressed_among(row.email for row in rows if row.email)
    missing = [row.reader_id for row in rows if not row.is_due and row.reader_id]
    links = CopyLinks(issue.newsletter)
    absent = explain_absence(issue.newsletter, missing, digest=issue.digest) if missing else {}
    for row in rows:
        fault = _find_fault(row, suppressed, absent)
        if not fault:
            template = variants.find(row.partners, row.tracking, row.topics)
            if one_letter and call.ready and call.ready[0].copy.template is not template:
                call.others.append(row.row_id)
                continue
            try:
                call.ready.append(_make_ready(row, links, template))
            except AddressError as error:
                fault = DeliveryState.FAILED, str(error)
            except BroadsheetError:  # a setting is wrong: the next reader's copy would be no better
                raise
            except Exception as error:
                bugs.append(error)
                log.exception("a copy could not be made, and keeps no other from its reader", delivery=row.row_id)
                fault = DeliveryState.FAILED, f"it could not be made: {type(error).__name__}"
        if fault:
            call.closed[fault].append(row.row_id)
    if len(bugs) > 1 and not call.ready:  # then it is not about these readers
        raise bugs[0]
    return call


def _read_rows(ids: Sequence[int], audience: QuerySet[Subscription], lease: Lease) -> list[_Row]:
    """Return the rows that are still this worker's, locked, in the order of `ids`; one that is being cancelled at this
    moment is left out.

    Plain values: a thousand model objects cost 20 ms.
    """
    due = audience.filter(reader=OuterRef("reader"))
    rows = (Delivery.objects.filter(pk__among=set(ids), lease_token=lease.token, state=DeliveryState.QUEUED)
            .select_for_update(skip_locked=True, of=("self",)).annotate(is_due=Exists(due)).order_by("pk"))
    places = {row_id: place for place, row_id in enumerate(ids)}
    found = rows.values_list("pk", "attempts", "reader_id", "reader__email", "reader__partners", "reader__tracking",
                             "reader__topics", "is_due")
    return sorted((_Row(*values) for values in found), key=lambda row: places[row.row_id])


def _find_fault(row: _Row, suppressed: set[str], absent: Mapping[int, str]) -> tuple[str, str] | None:
    """Return the state in which a row ends unsent, and why; None if its reader may be written to."""
    if row.reader_id is None or row.email is None:
        return DeliveryState.CANCELLED, "the reader was erased before the copy's turn"
    if row.email in suppressed:
        return DeliveryState.SUPPRESSED, "the address must not be written to"
    if not row.is_due:
        return DeliveryState.CANCELLED, absent.get(row.reader_id, "the reader changed what they get before the copy's turn")
    return None


def _make_ready(row: _Row, links: CopyLinks, template: MessageTemplate) -> Ready:
    reader_id, email = row.reader_id or 0, row.email or ""  # both there, or there was a fault
    token = sign_link("measure", delivery=row.row_id) if row.tracking else ""
    leave, leave_by_mail = links.leave(reader_id)
    copy = make_copy(template, "delivery_id", row.row_id, email, unsubscribe_url=leave, unsubscribe_mailto=leave_by_mail,
                     preferences_url=links.preferences(reader_id),
                     seen_url=seen_url(token) if token else "", go_url=go_url(token) if token else "")
    return Ready(row.row_id, row.attempts, copy)
