"""Groups the items of real feeds and their archive of the same weeks, and compares with groups that were read by hand."""

import calendar
import csv
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser

from worker.stories.cluster import Article, Grouper

FOLDER = "2026-08-17"
ARCHIVE = Path("json") / "felix_ai-source_2026-07_2026-08.jsonl"
DAYS = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 23, tzinfo=UTC)
# The same outlet under two names.
OUTLETS = {"techcrunch_ai": "techcrunch", "theverge_ai": "the_verge", "openai_research": "openai_blog"}


def print_known_groups(folder: Path) -> tuple[int, int]:
    """Print each hand-read group with whether it is whole (or, for the "different" ones, apart); (right, all)."""
    articles = read_feeds(folder)
    grouper = Grouper()
    stories = grouper.add_many(articles)
    sizes = sum(stories.count(story) > 1 for story in set(stories))
    print(f"\nhand-read groups among {len(articles)} items of {FOLDER} and {ARCHIVE.name} "
          f"({len(set(stories))} stories, {sizes} of two items or more)")  # fmt: skip
    groups, right, clusters = read_groups(folder), 0, grouper.clusters()
    for (name, kind), links in groups.items():
        found = [clusters[link] for link in links if link in clusters]
        missing = len(links) - len(found)
        good = not missing and len(set(found)) == (1 if kind.startswith("same") else len(found))
        right += good
        print(f"  {name:26}{len(found)} items in {len(set(found))} stories, {kind}: {'right' if good else 'WRONG'}"
              + (f" ({missing} not in the archives)" if missing else ""))  # fmt: skip
    print(f"  {right} of {len(groups)} right")
    return right, len(groups)


def read_groups(folder: Path) -> dict[tuple[str, str], list[str]]:
    """The links of each hand-read group, as `link_of` spells them, by (name, kind)."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    with (folder / "known_groups.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            groups[row["group"], row["kind"]].append(link_of(row["url"]))
    return dict(groups)


def read_feeds(folder: Path) -> list[Article]:
    """The dated items of the days measured, from the feed documents and the archive; one article a link."""
    both = [*read_documents(sorted((folder / FOLDER).glob("*.xml"))), *read_archive(folder / ARCHIVE)]
    dated = [one for one in both if one.published is not None and DAYS[0] <= one.published <= DAYS[1]]
    return list({one.id: one for one in reversed(dated)}.values())[::-1]


def read_documents(paths: Iterable[Path]) -> list[Article]:
    """The dated items of feed documents, each under its link and its outlet after the file."""
    articles = []
    for path in paths:
        for entry in feedparser.parse(path.read_bytes()).entries:
            moment = entry.get("published_parsed") or entry.get("updated_parsed")
            if moment and entry.get("title") and entry.get("link"):
                published = datetime.fromtimestamp(calendar.timegm(moment), UTC)
                articles.append(_article(entry, OUTLETS.get(path.stem, path.stem), published))
    return articles


def read_archive(path: Path) -> list[Article]:
    """The items of an archive of lines {title, url, published, source, summary?}, one article a link."""
    articles: dict[str, Article] = {}
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            link, moment = link_of(row["url"]), datetime.fromisoformat(row["published"])
            text = _plain(row.get("summary") or "")[:3000]
            articles.setdefault(link, Article(link, _plain(row["title"]), text, row["source"], moment))
    return list(articles.values())


def link_of(url: str) -> str:
    """A link without what differs between copies of it: scheme, www, last slash, tracking parameters."""
    link = re.sub(r"^https?://(?:www\.)?", "", url.strip())
    link = re.sub(r"(?<=[?&])(?:utm_\w+|ref|source)=[^&#]*&?", "", link.split("#")[0])
    return link.rstrip("?&/")


def _article(entry: Any, outlet: str, published: datetime) -> Article:
    text = entry.get("summary") or (entry.get("content") or [{}])[0].get("value", "")
    return Article(link_of(entry.link), _plain(entry.title), _plain(text)[:3000], outlet, published)


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", html.unescape(markup))).split())
