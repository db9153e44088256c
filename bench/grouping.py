"""Measures grouping on labelled news, beside plain word overlap in the same run, and on hand-read groups of real AI feeds.

    python -m bench.grouping [--data DIR] [--feeds DIR]
    python -m bench.grouping --own [--out FILE]

B3 is B-cubed (Bagga and Baldwin 1998), averaged over items; "alike" is the share of pairs of items from the two look-alike
events of one ECB+ topic that were put together.
"""

import argparse
import math
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

from bench import own
from bench.ai_pairs import print_pairs, read_pairs
from bench.known_groups import print_known_groups
from bench.labelled import SHARED, Labelled, read_labelled
from worker.stories.cluster import Article, Grouper

# First floor, then the goal, as B3 F1.
FLOORS = {"allsides": 0.85, "ecbplus": 0.84, "uci": 0.80, "neus": 0.83}
GOALS = {"allsides": 0.95, "ecbplus": 0.91, "uci": 0.93, "neus": 0.90}
SIZES = (2_500, 5_000, 10_000)
START, SPAN = datetime(2026, 8, 1, tzinfo=UTC), timedelta(hours=95)
Method = Callable[[Sequence[Article]], dict[str, str]]


@dataclass(frozen=True)
class Score:
    """How well clusters agree with stories; all between 0 and 1."""

    precision: float
    recall: float
    f1: float
    pair_f1: float
    alike: float | None


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 2 if the data is not there."""
    parser = argparse.ArgumentParser(prog="bench.grouping", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=SHARED / "grouping", help="folder with *.jsonl.gz")
    parser.add_argument("--feeds", type=Path, default=SHARED / "feeds", help="folder with known_groups.tsv")
    parser.add_argument("--own", action="store_true", help="score the rulings of this home's editors instead")
    parser.add_argument("--out", type=Path, help="with --own: write the ruled pairs to this file")
    options = parser.parse_args(argv)
    if options.own:
        return own.main(["--out", str(options.out)] if options.out else [])
    missing = [name for name in FLOORS if not (options.data / f"{name}.jsonl.gz").is_file()]
    if missing:
        print(f"bench.grouping: no {options.data}/{missing[0]}.jsonl.gz: give the folder with --data", file=sys.stderr)
        return 2
    Grouper().add(Article("warm", "Weights are read at the first headline", "", None, None))
    print(f"{'set':10}{'method':9}{'items':>6}{'stories':>8}{'clusters':>9}{'P':>7}{'R':>7}{'B3 F1':>7}{'pair F1':>8}"
          f"{'alike':>7}{'items/s':>9}{'floor':>7}{'goal':>6}")  # fmt: skip
    for name in FLOORS:
        labelled = read_labelled(options.data, name)
        for title, method in (("words", group_by_words), ("worker", group)):
            _print_row(labelled, title, method)
    if (options.feeds / "known_groups.tsv").is_file():
        print_known_groups(options.feeds)
        print_pairs(options.feeds)
    print_speed([article for name in FLOORS for article in read_labelled(options.data, name).articles], options.feeds)
    return 0


def print_speed(articles: list[Article], feeds: Path) -> None:
    """Print how fast ever larger windows of 96 hours are grouped from nothing, and then a run of 20 new articles."""
    if (feeds / "known_groups.tsv").is_file():
        articles = [*articles, *(article for archive in read_pairs(feeds)[1] for article in archive)]
    print(f"\n{'in the window':>13}{'items/s':>9}{'s':>7}{'s a run of 20 new':>19}{'peak MB':>9}")
    for count in (size for size in SIZES if size <= len(articles)):
        grouper = Grouper()
        told = [replace(articles[n * len(articles) // count], id=str(n), url="", published=START + SPAN * n / count)
                for n in range(count)]
        started = time.perf_counter()
        grouper.add_many(told[:-20])
        middle = time.perf_counter()
        grouper.add_many(told[-20:])
        ended = time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count:13}{(count - 20) / (middle - started):9.0f}{middle - started:7.1f}{ended - middle:19.1f}{memory:9.0f}")


def group(articles: Sequence[Article]) -> dict[str, str]:
    """The worker's grouping."""
    grouper = Grouper()
    grouper.add_many(articles)
    return grouper.clusters()


def group_by_words(articles: Sequence[Article]) -> dict[str, str]:
    """The peer: TF-IDF of title and text, one pass, cosine with each cluster's sum, one threshold for every set."""
    frequency: Counter[str] = Counter()
    sums: list[Counter[str]] = []
    postings: dict[str, set[int]] = defaultdict(set)
    found: dict[str, str] = {}
    for seen, article in enumerate(articles, 1):
        counts = Counter(re.findall(r"\w+", f"{article.title} {article.title} {article.summary[:500]}".lower()))
        frequency.update(counts.keys())
        weights = {w: (1 + math.log(n)) * math.log((1 + seen) / frequency[w]) for w, n in counts.items()}
        scores: Counter[int] = Counter()
        for word, weight in weights.items():
            for cluster in postings[word]:
                scores[cluster] += weight * sums[cluster][word]
        norm = math.hypot(*weights.values()) or 1.0
        likeness = {c: s / norm / math.hypot(*sums[c].values()) for c, s in scores.most_common(20) if s > 0}
        best = max(likeness, key=lambda c: (likeness[c], -c), default=-1)
        if best < 0 or likeness[best] < 0.18:
            best = len(sums)
            sums.append(Counter())
        for word, weight in weights.items():
            sums[best][word] += weight / norm
            postings[word].add(best)
        found[article.id] = str(best)
    return found


def score(labelled: Labelled, found: dict[str, str]) -> Score:
    """B-cubed and pair measures of clusters against stories."""
    story, items = labelled.story, len(labelled.story)
    by_story, by_cluster = Counter(story.values()), Counter(found.values())
    both = Counter((story[item], found[item]) for item in story)
    precision = sum(n * n / by_cluster[cluster] for (_, cluster), n in both.items()) / items
    recall = sum(n * n / by_story[gold] for (gold, _), n in both.items()) / items
    hits, gold, made = (sum(n * (n - 1) / 2 for n in counts.values()) for counts in (both, by_story, by_cluster))
    alike = _alike(labelled, found) if labelled.name == "ecbplus" else None
    return Score(precision, recall, _mean(precision, recall), _mean(hits / (made or 1), hits / (gold or 1)), alike)


def _alike(labelled: Labelled, found: dict[str, str]) -> float:
    topics = defaultdict(list)
    for item, topic in labelled.topic.items():
        topics[topic].append(item)
    pairs = [
        (one, other)
        for items in topics.values()
        for one, other in combinations(items, 2)
        if labelled.story[one] != labelled.story[other]
    ]
    return sum(found[one] == found[other] for one, other in pairs) / len(pairs)


def _print_row(labelled: Labelled, title: str, method: Method) -> None:
    started = time.perf_counter()
    found = method(labelled.articles)
    rate = len(found) / (time.perf_counter() - started)
    got = score(labelled, found)
    alike = "" if got.alike is None else f"{got.alike:.3f}"
    print(
        f"{labelled.name:10}{title:9}{len(found):6}{len(set(labelled.story.values())):8}{len(set(found.values())):9}"
        f"{got.precision:7.3f}{got.recall:7.3f}{got.f1:7.3f}{got.pair_f1:8.3f}{alike:>7}{rate:9.0f}"
        f"{FLOORS[labelled.name]:7.2f}{GOALS[labelled.name]:6.2f}"
    )


def _mean(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
