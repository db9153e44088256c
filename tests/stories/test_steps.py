"""Grouping and summarising as steps: what they leave in the database, twice, at once, and when news changes meanwhile."""

import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from worker.storage.models import Feed, Item, ItemState, Story, StoryState
from worker.stories.articles import as_article
from worker.stories.extract import summarise
from worker.stories.group import group_items
from worker.stories.listing import list_stories
from worker.stories.summarise import summarise_stories, write_summary

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
TITLE = "Norvane to buy speech firm Larkspur for $900 million"
TEXT = "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash, the companies said on Monday."


@pytest.fixture(autouse=True)
def _paper(editorial_file: Path) -> None:
    pass


def add_item(feed: str, title: str = TITLE, text: str = TEXT, *, hours: float = 0) -> Item:
    at = NOW + timedelta(hours=hours)
    row, _ = Feed.objects.get_or_create(name=feed)
    identity = sha256(f"{feed} {title} {at}".encode()).hexdigest()
    return Item.objects.create(feed=row, identity=identity, url=f"https://{feed}.example/{hours}", title=title,
                               summary=text, published_at=at, at=at, seen_at=at)


def test_one_event_of_two_outlets_is_one_story_and_stays_so(db: None) -> None:
    first, second = add_item("first-outlet"), add_item("second-outlet", hours=2)
    other = add_item("third-outlet", "Rain delays the harvest in Elmwood", "Farmers in Elmwood wait for a dry week.", hours=1)

    assert group_items() == 3
    assert group_items() == 0

    for item in (first, second, other):
        item.refresh_from_db()
        assert item.state == ItemState.GROUPED
    assert first.story == second.story != other.story
    assert second.reason["closest"] == str(first.pk)
    assert first.story
    assert (first.story.first_at, first.story.last_at) == (first.at, second.at)


def test_a_later_report_joins_the_story_and_opens_it_again(db: None) -> None:
    first = add_item("first-outlet")
    group_items()
    summarise_stories()
    assert Story.objects.get().state == StoryState.SUMMARISED

    later = add_item("second-outlet", hours=3)
    assert group_items() == 1

    story = Story.objects.get()
    assert (story.state, story.last_at) == (StoryState.OPEN, later.at)
    assert set(story.items.all()) == {first, later}
    slug = story.slug
    assert summarise_stories() == 1
    assert Story.objects.get().slug == slug, "a story's address does not change"


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_group_each_item_once() -> None:
    for number in range(6):
        add_item("first-outlet" if number % 2 else "second-outlet", hours=number / 2)
    counts: list[int] = []

    def run() -> None:
        try:
            counts.append(group_items())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 6
    assert not Item.objects.filter(story=None).exists()
    assert not Story.objects.filter(items=None).exists(), "no run leaves a story nobody told"


@pytest.mark.parametrize("change", ["another joins", "the outlet changes its words"])
def test_a_summary_is_not_written_over_news_that_came_meanwhile(db: None, change: str) -> None:
    item = add_item("first-outlet")
    group_items()
    story = Story.objects.get()
    read = list(story.items.select_related("feed"))
    summary = summarise([as_article(one, {}) for one in read])

    if change == "another joins":
        Item.objects.filter(pk=add_item("second-outlet").pk).update(story=story, state=ItemState.GROUPED)
    else:
        Item.objects.filter(pk=item.pk).update(title="Norvane will not buy Larkspur", summary="The talks have ended.")

    assert not write_summary(story.pk, read, summary)
    assert Story.objects.get().state == StoryState.OPEN
    assert summarise_stories() == 1


def test_every_sentence_names_its_item(db: None) -> None:
    item = add_item("first-outlet")
    group_items()
    assert summarise_stories() == 1

    story = Story.objects.get()
    assert story.sentences == [{"text": TEXT, "support": [{"item": item.pk, "passage": TEXT}], "doubts": []}]
    assert story.headline == TITLE
    assert summarise_stories() == 0


def test_stories_are_listed_with_their_sources_in_as_many_questions_for_many_as_for_few(db: None) -> None:
    def count_questions() -> int:
        with CaptureQueriesContext(connection) as questions:
            list_stories()
        return len(questions)

    add_item("first-outlet")
    group_items()
    [told] = list_stories()
    assert told["newsletters"] == ["aitrends", "daily"]
    assert [(one["source"], one["url"]) for one in told["items"]] == [("First Outlet", "https://first-outlet.example/0")]
    few = count_questions()
    for number in range(20):
        add_item("third-outlet", f"Town {number} opens bridge {number * 37}", f"The bridge of town {number} is open.", hours=number)
    group_items()
    assert count_questions() == few
