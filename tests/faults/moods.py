"""Rules for a server that misbehaves in, what it is to do at each point of a dialogue out: by chance, but the same for one seed."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from random import Random


@dataclass(frozen=True)
class Mood:
    """At this point do this, so often. What there is to do is said where it is done."""

    at: str
    do: str
    share: float = 1.0  # of the times the point is reached
    most: int = 1_000_000_000  # then never again
    when: tuple[int, ...] = ()  # only once so many mails, or calls, have been taken: each of these numbers once


@dataclass
class Moods:
    """The rules of one server, and how often each was kept."""

    rules: Sequence[Mood] = ()
    seed: int = 0
    kept: Counter[str] = field(default_factory=Counter)  # by "point: deed"

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._points = {rule.at for rule in self.rules}
        self._used: Counter[int] = Counter()
        self._seen: set[tuple[int, int]] = set()

    def meet(self, point: str, taken: int = 0) -> str:
        """Return what is to be done at this point instead of what is usual; "" for nothing."""
        if point not in self._points:
            return ""
        for place, rule in enumerate(self.rules):
            if rule.at != point or self._used[place] >= rule.most:
                continue
            if rule.when:
                if taken not in rule.when or (place, taken) in self._seen:
                    continue
                self._seen.add((place, taken))
            elif self._random.random() >= rule.share:
                continue
            self._used[place] += 1
            self.kept[f"{rule.at}: {rule.do}"] += 1
            return rule.do
        return ""


def write_moods(rules: Sequence[Mood]) -> str:
    """Return the rules as a server's argument."""
    return json.dumps([asdict(rule) for rule in rules])


def read_moods(text: str, seed: int) -> Moods:
    """Return the rules of a server's argument."""
    return Moods([Mood(**{**one, "when": tuple(one.get("when", ()))}) for one in json.loads(text)], seed)
