"""Claimed rows in, calls to the next hop out, several under way at once: while some are answered the next is prepared."""

import gc
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic

from worker.delivery.audience import find_audience
from worker.delivery.backoff import leave_alone, seconds_left
from worker.delivery.breaker import hold_issue
from worker.delivery.fence import keep_turn
from worker.delivery.ledger import Call, Handed, Lease
from worker.delivery.recheck import begin_call
from worker.delivery.senders import Sender
from worker.delivery.variants import Variants
from worker.errors import TransientError
from worker.storage.models import DeliveryState, Issue

MOST_ILL = 3  # calls in a row of which everything was put off
ILL_PAUSE_SECONDS = 5.0
BATCH_SECONDS = 30.0  # then the rest of a batch goes back to the queue: calls may be slow


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from looking through thousands of copies again and again, which have no cycles in them: it takes a
    tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Flight:
    """The calls of one batch. The ledger is read and written in the caller's thread alone."""

    def __init__(self, issue: Issue, variants: Variants, lease: Lease, sender: Sender, states: Counter[str],
                 is_stopping: Callable[[], bool], *, width: int) -> None:
        """`width` is with how many calls at once it begins. One is added with each that is taken, lest all be lost at once."""
        self.issue, self.variants, self.lease, self.sender, self.states = issue, variants, lease, sender, states
        self.audience = find_audience(issue.newsletter, digest=issue.digest)
        self.pause = 0.0
        self.width = min(width, sender.calls_at_once)
        self._is_stopping = is_stopping
        self._ill = 0
        self._is_stopped = False  # nothing that is under way is to begin another copy
        self._is_full = False  # no further call is to be begun
        self._stop_at = monotonic() + BATCH_SECONDS
        self._under_way: deque[tuple[Call, Future[None]]] = deque()

    def carry(self, ids: Sequence[int]) -> float:
        """Hand over the claimed rows call by call, counting their next states; stop early if the issue was stopped or the
        next hop wants a pause, and return how long a one. Raises what the calls raise, once all of them are settled."""
        waiting = list(ids)
        with _no_collection(), ThreadPoolExecutor(self.sender.calls_at_once, "call") as threads:
            try:
                while waiting and not (self._is_full or self.is_over()):
                    waiting = self._begin(waiting, threads)
                    if len(self._under_way) >= self.width:
                        self._settle_first()
            except BaseException:
                self._is_stopped = True
                with suppress(Exception):  # the first fault is the one to tell of
                    self._land()
                raise
            self._land()
        return self.pause

    def is_over(self) -> bool:
        """Say whether no further copy is to be begun."""
        return self._is_stopped or monotonic() > self._stop_at or self._is_stopping()

    def _begin(self, waiting: list[int], threads: ThreadPoolExecutor) -> list[int]:
        """Send the next call on its way; return the rows that are left for another."""
        if wait := seconds_left():  # another worker was told so
            self.pause, self._is_full = wait, True
            return waiting
        self.lease.renew()
        since = monotonic()
        taken, waiting = waiting[: self.sender.batch_size], waiting[self.sender.batch_size :]
        with self.lease.marking():
            begun = begin_call(self.issue, taken, self.audience, self.variants, self.lease, self.states,
                               one_letter=self.sender.one_letter)
        if begun is None:
            self._is_stopped = True
            return []
        if begun.pause:
            self.pause, self._is_full = begun.pause, True
        if begun.ready:
            call = Call(self.lease, begun.ready, since=since, is_stopping=self.is_over)
            self._under_way.append((call, threads.submit(self._make, call, begun.turn)))
        return begun.others + waiting

    def _make(self, call: Call, turn: int) -> None:
        """In a thread of the call's own."""
        try:
            keep_turn(self.issue.pk, self.variants.sha256, turn)
        except TransientError as error:
            call.refuse(error)
        else:
            call.make(self.sender)

    def _settle_first(self) -> None:
        call, future = self._under_way[0]
        future.result()
        self._under_way.popleft()
        self._heed(call.settle())

    def _heed(self, handed: Handed) -> None:
        self.states.update(handed.states)
        if handed.states[DeliveryState.ACCEPTED]:
            self.width = min(self.width + 1, self.sender.calls_at_once)
        if handed.states[DeliveryState.UNCERTAIN]:
            self.width = 1
        self._ill = self._ill + 1 if handed.is_ill else 0
        if self._ill == MOST_ILL:  # it is not about these readers
            handed.pause, self.width = max(handed.pause, ILL_PAUSE_SECONDS), 1
        if handed.policy:
            hold_issue(self.issue.pk, f"the next hop refuses us, not a reader: {handed.policy}")
        if handed.pause:
            leave_alone(handed.pause)
            self.pause = max(self.pause, handed.pause)
        self._is_stopped |= bool(handed.policy or handed.pause)

    def _land(self) -> None:
        """Settle all that is under way; a fault in one call keeps no other from being settled, and is raised after them."""
        fault: Exception | None = None
        while self._under_way:
            try:
                self._settle_first()
            except Exception as error:
                self._is_stopped = True
                fault = fault or error
        if fault:
            raise fault
