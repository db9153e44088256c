"""Rows marked `attempting` in, the network call made, their endings written: the one order in which post may go out.

The order is the promise. `attempting` is committed before the call and the ending after it, so a crash in between
leaves rows that say so; they become `uncertain` and are never sent again by the machine.
"""

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import random
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import Error, OperationalError, connection
from django.db.models import QuerySet

from worker.delivery.backoff import leave_alone
from worker.delivery.message import Copy, clean_line
from worker.delivery.pace import give_back
from worker.delivery.replies import Replies
from worker.delivery.senders import Kind, Outcome, Sender
from worker.errors import BroadsheetError, TransientError
from worker.readers.suppress import suppress
from worker.storage import bulk
from worker.storage.models import Alarm, Delivery, DeliveryState, Notice

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 17
# Then twice as long each time, up to two hours: what is refused now is often taken in a moment, and a server that is ill is left
# alone longer each time (RFC 5321 4.5.4.1), for four hours in all.
FIRST_WAIT_SECONDS = 0.2
LOST_ANSWER_PAUSE_SECONDS = 30.0
CALL_SECONDS = 5.0  # then no further copy of a call is begun: that a slow server does not hide how things stand
DATABASE_PATIENCE = 60.0  # seconds for which a database that went away after the call is waited for
Model = type[Delivery] | type[Notice] | type[Alarm]
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")


class Ready(NamedTuple):
    """A row that is marked `attempting`: how often it was attempted before, and the copy to hand over."""

    row_id: int
    attempts: int
    copy: Copy


@dataclass
class Handed:
    """What became of one call's copies."""

    states: Counter[str] = field(default_factory=Counter)  # by the row's next state; queued means: to be tried again
    policy: str = ""  # the next hop's words, if it refuses us rather than a reader; no reader is named in them
    pause: float = 0  # seconds for which the next hop is better left alone
    is_ill: bool = False  # whatever it was given in this call it put off


class Lease:
    """The rows one worker has claimed, under one token."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.token = secrets.token_hex(16)
        self.seconds = float(settings.DELIVERY_LEASE_SECONDS)
        self.replies = Replies(model, self.token)
        self.unsettled = 0  # calls of which the ledger does not hold yet what the next hop has said
        self._ids: list[int] = []
        self._renewed = monotonic()

    def claim(self, rows: QuerySet[Any], limit: int) -> list[int]:
        """Claim up to `limit` of the rows, and return their ids. Raises TransientError if what becomes of them cannot be kept."""
        self.replies.open()
        ids = bulk.claim_rows(rows, self.token, limit=limit, seconds=self.seconds)
        self._ids += ids
        return ids

    @contextmanager
    def marking(self) -> Iterator[None]:
        """While rows are being marked: if that ends in an error the database may have done so all the same, and what is in the
        replies tells that none of them was begun."""
        self.unsettled += 1
        yield
        self.unsettled -= 1

    def renew(self) -> None:
        """Make the lease whole again once a quarter of it is used up; more often would cost more than it saves."""
        if monotonic() - self._renewed > self.seconds / 4:
            bulk.renew_lease(self.model, self._ids, self.token, self.seconds)
            self._renewed = monotonic()

    def release(self) -> None:
        """Give back the rows that were claimed and not attempted."""
        is_free = False
        try:
            bulk.release_rows(self.model, self._ids, self.token)
            is_free = True
        finally:
            self.replies.close(keep=self.unsettled > 0 or not is_free)


class Call:
    """Rows that are marked `attempting`, on their way to the next hop: `make` it in any thread, `settle` it in the one of the
    database. It is the sender's `Note`: what it is told stands in the lease's replies before anything else happens."""

    def __init__(self, lease: Lease, ready: Sequence[Ready], *, since: float,
                 is_stopping: Callable[[], bool] = lambda: False) -> None:
        """`since` is what `monotonic` said *before* the rows were marked: a process may be stalled right after that."""
        self.lease, self.ready = lease, ready
        self._is_stopping = is_stopping
        # The attempts' lease runs since they were marked. A call that waits for another one before it may begin has less of it.
        self._stop_at = since + lease.seconds / 2
        self._begin_by = since + lease.seconds * 2 / 3  # the last third is for the answer
        self._begun: set[int] = set()
        self._is_settled = False
        self._change = Lock()  # of these two: a sender's threads may outlive its call
        self._endings: dict[int, bulk.Ending] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._error: BaseException | None = None
        lease.unsettled += 1

    def make(self, sender: Sender) -> None:
        """Hand the copies over; whatever goes wrong is kept for `settle`."""
        self._stop_at = min(self._stop_at, monotonic() + CALL_SECONDS)
        try:
            outcomes = sender.send([row.copy for row in self.ready], self)
            for place, outcome in enumerate(outcomes):
                self._take(place, outcome)
        except BaseException as error:
            self._error = error

    def refuse(self, error: BroadsheetError) -> None:
        """Hand nothing over, for this reason."""
        self._error = error

    def begin(self, places: Sequence[int]) -> None:
        """See base.Note. A process that was stalled begins nothing more: others may have taken back what it had not begun by then.

        Looked at before and after the line is written: a line that is written late is not followed by its mail.
        """
        self._require_time()
        self.lease.replies.begin([self.ready[place].row_id for place in places])
        self._require_time()
        with self._change:
            if self._is_settled:
                raise TransientError("the call is over")
            self._begun.update(places)

    def _require_time(self) -> None:
        if monotonic() > self._begin_by:
            raise TransientError("the lease on these copies is over: they are left to another worker")

    def end(self, places: Sequence[int], outcome: Outcome) -> None:
        """See base.Note."""
        self.lease.replies.end([self._take(place, outcome) for place in places])

    def is_over(self) -> bool:
        """See base.Note."""
        return monotonic() > self._stop_at or self._is_stopping()

    def _take(self, place: int, outcome: Outcome) -> bulk.Ending:
        if place not in self._endings:
            self._outcomes[place] = outcome
            self._endings[place] = end_attempt(self.ready[place], outcome, random())  # noqa: S311  it spreads retries
        return self._endings[place]

    def settle(self) -> Handed:
        """Write down how each attempt ended. Mailboxes that are gone are never written to again.

        What the sender did not answer for is `uncertain` if it was begun, and back in the queue if not. Raises what the sender
        raised: TransientError and SenderRefusedError if nothing could be handed over.
        """
        with self._change:
            self._is_settled = True  # what was not begun by now never is
        for place in range(len(self.ready)):
            begun = f"the call ended in the middle: {type(self._error).__name__}" if self._error else "no answer was told"
            lost = Outcome(Kind.UNCERTAIN, detail=begun) if place in self._begun else Outcome(Kind.UNSENT, detail=self._words())
            self._take(place, lost)
        self._record()
        outcomes = [self._outcomes[place] for place in range(len(self.ready))]
        if self.lease.model is Delivery:  # letters are under no limit
            give_back(sum(outcome.kind is Kind.UNSENT for outcome in outcomes))
        if self._error:
            raise self._error
        for address in _find_gone(self.ready, outcomes):  # after the endings: if not reached, the next letter's answer mends it
            suppress(address, "bounce")
        policy = next((_redact_wholly(outcome.detail, row.copy.to) for row, outcome in zip(self.ready, outcomes, strict=True)
                       if outcome.kind is Kind.POLICY), "")
        made = {outcome.kind for outcome in outcomes if outcome.kind is not Kind.UNSENT}
        return Handed(Counter(end.state for end in self._endings.values()), policy, _find_pause(outcomes), made == {Kind.DEFERRED})

    def _words(self) -> str:
        return str(self._error) if isinstance(self._error, BroadsheetError) else ""

    def _record(self) -> None:
        """Write the endings into the ledger; a database that has gone away meanwhile is waited for.

        If it does not come back they stay in the lease's replies, for whoever looks next.
        """
        give_up_at = monotonic() + min(DATABASE_PATIENCE, self.lease.seconds)
        while True:
            try:
                bulk.record_endings(self.lease.model, self.lease.token, self._endings.values(), late=True)
                self.lease.unsettled -= 1
                return
            except OperationalError as error:
                if monotonic() > give_up_at or connection.in_atomic_block:
                    raise
                log.warning("the database does not answer; what the mail server said is kept meanwhile",
                            reason=" ".join(str(error).split())[:200])
                _close_connection()
                time.sleep(0.5)


def _close_connection() -> None:
    """Let the next statement connect anew."""
    try:
        connection.close()
    except Error:
        log.debug("the connection was gone already")


def hand_over(lease: Lease, ready: Sequence[Ready], sender: Sender, *, since: float) -> Handed:
    """Make the call for rows already committed as `attempting`, and write down how each attempt ended, and the next hop's wish.

    `since` is when they were about to be marked. Raises what `Call.settle` raises.
    """
    call = Call(lease, ready, since=since)
    call.make(sender)
    handed = call.settle()
    if handed.pause:
        leave_alone(handed.pause)
    return handed


def _find_gone(ready: Sequence[Ready], outcomes: Sequence[Outcome]) -> list[str]:
    """Return the addresses whose mailboxes are gone. Not if that is said of every one of several: then it is the wrong server, or
    one set up wrongly, and what it says is no word about readers. Pure."""
    gone = [row.copy.to for row, outcome in zip(ready, outcomes, strict=True) if outcome.is_gone]
    answered = sum(outcome.kind is not Kind.UNSENT for outcome in outcomes)
    return gone if len(gone) < answered or answered == 1 else []


def _find_pause(outcomes: Sequence[Outcome]) -> float:
    """Return for how many seconds the next hop is better left alone: as long as it asks for, or a while if no answer came."""
    asked = max((outcome.pause for outcome in outcomes), default=0)
    made = {outcome.kind for outcome in outcomes if outcome.kind is not Kind.UNSENT}
    return max(asked, LOST_ANSWER_PAUSE_SECONDS) if made == {Kind.UNCERTAIN} else asked


def end_attempt(row: Ready, outcome: Outcome, chance: float) -> bulk.Ending:
    """Decide the row's next state; `chance` from 0 to 1 spreads the retries. Pure."""
    detail = _redact(outcome.detail, row.copy.to)
    match outcome.kind:
        case Kind.ACCEPTED:
            return bulk.Ending(row.row_id, DeliveryState.ACCEPTED, provider_id=_redact(outcome.provider_id, row.copy.to))
        case Kind.REFUSED:
            return bulk.Ending(row.row_id, DeliveryState.FAILED, error=detail)
        case Kind.UNCERTAIN:
            return bulk.Ending(row.row_id, DeliveryState.UNCERTAIN, error=detail)
        case Kind.POLICY | Kind.UNSENT:
            return bulk.Ending(row.row_id, DeliveryState.QUEUED, error=detail, attempted=False)
        case Kind.DEFERRED:
            wait = plan_retry(row.attempts + 1, outcome.retry_after, chance)
            if wait is None:
                return bulk.Ending(row.row_id, DeliveryState.FAILED, error=f"given up: {detail}")
            return bulk.Ending(row.row_id, DeliveryState.QUEUED, error=detail, wait=wait)


def plan_retry(attempts: int, asked: float | None, chance: float) -> float | None:
    """Return how many seconds to wait after `attempts` deferred attempts, or None to give up. Pure.

    Twice as long after each attempt, a quarter more or less by `chance` so that a thousand copies deferred at once
    do not come back at once; never sooner than the next hop asked for. How old the issue is says nothing: it may have been held.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    spread = 0.75 + chance / 2
    wait = FIRST_WAIT_SECONDS * 2.0 ** (attempts - 1) * spread
    return round(max(wait, asked * (1 + chance / 4)) if asked else wait, 2)


def _redact(words: str, address: str) -> str:
    """Take the reader's address out of the next hop's words: the ledger outlives the reader's row."""
    if address.lower() not in words.lower():  # the rule; a pattern per reader would cost more than the copy
        return clean_line(words)
    return re.sub(re.escape(address), "(address)", clean_line(words), flags=re.IGNORECASE)


def _redact_wholly(words: str, address: str) -> str:
    """Take every address, and what stands before the reader's @, out of what is noted of a whole issue: that is kept for good, and
    no erasure looks there."""
    words = _ADDRESS.sub("(address)", _redact(words, address))
    name = re.escape(address.rpartition("@")[0])
    return re.sub(rf"(?<!\w)(?<!\w\.){name}(?!\w|\.\w)", "(address)", words, flags=re.IGNORECASE)
