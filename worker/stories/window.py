"""Readings of some days of news come in; the pairs likely to tell one event come out, and how alike two are, as plain figures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped]

from worker.stories.similarity import Reading, background
from worker.stories.vectors import Vectors

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# The columns of `Window.compare`. "own": the vector less what the whole window talks about. "_near", "_best", "_least":
# divided by how alike the two are to their nearest articles, so that what counts as close depends on how crowded a subject
# is. "company": how far both are alike to the same others. "days" apart, counted from three hours on. "articles" in the
# window, as a logarithm: where there are few, to be each other's nearest says little.
FIGURES = (
    "words", "title", "meaning", "title_meaning", "own_meaning", "own_title_meaning", "names", "shared_names", "numbers",
    "numbers_clash", "length", "days", "words_near", "meaning_near", "names_near", "likeness", "likeness_near",
    "likeness_best", "likeness_least", "company", "articles",
)  # fmt: skip
NEAREST = 40
# Beyond its nearest, an article is compared with any other at least that alike, up to a limit.
_ALIKE, _MOST = 0.5, 200
_LEAST_ALIKE = 0.05
# The language's own word frequencies count as much as this many articles beside those of the window.
_PRIOR_ARTICLES = 500.0
_RAREST = 0.0005
# A window of few articles has hardly a subject of its own: its mean is drawn towards nothing by this many.
_PRIOR_MEANINGS = 50.0
_CROWD = 10
# How alike to its nearest an article is taken to be for each of the ten that the window lacks.
_LONELY_WORDS, _LONELY_MEANING, _LONELY_NAMES, _LONELY = 0.06, 0.35, 0.1, 0.15
_COMPANY = 0.08
_LEAST_HOURS = 3.0
_ROWS_AT_ONCE, _PAIRS_AT_ONCE = 256, 4096  # what is looked at in one go fits the processor's cache


class Window:
    """`left` and `right` are the rows of each pair, left below right. Roundups are in no pair; nor is what lies more than
    `hours` apart. Words weigh by rarity, in the window and in the language."""

    def __init__(self, readings: Sequence[Reading], vectors: Vectors, hours: float) -> None:
        self.readings = readings
        self._words = _unit_rows(_weigh([one.words for one in readings], vectors))
        self._title = _unit_rows(_weigh([dict.fromkeys(sorted(one.title_words), 1.0) for one in readings], vectors))
        names = _weigh([one.names for one in readings], vectors)
        self._names, self._names_found = _unit_rows(names), _root(names)
        self._meaning = np.stack([one.vector for one in readings])
        self._title_meaning = np.stack([one.title_vector for one in readings])
        self._own, self._own_title = _own(self._meaning), _own(self._title_meaning)
        self._time = np.array([np.nan if one.hours is None else one.hours for one in readings])
        self._length = np.array([one.length for one in readings])
        self.left, self.right = self._find_pairs(hours)
        self._found = self._basics(self.left, self.right)
        self._measure_crowds()

    def compare(self, left: Rows, right: Rows) -> Floats:
        """Shape (len(FIGURES), len(left)): the figures of each pair."""
        words, own, meaning, names = self._found if left is self.left else self._basics(left, right)
        likeness = (words + own) / 2
        numbers, clash = self._numbers(left, right)
        best, other = self._likest[left], self._likest[right]
        return np.stack([
            words, _products(self._title, left, right), meaning, _products(self._title_meaning, left, right), own,
            _products(self._own_title, left, right), names,
            np.log1p(_products(self._names_found, left, right) / 5), numbers, clash,
            np.minimum(self._length[left], self._length[right]), self._days(left, right),
            _per_crowd(words, self._words_near, left, right), _per_crowd(meaning, self._meaning_near, left, right),
            _per_crowd(names, self._names_near, left, right), likeness, _per_crowd(likeness, self._likeness_near, left, right),
            likeness / np.maximum(0.02, np.maximum(best, other)), likeness / np.maximum(0.02, np.minimum(best, other)),
            _products(self._neighbours, left, right), np.full(len(left), math.log(len(self.readings))),
        ])  # fmt: skip

    def _find_pairs(self, hours: float) -> tuple[Rows, Rows]:
        """Each article with its nearest by words and meaning together, as (left, right) rows in order."""
        count = len(self.readings)
        open_rows = np.flatnonzero([not one.roundup for one in self.readings])
        words, own = self._words[open_rows].astype(np.float32), self._own[open_rows].astype(np.float32)
        all_words, all_own, times = words.T.tocsr(), own.T, self._time[open_rows].astype(np.float32)
        found = [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(open_rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            score = own[part] @ all_own
            score += (words[part] @ all_words).toarray()
            score[np.abs(times[part, None] - times) > hours] = -np.inf
            score[np.arange(len(score)), np.arange(start, start + len(score))] = -np.inf
            for row, scores in zip(open_rows[part], score, strict=True):
                near = open_rows[_nearest(scores)]
                found.append(np.minimum(row, near) * count + np.maximum(row, near))
        keys = np.unique(np.concatenate(found))
        return keys // max(count, 1), keys % max(count, 1)

    def _basics(self, left: Rows, right: Rows) -> tuple[Floats, Floats, Floats, Floats]:
        """Words, own meaning, meaning and names: what most of the figures are made of."""
        words, own = _products(self._words, left, right), _products(self._own, left, right)
        return words, own, _products(self._meaning, left, right), _products(self._names, left, right)

    def _measure_crowds(self) -> None:
        """How alike each article is to its nearest: what `compare` measures a pair against."""
        left, right, count = self.left, self.right, len(self.readings)
        words, own, meaning, names = self._found
        likeness = (words + own) / 2

        def crowd(values: Floats, lonely: float, most: int = _CROWD) -> Floats:
            return _mean_of_top(left, right, values, count, most, lonely)

        self._words_near, self._names_near = crowd(words, _LONELY_WORDS), crowd(names, _LONELY_NAMES)
        self._meaning_near, self._likeness_near = crowd(meaning, _LONELY_MEANING), crowd(likeness, _LONELY)
        self._likest = crowd(likeness, _LONELY, 1)
        kept, all_rows = words >= _COMPANY, np.arange(count)
        ends = np.concatenate([left[kept], right[kept], all_rows]), np.concatenate([right[kept], left[kept], all_rows])
        values = np.concatenate([words[kept], words[kept], np.ones(count)])
        self._neighbours = _unit_rows(sparse.csr_array((values, ends), shape=(count, count)))

    def _days(self, left: Rows, right: Rows) -> Floats:
        """0 hours count where either time is unknown. Under three hours the times say when a feed was written, not an event."""
        apart: Floats = np.maximum(np.nan_to_num(np.abs(self._time[left] - self._time[right])), _LEAST_HOURS) / 24
        return apart

    def _numbers(self, left: Rows, right: Rows) -> tuple[Floats, Floats]:
        """How far the telling numbers agree, and whether both have some and none agrees."""
        share, clash = np.zeros(len(left)), np.zeros(len(left))
        sets = [one.numbers for one in self.readings]
        some = np.array([bool(one) for one in sets], dtype=bool)
        for place in np.flatnonzero(some[left] & some[right]):
            one, other = sets[left[place]], sets[right[place]]
            common = len(one & other)
            share[place] = common / (len(one) * len(other)) ** 0.5
            clash[place] = not common
        return share, clash


def _nearest(scores: npt.NDArray[np.float32]) -> Rows:
    """Rows of the nearest, in no order."""
    most = min(NEAREST, len(scores))
    alike = int(np.count_nonzero(scores > _ALIKE))
    if alike > most:
        most = min(alike, _MOST)
    rows = np.argpartition(scores, -most)[-most:]
    return rows[scores[rows] > _LEAST_ALIKE]


def _weigh(rows: Sequence[Mapping[str, float]], vectors: Vectors) -> sparse.csr_array:
    """A row of weights times rarity each, a column a term."""
    columns: dict[str, int] = {}
    ends, places, weights = [0], [], []
    for row in rows:
        for term, weight in row.items():
            places.append(columns.setdefault(term, len(columns)))
            weights.append(weight)
        ends.append(len(places))
    shape = (len(rows), max(1, len(columns)))
    found = sparse.csr_array((np.array(weights, dtype=float), np.array(places, dtype=np.int64), np.array(ends)), shape=shape)
    articles = np.bincount(found.indices, minlength=shape[1])
    common = np.array([background(term, vectors) for term in columns] or [1.0])
    shares = (common * _PRIOR_ARTICLES + articles) / (_PRIOR_ARTICLES + len(rows))
    return (found @ sparse.diags_array(-np.log(np.minimum(shares + _RAREST, 1.0)))).tocsr()


def _root(matrix: sparse.csr_array) -> sparse.csr_array:
    """So that the product of two rows is the summed weight of what they share."""
    return sparse.csr_array((np.sqrt(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    length = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    return (sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ matrix).tocsr()


def _own(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Unit vectors less their mean; a row of zeros, which says nothing, stays one."""
    said = rows.any(axis=1)
    moved = rows - rows[said].sum(axis=0) / (said.sum() + _PRIOR_MEANINGS)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = moved / np.where(length > 0, length, 1.0) * said.reshape(-1, 1)
    return unit


def _products(matrix: sparse.csr_array | npt.NDArray[np.float32], left: Rows, right: Rows) -> Floats:
    """The product of the two rows of each pair."""
    found = np.zeros(len(left))
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        one, other = matrix[left[part]], matrix[right[part]]
        if isinstance(one, np.ndarray):
            found[part] = np.einsum("ij,ij->i", one, other)
        else:
            found[part] = one.multiply(other).sum(axis=1)
    return found


def _mean_of_top(left: Rows, right: Rows, values: Floats, count: int, most: int, missing: float) -> Floats:
    """Per row, the mean of its highest values; each one that it lacks counts as `missing`."""
    rows, both = np.concatenate([left, right]), np.concatenate([values, values])
    order = np.lexsort((-both, rows))
    rows, both = rows[order], both[order]
    kept = np.arange(len(rows)) - np.searchsorted(rows, rows) < most
    total = np.bincount(rows[kept], both[kept], minlength=count)
    held = np.bincount(rows[kept], minlength=count)
    mean: Floats = np.maximum(total + (most - held) * missing, 0) / most
    return mean


def _per_crowd(values: Floats, crowd: Floats, left: Rows, right: Rows) -> Floats:
    scaled: Floats = values / np.maximum(0.02, np.sqrt(crowd[left] * crowd[right]))
    return scaled
