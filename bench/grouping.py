"""Measures grouping on labelled news, beside plain word overlap in the same run, and on hand-read groups of real AI feeds.

    python -m bench.grouping [--data DIR] [--feeds DIR] [--order file|time]

B3 is B-cubed (Bagga and Baldwin 1998), averaged over items; "alike" is the share of pairs of items from the two look-alike
events of one ECB+ topic that were put together.
"""

import argparse
import gzip
import json
import math
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

from bench.known_groups import print_known_groups
from worker.stories.cluster import Article, Grouper

SHARED = Path(__file__).resolve().parents[2] / "shared"
# First floor, then the goal, as B3 F1.
FLOORS = {"allsides": 0.85, "ecbplus": 0.84, "uci": 0.80, "neus": 0.83}
GOALS = {"allsides": 0.95, "ecbplus": 0.91, "uci": 0.93, "neus": 0.90}
Method = Callable[[Sequence[Article]], dict[str, str]]


@dataclass(frozen=True)
class Labelled:
    """A data set: articles, and by article id the story it belongs to and the topic that holds look-alike stories."""

    name: str
    articles: list[Article]
    story: dict[str, str]
    topic: dict[str, str | None]


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
    parser.add_argument("--order", choices=("file", "time"), default="file", help="in which order items arrive")
    options = parser.parse_args(argv)
    missing = [name for name in FLOORS if not (options.data / f"{name}.jsonl.gz").is_file()]
    if missing:
        print(f"bench.grouping: no {options.data}/{missing[0]}.jsonl.gz: give the folder with --data", file=sys.stderr)
        return 2
    Grouper().add(Article("warm", "Weights are read at the first headline", "", None, None))
    print(f"{'set':10}{'method':9}{'items':>6}{'stories':>8}{'clusters':>9}{'P':>7}{'R':>7}{'B3 F1':>7}{'pair F1':>8}"
          f"{'alike':>7}{'items/s':>9}{'floor':>7}{'goal':>6}")  # fmt: skip
    for name in FLOORS:
        labelled = read_labelled(options.data, name)
        for title, method in (("words", group_by_words), ("worker", in_order(options.order))):
            _print_row(labelled, title, method)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if (options.feeds / "known_groups.tsv").is_file():
        print_known_groups(options.feeds)
    return 0


def read_labelled(folder: Path, name: str) -> Labelled:
    """Read `name`.jsonl.gz of a folder."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    articles = [
        Article(
            id=row["id"],
            title=row["title"],
            summary=row["summary"] or "",
            source=row["publisher"],
            published=datetime.fromisoformat(row["published"]) if row["published"] else None,
        )
        for row in rows
    ]
    return Labelled(name, articles, {r["id"]: r["story"] for r in rows}, {r["id"]: r["topic"] for r in rows})


def in_order(order: str) -> Method:
    """The worker's grouping, articles taken as the file has them or by their time."""

    def group(articles: Sequence[Article]) -> dict[str, str]:
        grouper = Grouper()
        if order == "time":
            grouper.add_many(articles)
        else:
            for article in articles:
                grouper.add(article)
        return grouper.clusters()

    return group


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
