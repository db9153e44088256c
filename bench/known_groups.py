"""Groups the items of real feed documents of the same days and compares with groups that were read by hand."""

import calendar
import csv
import html
import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser

from worker.stories.cluster import Article, Grouper

FOLDERS = ("2026-08-17", "reserialised_2026-08-12_20")
DAYS = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 23, tzinfo=UTC)
# The same outlet under two file names.
OUTLETS = {"techcrunch_ai": "techcrunch", "theverge_ai": "the_verge", "openai_research": "openai_blog"}


def print_known_groups(folder: Path) -> tuple[int, int]:
    """Print each hand-read group with whether it is whole (or, for the "different" ones, apart); (right, all)."""
    articles = read_feeds(folder)
    grouper = Grouper()
    stories = grouper.add_many(articles)
    sizes = sum(stories.count(story) > 1 for story in set(stories))
    print(f"\nhand-read groups among {len(articles)} items of {len(FOLDERS)} folders "
          f"({len(set(stories))} stories, {sizes} of two items or more)")  # fmt: skip
    with (folder / "known_groups.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found, right = defaultdict(list), 0
    for row in rows:
        if row["url"] in grouper.clusters():
            found[row["group"], row["kind"].split()[0]].append(grouper.clusters()[row["url"]])
    wanted = {key: clusters for key, clusters in found.items() if len(clusters) > 1}
    for (name, kind), clusters in wanted.items():
        good = len(set(clusters)) == (1 if kind == "same" else len(clusters))
        right += good
        print(f"  {name:26}{len(clusters)} items in {len(set(clusters))} stories, {kind}: {'right' if good else 'WRONG'}")
    print(f"  {right} of {len(wanted)} right")
    return right, len(wanted)


def read_feeds(folder: Path) -> list[Article]:
    """The dated items of the days measured; one article a link, its outlet after the file."""
    articles: dict[str, Article] = {}
    for path in sorted(path for name in FOLDERS for path in (folder / name).glob("*.xml")):
        for entry in feedparser.parse(path.read_bytes()).entries:
            moment = entry.get("published_parsed") or entry.get("updated_parsed")
            if not moment or not entry.get("title") or not entry.get("link"):
                continue
            published = datetime.fromtimestamp(calendar.timegm(moment), UTC)
            if DAYS[0] <= published <= DAYS[1]:
                articles.setdefault(entry.link, _article(entry, OUTLETS.get(path.stem, path.stem), published))
    return list(articles.values())


def _article(entry: Any, outlet: str, published: datetime) -> Article:
    text = entry.get("summary") or (entry.get("content") or [{}])[0].get("value", "")
    return Article(entry.link, _plain(entry.title), _plain(text)[:3000], outlet, published)


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", html.unescape(markup))).split())
