"""Open stories in, summarised ones out: a headline, and sentences that each name the item and passage they come from."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.text import slugify

from worker import editorial
from worker.storage.models import Item, Story, StoryState
from worker.stories.extract import summarise
from worker.stories.group import as_article
from worker.stories.summary import Summary

BATCH = 200


def summarise_stories() -> int:
    """Summarise every story whose items have changed since its last summary; returns how many.

    Each story is written by itself, and only if its items stayed as they were meanwhile: else the next run takes it.
    """
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    done, last = 0, 0
    while True:
        stories = list(Story.objects.filter(state=StoryState.OPEN, pk__gt=last).order_by("pk")[:BATCH])
        if not stories:
            return done
        done += sum(_summarise_story(story, titles) for story in stories)
        last = stories[-1].pk


def _summarise_story(story: Story, titles: Mapping[str, str]) -> bool:
    items = list(Item.objects.filter(story=story).select_related("feed").order_by("at", "id"))
    return bool(items) and write_summary(story.pk, items, summarise([as_article(item, titles) for item in items]))


@transaction.atomic
def write_summary(story_id: int, items: Sequence[Item], summary: Summary) -> bool:
    """Write the summary that was made from `items`; returns whether the story still had just these, in these words."""
    story = Story.objects.select_for_update().get(pk=story_id)
    read = {(item.pk, item.title, item.summary) for item in items}
    if story.state != StoryState.OPEN or set(story.items.values_list("pk", "title", "summary")) != read:
        return False
    story.headline, story.state = summary.headline[:500], StoryState.SUMMARISED
    story.sentences = [sentence.as_row() for sentence in summary.sentences]
    story.doubts = [{"kind": claim.kind, "text": claim.text} for claim in summary.doubts]
    story.written_by = summary.written_by
    story.slug = story.slug or f"{slugify(story.headline)[:100].strip('-') or 'story'}-{story.pk}"
    story.save(update_fields=["headline", "sentences", "doubts", "written_by", "state", "slug"])
    return True
