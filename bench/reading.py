"""Stories of all kinds come out, in an order that never changes, for a person to read what is made of them."""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.known_groups import read_documents, read_feeds
from worker.stories.cluster import Grouper
from worker.stories.extract import summarise
from worker.stories.similarity import Article

DEMO = Path(__file__).resolve().parents[1] / "worker" / "demo" / "feeds"
# Of ten stories, how many come from the labelled sets, from real feeds and from the demo.
SHARES = (("labelled", 4), ("feeds", 3), ("demo", 3))

Story = list[Article]


def print_readings(shared: Path, count: int, skip: int) -> None:
    """Print `count` stories' summaries after the first `skip`, with the titles they are made of."""
    for number, (kind, story) in enumerate(choose_stories(shared, count, skip), skip + 1):
        summary = summarise(story)
        print(f"\n{number:3} {kind}, {len(story)} item{'s' * (len(story) > 1)}\n    # {summary.headline}")
        for sentence in summary.sentences:
            print(f"    - {sentence.text}")
        for article in story[:4]:
            print(f"        {article.title[:120]} ({article.source})")


def choose_stories(shared: Path, count: int, skip: int) -> list[tuple[str, Story]]:
    """(kind, story): the same share of each kind whatever `count` and `skip`; of the feeds, every second of several items."""
    pools = {
        "labelled": _mix(_read_labelled(shared / "grouping")),
        "feeds": _alternate(_mix(group(read_feeds(shared / "feeds")))),
        "demo": _mix(group(read_documents(sorted(path for path in DEMO.iterdir() if path.suffix != ".json")))),
    }
    chosen = []
    for kind, share in SHARES:
        first, last = skip * share // 10, (skip + count) * share // 10
        chosen += [(kind, story) for story in pools[kind][first:last]]
    return chosen


def group(articles: Sequence[Article]) -> list[Story]:
    """As the service groups them."""
    stories = defaultdict(list)
    for article, story in zip(articles, Grouper().add_many(articles), strict=True):
        stories[story].append(article)
    return list(stories.values())


def _read_labelled(folder: Path) -> Iterator[Story]:
    for name in ("allsides", "neus", "ecbplus"):
        stories = defaultdict(list)
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                article = Article(row["id"], row["title"], row["summary"] or "", row["publisher"], None)
                stories[row["story"]].append(article)
        yield from stories.values()


def _mix(stories: Iterable[Story]) -> list[Story]:
    """In an order that says nothing: by a hash of the first item's id."""
    return sorted(stories, key=lambda story: hashlib.sha256(story[0].id.encode()).hexdigest())


def _alternate(stories: Sequence[Story]) -> list[Story]:
    several, single = [s for s in stories if len(s) > 1], [s for s in stories if len(s) == 1]
    pairs = [one for pair in zip(several, single, strict=False) for one in pair]
    return pairs + several[len(single) :] + single[len(several) :]
