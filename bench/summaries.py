"""Measures the extractive summaries against AllSides' own neutral summaries, beside the first sentences of the first source.

    python -m bench.summaries [--data DIR]
    python -m bench.summaries --read 50 [--skip 50]    prints summaries of stories of all kinds, to be read by a person

What was set by looking at figures was looked at on both halves of the stories, and kept only if both gained.
ROUGE-1, -2 and -L are F1 as in Lin (2004), on lower-case words with Porter stems, averaged over stories.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import snowballstemmer

from bench.reading import print_readings
from worker.stories.evidence import trace
from worker.stories.extract import Article, summarise
from worker.stories.sentences import split_sentences

DATA = Path(__file__).resolve().parents[2] / "shared" / "grouping"
GOAL = (0.411, 0.191, 0.279)
Case = tuple[str, list[Article], str]  # id of the story, its items, the reference
_stemmer = snowballstemmer.stemmer("porter")


def main(argv: list[str] | None = None) -> int:
    """Print the table; 2 if the data is not there."""
    parser = argparse.ArgumentParser(prog="bench.summaries", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with summary_refs.jsonl.gz")
    parser.add_argument("--read", type=int, metavar="N", default=0, help="print N stories' summaries instead")
    parser.add_argument("--skip", type=int, metavar="N", default=0, help="of the stories to read, leave out the first N")
    options = parser.parse_args(argv)
    path = options.data / "summary_refs.jsonl.gz"
    if not path.is_file():
        print(f"bench.summaries: no {path}: give the folder with --data", file=sys.stderr)
        return 2
    if options.read:
        print_readings(options.data.parent, options.read, options.skip)
        return 0
    stories = _read(path)
    summarise(stories[0][1])  # loads the vectors
    print(f"{len(stories)} stories, {sum(len(articles) for _, articles, _ in stories)} items")
    print(f"{'':36}{'stories':>8}{'ROUGE-1':>8}{'-2':>8}{'-L':>8}{'words':>8}{'ms':>8}{'traced':>8}")
    neus = [case for case in stories if case[0].startswith("neus")]
    allsides = [case for case in stories if not case[0].startswith("neus")]
    _print_row("neus: first three sentences", lead_three, neus)
    _print_row("neus: extractive", extractive, neus)
    for half in "AB":
        _print_row(f"neus, half {half}: extractive", extractive, [case for case in neus if _half(case) == half])
    print(f"{'neus: goal':44}{GOAL[0]:8.3f}{GOAL[1]:8.3f}{GOAL[2]:8.3f}{'':8}{'< 10':>8}{'100 %':>8}")
    _print_row("allsides: first three sentences", lead_three, allsides)
    _print_row("allsides: extractive", extractive, allsides)
    _print_row("both: first three sentences", lead_three, stories)
    _print_row("both: extractive", extractive, stories)
    return 0


def lead_three(articles: Sequence[Article]) -> str:
    """The peer: the first three sentences of the first source."""
    return " ".join(split_sentences(articles[0].summary)[:3])


def extractive(articles: Sequence[Article]) -> str:
    """What a reader gets without a language model."""
    return " ".join(sentence.text for sentence in summarise(articles).sentences)


def rouge(ours: str, reference: str) -> tuple[float, float, float]:
    """F1 of single words, of pairs, and of the longest common subsequence."""
    one, other = _stems(ours), _stems(reference)
    pairs, other_pairs = list(pairwise(one)), list(pairwise(other))
    return (
        _f1(sum((Counter(one) & Counter(other)).values()), len(one), len(other)),
        _f1(sum((Counter(pairs) & Counter(other_pairs)).values()), len(pairs), len(other_pairs)),
        _f1(_longest_common(one, other), len(one), len(other)),
    )


def _print_row(name: str, method: Callable[[Sequence[Article]], str], stories: list[Case]) -> None:
    started = time.perf_counter()
    texts = [method(articles) for _, articles, _ in stories]
    each = (time.perf_counter() - started) / len(stories) * 1000
    scores = [rouge(text, reference) for text, (*_, reference) in zip(texts, stories, strict=True)]
    means = [sum(score[i] for score in scores) / len(scores) for i in range(3)]
    words = sum(len(text.split()) for text in texts) / len(texts)
    sentences = [(s, case[1]) for text, case in zip(texts, stories, strict=True) for s in split_sentences(text)]
    traced = sum(trace(s, articles) is not None for s, articles in sentences) / max(1, len(sentences))
    print(f"{name:36}{len(stories):8}{means[0]:8.3f}{means[1]:8.3f}{means[2]:8.3f}{words:8.0f}{each:8.2f}{traced:8.1%}")


def _half(case: Case) -> str:
    return "AB"[hashlib.md5(case[2].encode(), usedforsecurity=False).digest()[-1] % 2]


def _read(path: Path) -> list[Case]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [(row["story"], _articles(row["items"]), row["reference"]) for row in map(json.loads, file)]


def _articles(items: list[dict[str, Any]]) -> list[Article]:
    return [
        Article(str(n), item["title"], item["summary"] or "", item.get("publisher"), None) for n, item in enumerate(items)
    ]


def _stems(text: str) -> list[str]:
    return [_stemmer.stemWord(word) if len(word) > 3 else word for word in re.findall(r"[a-z0-9]+", text.lower())]


def _f1(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if common else 0.0


def _longest_common(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        previous = 0
        for j, candidate in enumerate(other, 1):
            previous, row[j] = row[j], previous + 1 if word == candidate else max(row[j], row[j - 1])
    return row[-1]


if __name__ == "__main__":
    raise SystemExit(main())
