"""An issue in, the copies that reached nobody out: whose each is, why, since when, and when it is tried again."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from itertools import islice

from django.db.models import Q, QuerySet

from worker.errors import BroadsheetError
from worker.issues.find import find_issue
from worker.readers.cells import guard_cell
from worker.readers.find import find_readers
from worker.storage.models import AuditEntry, Delivery, DeliveryState

# Those that ended so, and those that the next hop has put off.
STATES = (DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.UNCERTAIN, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED,
          DeliveryState.QUEUED)
COLUMNS = ("delivery", "email", "state", "reason", "at", "attempts", "next_try")
ERASED = "(erased)"
_PIECE = 500  # rows written at once
_WAITING = Q(state=DeliveryState.QUEUED, attempts__gt=0, not_before__isnull=False)
# What is said where the row holds no words: of who was erased, and after the time that they are kept, nothing is.
_REASONS: dict[str, str] = {
    DeliveryState.ACCEPTED: "the next hop took it",
    DeliveryState.DELIVERED: "the provider reported that the mailbox took it",
    DeliveryState.ATTEMPTING: "it is being handed over at this moment",
    DeliveryState.QUEUED: "its turn is still to come",
    DeliveryState.FAILED: "it was refused for good",
    DeliveryState.BOUNCED: "the provider reported that it came back",
    DeliveryState.UNCERTAIN: "it was handed over, but the answer was lost",
    DeliveryState.SUPPRESSED: "the address became one that must not be written to before the copy’s turn",
    DeliveryState.CANCELLED: "the issue was cancelled before the copy’s turn",
}


@dataclass(frozen=True)
class Copy:
    """One reader's copy. `reader` is None and `email` is "(erased)" for who was erased since; `next_try` only if it was put off."""

    delivery: int
    reader: int | None
    email: str
    state: str
    reason: str
    at: datetime
    attempts: int
    next_try: datetime | None


def find_undelivered(issue_id: int, state: str = "") -> QuerySet[Delivery]:
    """Return the copies that reached nobody, or those of them in one state, in the order of the audience.

    `queued` means those that were put off; not those whose turn is still to come. Raises BroadsheetError for another state.
    """
    rows = Delivery.objects.filter(issue_id=issue_id).order_by("pk")
    if not state:
        return rows.filter(Q(state__in=STATES[:-1]) | _WAITING)
    if state not in STATES:
        raise BroadsheetError(f"{state!r} is no state of a copy that was not delivered; there are: {', '.join(STATES)}")
    return rows.filter(_WAITING) if state == DeliveryState.QUEUED else rows.filter(state=state)


def read_copies(rows: QuerySet[Delivery], *, chunk: int = _PIECE) -> Iterator[Copy]:
    """Return these rows with their readers' addresses of today; memory stays flat, however many there are."""
    names = ("pk", "reader_id", "reader__email", "state", "error", "updated_at", "attempts", "not_before")
    for pk, reader, email, state, error, at, attempts, not_before in rows.values_list(*names).iterator(chunk_size=chunk):
        yield Copy(pk, reader, email or ERASED, state, error or _REASONS[state], at, attempts,
                   not_before if state == DeliveryState.QUEUED else None)


def find_copies(issue_id: int, words: str, *, limit: int) -> list[Copy]:
    """Return the copies, delivered or not, of up to `limit` readers whose address begins so or who own that mailbox."""
    readers = find_readers(words, limit=limit)
    rows = Delivery.objects.filter(issue_id=issue_id, reader__in=[one.pk for one in readers])
    return list(read_copies(rows.order_by("reader__email_key", "pk")))


def export_undelivered(issue_id: int, state: str = "", *, by: str) -> Iterator[str]:
    """Return a CSV's text in pieces, safe to open in a spreadsheet; that it was taken is noted at once.

    Raises NotFoundError, and BroadsheetError for a state that is none of these.
    """
    find_issue(issue_id)
    rows = find_undelivered(issue_id, state)
    AuditEntry.objects.create(actor=by[:254], action="export undelivered", subject=f"issue {issue_id}",
                              detail={"state": state or "all", "copies": rows.count()})
    return _write(rows)


def _write(rows: QuerySet[Delivery]) -> Iterator[str]:
    yield _lines([COLUMNS])
    left = read_copies(rows)
    while piece := list(islice(left, _PIECE)):
        yield _lines(_cells(copy) for copy in piece)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([guard_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cells(copy: Copy) -> Sequence[str]:
    return (str(copy.delivery), copy.email, copy.state, copy.reason, _moment(copy.at), str(copy.attempts), _moment(copy.next_try))


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
