"""The bytes of a web page in; the feeds it names in its head out, as browsers find them.

It does so in the process that calls it, without limits; `parse` is the door for pages from outside.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from worker.feeds.document import Offer
from worker.feeds.text import title_text

MOST_OFFERS = 20
READ_BYTES = 1_000_000  # of a page, from its top, where its head stands
_URL_LENGTH = 2000  # characters, as Feed's fields hold
# https://www.rssboard.org/rss-autodiscovery, and for JSON https://www.jsonfeed.org/version/1.1/#discovery
_KINDS = {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml", "application/json"}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)


class _Head(HTMLParser):
    """Collects what the page's <link rel="alternate"> and <base> say."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = url
        self.has_base = False
        self.offers: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and given.get("href") and not self.has_base:
            self.base, self.has_base = _join(self.base, given["href"]), True
        is_feed = given.get("type", "").partition(";")[0].strip().lower() in _KINDS
        if tag == "link" and is_feed and {"alternate", "feed"} & set(given.get("rel", "").lower().split()):
            url = _join(self.base, given.get("href", ""))
            # WordPress names its own JSON descriptions this way, which are no feeds.
            if url and not ("json" in given["type"] and "/wp-json/" in url) and len(self.offers) < MOST_OFFERS:
                self.offers.setdefault(url, title_text(given.get("title", ""))[:300])


def read_offers(body: bytes, content_type: str, url: str) -> list[Offer]:
    """Return the feeds that a page at `url` names, each address once. Pages that name none give []."""
    head = _Head(url)
    head.feed(_decode(body[:READ_BYTES], content_type))
    return [Offer(address, title) for address, title in head.offers.items()]


def _decode(body: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type) or _CHARSET.search(body[:2000].decode("ascii", "replace"))
    try:
        return body.decode(named[1] if named else "utf-8", "replace")
    except (LookupError, UnicodeError):  # a charset that nobody knows
        return body.decode("utf-8", "replace")


def _join(base: str, address: str) -> str:
    """Return the absolute http(s) address, "" if it is none."""
    try:
        joined = urljoin(base, address.strip())
        parts = urlsplit(joined)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and joined.isprintable() and " " not in joined
    return joined if is_web and len(joined) <= _URL_LENGTH else ""
