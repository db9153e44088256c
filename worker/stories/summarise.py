"""Open stories in, summarised ones out: a headline, and sentences that each name the item and passage they come from."""

from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from worker import editorial
from worker.storage.models import Item, Story, StoryState
from worker.stories.extract import summarise
from worker.stories.group import as_article

BATCH = 200


def summarise_stories(*, now: datetime | None = None) -> int:
    """Summarise every story that items have joined since its last summary; returns how many.

    Each story is written by itself, and only if nothing joined it while its summary was made: then the next run takes it.
    """
    done, last = 0, 0
    while True:
        stories = list(Story.objects.filter(state=StoryState.OPEN, pk__gt=last).order_by("pk")[:BATCH])
        if not stories:
            return done
        done += sum(_summarise_story(story) for story in stories)
        last = stories[-1].pk


def _summarise_story(story: Story) -> bool:
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    items = list(Item.objects.filter(story=story).select_related("feed").order_by("at", "id"))
    if not items:
        return False
    summary = summarise([as_article(item, titles) for item in items])
    sentences = [{"text": one.text, "item": int(one.item_id), "passage": one.passage} for one in summary.sentences]
    headline = summary.headline[:500]
    with transaction.atomic():
        row = Story.objects.select_for_update().get(pk=story.pk)
        if row.state != StoryState.OPEN or row.items.count() != len(items):
            return False
        row.headline, row.sentences, row.state = headline, sentences, StoryState.SUMMARISED
        row.slug = row.slug or f"{slugify(headline)[:100].strip('-') or 'story'}-{row.pk}"
        row.save(update_fields=["headline", "sentences", "state", "slug"])
    return True
