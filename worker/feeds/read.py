"""The bytes of a feed document in, a Document out: RSS, RDF and Atom by feedparser, JSON Feed by `jsonfeed`.

It does so in the process that calls it, without limits; `parse` is the door for documents from outside.
"""

import codecs
import hashlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from time import struct_time
from typing import Any

import feedparser

from worker.feeds import jsonfeed, links, text
from worker.feeds.document import Document, Entry, ParseError

MOST_ENTRIES = 2000  # of one document, from its top, where feeds put news; the longest honest ones have some hundreds
AUTHOR_LENGTH = 200  # characters, as Item.author holds
LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}$")
_PAGES = ("text/html", "application/xhtml+xml")
_HTML_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=[^;]*", re.IGNORECASE)
# References to the halves of characters beyond U+FFFF (D800 to DFFF, 55296 to 57343): feedparser stops at the first.
_HALVES = re.compile(rb"(?:&#(?:5\d{4}|[xX][dD][89a-fA-F][0-9a-fA-F]{2});)+")
# An honest feed declares an entity for a character. 1,000 characters, or an entity made of entities, is an attack:
# https://docs.python.org/3/library/xml.html#xml-vulnerabilities
_BOMB = re.compile(rb"<!ENTITY\s+(?:%\s+)?[^\s>]{1,200}\s+"
                   rb"(?:\"[^\"]{1000}|'[^']{1000}|[\"'][^\"'>]{0,999}&(?!#|amp;|lt;)[\w.-]{1,100};)")


def read_document(body: bytes, content_type: str = "", url: str = "") -> Document:
    """Read a feed document fetched from `url`, which relative links are resolved against.

    Raises ParseError, which says what the bytes are instead.
    """
    start = body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    if not start:
        raise ParseError("the document is empty")
    if start[:1] in b"{[":
        title, entries = jsonfeed.read_json_feed(body)
    else:
        title, entries = _read_xml(body, content_type)
    return _finish(title, entries, url)


def identify(guid: str, link: str, entry_text: str) -> str:
    """Return an entry's identity: the SHA-256 of its guid, else of its link without tracking, else of its text."""
    kind, value = ("guid", guid) if guid else ("link", link) if link else ("text", entry_text)
    return hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()


def _read_xml(body: bytes, content_type: str) -> tuple[str, list[jsonfeed.RawEntry]]:
    if _BOMB.search(body):
        raise ParseError("declares XML entities that expand into much text, which no feed needs: not read")
    body = _HALVES.sub(_mend_reference, body)
    # A stream, never bytes or str: feedparser tries those as the name of a file first, and a str also as an address.
    # Its sanitiser and its resolving of links inside texts are off: texts become plain text here, and they are slow.
    # It gets no content-location, so that a relative guid stays as written, wherever the document is served from.
    found = feedparser.parse(io.BytesIO(body), response_headers={"content-type": _choose_type(body, content_type)},
                             sanitize_html=False, resolve_relative_uris=False)
    if not found.entries:
        _explain_nothing(body, found)
    language = str(found.feed.get("language") or "")
    return str(found.feed.get("title") or ""), [_read_entry(entry, language) for entry in found.entries]


def _mend_reference(match: re.Match[bytes]) -> bytes:
    codes = [int(one[1:], 16) if one[:1] in b"xX" else int(one) for one in re.findall(rb"&#(\w+);", match[0])]
    return "".join(f"&#{ord(char)};" for char in text.mend_halves("".join(map(chr, codes)))).encode()


def _choose_type(body: bytes, content_type: str) -> str:
    """Return the content type with the right charset: servers often name one that the document is not in."""
    if not body.isascii():
        try:
            codecs.utf_8_decode(body, "strict", True)
        except UnicodeDecodeError:
            return content_type
        return "application/xml; charset=utf-8"  # bytes beyond ASCII are hardly ever valid UTF-8 by chance
    return _CHARSET.sub("", content_type)


def _explain_nothing(body: bytes, found: Any) -> None:
    """Raise ParseError unless this is a feed that simply has no entries."""
    if _HTML_PAGE.search(body[:5000]) and not found.version:
        raise ParseError("an HTML page, not a feed")
    fault = found.get("bozo_exception")
    if not found.version:
        raise ParseError("not a feed: neither RSS, Atom, RDF nor JSON Feed")
    if isinstance(fault, feedparser.exceptions.ThingsNobodyCaresAboutButMe) or fault is None:
        return
    raise ParseError(f"a broken feed with no entry that can be read ({' '.join(str(fault).split())[:150]})")


def _read_entry(entry: Any, language: str) -> jsonfeed.RawEntry:
    contents = [str(part.get("value") or "") for part in entry.get("content") or [] if _is_text(part)]
    author = entry.get("author_detail") or {}
    return jsonfeed.RawEntry(
        guid=str(entry.get("id") or ""),
        link=_choose_link(entry),
        title=str(entry.get("title") or ""),
        description=str(entry.get("summary") or ""),
        content=max(contents, key=len, default=""),
        author=str(author.get("name") or entry.get("author") or ""),
        language=str(entry.get("language") or (entry.get("title_detail") or {}).get("language") or language),
        published_at=_choose_moment(entry.get(key) for key in ("published_parsed", "updated_parsed", "created_parsed")),
    )


def _is_text(part: Any) -> bool:
    kind = str(part.get("type") or "text/html")
    return kind.startswith("text/") or kind.endswith("xhtml+xml")


def _choose_link(entry: Any) -> str:
    """Return the link to the article: FeedBurner's note of the original, else the web page among the alternates."""
    candidates = [entry.get("feedburner_origlink"), entry.get("link")]
    alternates = [link for link in entry.get("links") or [] if link.get("rel", "alternate") == "alternate"]
    pages = [link for link in alternates if str(link.get("type") or "text/html") in _PAGES]
    if alternates and len(pages) < len(alternates):  # an article in several formats: not the PDF
        candidates[1:1] = [link.get("href") for link in pages]
    candidates += [link.get("href") for link in alternates]
    if entry.get("id") and str(entry["id"]).startswith(("http://", "https://")):
        candidates.append(entry["id"])
    return next((str(one) for one in candidates if one), "")


def _choose_moment(candidates: Iterable[struct_time | None]) -> datetime | None:
    for one in candidates:
        if one is not None and (moment := _make_moment(one)):
            return moment
    return None


def _make_moment(parsed: struct_time) -> datetime | None:
    try:
        return jsonfeed.plausible(datetime(*parsed[:6], tzinfo=UTC))
    except ValueError:  # a 61st second, a 31st of February
        return None


def _finish(title: str, found: list[jsonfeed.RawEntry], url: str) -> Document:
    raw = [_mend_entry(one) for one in found[:MOST_ENTRIES]]
    trusted = _trusted_guids(raw)
    entries: dict[str, Entry] = {}
    for one in raw:
        entry = _clean_entry(one, url, trusted)
        if entry.title or entry.summary:
            entries.setdefault(entry.identity, entry)
    return Document(text.title_text(text.mend_halves(title)), tuple(entries.values()), dropped=len(found) - len(entries))


def _mend_entry(one: jsonfeed.RawEntry) -> jsonfeed.RawEntry:
    mended: dict[str, Any] = {name: text.mend_halves(value) if isinstance(value, str) else value
                              for name, value in vars(one).items()}
    return jsonfeed.RawEntry(**mended)


def _trusted_guids(raw: list[jsonfeed.RawEntry]) -> Counter[str]:
    """Return how many different articles each guid stands for: some software writes one guid on every entry."""
    articles: defaultdict[str, set[str]] = defaultdict(set)
    for one in raw:
        articles[one.guid].add(links.clean_link(one.link) or one.link or one.title)
    return Counter({guid: len(different) for guid, different in articles.items()})


def _clean_entry(one: jsonfeed.RawEntry, url: str, articles_by_guid: Counter[str]) -> Entry:
    title = text.title_text(one.title)
    summary = text.summary_text(one.description, one.content)
    # Identity is made of the link as written: resolved, it would change whenever the feed's own address does.
    link = links.clean_link(one.link) or one.link
    guid = one.guid if articles_by_guid[one.guid] == 1 else f"{one.guid}\0{link or title}" if one.guid else ""
    entry = Entry(identify(guid, link, f"{title}\0{summary}"), links.clean_link(one.link, url), title, summary,
                  text.cut_at_word(text.title_text(one.author), AUTHOR_LENGTH),
                  one.language if LANGUAGE.match(one.language) and len(one.language) <= 20 else "", one.published_at)
    return entry if title or not summary else replace(entry, title=text.first_sentence(summary))
