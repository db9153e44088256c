"""The trailing days of news: holds the readings that may still attract others, and compares a new one with them in one go."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from worker.stories.similarity import Reading, background
from worker.stories.tables import Table, TermTable
from worker.stories.vectors import Vectors

Rows = npt.NDArray[np.int64]

# The columns of `Window.compare`.
FIGURES = ("words", "title", "meaning", "title_meaning", "names", "shared_words", "shared_names", "title_names",
           "numbers", "numbers_clash", "lone_word", "rare_names")  # fmt: skip
# The language's own word frequencies count as much as this many stories beside those in the window.
_PRIOR_STORIES = 100.0
# Until the window holds some stories, whether a name is rare is a guess: one word in common is then worth little.
_GUESSING_STORIES = 6.0
_RAREST = 0.0012
_RARE = 3.5
_NAMES_HOURS = 48.0
_POSTINGS_READ = 200
_DEAD_KEPT = 256


class Window:
    """Rows are readings in order of arrival. A word weighs less the more *stories* of the window use it: the word that one
    big story repeats stays telling, the company named in every second story does not."""

    def __init__(self, vectors: Vectors, hours: float) -> None:
        self.hours = hours
        self._vectors = vectors
        self._clear()

    def _clear(self) -> None:
        self.readings: list[Reading] = []
        self.clusters: list[str] = []
        self.members: dict[str, list[int]] = {}
        self.row_of: dict[str, int] = {}
        self._terms: dict[str, int] = {}
        self._common = np.ones(4096)
        self._stories_with = np.zeros(4096)
        self._uses: dict[str, Counter[int]] = {}
        self._postings: dict[int, list[int]] = {}
        self._words, self._title = TermTable(96), TermTable(32)
        self._names, self._title_names = TermTable(48), TermTable(24)
        self._meaning, self._title_meaning, self._time = Table(np.float32), Table(np.float32), Table(np.float64)
        self._rarity: npt.NDArray[np.float64] | None = None
        self._oldest = float("inf")

    def __len__(self) -> int:
        return len(self.row_of)

    def put(self, reading: Reading, cluster: str) -> None:
        """Add a reading that belongs to a cluster."""
        row = len(self.readings)
        self.readings.append(reading)
        self.clusters.append(cluster)
        self.members.setdefault(cluster, []).append(row)
        self.row_of[reading.article.id] = row
        words = self._number(reading.words)
        names = self._number(reading.names)
        self._words.append(words)
        self._names.append(names)
        self._title.append(self._number(dict.fromkeys(sorted(reading.title_words), 1.0)))
        self._title_names.append(self._number({name: reading.names[name] for name in sorted(reading.title_names)}))
        self._meaning.append(reading.vector)
        self._title_meaning.append(reading.title_vector)
        self._time.append(np.array([np.nan if reading.hours is None else reading.hours]))
        if reading.hours is not None:
            self._oldest = min(self._oldest, reading.hours)
        self._count(cluster, words.keys() | names.keys(), row)

    def expire(self, now: float) -> None:
        """Let go of readings from before the window that ends at `now` (hours); those without a time stay."""
        if now - self.hours <= self._oldest:
            return
        old = [row for row in self.row_of.values() if (self.readings[row].hours or now) < now - self.hours]
        for row in old:
            self._forget(row)
        self._oldest = min((self.readings[row].hours or now for row in self.row_of.values()), default=now)
        if len(self.readings) - len(self.row_of) > len(self.row_of) + _DEAD_KEPT:
            kept = [(self.readings[row], self.clusters[row]) for row in self.row_of.values()]
            self._clear()
            for reading, cluster in kept:
                self.put(reading, cluster)

    def nearest(self, reading: Reading, limit: int) -> Rows:
        """The rows most likely to tell the same event, by meaning and by rare words in common; closest first."""
        if not self.row_of:
            return np.zeros(0, dtype=np.int64)
        # einsum, as a matrix product this small costs more in waking threads than in work.
        score = np.einsum("ij,j->i", self._meaning.rows, reading.vector).astype(np.float64)
        numbers = self._number(reading.words)
        rarity = self._rarities()
        for number in numbers:
            holders = self._postings.get(number, [])
            if 0 < len(holders) <= _POSTINGS_READ:
                score[holders] += 0.05 * rarity[number]
        rows = self._eligible(reading)
        return rows[np.argsort(-score[rows], kind="stable")[:limit]]

    def compare(self, reading: Reading, rows: Rows) -> npt.NDArray[np.float64]:
        """One line of FIGURES a row: likenesses between 0 and 1, shared weight as a logarithm, rare names as a count."""
        in_words, in_names = self._number(reading.words), self._number(reading.names)
        in_title = self._number(dict.fromkeys(sorted(reading.title_words), 1.0))
        rarity = self._rarities()
        words, shared_words, words_in_common = self._words.cosine(in_words, rows, rarity)
        title, _, _ = self._title.cosine(in_title, rows, rarity)
        names, shared_names, _ = self._names.cosine(in_names, rows, rarity)
        return np.stack(
            [
                words,
                title,
                np.maximum(self._meaning.rows[rows] @ reading.vector, 0),
                np.maximum(self._title_meaning.rows[rows] @ reading.title_vector, 0),
                names,
                np.log1p(shared_words / 10),
                np.log1p(shared_names / 5),
                self._titles_named(reading, rows, rarity),
                *self._numbers_shared(reading, rows),
                np.clip(3 - words_in_common, 0, 2) / 2 * _GUESSING_STORIES / (_GUESSING_STORIES + len(self.members)),
                self._names_alone(reading, words, rows, rarity),
            ],
            axis=1,
        )

    def _names_alone(
        self, reading: Reading, words: npt.NDArray[np.float64], rows: Rows, rarity: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Rare names in common beyond two, where hardly a word is shared besides: outlets that tell one event in words of
        their own still have to name who it happened to. Up to 3; only near in time, as the same names meet again."""
        if reading.hours is None:
            return np.zeros(len(rows))
        beyond = np.clip(self._names.count_rare(self._number(reading.names), rows, rarity, _RARE) - 2, 0, 3)
        near = np.abs(self._time.rows[rows, 0] - reading.hours) <= _NAMES_HOURS  # false where a time is unknown
        alone: npt.NDArray[np.float64] = beyond * np.clip(1 - 2.5 * words, 0, 1) * near
        return alone

    def days_apart(self, reading: Reading, rows: Rows) -> npt.NDArray[np.float64]:
        """Days between the reading and each row; 0 where either time is unknown."""
        if reading.hours is None:
            return np.zeros(len(rows))
        apart: npt.NDArray[np.float64] = np.abs(self._time.rows[rows, 0] - reading.hours) / 24
        apart[np.isnan(apart)] = 0.0
        return apart

    def _numbers_shared(self, reading: Reading, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """How far the telling numbers agree, and whether both have some and none agrees."""
        share, clash = np.zeros(len(rows)), np.zeros(len(rows))
        if reading.numbers:
            for place, row in enumerate(rows):
                if theirs := self.readings[row].numbers:
                    common = len(reading.numbers & theirs)
                    share[place] = common / (len(reading.numbers) * len(theirs)) ** 0.5
                    clash[place] = not common
        return share, clash

    def _titles_named(self, reading: Reading, rows: Rows, rarity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of the weight of the names in both titles, the share that the other article names anywhere."""
        mine = self._number({name: reading.names[name] for name in sorted(reading.title_names)})
        found_mine = self._names.weight_of(mine, rows, rarity)
        all_mine = sum(weight * rarity[name] for name, weight in mine.items())
        found_theirs = self._title_names.weight_of(self._number(reading.names), rows, rarity, ours=False)
        total = all_mine + self._title_names.weight_of(None, rows, rarity)
        share = np.zeros(len(rows))
        np.divide(found_mine + found_theirs, total, out=share, where=total > 0)
        return share

    def _eligible(self, reading: Reading) -> Rows:
        rows = np.fromiter(self.row_of.values(), dtype=np.int64, count=len(self.row_of))
        return rows[self.days_apart(reading, rows) * 24 <= self.hours]

    def _number(self, weights: Mapping[str, float]) -> dict[int, float]:
        numbered = {}
        for term, weight in weights.items():
            number = self._terms.get(term)
            if number is None:
                number = self._terms[term] = len(self._terms) + 1
                if number >= len(self._common):
                    self._common = np.concatenate([self._common, np.ones(len(self._common))])
                    self._stories_with = np.concatenate([self._stories_with, np.zeros(len(self._stories_with))])
                self._common[number] = background(term, self._vectors)
            numbered[number] = weight
        return numbered

    def _count(self, cluster: str, terms: Iterable[int], row: int) -> None:
        uses = self._uses.setdefault(cluster, Counter())
        for term in terms:
            self._postings.setdefault(term, []).append(row)
            if not uses[term]:
                self._stories_with[term] += 1
            uses[term] += 1
        self._rarity = None

    def _forget(self, row: int) -> None:
        reading, cluster = self.readings[row], self.clusters[row]
        del self.row_of[reading.article.id]
        self.members[cluster].remove(row)
        uses = self._uses[cluster]
        for term in self._number(reading.words).keys() | self._number(reading.names).keys():
            self._postings[term].remove(row)
            uses[term] -= 1
            if not uses[term]:
                self._stories_with[term] -= 1
        if not self.members[cluster]:
            del self.members[cluster], self._uses[cluster]
        self._rarity = None

    def _rarities(self) -> npt.NDArray[np.float64]:
        if self._rarity is None or len(self._rarity) <= len(self._terms):
            used = len(self._terms) + 1
            prior = self._common[:used] * _PRIOR_STORIES + self._stories_with[:used]
            self._rarity = -np.log(np.minimum(prior / (_PRIOR_STORIES + len(self.members)) + _RAREST, 1.0))
        return self._rarity

