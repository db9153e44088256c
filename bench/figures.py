"""What was measured in, a table with the goal beside each figure out; and what was asked for on the command line."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

BOTH = ("SQLite", "PostgreSQL")


class SkippedError(Exception):
    """What a part needs is not to be had here, and why."""


class BrokenError(Exception):
    """A part did not come to its end, and why: no figure of it counts."""


class Cost(NamedTuple):
    """What a program used: seconds on the clock, and of CPU in its own code and in the kernel."""

    seconds: float
    user: float
    system: float

    @property
    def cpu(self) -> float:
        return self.user + self.system

    def per(self, count: int) -> str:
        """Return the CPU of each of `count`, in words."""
        user, system = self.user / count * 1e6, self.system / count * 1e6
        return f"{user + system:,.0f} us ({user:,.0f} + {system:,.0f})"


def find_rate(costs: Sequence[Cost], count: int) -> float:
    """Return how many a second the median run did."""
    return count / statistics.median(cost.seconds for cost in costs)


def find_middle(costs: Sequence[Cost]) -> Cost:
    """Return the cost of the run with the median CPU."""
    return sorted(costs, key=lambda cost: cost.cpu)[len(costs) // 2]


class Choice(NamedTuple):
    """What was asked for: how many readers, whether it is to be quick, and which database."""

    readers: int | None
    quick: bool
    database: str | None

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    def size(self, usual: int) -> int:
        """Return how many readers: what was asked for, or a tenth of the usual number if it is to be quick."""
        return self.readers or (usual // 10 if self.quick else usual)

    def databases(self, usual: Sequence[str]) -> Sequence[str]:
        return (self.database,) if self.database else usual


class Table:
    """Prints each line as it is known, and remembers what was missed or skipped, and of which part."""

    def __init__(self) -> None:
        self.part = ""
        self.missed: list[str] = []
        self.skipped: list[str] = []

    def head(self, words: str) -> None:
        """Begin a part, or its next database."""
        print(f"\n{words}", flush=True)

    def add(self, what: str, ours: str, beside: str = "", ratio: str = "", goal: str = "", good: bool | None = None) -> None:
        """Print a figure; `good` says whether the goal was met, if there is one."""
        verdict = "" if good is None else "met" if good else "MISSED"
        print(f"  {what:30}{ours:>24}  {beside:38}{ratio:>8}  {goal:12}{verdict}".rstrip(), flush=True)
        if good is False:
            self.missed.append(f"{self.part}: {what}")

    def skip(self, what: str, why: object) -> None:
        """Say what could not be measured here."""
        print(f"  {what}: skipped: {why}", flush=True)
        self.skipped.append(what)

    def fail(self, why: object) -> None:
        """Say why a part did not come to its end; that is worse than a goal missed."""
        print(f"  {self.part}: FAILED: {why}", flush=True)
        self.missed.append(f"{self.part}: failed")
