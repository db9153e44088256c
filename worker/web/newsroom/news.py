"""What the newsroom looks at besides issues and stories: the feeds' health, the audit log."""

from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.storage.models import AuditEntry, Feed, FeedState
from worker.web.newsroom.guards import for_viewers

ENTRIES_SHOWN = 200
_WORST_FIRST = {FeedState.GONE: 0, FeedState.FAILING: 1, FeedState.NEW: 2, FeedState.OK: 3}


@for_viewers
@require_safe
def feeds(request: HttpRequest) -> HttpResponse:
    """Every configured feed with what became of its last fetch, the troubled ones first."""
    day_ago = timezone.now() - timedelta(days=1)
    rows = {feed.name: feed for feed in Feed.objects.annotate(
        fresh=Count("items", filter=Q(items__seen_at__gte=day_ago)), stored=Count("items"))}
    listed = [(source, rows.get(source.name)) for source in editorial.load().feeds]

    def worst_first(pair: tuple[editorial.FeedSource, Feed | None]) -> tuple[int, str]:
        source, feed = pair
        return _WORST_FIRST[FeedState(feed.state) if feed else FeedState.NEW], source.title.casefold()

    listed.sort(key=worst_first)
    return render(request, "web/desk/feeds.html", {"here": "feeds", "feeds": listed})


@for_viewers
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """The newest entries of the audit log."""
    entries = AuditEntry.objects.all()[:ENTRIES_SHOWN]
    return render(request, "web/desk/audit.html", {"here": "audit", "entries": entries})
