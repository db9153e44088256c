"""Grouping and summaries on plain JSON Lines files, without a database."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from worker.errors import BroadsheetError
from worker.stories.cluster import Article, Grouper
from worker.stories.extract import summarise

Update = Callable[..., None]


def group_file(source: Path, target: Path, update: Update = lambda *_: None) -> tuple[int, int]:
    """Group the items of `source` ({id, title, summary, source, published} a line) into `target` ({id, cluster} a line).

    `published` is ISO 8601 or null; items are taken in order of time where they have one. Returns (items, clusters).
    Raises BroadsheetError naming file and line; `target` is written whole or not at all.
    """
    rows = list(_read_lines(source, ("id",)))
    articles = [_as_article(row, str(row["id"]), f"{source}:{line}") for line, row in rows]
    _refuse_repeats(articles, source)
    grouper = Grouper()
    grouper.add_many(articles)
    clusters = grouper.clusters()
    _write_lines(target, ({"id": row["id"], "cluster": clusters[str(row["id"])]} for _line, row in rows))
    update(len(articles), len(articles))
    return len(articles), len(set(clusters.values()))


def summarise_file(source: Path, target: Path, update: Update = lambda *_: None) -> int:
    """Summarise the stories of `source` ({id, items: [{title, summary, source}]} a line) into `target`
    ({id, headline, summary} a line); returns how many. Raises as `group_file` does.
    """
    stories = list(_read_lines(source, ("id", "items")))
    rows = []
    for done, (line, row) in enumerate(stories, 1):
        items = row["items"]
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise BroadsheetError(f"{source}:{line}: items: give a list of one or more objects {{title, summary, source}}")
        summary = summarise([_as_article(item, str(n), f"{source}:{line}") for n, item in enumerate(items)])
        rows.append({"id": row["id"], "headline": summary.headline,
                     "summary": " ".join(sentence.text for sentence in summary.sentences)})
        update(done, len(stories))
    _write_lines(target, iter(rows))
    return len(rows)


def _as_article(row: dict[str, Any], key: str, where: str) -> Article:
    published = row.get("published")
    moment = None
    if published:
        try:
            moment = datetime.fromisoformat(str(published))
        except ValueError:
            raise BroadsheetError(f"{where}: published: {published!r} is not an ISO 8601 time such as "
                                  "2026-11-23T09:00:00Z") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Article(id=key, title=str(row.get("title") or ""), summary=str(row.get("summary") or ""),
                   source=str(row["source"]) if row.get("source") else None, published=moment)


def _refuse_repeats(articles: list[Article], source: Path) -> None:
    seen: set[str] = set()
    for article in articles:
        if article.id in seen:
            raise BroadsheetError(f"{source}: id {article.id!r} stands twice; ids are unique")
        seen.add(article.id)


def _read_lines(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BroadsheetError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BroadsheetError(f"{path}: not UTF-8 text (byte {error.start})") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BroadsheetError(f"{path}:{number}: not JSON ({error.msg}); give one object a line") from error
        if not isinstance(row, dict):
            raise BroadsheetError(f"{path}:{number}: give one object a line")
        for key in required:
            if row.get(key) is None:
                raise BroadsheetError(f"{path}:{number}: {key}: missing; it is required")
        yield number, row


def _write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BroadsheetError(f"{path}: cannot be written ({error.strerror})") from error
