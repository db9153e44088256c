"""Fits the trees by which two articles are told to report one event, and writes them to worker/stories/fitted.json.

    python -m bench.fit_grouping [--data DIR] [--feeds DIR] [--to FILE] [--held-out]

Learnt from the pairs of four labelled sets (README.md in the folder of --data), pairs and groups of real AI news judged by
hand (ai_pairs.tsv, known_groups.tsv), the hand-written cases of tests/stories and the labelled sample feeds. --held-out
writes nothing: it fits on half of each set's stories, groups the other half, and the other way round. Needs LightGBM, which
the service itself does not: pip install lightgbm
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.examples import (
    Examples,
    ai_examples,
    case_examples,
    demo_examples,
    examples_of,
    known_examples,
    small_windows,
    with_times_of,
)
from bench.grouping import Score, score
from bench.labelled import SETS, SHARED, Labelled, read_labelled
from worker.stories.cluster import Grouper
from worker.stories.trees import FITTED, Trees
from worker.stories.window import FIGURES

THRESHOLD = -1.0
TREES = 220
PARAMETERS = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 16, "min_data_in_leaf": 20, "feature_fraction": 0.5,
    "bagging_fraction": 0.7, "bagging_freq": 1, "seed": 1, "deterministic": True, "num_threads": 1, "verbose": -1,
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Fit and write; 2 if the data or LightGBM is not there."""
    parser = argparse.ArgumentParser(prog="bench.fit_grouping", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=SHARED / "grouping", help="folder with the four sets")
    parser.add_argument("--feeds", type=Path, default=SHARED / "feeds", help="folder with the archives of AI news")
    parser.add_argument("--to", type=Path, default=FITTED, help="the file to write")
    parser.add_argument("--held-out", action="store_true", help="measure on stories that were not learnt from; write nothing")
    options = parser.parse_args(argv)
    try:
        import lightgbm  # noqa: F401
    except ImportError:
        print("bench.fit_grouping: LightGBM is not installed: .venv/bin/pip install lightgbm", file=sys.stderr)
        return 2
    if not options.data.is_dir() or not options.feeds.is_dir():
        print(f"bench.fit_grouping: no {options.data} or {options.feeds}: give the folders", file=sys.stderr)
        return 2
    sets = [read_labelled(options.data, name) for name in SETS]
    unsplit = [ai_examples(options.feeds), known_examples(options.feeds), case_examples(), demo_examples()]
    if options.held_out:
        print_held_out(sets, unsplit)
        return 0
    write(options.to, fit([*_set_examples(sets, unsplit[0], lambda _story: True), *unsplit]))
    print(f"{TREES} trees written to {options.to}")
    return 0


def print_held_out(sets: Sequence[Labelled], unsplit: Sequence[Examples]) -> None:
    """Per set, the scores of stories that were not learnt from; half as many stories are there to be confused with."""
    scores: dict[str, list[Score]] = defaultdict(list)
    for half in (0, 1):
        learnt = {story for one in sets for story in one.story.values() if _half_of(story) == half}
        trees = Trees(as_trees(fit([*_set_examples(sets, unsplit[0], learnt.__contains__), *unsplit])))
        for one in sets:
            others = one.without(learnt)
            grouper = Grouper(trees=(trees, THRESHOLD))
            grouper.add_many(others.articles)
            scores[one.name].append(score(others, grouper.clusters()))
    for name, halves in scores.items():
        means = [sum(getattr(half, field) for half in halves) / 2 for field in ("precision", "recall", "f1")]
        print(f"{name:10}P {means[0]:.3f}  R {means[1]:.3f}  B3 F1 {means[2]:.3f}")


def _set_examples(sets: Sequence[Labelled], news: Examples, keep: Callable[[str], bool]) -> Iterator[Examples]:
    for one in sets:
        yield with_times_of(news, examples_of(one, keep))
        yield with_times_of(news, small_windows(one, keep))


def _half_of(story: str) -> int:
    return hashlib.sha1(f"s{story}".encode(), usedforsecurity=False).digest()[-1] % 2


def fit(parts: Sequence[Examples]) -> Any:
    """A LightGBM booster over all parts."""
    import lightgbm

    every = Examples(*(np.concatenate([getattr(one, field) for one in parts]) for field in ("figures", "same", "weight")))
    weight = every.weight / every.weight.mean()
    data = lightgbm.Dataset(every.figures, label=every.same.astype(int), weight=weight, feature_name=list(FIGURES))
    return lightgbm.train(PARAMETERS, data, num_boost_round=TREES)


def as_trees(booster: Any) -> list[Any]:
    """As `worker.stories.trees.Trees` takes them, rounded to four digits."""
    return [_as_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]


def write(path: Path, booster: Any) -> None:
    """One tree a line."""
    lines = ",\n".join("  " + json.dumps(tree) for tree in as_trees(booster))
    path.write_text(
        '{"made_by": "python -m bench.fit_grouping", '
        f'"threshold": {THRESHOLD},\n "a tree": ["figure", "limit", "tree up to the limit", "tree above it"],\n'
        f' "trees": [\n{lines}\n]}}\n',
        encoding="utf-8",
    )


def _as_tree(node: dict[str, Any]) -> Any:
    if "leaf_value" in node:
        return round(node["leaf_value"], 4)
    limit = float(f"{node['threshold']:.4g}")
    return [FIGURES[node["split_feature"]], limit, _as_tree(node["left_child"]), _as_tree(node["right_child"])]


if __name__ == "__main__":
    raise SystemExit(main())
