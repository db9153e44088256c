"""Stories as the command line lists them: plain dictionaries with every source."""

from typing import Any

from django.db.models import Prefetch

from worker import editorial
from worker.storage.models import Item, Story

CHUNK = 1_000  # stories whose items are read in one query: the number of its parameters has a limit


def list_stories() -> list[dict[str, Any]]:
    """Return all stories, the newest first: {id, headline, summary, items, newsletters, state}.

    An item is {title, url, source, published (ISO 8601), reason (why it joined the story)}.
    """
    sources = editorial.load().feeds_by_name()
    told = Item.objects.select_related("feed").only("title", "url", "published_at", "at", "reason", "story", "feed__name")
    stories = Story.objects.prefetch_related(Prefetch("items", told)).order_by("-last_at", "-id")
    listed = []
    for story in stories.iterator(chunk_size=CHUNK):
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
