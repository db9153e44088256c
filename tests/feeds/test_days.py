"""What each feed brought day by day: counted with the items, once for each fetch, and forgotten after ninety days."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connections, transaction

from tests.fakes import feed_server
from tests.fakes.feed_server import FeedServer
from tests.feeds.conftest import item, rss
from worker.feeds.days import KEPT_DAYS, count_visit, forget_days
from worker.feeds.gather import gather_feed
from worker.feeds.sources import due_feeds
from worker.storage.models import Feed, FeedDay

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 9, 1, 23, 50, tzinfo=UTC)


@pytest.fixture
def outlet(server: FeedServer, configure: Callable[..., None]) -> FeedServer:
    configure(outlet=f"{server.url}/feed.xml")
    server.bodies["/feed.xml"] = rss(item("One", guid="1"), item("Two", guid="2"))
    return server


def counted(day: date) -> tuple[int, int, int, bool]:
    row = FeedDay.objects.get(day=day)
    return row.fetches, row.failures, row.items, row.size > 0


def test_each_fetch_is_counted_on_its_day(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    size = FeedDay.objects.get().size
    assert size == len(outlet.bodies["/feed.xml"])
    gather_feed("outlet", now=NOW, force=True)  # 304: nothing new, nothing read
    assert FeedDay.objects.get().size == size
    outlet.behaviours["/feed.xml"] = feed_server.refuse(500)
    gather_feed("outlet", now=NOW, force=True)
    assert counted(NOW.date()) == (3, 1, 2, True)
    gather_feed("outlet", now=NOW + timedelta(minutes=20), force=True)
    assert counted(NOW.date()) == (3, 1, 2, True)
    assert counted(NOW.date() + timedelta(days=1)) == (1, 1, 0, False)


def test_a_feed_that_is_not_asked_counts_nothing(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    assert "not due" in gather_feed("outlet", now=NOW).note
    assert FeedDay.objects.get().fetches == 1


def test_two_that_count_at_once_are_both_counted(outlet: FeedServer) -> None:
    feed = Feed.objects.create(name="outlet")

    def count() -> None:
        with transaction.atomic():
            count_visit(feed, NOW, items=2, failed=True, size=10)
        connections.close_all()

    threads = [threading.Thread(target=count) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = FeedDay.objects.get()
    assert (row.fetches, row.failures, row.items, row.size) == (5, 5, 10, 50)


def test_what_fails_with_the_items_is_not_counted_either(outlet: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.feeds import gather

    def give_up(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gather.days, "count_visit", give_up)
    with pytest.raises(KeyboardInterrupt):
        gather_feed("outlet", now=NOW)
    assert not FeedDay.objects.exists()
    assert not Feed.objects.get().items.exists(), "both are of one transaction"


def test_days_are_kept_for_ninety_days() -> None:
    feed = Feed.objects.create(name="outlet")
    today = NOW.date()
    FeedDay.objects.bulk_create([FeedDay(feed=feed, day=today - timedelta(days=back))
                                 for back in (0, KEPT_DAYS, KEPT_DAYS + 1, 400)])
    assert forget_days(today) == 2
    assert {row.day for row in FeedDay.objects.all()} == {today, today - timedelta(days=KEPT_DAYS)}
    assert forget_days(today) == 0


def test_a_paused_feed_is_left_alone_until_it_is_let_go_on(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    Feed.objects.update(paused_at=NOW, next_fetch_at=NOW)
    assert due_feeds(NOW + timedelta(days=9)) == []
    assert gather_feed("outlet", now=NOW + timedelta(days=9)).note == "paused at the desk"
    assert len(outlet.asked) == 1
    Feed.objects.update(paused_at=None)
    assert due_feeds(NOW + timedelta(days=9)) == ["outlet"]


def test_when_it_last_answered_is_kept_through_failures(outlet: FeedServer) -> None:
    gather_feed("outlet", now=NOW)
    outlet.behaviours["/feed.xml"] = feed_server.refuse(500)
    gather_feed("outlet", now=NOW + timedelta(hours=2), force=True)
    feed = Feed.objects.get()
    assert (feed.succeeded_at, feed.fetched_at) == (NOW, NOW + timedelta(hours=2))
