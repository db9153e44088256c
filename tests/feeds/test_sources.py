"""Rows for the feeds of feeds.toml, which are due, and OPML."""

import tomllib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError
from worker.feeds.sources import due_feeds, opml_as_toml, read_opml, sync_feeds, write_opml
from worker.storage.models import Feed, FeedState

OPML = """<?xml version="1.0"?><opml version="1.0"><head/><body>
<outline text="AI"><outline type="rss" text="The Lab &amp; Co" title="The Lab &amp; Co" xmlUrl="https://lab.example/feed"/>
<outline text="" XMLURL="https://www.other.example/rss"/><outline text="twice" xmlUrl="https://lab.example/feed"/>
<outline text="The Lab &amp; Co" xmlUrl="https://lab.example/second"/>
<outline text="bad" xmlUrl="javascript:alert(1)"/><outline text="no feed"/></outline></body></opml>"""


@pytest.mark.django_db
def test_every_feed_has_one_row_and_is_due(configure: Callable[..., None]) -> None:
    configure(a="http://a.example/", b="http://b.example/", interval="2h")
    for _ in range(2):
        sync_feeds(editorial.load())
    assert sorted(Feed.objects.values_list("name", "interval_seconds")) == [("a", 7200), ("b", 7200)]
    assert sorted(due_feeds()) == ["a", "b"]


@pytest.mark.django_db
def test_feeds_that_wait_are_gone_leased_or_removed_are_not_due(configure: Callable[..., None]) -> None:
    addresses = {name: f"http://{name}.example/" for name in ("waits", "gone", "leased", "late", "later")}
    configure(**addresses, removed="http://removed.example/")
    sync_feeds(editorial.load())
    now = timezone.now()
    Feed.objects.filter(name="waits").update(next_fetch_at=now + timedelta(minutes=1))
    Feed.objects.filter(name="gone").update(state=FeedState.GONE)
    Feed.objects.filter(name="leased").update(leased_until=now + timedelta(minutes=1))
    an_hour_ago = now - timedelta(hours=1)
    Feed.objects.filter(name="late").update(next_fetch_at=now - timedelta(hours=2), leased_until=an_hour_ago)
    Feed.objects.filter(name="later").update(next_fetch_at=an_hour_ago)
    configure(**addresses)
    assert due_feeds() == ["late", "later"]


@pytest.mark.django_db
def test_a_new_address_is_asked_at_once_and_the_old_ones_are_forgotten(configure: Callable[..., None]) -> None:
    configure(a="http://a.example/")
    sync_feeds(editorial.load())
    Feed.objects.update(state=FeedState.GONE, moved_to="http://moved.example/", etag='"1"', failures=4, error="gone",
                        next_fetch_at=timezone.now() + timedelta(days=1))
    configure(a="http://new.example/")
    sync_feeds(editorial.load())
    feed = Feed.objects.get()
    assert (feed.state, feed.moved_to, feed.etag, feed.failures, feed.error) == (FeedState.NEW, "", "", 0, "")
    assert due_feeds() == ["a"]


def test_opml_names_each_address_once() -> None:
    assert [(feed.name, feed.title, feed.url) for feed in read_opml(OPML)] == [
        ("the-lab-co", "The Lab & Co", "https://lab.example/feed"),
        ("other-example", "other.example", "https://www.other.example/rss"),
        ("the-lab-co-2", "The Lab & Co", "https://lab.example/second")]


@pytest.mark.parametrize(("text", "why"), [
    ("not xml", "not well-formed"), ("<opml><body/></opml>", "names no feed"),
    ('<!DOCTYPE x [<!ENTITY a "b">]><opml/>', "XML entities"),
])
def test_what_is_no_opml_is_one_clear_line(text: str, why: str) -> None:
    with pytest.raises(BroadsheetError, match=why):
        read_opml(text)


def test_an_imported_list_is_valid_in_feeds_toml_and_survives_export(configure: Callable[..., None]) -> None:
    configure(**{"other-example": "https://lab.example/feed"})  # an address and a name that are taken
    blocks = opml_as_toml(OPML, "daily", editorial.load())
    added = tomllib.loads(blocks)["feeds"]
    assert [(feed["name"], feed["url"]) for feed in added] == [
        ("other-example-2", "https://www.other.example/rss"), ("the-lab-co", "https://lab.example/second")]

    configure(**{feed["name"]: feed["url"] for feed in added})
    assert [feed.url for feed in read_opml(write_opml(editorial.load()))] == [feed["url"] for feed in added]
