"""New items in, stories out: each new item joins the story of the same event, or begins one."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import transaction

from worker import editorial
from worker.storage.models import Item, ItemState, Story, StoryState
from worker.stories.cluster import WINDOW_HOURS, Article, Grouper

BATCH = 2_000  # items decided in one go
KEPT = "kept:"  # begins the id of a cluster that is a Story row already


def group_items() -> int:
    """Put every item that is still new into a story; returns how many were grouped.

    Deciding takes seconds and happens outside of any transaction; writing claims the items by their state, so that a
    second run at the same time finds them taken and decides again on what is left.
    """
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


def as_article(item: Item, titles: Mapping[str, str]) -> Article:
    """Return an item as the pure functions of this room see it; its source is the outlet readers know."""
    return Article(id=str(item.pk), title=item.title, summary=item.summary,
                   source=titles.get(item.feed.name, item.feed.name), published=item.at)


@transaction.atomic
def _write(batch: Sequence[Item], clusters: Mapping[int, str], reasons: Mapping[int, dict[str, object]]) -> bool:
    """Write the decisions if no item was taken meanwhile; returns whether they were written."""
    ids = [item.pk for item in batch]
    free = Item.objects.select_for_update().filter(pk__in=ids, state=ItemState.NEW).values_list("pk", flat=True)
    if len(free) != len(ids):
        return False
    stories = _open_stories(batch, clusters)
    for item in batch:
        story = stories[clusters[item.pk]]
        story.state = StoryState.OPEN
        story.first_at, story.last_at = min(story.first_at, item.at), max(story.last_at, item.at)
        item.story, item.state, item.reason = story, ItemState.GROUPED, reasons[item.pk]
    Story.objects.bulk_update(stories.values(), ["state", "first_at", "last_at"], batch_size=500)
    Item.objects.bulk_update(batch, ["story", "state", "reason"], batch_size=200)
    return True


def _open_stories(batch: Sequence[Item], clusters: Mapping[int, str]) -> dict[str, Story]:
    """Return each cluster's story: the one that is there, locked, or a new one."""
    kept = [int(cluster.removeprefix(KEPT)) for cluster in set(clusters.values()) if cluster.startswith(KEPT)]
    stories = {f"{KEPT}{story.pk}": story
               for story in Story.objects.select_for_update().filter(pk__in=kept).order_by("pk")}
    begun = {clusters[item.pk]: Story(first_at=item.at, last_at=item.at)
             for item in batch if clusters[item.pk] not in stories}
    Story.objects.bulk_create(begun.values())
    return {**stories, **begun}
