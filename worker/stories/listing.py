"""Stories as the command line and the newsroom list them: plain dictionaries with every source."""

from typing import Any

from worker import editorial
from worker.storage.models import Story


def list_stories(*, limit: int | None = None) -> list[dict[str, Any]]:
    """Return stories, the newest first: {id, headline, summary, items: [{title, url, source, published}], newsletters, state}."""
    sources = editorial.load().feeds_by_name()
    stories = Story.objects.prefetch_related("items__feed").order_by("-last_at", "-id")
    listed = []
    for story in stories[:limit] if limit else stories:
        items: list[dict[str, Any]] = []
        newsletters: set[str] = set()
        for item in story.items.all():
            source = sources.get(item.feed.name)
            newsletters.update(source.newsletters if source else ())
            items.append({
                "title": item.title, "url": item.url, "source": source.title if source else item.feed.name,
                "published": (item.published_at or item.at).isoformat(), "reason": item.reason,
            })
        listed.append({
            "id": story.pk, "headline": story.headline, "summary": story.summary, "items": items,
            "newsletters": sorted(newsletters), "state": story.state,
        })
    return listed
