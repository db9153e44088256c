"""The feeds at the desk: how each is, in a bounded number of queries, and what may be done with one."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from worker import editorial
from worker.feeds.advice import advise
from worker.storage.models import AuditEntry, Feed, FeedDay, Item, Story
from worker.web.newsroom.charts import Day, draw_spark

HOSTILE = "<script>alert(1)</script>\"'>"


@pytest.fixture
def feeds(make_story: Callable[..., Story]) -> list[Feed]:
    """Three feeds: one well, one broken, one silent; the maker of stories made their rows."""
    now = timezone.now()
    Feed.objects.filter(name="first-outlet").update(changed_at=now, succeeded_at=now)
    Feed.objects.filter(name="second-outlet").update(state="failing", failures=3, error="the server answered 404 Not Found")
    Feed.objects.filter(name="third-outlet").update(changed_at=now - timedelta(days=9), interval_seconds=4 * 3600)
    return list(Feed.objects.order_by("name"))


def post(desk: Client, name: str, verb: str, **words: object) -> Any:
    return desk.post(f"/desk/feeds/{name}/{verb}/", words)


@pytest.mark.parametrize(("wanted", "names"), [
    ("", {"first", "second", "third"}), ("broken", {"second"}), ("silent", {"third"}), ("slow", {"third"}), ("paused", set()),
    ("nonsense", {"first", "second", "third"}),
])
def test_a_filter_shows_those_it_names(feeds: list[Feed], editors_desk: Client, wanted: str, names: set[str]) -> None:
    page = editors_desk.get(f"/desk/feeds/?show={wanted}").text
    assert {name for name in ("first", "second", "third") if f"/desk/feeds/{name}-outlet/" in page} == names


def test_a_broken_feed_comes_first_with_what_to_do(feeds: list[Feed], desk: Client) -> None:
    page = desk.get("/desk/feeds/").text
    assert page.index("second-outlet") < page.index("first-outlet")
    assert "the server answered 404 Not Found" in page
    assert advise("404 Not Found") in page
    assert "3 times in a row" in page


def test_the_list_costs_the_same_for_three_feeds_and_for_sixty(feeds: list[Feed], desk: Client, editorial_file: Path) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desk.get("/desk/feeds/").status_code == 200
        return len(queries)

    count()
    few = count()
    today = timezone.now().date()
    blocks = "".join(f'\n[[feeds]]\nname = "more-{n}"\ntitle = "More {n}"\nurl = "https://more{n}.example/"\n'
                     'newsletters = ["daily"]\n' for n in range(57))
    editorial_file.write_text(editorial_file.read_text() + blocks)
    for n in range(57):
        feed = Feed.objects.create(name=f"more-{n}", state="ok")
        FeedDay.objects.bulk_create([FeedDay(feed=feed, day=today - timedelta(days=back), items=back) for back in range(30)])
    assert count() == few
    assert few <= 8


def test_the_picture_says_what_it_shows() -> None:
    today = timezone.now().date()
    spark = draw_spark({today: Day(4, 1), today - timedelta(days=29): Day(2), today - timedelta(days=30): Day(99)}, today,
                       noun="new items", failing="fetches failed")
    assert spark.words == f"6 new items in 30 days, most on {today:%-d %B} (4); fetches failed on 1 day"
    assert [bar.height for bar in spark.bars if bar.height] == [12.0, 24.0]
    assert [bar.failed for bar in spark.bars][-1]
    assert draw_spark({}, today, noun="new items").words == "0 new items in 30 days"


def test_a_feeds_page_shows_its_items_days_and_settings(feeds: list[Feed], make_story: Callable[..., Story], desk: Client,
                                                        editors_desk: Client) -> None:
    story = Story.objects.create(first_at=timezone.now(), last_at=timezone.now())
    Item.objects.create(feed=feeds[0], identity="x", title=HOSTILE, url="javascript:alert(1)", story=story, at=timezone.now())
    FeedDay.objects.create(feed=feeds[0], day=timezone.now().date(), items=7, fetches=9, failures=2, size=2048)
    page = desk.get("/desk/feeds/first-outlet/").text
    assert "&lt;script&gt;alert(1)" in page
    assert "javascript:" not in page
    assert f"/desk/stories/{story.pk}/" in page
    assert "2.0\xa0KB" in page
    assert "Save in feeds.toml" in page
    theirs = editors_desk.get("/desk/feeds/first-outlet/").text
    assert "Save in feeds.toml" not in theirs
    assert "an approver may change them" in theirs
    assert desk.get("/desk/feeds/nobody/").status_code == 404


def test_a_feed_is_paused_let_go_on_and_asked_at_once(feeds: list[Feed], editors_desk: Client) -> None:
    later = timezone.now() + timedelta(hours=5)
    Feed.objects.update(next_fetch_at=later)
    assert post(editors_desk, "first-outlet", "pause").status_code == 302
    assert Feed.objects.get(name="first-outlet").paused_at
    assert "paused, or gone" in unescape(editors_desk.post("/desk/feeds/first-outlet/gather/", follow=True).text)
    post(editors_desk, "first-outlet", "pause")
    post(editors_desk, "first-outlet", "resume")
    resumed = Feed.objects.get(name="first-outlet")
    assert resumed.paused_at is None
    assert resumed.next_fetch_at < later
    post(editors_desk, "third-outlet", "gather")
    assert Feed.objects.get(name="third-outlet").next_fetch_at <= timezone.now()
    noted = list(AuditEntry.objects.order_by("pk").values_list("action", "subject"))
    assert noted == [("pause feed", "feed first-outlet"), ("gather now", "feed first-outlet"), ("resume feed", "feed first-outlet"),
                     ("gather now", "feed third-outlet")]


def settings_of(desk: Client, **changed: object) -> dict[str, object]:
    form = desk.get("/desk/feeds/first-outlet/").context["form"]
    return {**form.initial, **changed}


def test_a_feeds_settings_are_changed_in_the_file(feeds: list[Feed], desk: Client, editorial_file: Path) -> None:
    wish = settings_of(desk, title="First & Last", weight="1.7", newsletters=["daily"], interval="2h")
    assert post(desk, "first-outlet", "edit", **wish).status_code == 302
    source = editorial.load().feeds_by_name()["first-outlet"]
    assert (source.title, source.weight, source.newsletters, source.interval) == ("First & Last", 1.7, ("daily",), "2h")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail) == ("change feed", {"title": "First & Last", "weight": 1.7, "newsletters": ["daily"],
                                                           "interval": "2h"})


@pytest.mark.parametrize(("wrong", "words"), [
    ({"interval": "often"}, "Not in this form. At the soonest, such as 30m"), ({"interval": "1m"}, "Give between 5m and 24h"),
    ({"weight": "9"}, "less than or equal to 3"), ({"newsletters": []}, "Choose at least one newsletter"),
    ({"newsletters": ["weekly"]}, "weekly is not one of the available choices"),
    ({"url": "ftp://x"}, "Give an http:// or https:// address"),
    ({"title": ""}, "This field is required"), ({"language": "English"}, "Not in this form"),
])
def test_what_does_not_fit_is_said_beside_its_field(feeds: list[Feed], desk: Client, editorial_file: Path, wrong: dict[str, object],
                                                    words: str) -> None:
    before = editorial_file.read_text()
    answer = post(desk, "first-outlet", "edit", **settings_of(desk, **wrong))
    assert answer.status_code == 422
    assert words in unescape(answer.text)
    assert editorial_file.read_text() == before


def test_a_file_changed_meanwhile_is_left_and_what_was_typed_stays(feeds: list[Feed], desk: Client, editorial_file: Path) -> None:
    wish = settings_of(desk, title="Typed by hand")
    editorial_file.write_text(editorial_file.read_text() + "# by somebody else\n")
    answer = post(desk, "first-outlet", "edit", **wish)
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.text
    assert "Typed by hand" in answer.text
    assert "Typed by hand" not in editorial_file.read_text()


def test_a_feed_is_taken_out_and_its_items_stay(feeds: list[Feed], make_story: Callable[..., Story], desk: Client,
                                                editorial_file: Path) -> None:
    make_story("Kept")
    mark = settings_of(desk)["mark"]
    assert post(desk, "first-outlet", "remove", mark="x").status_code == 409
    assert post(desk, "first-outlet", "remove", mark=mark).status_code == 302
    assert "first-outlet" not in editorial.load().feeds_by_name()
    assert Item.objects.filter(feed__name="first-outlet").exists()
    assert AuditEntry.objects.get().action == "remove feed"


@pytest.mark.parametrize("error", ["", "the server answered 503 Service Unavailable", "no complete answer within 3 seconds", "?!"])
def test_every_error_has_advice(error: str) -> None:
    assert bool(advise(error)) is bool(error)
