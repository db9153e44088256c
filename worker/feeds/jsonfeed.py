"""The bytes of a JSON Feed (https://www.jsonfeed.org/version/1.1/) in, its entries as written out."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from worker.feeds.document import ParseError


@dataclass(frozen=True)
class RawEntry:
    """An entry as the document has it: texts may be HTML, links relative. The same for every format."""

    guid: str
    link: str
    title: str
    description: str
    content: str
    author: str
    language: str
    published_at: datetime | None


def read_json_feed(body: bytes) -> tuple[str, list[RawEntry]]:
    """Return the feed's title and its entries; raises ParseError for anything but a JSON Feed, version 1 or 1.1."""
    try:
        found = json.loads(body)
    except RecursionError:
        raise ParseError("JSON nested too deeply: not read") from None
    except ValueError as error:
        raise ParseError(f"broken JSON, not a feed ({error})") from error
    version = found.get("version") if isinstance(found, dict) else None
    if not isinstance(version, str) or "jsonfeed.org/version/1" not in version:
        raise ParseError("JSON, but not a JSON Feed (version 1 or 1.1)")
    items = found.get("items")
    if not isinstance(items, list):
        raise ParseError("a JSON Feed without a list of items")
    language = _string(found, "language")
    return _string(found, "title"), [_read_item(item, found, language) for item in items if isinstance(item, dict)]


def plausible(moment: datetime) -> datetime | None:
    """Return the time in UTC, or None if no article can be of it: clocks never set say 1970, typing errors 2206."""
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return None
    return moment if 1990 <= moment.year <= 2100 else None


def _read_item(item: dict[str, Any], feed: dict[str, Any], language: str) -> RawEntry:
    return RawEntry(
        guid=_string(item, "id"),
        link=_string(item, "url") or _string(item, "external_url"),
        title=_string(item, "title"),
        description=_string(item, "summary"),
        content=_string(item, "content_html") or _string(item, "content_text"),
        author=_author(item) or _author(feed),
        language=_string(item, "language") or language,
        published_at=_moment(_string(item, "date_published")) or _moment(_string(item, "date_modified")),
    )


def _string(holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # "id" is often a number
    return value if isinstance(value, str) else ""


def _author(holder: dict[str, Any]) -> str:
    authors = holder.get("authors")
    first = authors[0] if isinstance(authors, list) and authors else holder.get("author")  # "author" is version 1
    return _string(first, "name") if isinstance(first, dict) else ""


def _moment(written: str) -> datetime | None:
    try:
        return plausible(datetime.fromisoformat(written.strip()))
    except ValueError:
        return None
