"""Log-odds of pairs come in, groups come out: the two groups most alike on average are joined, again and again."""

import heapq
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Rate = Callable[[Rows, Rows], Floats]

# The log-odds of a pair that was not worth comparing.
_UNCOMPARED = -5.0
_SAMPLE = 12
_FEW = 16  # pairs; between small groups an uncompared one means that the two are far apart
_ROUNDS = 3


def link(
    count: int, left: Rows, right: Rows, odds: Floats, *, threshold: float, rate: Rate,
    must: Iterable[tuple[int, int]] = (), cannot: Iterable[tuple[int, int]] = (), likely: Iterable[tuple[int, int]] = (),
) -> list[int]:
    """The group of each of `count` rows, named by its first row: average linkage (Sokal and Michener 1958) over log-odds, until
    no two groups have a mean above `threshold`.

    `left`, `right` and `odds` are the pairs compared so far; `rate` compares others. `must` is joined first whatever the
    odds; `cannot` is never joined, unless `must` has done so; then `likely` is joined, where nothing forbids it.
    """
    groups = _Groups(count, left, right, odds, threshold)
    for one, other in must:
        groups.force(one, other)
    for one, other in cannot:
        groups.bar(one, other)
    for one, other in likely:
        groups.force(one, other)
    groups.join_all()
    for _ in range(_ROUNDS):
        if not groups.sample(rate):
            break
        groups.join_all()
    return [groups.root(row) for row in range(count)]


class _Groups:
    """Between two groups are kept how many of their pairs were compared, and the sum of their odds above an uncompared one."""

    def __init__(self, count: int, left: Rows, right: Rows, odds: Floats, threshold: float) -> None:
        self._threshold = threshold
        self._parent = list(range(count))
        self._members = [[row] for row in range(count)]
        self._excess: list[dict[int, float]] = [{} for _ in range(count)]
        self._compared: list[dict[int, int]] = [{} for _ in range(count)]
        self._barred: list[set[int]] = [set() for _ in range(count)]
        self._changes = [0] * count
        self._heap: list[tuple[float, int, int, int, int]] = []
        for one, other, value in zip(left.tolist(), right.tolist(), odds.tolist(), strict=True):
            self._set(one, other, value - _UNCOMPARED, 1)

    def root(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = row = self._parent[self._parent[row]]
        return row

    def force(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other and other not in self._barred[one]:
            self._join(min(one, other), max(one, other))

    def bar(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self._barred[one].add(other)
            self._barred[other].add(one)

    def join_all(self) -> None:
        self._heap = []
        for row, parent in enumerate(self._parent):
            if row == parent:
                self._offer(row, from_row=row)
        while self._heap:
            _, one, other, changes, other_changes = heapq.heappop(self._heap)
            fresh = self._changes[one] == changes and self._changes[other] == other_changes
            if fresh and other not in self._barred[one]:
                self._join(one, other)
                self._offer(one)

    def sample(self, rate: Rate) -> bool:
        """Compare some members of groups that may belong together but whose pairs were mostly not compared: in a story of a
        hundred articles each has been held against its nearest only. Returns whether there were any."""
        asked = [(one, other) for one, row in enumerate(self._excess) for other in row
                 if one < other and self._is_open_question(one, other)]
        pairs = [(a, b) for one, other in asked for a in self._some(one) for b in self._some(other)]
        if not pairs:
            return False
        rows = np.sort(np.array(pairs), axis=1)
        odds = rate(rows[:, 0], rows[:, 1])
        start = 0
        for one, other in asked:
            size = len(self._some(one)) * len(self._some(other))
            total = len(self._members[one]) * len(self._members[other])
            self._set(one, other, (float(odds[start : start + size].mean()) - _UNCOMPARED) * total, total)
            start += size
        return True

    def _is_open_question(self, one: int, other: int) -> bool:
        compared, pairs = self._compared[one][other], len(self._members[one]) * len(self._members[other])
        return compared < pairs and pairs > _FEW and _UNCOMPARED + self._excess[one][other] / compared > self._threshold - 1

    def _some(self, group: int) -> list[int]:
        members = self._members[group]
        return members if len(members) <= _SAMPLE else [members[i * len(members) // _SAMPLE] for i in range(_SAMPLE)]

    def _set(self, one: int, other: int, excess: float, compared: int) -> None:
        self._excess[one][other] = self._excess[other][one] = excess
        self._compared[one][other] = self._compared[other][one] = compared

    def _offer(self, one: int, from_row: int = 0) -> None:
        for other, excess in self._excess[one].items():
            mean = _UNCOMPARED + excess / (len(self._members[one]) * len(self._members[other]))
            if other >= from_row and mean > self._threshold and other not in self._barred[one]:
                low, high = min(one, other), max(one, other)
                heapq.heappush(self._heap, (-mean, low, high, self._changes[low], self._changes[high]))

    def _join(self, one: int, other: int) -> None:
        """Group `other` becomes part of `one`."""
        for links in (self._excess, self._compared):
            links[one].pop(other, None)
            links[other].pop(one, None)
        for third, excess in self._excess[other].items():
            compared = self._compared[other][third] + self._compared[one].get(third, 0)
            self._set(one, third, excess + self._excess[one].get(third, 0.0), compared)
            del self._excess[third][other], self._compared[third][other]
        self._excess[other], self._compared[other] = {}, {}
        for third in self._barred[other]:
            self._barred[third].discard(other)
            self._barred[third].add(one)
        self._barred[one] = (self._barred[one] | self._barred[other]) - {one}
        self._barred[other] = set()
        self._members[one] += self._members[other]
        self._members[other] = []
        self._parent[other] = one
        self._changes[one] += 1
        self._changes[other] += 1
