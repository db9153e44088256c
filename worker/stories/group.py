"""New items in, stories out: each joins the story of the same event or begins one, and stories of the last days are put right."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

import structlog
from django.db import transaction
from django.db.models import Max, Min

from worker import editorial
from worker.storage.models import Item, ItemState, Placement, Story, StoryState
from worker.stories.articles import as_article
from worker.stories.cluster import WINDOW_HOURS, Grouper
from worker.stories.rulings import read_links

log = structlog.get_logger(__name__)
BATCH = 2_000  # items decided in one go
TRIES = 5
KEPT = "kept:"  # begins the id of a cluster that is a Story row already


@dataclass(frozen=True)
class _Decision:
    """By item: the cluster it belongs to, why, and the item it repeats. `known` were in stories before, as `story_id` says, of
    which those `placed` stood in an issue."""

    batch: Sequence[Item]
    known: Sequence[Item]
    clusters: Mapping[int, str]
    reasons: Mapping[int, dict[str, object]]
    copies: Mapping[int, int]
    placed: Collection[int]

    @property
    def moved(self) -> list[Item]:
        """Items that leave the story they were in."""
        return [item for item in self.known if self.clusters[item.pk] != f"{KEPT}{item.story_id}"]

    @property
    def recopied(self) -> list[Item]:
        """Items that turn out to repeat another one, or none."""
        return [item for item in self.known if item.copy_of_id != self.copies.get(item.pk)]


def group_items() -> int:
    """Put every item that is still new into a story; returns how many were grouped.

    Stories of the last 96 hours may be joined or parted as others arrive, but never against an editor's ruling, and never
    one that stands in an issue: what readers were told as one stays one. Deciding takes seconds and happens outside of any
    transaction; if an item or story was changed meanwhile, nothing is written and it is decided again, a few times; the next
    run takes what is left.
    """
    grouped = tries = 0
    while batch := list(Item.objects.filter(state=ItemState.NEW).select_related("feed").order_by("at", "id")[:BATCH]):
        if _write(_decide(batch)):
            grouped, tries = grouped + len(batch), 0
        elif (tries := tries + 1) == TRIES:
            log.warning("stories kept changing while new items were grouped; the next run takes them", items=len(batch))
            break
    return grouped


def _decide(batch: Sequence[Item]) -> _Decision:
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    margin = timedelta(hours=1.5 * WINDOW_HOURS)  # as far back as a step of two days may look
    near = Item.objects.filter(state=ItemState.GROUPED, story__isnull=False, at__gte=batch[0].at - margin,
                               at__lte=batch[-1].at + margin)
    known = list(near.select_related("feed").order_by("at", "id"))
    must, cannot = read_links([item.pk for item in [*known, *batch]])
    placed = _find_placed(known)
    whole, apart = _placed_links(known, placed)
    grouper = Grouper(must_link=[*must, *whole], cannot_link=[*cannot, *apart])
    grouper.seed_many([(as_article(item, titles), f"{KEPT}{item.story_id}") for item in known])
    grouper.add_many([as_article(item, titles) for item in batch])
    items, found = [*known, *batch], grouper.clusters()
    clusters = {item.pk: found[str(item.pk)] for item in items}
    return _Decision(
        batch, known, _keep_placed(clusters, known, placed), {item.pk: grouper.explain(str(item.pk)) for item in items},
        {int(copy): int(original) for copy, original in grouper.copies().items()}, placed)


def _placed_links(known: Sequence[Item], stories: Collection[int]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs that keep each story placed in an issue whole, and pairs that keep every two of them apart."""
    members = defaultdict(list)
    for item in known:
        members[item.story_id].append(str(item.pk))
    placed = [members[story] for story in sorted(stories)]
    whole = [(items[0], other) for items in placed for other in items[1:]]
    return whole, [(one[0], other[0]) for one, other in combinations(placed, 2)]


def _find_placed(known: Sequence[Item]) -> set[int]:
    stories = {item.story_id for item in known}
    return set(Placement.objects.filter(story__in=stories).values_list("story_id", flat=True))


def _keep_placed(clusters: Mapping[int, str], known: Sequence[Item], placed: Collection[int]) -> dict[int, str]:
    """Where a story that stands in an issue was joined with a larger one, it is its number that stays."""
    renamed = {clusters[item.pk]: f"{KEPT}{item.story_id}" for item in known if item.story_id in placed}
    return {pk: renamed.get(cluster, cluster) for pk, cluster in clusters.items()}


@transaction.atomic
def _write(decision: _Decision) -> bool:
    """Write the decision unless an item or a story it rests on was changed meanwhile; returns whether it was written."""
    moved = decision.moved
    touched = {item.pk: item for item in [*decision.batch, *moved, *decision.recopied]}
    left = {item.pk: item.story_id for item in moved if item.story_id is not None}
    expected = {pk: (item.state, item.story_id) for pk, item in touched.items()}
    locked = Item.objects.select_for_update().filter(pk__in=touched).order_by("pk")
    if {pk: (state, story) for pk, state, story in locked.values_list("pk", "state", "story")} != expected:
        return False
    stories = _lock_stories({decision.clusters[pk] for pk in touched} | {f"{KEPT}{story}" for story in left.values()})
    if stories is None or not _find_placed(decision.known) <= set(decision.placed):
        return False
    _begin_stories(stories, decision, touched.values())
    for pk, item in touched.items():
        item.story, item.state = stories[decision.clusters[pk]], ItemState.GROUPED
        item.reason, item.copy_of_id = decision.reasons[pk], decision.copies.get(pk)
    Item.objects.bulk_update(touched.values(), ["story", "state", "reason", "copy_of"], batch_size=200)
    _settle(stories.values(), {story: stories[decision.clusters[pk]] for pk, story in left.items()})
    return True


def _lock_stories(clusters: Iterable[str]) -> dict[str, Story] | None:
    """Lock the clusters that are stories already; None if one of them was merged meanwhile, or is gone."""
    kept = {int(cluster.removeprefix(KEPT)) for cluster in clusters if cluster.startswith(KEPT)}
    found = Story.objects.select_for_update().filter(pk__in=kept).exclude(state=StoryState.MERGED).order_by("pk")
    stories = {f"{KEPT}{story.pk}": story for story in found}
    return stories if len(stories) == len(kept) else None


def _begin_stories(stories: dict[str, Story], decision: _Decision, items: Iterable[Item]) -> None:
    begun = {cluster: Story(first_at=item.at, last_at=item.at)
             for item in items if (cluster := decision.clusters[item.pk]) not in stories}
    Story.objects.bulk_create(begun.values())
    stories.update(begun)


def _settle(stories: Iterable[Story], heirs: Mapping[int, Story]) -> None:
    """Open the stories again with the times of the items they now have; one that has none left is merged into its heir."""
    rows = list(stories)
    spans = Story.objects.filter(pk__in=[story.pk for story in rows]).annotate(begin=Min("items__at"), end=Max("items__at"))
    times = {pk: (begin, end) for pk, begin, end in spans.values_list("pk", "begin", "end")}
    for story in rows:
        begin, end = times[story.pk]
        if begin is None:
            story.state, story.merged_into = StoryState.MERGED, heirs[story.pk]
        else:
            story.state, story.first_at, story.last_at = StoryState.OPEN, begin, end
    Story.objects.bulk_update(rows, ["state", "merged_into", "first_at", "last_at"], batch_size=500)
