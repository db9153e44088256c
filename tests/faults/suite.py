"""A folder, an environment and a seed in; a stage for every fault, and the list of faults there are, out."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from tests.faults.databases import Databases
from tests.faults.stage import LEASE_SECONDS, Result, Stage

KINDS = ("SQLite", "PostgreSQL")
Happening = Callable[["Suite", str], Iterator[tuple[str, Result]]]


@dataclass
class Suite:
    """What all faults of one run have in common. `short`: as much of each as belongs into every test run."""

    folder: Path
    environment: Mapping[str, str]
    databases: Databases
    seed: int
    short: bool = False
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def stage(self, kind: str, *, machines: int = 1, lease: int = LEASE_SECONDS, disk: Path | None = None) -> Stage:
        """Return a new stage, on a new database of this kind. `disk`: where homes and SQLite's file are, if not beside the rest."""
        folder = self.folder / f"stage-{next(self._numbers)}"
        folder.mkdir()
        disk = disk or folder
        return Stage(folder, self.environment, self.databases.make(kind, disk), machines=machines, lease=lease, seed=self.seed,
                     disk=disk)

    def random(self, *names: object) -> Random:
        """Return chance for one fault: the same for one seed, whichever other faults are tried."""
        return Random(" ".join(map(str, (self.seed, *names))))


@dataclass(frozen=True)
class Fault:
    """A kind of fault: its name, what it is, on which databases it is tried."""

    name: str
    words: str
    kinds: tuple[str, ...]
    happen: Happening


FAULTS: dict[str, Fault] = {}


def fault(name: str, words: str, kinds: tuple[str, ...] = KINDS) -> Callable[[Happening], Happening]:
    """Put a function on the list; it yields a label and a result for each send it makes."""

    def put(happen: Happening) -> Happening:
        FAULTS[name] = Fault(name, words, kinds, happen)
        return happen

    return put


def wait_until(is_so: Callable[[], object], seconds: float) -> bool:
    """Say whether it came true within that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.02)
    return bool(is_so())
