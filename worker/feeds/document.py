"""What a feed document holds, as plain data: nothing comes in, the types that the rest of this room shares go out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from worker.errors import BroadsheetError


class ParseError(BroadsheetError):
    """The bytes are not a feed, or reading them took more time or memory than a feed may take."""


@dataclass(frozen=True)
class Entry:
    """One entry of a feed, as text, empty where the feed says nothing. `identity` is a SHA-256 in hexadecimal."""

    identity: str
    url: str = ""
    title: str = ""
    summary: str = ""  # paragraphs are lines
    author: str = ""
    language: str = ""
    published_at: datetime | None = None  # UTC


@dataclass(frozen=True)
class Document:
    """A feed document. `dropped` counts the entries left out: repeated ones, those with no title and no text, and those
    beyond the most that one document may bring."""

    title: str
    entries: tuple[Entry, ...]
    dropped: int = 0


class Offer(NamedTuple):
    """A feed that a web page names: where it is, and what the page calls it ("" if nothing)."""

    url: str
    title: str


def document_to_json(document: Document) -> dict[str, Any]:
    """Return the document as JSON values; times are ISO 8601."""
    raw = asdict(document)
    for entry in raw["entries"]:
        entry["published_at"] = entry["published_at"] and entry["published_at"].isoformat()
    return raw


def document_from_json(raw: dict[str, Any]) -> Document:
    """Return the document that `document_to_json` wrote."""
    entries: Sequence[dict[str, Any]] = raw["entries"]
    return Document(raw["title"], tuple(
        Entry(**{**entry, "published_at": entry["published_at"] and datetime.fromisoformat(entry["published_at"])})
        for entry in entries), raw["dropped"])
