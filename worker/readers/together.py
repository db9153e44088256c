"""One item from each of many threads in; work that is done once for all that come at the same time out.

While one thread works for those that have gathered, the next ones gather: a round trip or a commit is then paid for once by all of
them, and nobody waits for company.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Place(Generic[Item]):
    """Where a thread waits with its item until that is done, or until it is its turn to work."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_done = False
        self._told = Lock()
        self._told.acquire()

    def wait(self) -> None:
        self._told.acquire()

    def tell(self) -> None:
        self._told.release()


class Together(Generic[Item]):
    """Work on many items at once, done by one of the threads that brought them."""

    def __init__(self, work: Callable[[Sequence[Item]], None]) -> None:
        self._work = work
        self._lock = Lock()
        self._waiting: list[_Place[Item]] = []
        self._is_working = False

    def join(self, item: Item) -> None:
        """Return once the work is done for `item`. What the work raises is raised in the thread that did it alone."""
        place = _Place(item)
        with self._lock:
            self._waiting.append(place)
            must_wait, self._is_working = self._is_working, True
        if must_wait:
            place.wait()
        if not place.is_done:
            self._work_for_all()

    def _work_for_all(self) -> None:
        with self._lock:
            places, self._waiting = self._waiting, []
        try:
            self._work([place.item for place in places])
        finally:
            for place in places:
                place.is_done = True
            with self._lock:
                if self._waiting:
                    self._waiting[0].tell()  # its thread works next, for all that have come meanwhile
                else:
                    self._is_working = False
            for place in places:
                place.tell()
