"""The weekly digest among what anybody may read: in the archive as the week, in no feed, and never the latest issue."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from worker.storage.models import Correction, Issue, Placement, Story
from worker.web.public.archive import latest_issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def digest(make_issue: Callable[..., Issue]) -> Issue:
    """An issue of Saturday, and on Sunday the digest of the week."""
    make_issue(period="2026-11-28", headline="Saturday news")
    return make_issue(period="2026-11-29", headline="Daily, the week: chips", digest=True)


def read(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_archive_lists_it_as_the_week_and_shows_it(browser: Client, digest: Issue) -> None:
    for path in ("/archive/", "/archive/daily/"):
        page = read(browser, path)
        assert 'href="/archive/daily/2026-11-29-week/"' in page
        assert page.count("The week to <time") == 1, "the issue of the day before is no week"
    page = read(browser, "/archive/daily/2026-11-29-week/")
    assert 'The week to <time datetime="2026-11-29">29 November 2026</time>' in page
    assert "Daily, the week: chips" in page
    assert browser.get("/archive/daily/2026-11-29/").status_code == 404


def test_an_issue_and_the_digest_of_one_day_have_a_page_each(
    browser: Client, digest: Issue, make_issue: Callable[..., Issue]
) -> None:
    make_issue(period="2026-11-29", headline="Sunday news")
    assert "Sunday news" in read(browser, "/archive/daily/2026-11-29/")
    assert "the week: chips" in read(browser, "/archive/daily/2026-11-29-week/")


def test_a_draft_of_it_is_nowhere(browser: Client, digest: Issue) -> None:
    Issue.objects.filter(pk=digest.pk).update(state="draft", started_at=None)
    assert browser.get("/archive/daily/2026-11-29-week/").status_code == 404
    assert "the week: chips" not in read(browser, "/archive/")


def test_the_front_page_and_the_feeds_show_the_issue_before_it(browser: Client, digest: Issue) -> None:
    latest = latest_issue()
    assert latest is not None
    assert latest.subject == "Saturday news"
    for path in ("/", "/feed.atom", "/feed.json"):
        page = read(browser, path)
        assert "Saturday news" in page
        assert "the week: chips" not in page


def test_a_story_s_page_names_the_digest_among_its_issues(browser: Client, digest: Issue) -> None:
    saturday = Issue.objects.get(digest=False)
    story = saturday.placements.get(section="lead").story
    Story.objects.filter(pk=story.pk).update(slug="chips-1")
    Placement.objects.filter(issue=digest, section="lead").update(story=story)

    page = read(browser, "/stories/chips-1/")

    assert '<a href="/archive/daily/2026-11-29-week/">Daily, the week to 29 November 2026</a>' in page
    assert '<a href="/archive/daily/2026-11-28/">Daily, 28 November 2026</a>' in page


def test_corrections_say_that_it_was_the_digest_and_the_digest_shows_the_week_s(browser: Client, digest: Issue) -> None:
    saturday = Issue.objects.get(digest=False)
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    Issue.objects.filter(pk=digest.pk).update(window_start=at - timedelta(days=6), window_end=at + timedelta(days=1))
    Correction.objects.create(issue=digest, text="It was a footbridge.")
    Correction.objects.create(issue=saturday, text="It opens on Tuesday.", made_at=at)

    page = read(browser, "/corrections/")

    assert ">Daily, the week to 29 November 2026: Daily, the week: chips</a>" in page
    assert ">Daily of 28 November 2026: Saturday news</a>" in page
    assert "It opens on Tuesday." in read(browser, "/archive/daily/2026-11-29-week/")


def test_an_update_since_a_digest_says_so(browser: Client, digest: Issue, make_issue: Callable[..., Any]) -> None:
    second = make_issue(period="2026-12-06", digest=True)
    Placement.objects.filter(issue=second, section="lead").update(kind="update", since=digest)
    page = read(browser, "/archive/daily/2026-12-06-week/")
    assert '<a href="/archive/daily/2026-11-29-week/">the issue of the week to 29 November 2026</a>' in page
