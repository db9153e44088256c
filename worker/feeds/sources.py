"""feeds.toml in; a row for each feed, which of them are due, and OPML for other feed readers, out."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from django.db.models import Q
from django.utils import timezone

from worker import editorial as editorials
from worker.editorial import Editorial, FeedSource, interval_seconds
from worker.errors import BroadsheetError, NotFoundError
from worker.storage.models import Feed, FeedState


@dataclass(frozen=True)
class OpmlFeed:
    """A feed as an OPML file names it; `name` fits feeds.toml and is unique in its list."""

    name: str
    title: str
    url: str


def sync_feeds(editorial: Editorial) -> None:
    """Give every feed of feeds.toml a row, and let those be asked at once whose address has changed there."""
    now = timezone.now()
    rows = {feed.name: feed for feed in Feed.objects.all()}
    missing = [Feed(name=source.name, configured_url=source.url, next_fetch_at=now,
                    interval_seconds=interval_seconds(source.interval))
               for source in editorial.feeds if source.name not in rows]
    Feed.objects.bulk_create(missing, ignore_conflicts=True)
    for source in editorial.feeds:
        feed = rows.get(source.name)
        if feed and meet_address(feed, source, now):
            feed.save(update_fields=ADDRESS_FIELDS)


ADDRESS_FIELDS = ["configured_url", "moved_to", "etag", "last_modified", "state", "failures", "error", "next_fetch_at"]


def meet_address(feed: Feed, source: FeedSource, now: datetime) -> bool:
    """If feeds.toml has a new address for the feed, forget (unsaved) what was known of the old one, and return True."""
    if feed.configured_url == source.url:
        return False
    feed.configured_url, feed.moved_to, feed.etag, feed.last_modified = source.url, "", "", ""
    feed.state, feed.failures, feed.error, feed.next_fetch_at = FeedState.NEW, 0, "", now
    return True


def due_feeds(now: datetime | None = None) -> list[str]:
    """Return the names of the feeds to fetch, those first that have waited longest. Feeds that are gone or paused are not."""
    moment = now or timezone.now()
    configured = editorials.load().feeds_by_name()
    free = Q(leased_until=None) | Q(leased_until__lte=timezone.now())
    rows = Feed.objects.filter(free, next_fetch_at__lte=moment, paused_at=None).exclude(state=FeedState.GONE)
    waiting = rows.order_by("next_fetch_at", "name").values_list("name", flat=True)
    return [name for name in waiting if name in configured]


def find_source(name: str) -> FeedSource:
    """Return the feed of this name in feeds.toml; raises NotFoundError."""
    sources = editorials.load().feeds_by_name()
    if name not in sources:
        near = difflib.get_close_matches(name, sources, 1)
        hint = f"did you mean {near[0]!r}?" if near else "`broadsheet feeds list` names them"
        raise NotFoundError(f"there is no feed {name!r} in feeds.toml; {hint}")
    return sources[name]


def read_opml(text: str) -> list[OpmlFeed]:
    """Return the feeds of an OPML file, each address once. Raises BroadsheetError if it is not one.

    Entities are refused: OPML needs none, and they are a way to make a small file a huge one.
    """
    found: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        given = {key.lower(): value for key, value in attributes.items()}
        url = given.get("xmlurl", "").strip()
        if tag.lower() == "outline" and re.match(r"^https?://[^\s/]+\S*$", url) and len(url) <= 2000:
            found.setdefault(url, " ".join((given.get("title") or given.get("text") or "").split())[:300])

    def refuse(*_: object) -> None:
        raise BroadsheetError("the OPML file declares XML entities, which OPML does not need: not read")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EntityDeclHandler = start, refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BroadsheetError(f"the OPML file is not well-formed XML: {error}") from error
    if not found:
        raise BroadsheetError("the OPML file names no feed: no outline with an xmlUrl of http:// or https://")
    return _name_feeds(found.items(), taken=set())


def opml_as_toml(text: str, newsletter: str, editorial: Editorial) -> str:
    """Return an OPML file's feeds as feeds.toml blocks for `newsletter`, leaving out addresses already there."""
    there = {source.url for source in editorial.feeds}
    new = [(feed.url, feed.title) for feed in read_opml(text) if feed.url not in there]
    named = _name_feeds(new, taken={source.name for source in editorial.feeds})
    return "".join(f"\n[[feeds]]\nname = {_toml(feed.name)}\ntitle = {_toml(feed.title)}\nurl = {_toml(feed.url)}\n"
                   f"newsletters = [{_toml(newsletter)}]\n" for feed in named)


def write_opml(editorial: Editorial) -> str:
    """Return the feeds of feeds.toml as OPML 2.0 (http://opml.org/spec2.opml), a folder for each topic."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">',
             f"  <head><title>{_escape(editorial.publisher.name)}</title></head>", "  <body>"]
    for topic in sorted({source.topic for source in editorial.feeds}):
        lines.append(f"    <outline text={quoteattr(topic)}>")
        lines += [f'      <outline type="rss" text={quoteattr(source.title)} xmlUrl={quoteattr(source.url)}/>'
                  for source in editorial.feeds if source.topic == topic]
        lines.append("    </outline>")
    return "\n".join([*lines, "  </body>", "</opml>"])


def name_feed(url: str, title: str, editorial: Editorial) -> OpmlFeed:
    """Return a feed with a name for it that feeds.toml does not have yet; without a title it is called after its host."""
    return _name_feeds([(url, title)], taken={source.name for source in editorial.feeds})[0]


def _name_feeds(feeds: Iterable[tuple[str, str]], taken: set[str]) -> list[OpmlFeed]:
    named: list[OpmlFeed] = []
    for url, given in feeds:
        host = urlsplit(url).netloc.rpartition("@")[2].removeprefix("www.")
        title = given or host
        base = _slug(title) or _slug(host) or "feed"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        named.append(OpmlFeed(name, title, url))
    return named


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")


def _toml(text: str) -> str:
    """Return a TOML basic string: JSON's escapes are TOML's, but that DEL must be escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
