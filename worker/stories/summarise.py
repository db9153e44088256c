"""Open stories in, summarised ones out: a headline, and sentences that each name the item and passage they come from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from worker import editorial
from worker.errors import ConflictError
from worker.storage.models import Item, Story, StoryState
from worker.stories.articles import as_article
from worker.stories.extract import summarise
from worker.stories.similarity import Article
from worker.stories.summary import Summary

if TYPE_CHECKING:
    from worker.stories.abstractive import Summariser

BATCH = 200
log = structlog.get_logger(__name__)


def summarise_stories(*, seconds: float | None = None) -> int:
    """Summarise every story whose items have changed since its last summary; returns how many.

    Each story is written by itself, and only if its items stayed as they were meanwhile: else the next run takes it. With a
    language model the stories it is to write come last, those of most outlets first; what it has not reached after
    `seconds` stays open for the next run, and meanwhile has the sources' own sentences.
    """
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    if not settings.SUMMARISER_URL:
        return sum(_write_from_sources(story.pk, titles) for story in _open_stories())
    return _summarise_with_model(titles, seconds)


def _summarise_with_model(titles: Mapping[str, str], seconds: float | None) -> int:
    from worker.stories.abstractive import is_worth_asking, open_summariser  # takes a second to import

    done = 0
    waiting: list[tuple[int, float, int]] = []  # by outlets, then by time, the latest first
    for story in _open_stories():
        items = _items_of(story.pk)
        if is_worth_asking(_as_articles(items, titles)):
            waiting.append((-len({item.feed_id for item in items}), -story.last_at.timestamp(), story.pk))
            if not story.headline:  # a draft made before the model has answered finds the story all the same
                _write_from_sources(story.pk, titles, final=False)
        else:
            done += _write_from_sources(story.pk, titles)
    if not waiting:
        return done
    with open_summariser(seconds) as summariser:
        return done + _ask_for_each([story_id for *_, story_id in sorted(waiting)], titles, summariser)


def _ask_for_each(waiting: Sequence[int], titles: Mapping[str, str], summariser: "Summariser") -> int:
    from worker.stories.calls import BusyError, StoryLedger

    done = 0
    for number, story_id in enumerate(waiting):
        if summariser.is_late and not summariser.given_up:
            log.info("stories wait for the language model until the next run", stories=len(waiting) - number)
            break
        items = _items_of(story_id)
        if not items:
            continue
        try:
            with StoryLedger(story_id) as ledger:
                done += write_summary(story_id, items, summariser.summarise(_as_articles(items, titles), ledger))
        except ConflictError:
            continue
        except BusyError as error:
            log.info(str(error), stories=len(waiting) - number)
            break
    return done


def _open_stories() -> Iterator[Story]:
    last = 0
    while stories := list(Story.objects.filter(state=StoryState.OPEN, pk__gt=last).order_by("pk")[:BATCH]):
        yield from stories
        last = stories[-1].pk


def _items_of(story_id: int) -> list[Item]:
    return list(Item.objects.filter(story_id=story_id).select_related("feed").order_by("at", "id"))


def _as_articles(items: Sequence[Item], titles: Mapping[str, str]) -> list[Article]:
    return [as_article(item, titles) for item in items]


def _write_from_sources(story_id: int, titles: Mapping[str, str], *, final: bool = True) -> bool:
    items = _items_of(story_id)
    return bool(items) and write_summary(story_id, items, summarise(_as_articles(items, titles)), final=final)


@transaction.atomic
def write_summary(story_id: int, items: Sequence[Item], summary: Summary, *, final: bool = True) -> bool:
    """Write the summary that was made from `items`; returns whether the story still had just these, in these words.

    The story stays open if the summary is not `final`.
    """
    story = Story.objects.select_for_update().get(pk=story_id)
    read = {(item.pk, item.title, item.summary) for item in items}
    if story.state != StoryState.OPEN or set(story.items.values_list("pk", "title", "summary")) != read:
        return False
    story.headline, story.state = summary.headline[:500], StoryState.SUMMARISED if final else StoryState.OPEN
    story.sentences = [sentence.as_row() for sentence in summary.sentences]
    story.doubts = [{"kind": claim.kind, "text": claim.text} for claim in summary.doubts]
    story.written_by = summary.written_by
    story.slug = story.slug or f"{slugify(story.headline)[:100].strip('-') or 'story'}-{story.pk}"
    story.save(update_fields=["headline", "sentences", "doubts", "written_by", "state", "slug"])
    return True
