"""Reads labelled news: articles, and by article the story it belongs to."""

import gzip
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from worker.stories.cluster import Article

SHARED = Path(__file__).resolve().parents[2] / "shared"
SETS = ("allsides", "ecbplus", "uci", "neus")


@dataclass(frozen=True)
class Labelled:
    """A data set: articles, and by article id the story it belongs to and the topic that holds look-alike stories."""

    name: str
    articles: list[Article]
    story: dict[str, str]
    topic: dict[str, str | None]

    def without(self, stories: Collection[str]) -> "Labelled":
        """The set less some of its stories."""
        articles = [one for one in self.articles if self.story[one.id] not in stories]
        ids = [one.id for one in articles]
        return Labelled(self.name, articles, {key: self.story[key] for key in ids}, {key: self.topic[key] for key in ids})


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
