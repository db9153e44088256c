"""Tables that grow a row at a time, so that one new reading can be compared with thousands in a few array operations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


class Table:
    """Rows of equal width, kept in one array that doubles when full."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._dtype = dtype
        self._data: npt.NDArray[Any] | None = None
        self._used = 0

    @property
    def rows(self) -> npt.NDArray[Any]:
        """Shape (rows added, width)."""
        return np.zeros((0, 0), dtype=self._dtype) if self._data is None else self._data[: self._used]

    def append(self, row: npt.NDArray[Any]) -> None:
        if self._data is None:
            self._data = np.zeros((256, len(row)), dtype=self._dtype)
        elif self._used == len(self._data):
            self._data = np.concatenate([self._data, np.zeros_like(self._data)])
        self._data[self._used] = row
        self._used += 1


class TermTable:
    """Rows of at most `width` numbered terms with a weight each; term 0 fills up and weighs nothing."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._longest = 0
        self._terms, self._weights = Table(np.int32), Table(np.float64)

    def append(self, row: Mapping[int, float]) -> None:
        terms, weights = np.zeros(self._width, dtype=np.int32), np.zeros(self._width)
        count = min(len(row), self._width)
        terms[:count] = list(row)[:count]
        weights[:count] = list(row.values())[:count]
        self._longest = max(self._longest, count)
        self._terms.append(terms)
        self._weights.append(weights)

    def cosine(self, query: Mapping[int, float], rows: Rows, rarity: Floats) -> tuple[Floats, Floats, Floats]:
        """Cosine of each row with the query, both weighted by rarity; the summed rarity of the terms they share,
        and how many those are."""
        terms, weights = self._read(rows)
        rare = rarity[terms]
        weights = weights * rare
        ours = _spread(query, len(rarity))[terms]
        both = (ours > 0) & (weights > 0)
        product = (weights * ours * rare).sum(axis=1)
        own = float(np.sqrt(sum((weight * rarity[term]) ** 2 for term, weight in query.items())))
        length = np.sqrt((weights**2).sum(axis=1)) * own
        return np.divide(product, length, out=np.zeros(len(rows)), where=length > 0), (both * rare).sum(axis=1), both.sum(axis=1)

    def count_rare(self, query: Mapping[int, float], rows: Rows, rarity: Floats, least: float) -> Floats:
        """Per row, how many terms at least that rare are in the query too."""
        terms, weights = self._read(rows)
        asked = _spread(query, len(rarity))[terms]
        count: Floats = ((np.minimum(asked, weights) > 0.5) & (rarity[terms] >= least)).sum(axis=1)
        return count

    def weight_of(
        self, query: Mapping[int, float] | None, rows: Rows, rarity: Floats, *, ours: bool = True
    ) -> Floats:
        """Per row, the weight times rarity of the terms that are in the query too (of all terms without a query), by the
        query's weights or, with `ours` false, by the row's."""
        terms, weights = self._read(rows)
        if query is not None:
            asked = _spread(query, len(rarity))[terms]
            weights = np.where(weights > 0, asked, 0.0) if ours else np.where(asked > 0, weights, 0.0)
        total: Floats = (weights * rarity[terms]).sum(axis=1)
        return total

    def _read(self, rows: Rows) -> tuple[npt.NDArray[np.int32], Floats]:
        """Terms and weights of some rows, without the columns that no row of the table fills."""
        return self._terms.rows[:, : self._longest][rows], self._weights.rows[:, : self._longest][rows]


def _spread(query: Mapping[int, float], size: int) -> Floats:
    dense = np.zeros(size)
    dense[list(query)] = list(query.values())
    return dense
