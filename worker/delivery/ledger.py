"""Rows marked `attempting` in, the network call made, their endings written: the one order in which post may go out.

The order is the promise. `attempting` is committed before the call and the ending after it, so a crash in between
leaves rows that say so; they become `uncertain` and are never sent again by the machine.
"""

import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from time import monotonic

from django.conf import settings

from worker.delivery.message import Copy, clean_line
from worker.delivery.senders import Kind, Outcome, Sender, SenderRefusedError
from worker.errors import TransientError
from worker.readers.suppress import suppress
from worker.storage import bulk
from worker.storage.models import Delivery, DeliveryState, Notice

MOST_ATTEMPTS = 6
LONGEST_SECONDS = 24 * 3600.0  # after that a deferred copy is given up: old news is no news
FIRST_WAIT_SECONDS = 60.0  # then 4, 16, 64 and 256 minutes: within RFC 5321 4.5.4.1's spirit, over before the day is
LOST_ANSWER_PAUSE_SECONDS = 30.0
Model = type[Delivery] | type[Notice]
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")
_random = SystemRandom()


@dataclass(frozen=True)
class Ready:
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


class Lease:
    """The rows one worker has claimed, under one token."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.token = secrets.token_hex(16)
        self.seconds = float(settings.DELIVERY_LEASE_SECONDS)
        self._renewed = monotonic()

    def renew(self) -> None:
        """Make the lease whole again once a quarter of it is used up; more often would cost more than it saves."""
        if monotonic() - self._renewed > self.seconds / 4:
            bulk.renew_lease(self.model, self.token, self.seconds)
            self._renewed = monotonic()

    def release(self) -> None:
        """Give back the rows that were claimed and not attempted."""
        bulk.release_rows(self.model, self.token)


def hand_over(lease: Lease, ready: Sequence[Ready], sender: Sender, *, age: float) -> Handed:
    """Make the call for rows already committed as `attempting`, and write down how each attempt ended.

    `age` is how many seconds ago this post became due. Raises TransientError or SenderRefusedError, with the rows back
    in the queue, if nothing could be handed over. Whatever else goes wrong in the call leaves the rows `uncertain`. Mailboxes
    that are gone are never written to again.
    """
    try:
        outcomes = sender.send([row.copy for row in ready])
        if len(outcomes) != len(ready):
            raise RuntimeError(f"the {sender.name} sender answered for {len(outcomes)} of {len(ready)} copies")
    except (TransientError, SenderRefusedError) as error:
        _record(lease, ready, [Outcome(Kind.UNSENT, detail=str(error))] * len(ready), age)
        raise
    except BaseException as error:
        lost = Outcome(Kind.UNCERTAIN, detail=f"the call ended in the middle: {type(error).__name__}")
        _record(lease, ready, [lost] * len(ready), age)
        raise
    states = _record(lease, ready, outcomes, age)
    for address in _find_gone(ready, outcomes):  # after the endings: if it is not reached, the next letter's answer mends it
        suppress(address, "bounce")
    policy = next((_redact_wholly(outcome.detail, row.copy.to) for row, outcome in zip(ready, outcomes, strict=True)
                   if outcome.kind is Kind.POLICY), "")
    return Handed(states, policy, _find_pause(outcomes))


def _find_gone(ready: Sequence[Ready], outcomes: Sequence[Outcome]) -> list[str]:
    """Return the addresses whose mailboxes are gone. Not if that is said of every one of several: then it is the wrong server, or
    one set up wrongly, and what it says is no word about readers. Pure."""
    gone = [row.copy.to for row, outcome in zip(ready, outcomes, strict=True) if outcome.is_gone]
    answered = sum(outcome.kind is not Kind.UNSENT for outcome in outcomes)
    return gone if len(gone) < answered or answered == 1 else []


def _record(lease: Lease, ready: Sequence[Ready], outcomes: Sequence[Outcome], age: float) -> Counter[str]:
    endings = [end_attempt(row, outcome, age, _random.random()) for row, outcome in zip(ready, outcomes, strict=True)]
    bulk.record_endings(lease.model, lease.token, endings)
    return Counter(end.state for end in endings)


def _find_pause(outcomes: Sequence[Outcome]) -> float:
    asked = max((outcome.retry_after or 0 for outcome in outcomes), default=0)
    if all(outcome.kind is Kind.UNCERTAIN for outcome in outcomes):
        return max(asked, LOST_ANSWER_PAUSE_SECONDS)
    return asked


def end_attempt(row: Ready, outcome: Outcome, age: float, chance: float) -> bulk.Ending:
    """Decide the row's next state. `age` in seconds; `chance` from 0 to 1 spreads the retries. Pure."""
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
            wait = plan_retry(row.attempts + 1, age, outcome.retry_after, chance)
            if wait is None:
                return bulk.Ending(row.row_id, DeliveryState.FAILED, error=f"given up: {detail}")
            return bulk.Ending(row.row_id, DeliveryState.QUEUED, error=detail, wait=wait)


def plan_retry(attempts: int, age: float, asked: float | None, chance: float) -> float | None:
    """Return how many seconds to wait after `attempts` deferred attempts, or None to give up. Pure.

    Four times longer after each attempt, a quarter more or less by `chance` so that a thousand copies deferred at once
    do not come back at once; never sooner than the next hop asked for.
    """
    if attempts >= MOST_ATTEMPTS or age >= LONGEST_SECONDS:
        return None
    spread = 0.75 + chance / 2
    if asked:
        return round(asked * (1 + chance / 4), 1)
    return round(FIRST_WAIT_SECONDS * 4.0 ** (attempts - 1) * spread, 1)


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
