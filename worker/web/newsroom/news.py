"""What the newsroom looks at besides issues: the feeds' health, the stories of the last days, the audit log."""

from datetime import timedelta

from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.storage.models import AuditEntry, Feed, FeedState, Story
from worker.web.newsroom.guards import for_editors
from worker.web.newsroom.sheet import make_source

STORY_DAYS = 4
STORIES_SHOWN = 200
ENTRIES_SHOWN = 200
_WORST_FIRST = {FeedState.GONE: 0, FeedState.FAILING: 1, FeedState.NEW: 2, FeedState.OK: 3}


@for_editors
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


@for_editors
@require_safe
def stories(request: HttpRequest) -> HttpResponse:
    """The stories of the last four days of news (counted from the newest item), with every outlet's report."""
    newest = Story.objects.aggregate(newest=Max("last_at"))["newest"] or timezone.now()
    found = Story.objects.filter(last_at__gte=newest - timedelta(days=STORY_DAYS))
    ranked = found.annotate(outlets=Count("items__feed", distinct=True)).order_by("-outlets", "-last_at", "-id")
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    shown = [
        (story, [make_source(titles.get(item.feed.name, item.feed.name), item.title, item.url, item.at)
                 for item in story.items.all()])
        for story in ranked.prefetch_related("items__feed")[:STORIES_SHOWN]
    ]
    context = {"here": "stories", "stories": shown, "total": found.count(), "days": STORY_DAYS}
    return render(request, "web/desk/stories.html", context)


@for_editors
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """The newest entries of the audit log."""
    entries = AuditEntry.objects.all()[:ENTRIES_SHOWN]
    return render(request, "web/desk/audit.html", {"here": "audit", "entries": entries})
