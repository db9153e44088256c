"""Issues that went out in, an Atom (RFC 4287) and a JSON Feed 1.1 of them out."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import feedgenerator
from django.utils.html import format_html_join
from django.views.decorators.http import require_safe

from worker import editorial
from worker.readers.preferences import title_of
from worker.storage.models import Section
from worker.web.public.archive import published_issues

ENTRIES = 20


@dataclass(frozen=True)
class _Entry:
    url: str
    title: str
    html: str
    at: datetime


def _read_entries() -> list[_Entry]:
    entries = []
    told_once = published_issues().filter(digest=False)  # a digest would tell the feed's readers the week's issues again
    for issue in told_once.prefetch_related("placements")[:ENTRIES]:
        placed = [row for row in issue.placements.all() if not row.dropped]
        stories = [(row.headline, row.summary) for row in placed if row.section != Section.SHORT]
        shorts = [(row.headline,) for row in placed if row.section == Section.SHORT]
        html: str = format_html_join("", "<h2>{}</h2><p>{}</p>", stories)
        if shorts:
            html = html + "<ul>" + format_html_join("", "<li>{}</li>", shorts) + "</ul>"
        entries.append(_Entry(url=f"{settings.BASE_URL}/archive/{issue.newsletter}/{issue.slug}/", html=_clean(html),
                              title=_clean(f"{title_of(issue.newsletter)}: {issue.subject}"),
                              at=issue.sent_at or issue.started_at or issue.drafted_at))
    return entries


def _clean(text: str) -> str:
    """Return the text without the control characters that XML 1.0 cannot hold."""
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs"))


@require_safe
def atom(request: HttpRequest) -> HttpResponse:
    """The newest issues as an Atom feed."""
    publisher = editorial.load().publisher.name
    feed = feedgenerator.Atom1Feed(title=publisher, link=f"{settings.BASE_URL}/", description="", language="en",
                                   feed_url=f"{settings.BASE_URL}/feed.atom", author_name=publisher)
    for entry in _read_entries():
        feed.add_item(title=entry.title, link=entry.url, description=entry.html, unique_id=entry.url,
                      pubdate=entry.at, updateddate=entry.at)
    return HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


@require_safe
def json_feed(request: HttpRequest) -> HttpResponse:
    """The newest issues as a JSON Feed."""
    publisher = editorial.load().publisher.name
    return JsonResponse({
        "version": "https://jsonfeed.org/version/1.1", "title": publisher, "home_page_url": f"{settings.BASE_URL}/",
        "feed_url": f"{settings.BASE_URL}/feed.json", "language": "en", "authors": [{"name": publisher}],
        "items": [{"id": entry.url, "url": entry.url, "title": entry.title, "content_html": entry.html,
                   "date_published": entry.at.isoformat()} for entry in _read_entries()],
    }, content_type="application/feed+json")
