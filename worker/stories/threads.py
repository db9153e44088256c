"""Summarised stories in, each tied to the thread of the earlier story it follows, or opening one; a thread's timeline out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Q

from worker.storage.models import Issue, Placement, Story, StoryState, Thread
from worker.stories.following import WEEKS_BACK, Followed, find_followed
from worker.stories.memory import went_out
from worker.stories.reasons import explain_thread
from worker.stories.similarity import Article

BATCH = 500


@dataclass(frozen=True)
class Chapter:
    """One story of a thread: when it was first reported, why it follows in words, and the issues readers had it in."""

    story: Story
    at: datetime
    reason: str
    issues: tuple[Issue, ...]


def tie_stories() -> int:
    """Give every summarised story its thread; returns how many follow an earlier story.

    A story that stands alone is looked at again when reports have joined it: they may name what the first did not.
    """
    tied = 0
    while waiting := _find_waiting():
        earliest = waiting[0].first_at - WEEKS_BACK
        told = Story.objects.filter(first_at__gte=earliest, first_at__lte=waiting[-1].first_at, thread__isnull=False)
        told = told.exclude(state=StoryState.MERGED).exclude(headline="").exclude(pk__in=[story.pk for story in waiting])
        earlier = list(told.order_by("first_at", "pk"))
        threads = {str(story.pk): str(story.thread_id) for story in earlier}
        found = find_followed([_as_article(story) for story in waiting], [_as_article(story) for story in earlier], threads)
        tied += _write(waiting, found)
    return tied


def _find_waiting() -> list[Story]:
    summarised = Story.objects.filter(state=StoryState.SUMMARISED).exclude(headline="")
    joined = Q(thread__last_at__lt=F("last_at"))
    return list(summarised.filter(Q(thread=None) | joined).order_by("first_at", "pk")[:BATCH])


def _as_article(story: Story) -> Article:
    return Article(str(story.pk), story.headline, story.summary, None, story.first_at)


@transaction.atomic
def _write(waiting: Sequence[Story], found: Mapping[str, Followed]) -> int:
    """Write the threads; what another run has tied meanwhile stays as that run left it."""
    ids = [story.pk for story in waiting]
    locked = {story.pk: story for story in Story.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    tied = 0
    for seen in waiting:
        story = locked.get(seen.pk)
        if story is None or story.thread_id != seen.thread_id:
            continue
        link = found.get(str(story.pk)) if _stands_alone(story) else None
        before = Story.objects.filter(pk=int(link.earlier)).first() if link else None
        if link and before and before.thread_id is not None and before.thread_id != story.thread_id:
            left, story.thread = story.thread_id, before.thread
            story.thread_reason = {"story": before.pk, "headline": before.headline, **_as_reason(link)}
            story.save(update_fields=["thread", "thread_reason"])
            Thread.objects.filter(stories=None, pk__in=[left] if left else []).delete()
            tied += 1
        elif story.thread_id is None:
            story.thread = Thread.objects.create(slug=story.slug, first_at=story.first_at, last_at=story.last_at)
            story.save(update_fields=["thread"])
        Thread.objects.filter(stories=story, last_at__lt=story.last_at).update(last_at=story.last_at)
    return tied


def _stands_alone(story: Story) -> bool:
    return story.thread_id is None or not Story.objects.filter(thread=story.thread_id).exclude(pk=story.pk).exists()


def _as_reason(link: Followed) -> dict[str, object]:
    figures = asdict(link)
    del figures["earlier"]
    return {**figures, "names": list(link.names), "numbers": list(link.numbers)}


def read_timeline(story: Story) -> list[Chapter]:
    """Return the stories of `story`'s thread, the oldest first, itself among them; writes nothing.

    A story of no thread yet is its own timeline. Stories whose items have all gone to another one are left out. Digests
    are no chapter's issues: they tell again what an issue told.
    """
    stories = [story]
    if story.thread_id is not None:
        told = Story.objects.filter(thread=story.thread_id).exclude(state=StoryState.MERGED).annotate(told=Count("items"))
        stories = list(told.filter(told__gt=0).order_by("first_at", "pk"))
    placed: dict[int, list[Issue]] = {one.pk: [] for one in stories}
    rows = Placement.objects.filter(story__in=placed, dropped=False, issue__digest=False).select_related("issue")
    for placement in rows.order_by("issue__window_end", "issue_id"):
        if went_out(placement.issue):
            placed[placement.story_id].append(placement.issue)
    return [Chapter(one, one.first_at, explain_thread(one.thread_reason), tuple(placed[one.pk])) for one in stories]
