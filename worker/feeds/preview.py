"""The address of a feed or of a web page in; the feed found there as it would be stored, and what is wrong with it, out.

Nothing is stored. Somebody waits for it at the desk, so all of it together takes a few seconds at most.
"""

import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from threading import BoundedSemaphore
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, TransientError
from worker.feeds import decide
from worker.feeds.document import Document, Entry, Offer, ParseError
from worker.feeds.fetch import Fetched, FetchError, fetch
from worker.feeds.gather import status_in_words
from worker.feeds.parse import parse_document, parse_page
from worker.storage.models import Feed

SECONDS = 8.0
GUESS_SECONDS = 2.0  # for each place where a feed often is
SHOWN = 10
QUIET = timedelta(days=30)
GUESSES = ("/feed", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml", "/rss")
_OK = (HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION, HTTPStatus.IM_USED)
_AT_ONCE = BoundedSemaphore(4)  # in this process, which has sixteen threads for everybody


@dataclass(frozen=True)
class Line:
    """An entry as it would be stored, or why it would not be."""

    entry: Entry
    left_out: str = ""


@dataclass(frozen=True)
class Preview:
    """A feed that was found: the address to put into feeds.toml, its latest entries, and what is wrong, in words."""

    url: str
    title: str
    language: str
    lines: Sequence[Line]
    entries: int
    faults: Sequence[str]


@dataclass(frozen=True)
class Found:
    """What is at an address: a feed, or several to choose from."""

    feed: Preview | None
    offers: Sequence[Offer] = ()


@contextmanager
def take_turn(who: int) -> Iterator[None]:
    """Let one preview at a time be made for each editor, over all processes of this machine; raises TransientError."""
    home = Path(settings.BROADSHEET_HOME) / "previews"
    if not _AT_ONCE.acquire(blocking=False):
        raise TransientError("Several feeds are being looked at just now. Try again in a few seconds.")
    descriptor = -1
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / f"{who}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise TransientError("You are having a feed looked at already. Wait for it, some seconds, then try again.") from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        _AT_ONCE.release()


def look_at(address: str, *, now: datetime | None = None) -> Found:
    """Fetch what is at `address` and find the feed: itself, what the page names, else the usual places of its site.

    Takes about eight seconds at most. Raises BroadsheetError in words if there is none, or the address may not be fetched.
    """
    ends = time.monotonic() + SECONDS
    fetched = _fetch(address, ends)
    try:
        return Found(_describe(address, fetched, _read(fetched, ends), now or timezone.now()))
    except ParseError as error:
        if "html" not in fetched.content_type.lower() and "HTML page" not in str(error):
            raise BroadsheetError(f"{fetched.url}: {error}") from error
    offers = parse_page(fetched.body, content_type=fetched.content_type, url=fetched.url, wall_seconds=_left(ends))
    if len(offers) > 1:
        return Found(None, offers)
    if offers:
        return Found(_follow(fetched.url, offers[0].url, ends, now or timezone.now()))
    return Found(_guess(fetched.url, ends, now or timezone.now()))


def _follow(page: str, address: str, ends: float, now: datetime) -> Preview:
    try:
        fetched = _fetch(address, ends)
        return _describe(address, fetched, _read(fetched, ends), now)
    except ParseError as error:
        raise BroadsheetError(f"{page} names {address} as its feed, but that is none: {error}") from error


def _fetch(address: str, ends: float) -> Fetched:
    fetched = fetch(address, seconds=_left(ends))
    if fetched.status not in _OK:
        raise BroadsheetError(f"{address}: the server answered {status_in_words(fetched)}")
    return fetched


def _read(fetched: Fetched, ends: float) -> Document:
    return parse_document(fetched.body, content_type=fetched.content_type, url=fetched.url, cpu_seconds=4,
                          wall_seconds=_left(ends))


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise BroadsheetError(f"The site is too slow: no answer within {SECONDS:.0f} seconds. The service itself waits longer; if "
                              "you know the feed’s own address, give that.")
    return max(left, 0.1)


def _guess(page: str, ends: float, now: datetime) -> Preview:
    """Look where feeds often are, for a page that names none."""
    parts = urlsplit(page)
    for path in GUESSES:
        address = f"{parts.scheme}://{parts.netloc}{path}"
        try:
            fetched = fetch(address, seconds=min(GUESS_SECONDS, _left(ends)))
            if fetched.status in _OK:
                return _describe(address, fetched, _read(fetched, ends), now)
        except (FetchError, ParseError):
            continue
    raise BroadsheetError(f"{page} is a web page that names no feed, and there is none in the usual places ({', '.join(GUESSES)}). "
                          "Look on the page for “RSS” or “Feed” and give that address.")


def _describe(address: str, fetched: Fetched, document: Document, now: datetime) -> Preview:
    url = fetched.permanent_url or address
    fresh = {id(one) for one in decide.choose_fresh(
        document.entries, (), now=now, first_seen=None, recent=timedelta(hours=settings.FETCH_RECENT_HOURS))}
    latest = sorted(document.entries, key=lambda one: one.published_at or now, reverse=True)[:SHOWN]
    languages = Counter(entry.language[:2].lower() for entry in document.entries if entry.language)
    lines = [Line(entry, "" if id(entry) in fresh else
                  "too old to be stored now" if entry.published_at else "one of too many without a date") for entry in latest]
    return Preview(url, document.title, languages.most_common(1)[0][0] if languages else "", lines, len(document.entries),
                   [*_compare(address, url), *find_faults(document, now)])


def _compare(address: str, url: str) -> Iterator[str]:
    """Say what the address has to do with those that feeds.toml has."""
    if url != address:
        yield f"{address} has moved for good to {url}; that is the address to take."
    same = next((one for one in editorial.load().feeds if _bare(one.url) in (_bare(url), _bare(address))), None)
    name = same.name if same else Feed.objects.filter(moved_to=url).values_list("name", flat=True).first()
    if name in editorial.load().feeds_by_name():
        yield f"feeds.toml has this feed already, as “{name}”."


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}?{parts.query}"


def find_faults(document: Document, now: datetime) -> Iterator[str]:
    """Say what is wrong with a feed that can be read. Pure."""
    entries = document.entries
    if not entries:
        yield "It holds no entry at present, so there is nothing to see of it yet."
        return
    for what, lacking in (("date", [one for one in entries if one.published_at is None]),
                          ("link", [one for one in entries if not one.url]),
                          ("text beside the headline", [one for one in entries if not one.summary])):
        if lacking:
            much = "No entry has a" if len(lacking) == len(entries) else f"{len(lacking)} of {len(entries)} entries have no"
            yield f"{much} {what}{_MEANING[what]}"
    dated = [one.published_at for one in entries if one.published_at]
    if dated and max(dated) < now - QUIET:
        yield f"Nothing new since {max(dated):%-d %B %Y}: it may have been given up."
    if any(at > now + timedelta(hours=1) for at in dated):
        yield "Some entries are dated in the future; they count as of when they are first seen."
    if document.dropped:
        yield f"{document.dropped} entries are repeated, or have neither title nor text; they are passed over."


_MEANING = {
    "date": ": such an entry counts as of when it is first seen.",
    "link": ": its source could not be linked in a mail.",
    "text beside the headline": ": summaries would rest on other outlets’ reports.",
}
