"""What threads bring at once is done once for all of them: nothing twice, nothing forgotten, nobody left waiting."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from time import sleep

import pytest

from worker.readers.together import Together

WAIT = 30.0  # seconds until a test is given up


class Slow:
    """Work that can be held up, and notes what it was given."""

    def __init__(self) -> None:
        self.may_go_on, self.begun = Event(), Event()
        self.batches: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> None:
        self.batches.append(list(items))
        self.begun.set()
        assert self.may_go_on.wait(WAIT)
        if -1 in items:
            raise ValueError("not this one")


def gather(pool: ThreadPoolExecutor, together: Together[int], work: Slow, items: Sequence[int]) -> "list[Future[None]]":
    """Let the first item's thread work, and the others' gather behind it."""
    asked = [pool.submit(together.join, items[0])]
    assert work.begun.wait(WAIT)
    for item in items[1:]:
        asked.append(pool.submit(together.join, item))
        while len(together._waiting) < len(asked) - 1:
            sleep(0.001)
    return asked


def test_those_who_wait_are_done_together() -> None:
    work = Slow()
    together = Together(work)
    with ThreadPoolExecutor(5) as pool:
        asked = gather(pool, together, work, [1, 2, 3, 4, 5])
        assert not any(one.done() for one in asked)
        work.may_go_on.set()
        assert [one.result(WAIT) for one in asked] == [None] * 5
    assert work.batches == [[1], [2, 3, 4, 5]]


def test_work_that_fails_is_told_to_who_did_it_and_the_next_go_on() -> None:
    work = Slow()
    together = Together(work)
    with ThreadPoolExecutor(5) as pool:
        asked = gather(pool, together, work, [-1, 2, -1, 4])
        work.may_go_on.set()
        with pytest.raises(ValueError, match="not this one"):
            asked[0].result(WAIT)
        with pytest.raises(ValueError, match="not this one"):
            asked[1].result(WAIT)
        assert [one.result(WAIT) for one in asked[2:]] == [None, None]
    together.join(5)
    assert work.batches == [[-1], [2, -1, 4], [5]]


def test_a_crowd_is_done_once_each() -> None:
    seen: list[int] = []
    together = Together[int](seen.extend)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(together.join, range(5000)))
    assert sorted(seen) == list(range(5000))
