"""New items in, stories out: each new item joins the story of the same event, or begins one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.storage.models import Item, ItemState, Story, StoryState
from worker.stories.cluster import WINDOW_HOURS, Article, Grouper

BATCH = 2_000  # items decided in one go
KEPT = "kept:"  # begins the id of a cluster that is a Story row already


def group_items(*, now: datetime | None = None) -> int:
    """Put every item that is still new into a story; returns how many were grouped.

    Deciding takes seconds and happens outside of any transaction; writing claims the items by their state, so that a
    second run at the same time finds them taken and decides again on what is left.
    """
    now = now or timezone.now()
    grouped = 0
    while batch := list(Item.objects.filter(state=ItemState.NEW).select_related("feed").order_by("at", "id")[:BATCH]):
        decided, reasons = _decide(batch)
        if _write(batch, decided, reasons):
            grouped += len(batch)
    return grouped


def _decide(batch: Sequence[Item]) -> tuple[dict[int, str], dict[int, dict[str, object]]]:
    """Return the story of each item of the batch, given the grouped items of the window before it, and why."""
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    earliest = batch[0].at - timedelta(hours=WINDOW_HOURS)
    known = Item.objects.filter(state=ItemState.GROUPED, story__isnull=False, at__gte=earliest, at__lte=batch[-1].at)
    grouper = Grouper()
    grouper.seed_many([(as_article(item, titles), f"{KEPT}{item.story_id}")
                       for item in known.select_related("feed").order_by("at", "id")])
    decided = grouper.add_many([as_article(item, titles) for item in batch])
    clusters = {item.pk: cluster for item, cluster in zip(batch, decided, strict=True)}
    return clusters, {item.pk: grouper.explain(str(item.pk)) for item in batch}


def as_article(item: Item, titles: dict[str, str]) -> Article:
    """Return an item as the pure functions of this room see it; its source is the outlet readers know."""
    return Article(id=str(item.pk), title=item.title, summary=item.summary,
                   source=titles.get(item.feed.name, item.feed.name), published=item.at)


@transaction.atomic
def _write(batch: Sequence[Item], clusters: Mapping[int, str], reasons: Mapping[int, dict[str, object]]) -> bool:
    """Write the decisions if no item was taken meanwhile; returns whether they were written."""
    ids = [item.pk for item in batch]
    free = Item.objects.select_for_update().filter(pk__in=ids, state=ItemState.NEW)
    if len(free) != len(ids):
        return False
    stories: dict[str, Story] = {}
    for item in batch:
        cluster = clusters[item.pk]
        story = stories.get(cluster)
        if story is None:
            story = stories[cluster] = _open_story(cluster, item.at)
        story.first_at, story.last_at = min(story.first_at, item.at), max(story.last_at, item.at)
        item.story, item.state, item.reason = story, ItemState.GROUPED, reasons[item.pk]
    Story.objects.bulk_update(stories.values(), ["state", "first_at", "last_at"], batch_size=500)
    Item.objects.bulk_update(batch, ["story", "state", "reason"], batch_size=200)
    return True


def _open_story(cluster: str, at: datetime) -> Story:
    if cluster.startswith(KEPT):
        story = Story.objects.select_for_update().get(pk=int(cluster.removeprefix(KEPT)))
        story.state = StoryState.OPEN
        return story
    return Story.objects.create(first_at=at, last_at=at)
