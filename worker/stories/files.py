"""Grouping and summaries on plain JSON Lines files, without a database."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from worker.errors import BroadsheetError
from worker.stories.cluster import Article, Grouper
from worker.stories.extract import summarise
from worker.stories.summary import Summary

Update = Callable[..., None]
_MOST_LINE, _MOST_BYTES = 10_000_000, 500_000_000


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
    stories = [(row["id"], _read_story(row["items"], f"{source}:{line}"))
               for line, row in _read_lines(source, ("id", "items"))]
    rows = []
    with _open_summariser() as summarise_one:
        for done, (key, articles) in enumerate(stories, 1):
            summary = summarise_one(articles)
            rows.append({"id": key, "headline": summary.headline, "summary": summary.text})
            update(done, len(stories))
    _write_lines(target, iter(rows))
    return len(rows)


@contextmanager
def _open_summariser() -> Iterator[Callable[[list[Article]], Summary]]:
    """Yield the summariser that the settings choose, as `worker.stories.summarise` uses it on rows."""
    if not settings.SUMMARISER_URL:
        yield summarise
        return
    from worker.stories.abstractive import open_summariser
    from worker.stories.spending import FileLedger

    ledger = FileLedger()
    with open_summariser() as summariser:
        yield lambda articles: summariser.summarise(articles, ledger)


def _read_story(items: object, where: str) -> list[Article]:
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise BroadsheetError(f"{where}: items: give a list of one or more objects {{title, summary, source}}")
    return [_as_article(item, str(n), where) for n, item in enumerate(items)]


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
    for number, line in enumerate(_read_texts(path), 1):
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


def _read_texts(path: Path) -> Iterator[str]:
    """Yield the lines; a device or pipe without an end is given up on."""
    read = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(_MOST_LINE + 1):
                if len(line) > _MOST_LINE or read + len(line) > _MOST_BYTES:
                    raise BroadsheetError(f"{path}: a line of more than {_MOST_LINE // 10**6} MB, or more than "
                                          f"{_MOST_BYTES // 10**6} MB in all; give JSON Lines, in several files")
                yield line.decode("utf-8" if read else "utf-8-sig")
                read += len(line)
    except OSError as error:
        raise BroadsheetError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BroadsheetError(f"{path}: not UTF-8 text (byte {read + error.start})") from error


def _write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BroadsheetError(f"{path}: cannot be written ({error.strerror})") from error
