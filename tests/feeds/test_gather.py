"""Gathering: from a server's answer to items and a feed's row, whatever the server does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.utils import timezone

from tests.fakes import feed_server
from tests.fakes.feed_server import FeedServer
from tests.feeds.conftest import item, rss
from worker.errors import NotFoundError
from worker.feeds.gather import gather_feed, gather_feeds
from worker.storage.models import Feed, FeedState, Item, ItemState, Story, StoryState

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ago(hours: float) -> str:
    return format_datetime(NOW - hours * HOUR)


@pytest.fixture
def outlet(server: FeedServer, configure: Callable[..., None]) -> FeedServer:
    """Return a server with one feed, called "outlet"."""
    configure(outlet=f"{server.url}/feed.xml")
    two = item("Two", guid="2", link=f"{server.url}/2?utm_source=rss", date=ago(1), description="Text two.")
    one, old = item("One", guid="1", date=ago(50)), item("Old", guid="0", date=ago(200))
    server.bodies["/feed.xml"] = rss(two, one, old)
    return server


def test_news_is_stored_once(outlet: FeedServer) -> None:
    first = gather_feed("outlet", now=NOW)
    again = gather_feed("outlet", now=NOW + HOUR, force=True)
    outlet.bodies["/feed.xml"] += b"<!-- other bytes, same entries -->"
    third = gather_feed("outlet", now=NOW + 2 * HOUR, force=True)

    assert (first.state, first.new, first.seen, first.skipped, first.error) == ("ok", 2, 3, 1, "")
    assert (again.new, again.note) == (0, "unchanged")
    assert (third.new, third.seen, third.skipped) == (0, 3, 1)
    two = Item.objects.get(title="Two")
    assert (two.url, two.summary, two.language, two.state) == (f"{outlet.url}/2", "Text two.", "en", ItemState.NEW)
    assert (two.published_at, two.at, two.seen_at) == (NOW - HOUR, NOW - HOUR, NOW)
    assert Item.objects.count() == 2


def test_an_item_is_never_of_a_time_after_it_was_seen(outlet: FeedServer) -> None:
    outlet.bodies["/feed.xml"] = rss(item("Ahead", guid="1", date=ago(-48)), item("Undated", guid="2"))
    gather_feed("outlet", now=NOW)
    assert {one.title: one.at for one in Item.objects.all()} == {"Ahead": NOW, "Undated": NOW}
    assert Item.objects.get(title="Ahead").published_at == NOW + 48 * HOUR


def test_it_waits_until_the_feed_is_due(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    assert "not due" in gather_feed("outlet", now=NOW + HOUR / 2).note
    assert len(outlet.asked) == 1
    assert gather_feed("outlet", now=NOW + HOUR).note == "unchanged"
    assert len(outlet.asked) == 2


def test_the_interval_grows_while_nothing_is_new_and_comes_back(outlet: FeedServer) -> None:
    waits = []
    for _ in range(3):
        gather_feed("outlet", now=NOW, force=True)
        waits.append((Feed.objects.get().next_fetch_at - NOW).total_seconds())
    outlet.bodies["/feed.xml"] = rss(item("Three", guid="3", date=ago(0)))
    gather_feed("outlet", now=NOW, force=True)
    assert waits == [3600, 5400, 8100]
    assert Feed.objects.get().next_fetch_at == NOW + HOUR


@pytest.mark.parametrize(("behaviour", "error"), [
    (feed_server.refuse(500), "500 Internal Server Error"), (feed_server.refuse(404), "404 Not Found"),
    (feed_server.refuse(403), "sign-in"), (feed_server.reset(), "127.0.0.1"),
    (feed_server.send(b"<!doctype html><html></html>", "text/html"), "an HTML page, not a feed"),
    (feed_server.send(b""), "empty"), (feed_server.bomb(50), "FETCH_MAX_BYTES"),
    (feed_server.redirect("http://10.0.0.1/feed"), "not a public address"),
])
def test_an_error_is_noted_and_wipes_nothing(
        outlet: FeedServer, settings: Any, behaviour: feed_server.Behaviour, error: str) -> None:
    settings.FETCH_MAX_BYTES = 1_000_000
    gather_feed("outlet", now=NOW)
    before = Feed.objects.get()
    outlet.behaviours["/feed.xml"] = behaviour
    for failures in (1, 2):
        done = gather_feed("outlet", now=NOW, force=True)
        feed = Feed.objects.get()
        assert done.state == feed.state == FeedState.FAILING
        assert error in done.error == feed.error
        assert feed.failures == failures
        assert feed.next_fetch_at == NOW + failures * HOUR
    assert (feed.etag, feed.entries_seen, feed.changed_at) == (before.etag, 3, NOW)
    assert Item.objects.count() == 2

    del outlet.behaviours["/feed.xml"]
    assert gather_feed("outlet", now=NOW, force=True).state == "ok"
    assert (Feed.objects.get().failures, Feed.objects.get().error) == (0, "")


def test_a_server_that_asks_for_patience_gets_it(outlet: FeedServer) -> None:
    outlet.behaviours["/feed.xml"] = feed_server.refuse(429, "36000")
    done = gather_feed("outlet", now=NOW)
    assert "429" in done.error
    assert "36000 seconds" in done.error
    assert Feed.objects.get().next_fetch_at == NOW + 10 * HOUR


def test_a_feed_that_is_gone_is_not_asked_again(outlet: FeedServer, configure: Callable[..., None]) -> None:
    gather_feed("outlet", now=NOW)
    outlet.behaviours["/feed.xml"] = feed_server.refuse(410)
    assert gather_feed("outlet", now=NOW, force=True).state == FeedState.GONE
    assert "gone" in gather_feed("outlet", now=NOW + timedelta(days=9)).note
    assert len(outlet.asked) == 2
    assert Item.objects.count() == 2

    outlet.bodies["/new.xml"] = rss(item("Back", guid="9", date=ago(0)))
    configure(outlet=f"{outlet.url}/new.xml")
    assert gather_feed("outlet", now=NOW).new == 1


def test_a_permanent_redirect_is_remembered_until_feeds_toml_changes(
        outlet: FeedServer, configure: Callable[..., None]) -> None:
    outlet.behaviours["/old.xml"] = feed_server.redirect("/feed.xml", 301)
    configure(outlet=f"{outlet.url}/old.xml")
    for _ in range(2):
        gather_feed("outlet", now=NOW, force=True)
    assert [asked.path for asked in outlet.asked] == ["/old.xml", "/feed.xml", "/feed.xml"]

    configure(outlet=f"{outlet.url}/feed.xml")
    gather_feed("outlet", now=NOW, force=True)
    assert Feed.objects.get().moved_to == ""


def test_a_redirect_to_something_that_is_no_feed_is_not_remembered(outlet: FeedServer) -> None:
    outlet.behaviours["/feed.xml"] = feed_server.redirect("/parked", 301)
    outlet.behaviours["/parked"] = feed_server.send(b"<html>for sale</html>", "text/html")
    gather_feed("outlet", now=NOW)
    assert Feed.objects.get().moved_to == ""


def test_an_address_moved_to_that_fails_is_given_up(outlet: FeedServer) -> None:
    outlet.behaviours["/feed.xml"] = feed_server.redirect("/elsewhere.xml", 301)
    outlet.bodies["/elsewhere.xml"] = rss(item("A", guid="a", date=ago(0)))
    gather_feed("outlet", now=NOW)
    assert Feed.objects.get().moved_to == f"{outlet.url}/elsewhere.xml"
    del outlet.bodies["/elsewhere.xml"], outlet.behaviours["/feed.xml"]
    for _ in range(3):
        gather_feed("outlet", now=NOW, force=True)
    assert gather_feed("outlet", now=NOW, force=True).state == "ok"


def test_a_corrected_headline_is_taken_over_for_a_day(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    story = Story.objects.create(first_at=NOW, last_at=NOW, state=StoryState.SUMMARISED)
    Item.objects.update(state=ItemState.GROUPED, story=story)
    outlet.bodies["/feed.xml"] = rss(item("Two, corrected", guid="2", date=ago(1)))
    gather_feed("outlet", now=NOW + 23 * HOUR, force=True)
    two = Item.objects.get(title="Two, corrected")
    assert (two.story, two.state, two.summary, two.at) == (story, ItemState.GROUPED, "Text two.", NOW - HOUR)
    story.refresh_from_db()
    assert story.state == StoryState.OPEN, "its summary is made again from what the outlet says now"

    outlet.bodies["/feed.xml"] = rss(item("Two, long after", guid="2", date=ago(1)))
    gather_feed("outlet", now=NOW + 25 * HOUR, force=True)
    assert not Item.objects.filter(title="Two, long after").exists()


def test_a_feed_that_another_worker_fetches_is_left_to_it(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    Feed.objects.update(leased_until=timezone.now() + HOUR)
    assert "another worker" in gather_feed("outlet", now=NOW, force=True).note
    assert len(outlet.asked) == 1
    Feed.objects.update(leased_until=timezone.now() - HOUR)  # that worker died
    assert gather_feed("outlet", now=NOW, force=True).note == "unchanged"


def test_a_worker_whose_lease_ran_out_writes_nothing(outlet: FeedServer) -> None:
    def answer_late(handler: feed_server.Handler) -> None:
        Feed.objects.update(leased_until=timezone.now() + HOUR, error="the other worker's")
        feed_server.send(rss(item("Late", guid="late", date=ago(0))))(handler)

    outlet.behaviours["/feed.xml"] = answer_late
    assert "took it over" in gather_feed("outlet", now=NOW).note
    assert Feed.objects.get().error == "the other worker's"
    assert Item.objects.count() == 0


def test_two_workers_at_once_store_everything_once(outlet: FeedServer, configure: Callable[..., None]) -> None:
    import threading

    from django.db import connections

    notes: list[str] = []

    def gather() -> None:
        notes.append(gather_feed("outlet", now=NOW, force=True).note)
        connections.close_all()

    threads = [threading.Thread(target=gather) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Item.objects.count() == 2
    assert notes.count("") == 1


def test_many_feeds_are_gathered_past_the_broken_ones_two_at_once_from_a_host(
        server: FeedServer, configure: Callable[..., None]) -> None:
    import time

    def linger(handler: feed_server.Handler) -> None:
        time.sleep(0.05)
        feed_server.send(rss(item(handler.path, guid=handler.path, date=ago(1))))(handler)

    names = [f"f{n}" for n in range(12)]
    configure(**{name: f"{server.url}/{name}" for name in names}, sample="sample:one.xml", refused="http://127.0.0.1:9/")
    server.behaviours = {f"/{name}": linger for name in names}
    server.behaviours["/f3"] = feed_server.refuse(500)
    server.behaviours["/f4"] = feed_server.send(b"\x00\xff<html>")
    seen: list[str] = []
    done = gather_feeds(now=NOW, on_done=lambda one: seen.append(one.name))

    assert [one.name for one in done] == [*names, "sample", "refused"]
    assert sorted(seen) == sorted(one.name for one in done)
    assert sum(one.new for one in done) == 10
    states = {one.name: one.state for one in done}
    assert {name for name, state in states.items() if state == "failing"} == {"f3", "f4", "sample", "refused"}
    assert server.most_at_once <= 2
    assert "broadsheet demo" in next(one.error for one in done if one.name == "sample")


def test_names_that_are_not_in_feeds_toml_are_refused_before_anything_is_fetched(outlet: FeedServer) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'outlet'"):
        gather_feeds(["outlet", "outlets"], now=NOW)
    assert outlet.asked == []
    assert gather_feeds([], now=NOW) == []
