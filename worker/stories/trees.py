"""Figures of pairs come in, the log-odds that each pair reports one event come out, by the decision trees in `fitted.json`."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.stories.window import FIGURES

FITTED = Path(__file__).with_name("fitted.json")
Floats = npt.NDArray[np.float64]
_MOST = 8.0
_PAIRS_AT_ONCE = 4_096  # stays in the processor's cache


@dataclass(frozen=True, eq=False)
class _Tree:
    """Leaves count from the left. A split is (column, limit, the leaves below its left side as bits)."""

    splits: tuple[tuple[int, float, np.uint32], ...]
    leaves: Floats


class Trees:
    """Gradient-boosted trees (Friedman 2001), summed. A tree is a number, or [figure, limit, tree if not above, tree if above].

    Read as QuickScorer does (Lucchese et al. 2015): a split that is not met strikes out its left leaves; the first leaf left
    over is the one a pair ends in.
    """

    def __init__(self, trees: list[Any]) -> None:
        self._trees = [_flatten(tree) for tree in trees]

    def rate(self, figures: Floats) -> Floats:
        """`figures` of shape (len(FIGURES), pairs); log-odds between -8 and 8."""
        total = np.zeros(figures.shape[1])
        for start in range(0, figures.shape[1], _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            total[part] = self._sum(figures[:, part])
        bounded: Floats = np.clip(total, -_MOST, _MOST)
        return bounded

    def _sum(self, figures: Floats) -> Floats:
        total = np.zeros(figures.shape[1])
        for tree in self._trees:
            closed = np.zeros(figures.shape[1], dtype=np.uint32)
            for column, limit, left in tree.splits:
                closed |= (figures[column] > limit) * left
            first = ~closed & (closed + np.uint32(1))
            total += tree.leaves[np.log2(first).astype(np.int64)]
        return total


@cache
def fitted_trees() -> tuple[Trees, float]:
    """The trees that `bench.fit_grouping` fitted, and the mean log-odds from which two groups of articles are one story."""
    fitted = json.loads(FITTED.read_text(encoding="utf-8"))
    return Trees(fitted["trees"]), float(fitted["threshold"])


def _flatten(tree: Any) -> _Tree:
    splits: list[tuple[int, float, np.uint32]] = []
    leaves: list[float] = []

    def walk(node: Any) -> None:
        if not isinstance(node, list):
            leaves.append(float(node))
            return
        figure, limit, below, above = node
        start = len(leaves)
        walk(below)
        left = (1 << len(leaves)) - (1 << start)
        splits.append((FIGURES.index(figure), float(limit), np.uint32(left)))
        walk(above)

    walk(tree)
    return _Tree(tuple(splits), np.array(leaves))
