"""Groups two archives of real AI news as they came in and compares with pairs of their items, put into events by hand.

    python -m bench.ai_pairs [--feeds DIR] [--wrong]

`ai_pairs.tsv` holds links only. "same": both report one happening, announcement or publication. "copy": the same piece again,
under another link (80 % of the headline's words). "different": another event, a new turn, an opinion, a roundup.
One reader sorted neighbourhoods of alike items into events, from headlines and the start of texts; the pairs follow from that,
so recall says nothing of pairs whose words and meaning are far apart, and precision is that of hard pairs, not of the news.
Splits go by the calendar week of the earlier item, dev and held in turn: what is fitted on one is judged on the other.
"""

import argparse
import csv
import math
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.known_groups import ARCHIVE, link_of, read_archive
from worker.stories.cluster import Article, Grouper

SHARED = Path(__file__).resolve().parents[2] / "shared" / "feeds"
PAIRS = Path(__file__).with_name("ai_pairs.tsv")
ARCHIVES = (ARCHIVE, Path("json") / "ai-news-radar_2026-07-15_2026-08-22.jsonl")
LABELS = ("same", "different", "copy")
SPLITS = ("dev", "held")
# The archives cover several sources of one outlet, each under a name of its own.
OUTLETS = {
    "TechCrunch AI": "TechCrunch",
    "TechCrunch：AI（RSS）": "TechCrunch",
    "The Verge：AI（RSS）": "The Verge",
    "Wired AI": "Wired",
    "The Decoder：AI News（RSS）": "The Decoder AI News",
    "MarkTechPost（RSS）": "MarkTechPost Research",
    "OpenAI：官网动态（RSS · 排除企业/客户案例）": "OpenAI News",
}


@dataclass(frozen=True)
class Pair:
    """Two links, as `link_of` spells them, and what a reader said of them: same, different or copy."""

    one: str
    other: str
    label: str
    split: str
    note: str


@dataclass(frozen=True)
class Figures:
    """Shares of 0 to 1: of the same and the copies, those together; of the labelled pairs together, those that are right.
    Not a number where there is nothing to share."""

    pairs: int
    recall: float
    copies: float
    precision: float
    joined: int
    different: int


def read_pairs(folder: Path = SHARED) -> tuple[list[Pair], list[list[Article]]]:
    """The labelled pairs, and the articles of each archive in `folder` in order of time; FileNotFoundError if one is missing."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        pairs = [Pair(link_of(r["url_a"]), link_of(r["url_b"]), r["label"], r["split"], r["note"] or "") for r in rows]
    return pairs, [in_order(read_archive(folder / name)) for name in ARCHIVES]


def in_order(articles: Iterable[Article]) -> list[Article]:
    named = [Article(a.id, a.title, a.summary, OUTLETS.get(a.source or "", a.source), a.published) for a in articles]
    return sorted(named, key=lambda one: (str(one.published), one.id))


def measure(pairs: Iterable[Pair], stories: list[dict[str, str]]) -> Figures:
    """`stories` says the story of each link, one dictionary an archive; a pair counts in every archive that has both."""
    counts: Counter[tuple[str, bool]] = Counter()
    for pair in pairs:
        for found in stories:
            if pair.one in found and pair.other in found:
                counts[pair.label, found[pair.one] == found[pair.other]] += 1
    same, copies, joined = counts["same", True], counts["copy", True], counts["different", True]
    return Figures(
        pairs=counts.total(),
        recall=_share(same, counts["same", False]),
        copies=_share(copies, counts["copy", False]),
        precision=_share(same + copies, joined),
        joined=joined,
        different=joined + counts["different", False],
    )


def _share(right: int, wrong: int) -> float:
    return right / (right + wrong) if right + wrong else math.nan


def print_pairs(folder: Path = SHARED, *, wrong: bool = False) -> dict[str, Figures]:
    """Group both archives, a day's items at a time, and print the figures of each split; `wrong` lists the pairs missed."""
    pairs, archives = read_pairs(folder)
    stories = []
    for articles in archives:
        grouper = Grouper()
        grouper.add_many(articles)
        stories.append(grouper.clusters())
    print(f"\n{len(pairs)} pairs of items sorted by hand, in {' and '.join(name.name for name in ARCHIVES)}")
    print(f"  {'split':18}{'pairs':>6}{'recall':>8}{'copies':>8}{'precision':>11}   different joined")
    found: dict[str, Figures] = {}
    single = [(f"  {path.stem[:14]}", [one]) for path, one in zip(ARCHIVES, stories, strict=True)]
    for split in SPLITS:
        for name, part in [(split, stories), *single]:
            figures = measure((pair for pair in pairs if pair.split == split), part)
            found.setdefault(split, figures)
            print(f"  {name:18}{figures.pairs:6}{figures.recall:8.3f}{figures.copies:8.3f}{figures.precision:11.3f}"
                  f"   {figures.joined} of {figures.different}")  # fmt: skip
    if wrong:
        _print_wrong(pairs, archives, stories)
    return found


def _print_wrong(pairs: list[Pair], archives: list[list[Article]], stories: list[dict[str, str]]) -> None:
    for articles, found in zip(archives, stories, strict=True):
        titles = {one.id: f"{one.published:%d %H}h {one.title[:70]}" for one in articles}
        for pair in pairs:
            if pair.one in found and pair.other in found:
                together = found[pair.one] == found[pair.other]
                if together == (pair.label == "different"):
                    print(f"  {pair.split:5}{pair.label:10}{titles[pair.one]} | {titles[pair.other]}  [{pair.note}]")


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 2 if the archives are not there."""
    parser = argparse.ArgumentParser(prog="bench.ai_pairs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--feeds", type=Path, default=SHARED, help="folder with json/*.jsonl")
    parser.add_argument("--wrong", action="store_true", help="list the pairs that came out wrong")
    options = parser.parse_args(argv)
    missing = [path for path in (options.feeds / name for name in ARCHIVES) if not path.is_file()]
    if missing:
        print(f"bench.ai_pairs: no {missing[0]}: give the folder with --feeds", file=sys.stderr)
        return 2
    print_pairs(options.feeds, wrong=options.wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main())
