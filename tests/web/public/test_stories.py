"""A story's page: what was printed, who reported it, which issues had it, what came before and after."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from worker.storage.models import Feed, Issue, Item, Placement, Story, Thread

AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@pytest.fixture
def told(make_issue: Callable[..., Issue]) -> Callable[..., Story]:
    """Return a function that gives an issue's lead story an address and reports."""

    def make(slug: str = "norvane-buys-larkspur-1", **given: Any) -> Story:
        issue = make_issue(**given)
        story = issue.placements.get(section="lead").story
        Story.objects.filter(pk=story.pk).update(slug=slug, headline="The machine’s own headline", first_at=AT, last_at=AT)
        for number, feed in enumerate(("first-outlet", "second-outlet")):
            row, _ = Feed.objects.get_or_create(name=feed)
            Item.objects.create(feed=row, identity=f"{slug}{number}", title=f"Report of {feed}", at=AT, published_at=AT,
                                url=f"https://{feed}.example/{slug}", story=story)
        return Story.objects.get(pk=story.pk)

    return make


def read(browser: Client, slug: str) -> str:
    answer = browser.get(f"/stories/{slug}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_story_shows_its_printed_words_sources_times_and_issues(browser: Client, told: Callable[..., Story]) -> None:
    told(headline="Norvane buys Larkspur", summary="For $900 million.")
    page = read(browser, "norvane-buys-larkspur-1")
    for words in ("Norvane buys Larkspur", "For $900 million.", "First Outlet", "Report of second-outlet",
                  "20 November 2026, 08:30 UTC", 'href="https://second-outlet.example/norvane-buys-larkspur-1"',
                  'href="/archive/daily/2026-11-23/"'):
        assert words in page
    assert "machine’s own" not in page, "only what an editor let go is public"


@pytest.mark.parametrize("state", ["draft", "approved", "rejected", "held", "cancelled"])
def test_a_story_of_no_issue_that_went_out_has_no_page(browser: Client, told: Callable[..., Story], state: str) -> None:
    told(state=state)
    assert browser.get("/stories/norvane-buys-larkspur-1/").status_code == 404
    assert browser.get("/stories/nothing/").status_code == 404


def test_a_dropped_story_has_no_page(browser: Client, told: Callable[..., Story]) -> None:
    story = told()
    Placement.objects.filter(story=story).update(dropped=True)
    assert browser.get("/stories/norvane-buys-larkspur-1/").status_code == 404


def test_a_merged_story_leads_to_the_one_it_lives_on_in(browser: Client, told: Callable[..., Story]) -> None:
    old = told("old-1", headline="What was printed")
    new = Story.objects.create(slug="new-1", headline="Not public by itself", first_at=AT, last_at=AT)
    Story.objects.filter(pk=old.pk).update(merged_into=new, state="merged")
    answer = browser.get("/stories/old-1/")
    assert (answer.status_code, answer["Location"]) == (301, "/stories/new-1/")
    assert "What was printed" in read(browser, "new-1")


def test_a_merged_story_nobody_was_told_leads_nowhere(browser: Client) -> None:
    new = Story.objects.create(slug="new-1", headline="A secret", first_at=AT, last_at=AT)
    Story.objects.create(slug="old-1", state="merged", merged_into=new, first_at=AT, last_at=AT)
    assert browser.get("/stories/old-1/").status_code == 404


def test_the_timeline_holds_the_published_stories_of_the_thread_oldest_first(browser: Client, told: Callable[..., Story]) -> None:
    thread = Thread.objects.create(first_at=AT, last_at=AT)
    later = told("later-2", headline="The inquiry", period="2026-11-25")
    earlier = told("earlier-1", headline="The purchase", period="2026-11-21")
    unpublished = told("never-3", headline="A rumour", period="2026-11-26", state="draft")
    for days, story in enumerate((earlier, later, unpublished)):
        Story.objects.filter(pk=story.pk).update(thread=thread, first_at=AT + timedelta(days=days))
        Item.objects.filter(story=story).update(at=AT + timedelta(days=days))

    page = read(browser, "later-2")

    assert page.index('href="/stories/earlier-1/"') < page.index('aria-current="page">The inquiry')
    assert "The purchase" in page
    assert "A rumour" not in page
    assert "never-3" not in page


def test_copies_stand_under_the_report_they_repeat(browser: Client, told: Callable[..., Story]) -> None:
    story = told()
    one, other = story.items.order_by("pk")
    Item.objects.filter(pk=other.pk).update(copy_of=one)
    page = read(browser, "norvane-buys-larkspur-1")
    assert "The same words at" in page
    assert "Report of second-outlet" not in page


def test_the_archive_links_each_story_and_the_issue_an_update_follows(browser: Client, told: Callable[..., Story]) -> None:
    told()
    first = Issue.objects.get()
    told("norvane-cuts-jobs-2", period="2026-11-24", headline="Norvane cuts jobs")
    Placement.objects.filter(issue__period="2026-11-24", section="lead").update(kind="update", since=first)
    page = browser.get("/archive/daily/2026-11-24/").content.decode()
    assert 'href="/stories/norvane-cuts-jobs-2/"' in page
    assert "Update" in page
    assert '<a href="/archive/daily/2026-11-23/">the issue of 23 November 2026</a>' in page


def test_hostile_reports_are_inert(browser: Client, told: Callable[..., Story]) -> None:
    story = told()
    Item.objects.filter(story=story).update(title="<script>alert(1)</script>", url="javascript:alert(1)")
    page = read(browser, "norvane-buys-larkspur-1")
    assert "<script>alert" not in page
    assert "javascript:" not in page
