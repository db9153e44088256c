"""A story, or some words, in; the stories of the days around that an editor may have meant, the closest in meaning first, out."""

from datetime import timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from django.db.models import Exists, OuterRef, Q, QuerySet

from worker.storage.models import Item, Story, StoryState
from worker.stories.vectors import default_vectors

AROUND = timedelta(days=5)
_COMPARED = 2_000  # stories, the latest; a busy desk has some hundreds in five days
_WORDS = 8
_LEAST = 0.3  # cosine of meaning; below it, stories of one day's news have no more in common than any two
_CHARACTERS = 500


def find_near(story: Story, *, limit: int = 6) -> list[Story]:
    """Return the stories told within five days of `story` that are close to it in meaning, the closest first; maybe none."""
    others = _living().exclude(pk=story.pk).exclude(headline="")
    others = others.filter(last_at__gte=story.first_at - AROUND, first_at__lte=story.last_at + AROUND)
    found = list(others.order_by("-last_at", "-id")[:_COMPARED])
    if not found or not story.headline:
        return []
    likeness = np.stack([_place(_read(one)) for one in found]) @ _place(_read(story))
    return [found[place] for place in np.argsort(-likeness, kind="stable")[:limit] if likeness[place] >= _LEAST]


def search_stories(words: str, stories: QuerySet[Story] | None = None) -> QuerySet[Story]:
    """Return the stories whose headline or reports' titles hold every word, the latest first; a number finds the story."""
    found = _living() if stories is None else stories.exclude(state=StoryState.MERGED)
    if words.strip().isdigit():
        return found.filter(pk=int(words.strip()[:18]))
    for word in words.split()[:_WORDS]:
        titled = Item.objects.filter(story=OuterRef("pk"), title__icontains=word)
        found = found.filter(Q(headline__icontains=word) | Exists(titled))
    return found.order_by("-last_at", "-id")


def _living() -> QuerySet[Story]:
    return Story.objects.exclude(state=StoryState.MERGED)


def _read(story: Story) -> str:
    return f"{story.headline}. {story.summary}"[:_CHARACTERS]


@lru_cache(maxsize=5_000)
def _place(text: str) -> npt.NDArray[np.float32]:
    row: npt.NDArray[np.float32] = default_vectors().encode([text])[0]
    return row
