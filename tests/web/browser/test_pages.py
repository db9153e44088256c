"""The desk's pages in a real browser: a feed is added by keyboard alone, and every page fits a phone and says what it is."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from tests.delivery.press import build_issue
from tests.fakes.feed_server import FeedServer
from tests.feeds.conftest import item, rss
from tests.web.browser.hands import assert_fits, tab_to
from tests.web.newsroom.browsers import sign_in
from worker import editorial
from worker.delivery.audience import freeze_audience, start_issue
from worker.storage.models import AuditEntry, Delivery, Editor, Feed, FeedDay, Issue, Role

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = "<img src=x onerror=document.title='stolen'>" + "W" * 200
PAGES = ("", "feeds/", "feeds/first-outlet/", "add-feed/", "readers/", "deliveries/", "reports/", "settings/", "audit/")


@pytest.fixture
def desk(editorial_file: Path, page: Any, settings: Any, tmp_path: Path) -> Any:
    """The page of an admin who has signed in."""
    settings.BROADSHEET_HOME = tmp_path / "home"
    admin = Editor.objects.create_user("admin@example.com", "correct horse battery", role=Role.ADMIN)
    page.context.add_cookies([{"name": "sessionid", "value": sign_in(admin).cookies["sessionid"].value,
                               "domain": "localhost", "path": "/"}])
    return page


@pytest.fixture
def outlet(settings: Any) -> Iterator[FeedServer]:
    with FeedServer() as server:
        settings.FETCH_ALLOW_HOSTS = [server.host]
        server.bodies["/news.xml"] = rss(item("Harbour bridge opens", guid="1", link=f"{server.url}/1", description="On Monday."),
                                         item(f"&lt;b&gt;{'W' * 120}", guid="2"))
        server.bodies["/"] = (b"<!doctype html><html><head><link rel=alternate type=application/rss+xml href=/news.xml></head>"
                              b"<body>An outlet</body></html>")
        server.types["/"] = "text/html"
        yield server


def fill_the_desk() -> int:
    """Make a row of everything the pages show, with the longest and worst words, and return the issue that was sent."""
    now = timezone.now()
    for name, state in (("first-outlet", "failing"), ("second-outlet", "ok")):
        feed = Feed.objects.create(name=name, state=state, error=HOSTILE if state == "failing" else "", failures=3, fetched_at=now)
        FeedDay.objects.bulk_create([FeedDay(feed=feed, day=now.date() - timedelta(days=back), items=back, failures=back % 2)
                                     for back in range(30)])
    number = build_issue([f"{'averylongname' * 4}@{'sub.' * 8}example.com", *(f"reader{n}@example.com" for n in range(9))],
                         subject=HOSTILE[:190])
    start_issue(number, by="x")
    freeze_audience(number)
    AuditEntry.objects.create(actor=HOSTILE[:200], action="split story", subject="story 3", detail={"items": [HOSTILE], HOSTILE: 1})
    return number


def test_a_feed_is_added_by_keyboard_from_the_outlets_page(desk: Any, outlet: FeedServer) -> None:
    desk.goto("/desk/feeds/")
    tab_to(desk, desk.get_by_role("link", name="Add a feed"))
    desk.keyboard.press("Enter")
    desk.get_by_role("heading", name="Add a feed").wait_for()
    assert_fits(desk)
    tab_to(desk, desk.get_by_label("The outlet’s page, or its feed"))
    desk.keyboard.type(outlet.url)
    desk.keyboard.press("Enter")
    desk.get_by_text("Harbour bridge opens").wait_for(timeout=60_000)
    assert_fits(desk)
    field = desk.get_by_label("Name", exact=True)
    tab_to(desk, field)
    desk.keyboard.press("Control+A")
    desk.keyboard.type("harbour-news")
    tab_to(desk, desk.get_by_role("button", name="Add to feeds.toml"))
    desk.keyboard.press("Enter")
    desk.get_by_text("stands in feeds.toml and is asked now").wait_for(timeout=60_000)
    assert_fits(desk)
    assert editorial.load().feeds_by_name()["harbour-news"].url == f"{outlet.url}/news.xml"
    tab_to(desk, desk.get_by_role("button", name="Pause"))
    desk.keyboard.press("Enter")
    desk.get_by_role("button", name="Let it go on").wait_for()
    assert Feed.objects.get(name="harbour-news").paused_at


def test_every_page_fits_and_is_read_by_everybody(desk: Any) -> None:
    number = fill_the_desk()
    axe = Axe()
    for path in (*PAGES, f"reports/{number}/"):
        desk.goto(f"/desk/{path}")
        assert_fits(desk)
        assert desk.locator("nav[aria-label=Desk] [aria-current=page]").count() == 1, path
        assert desk.locator("nav[aria-label=Desk] [aria-current=page]").is_visible(), path
        serious = [one for one in axe.run(desk).response["violations"] if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == [], path


def test_the_current_page_of_the_bar_is_in_sight_and_the_rest_reached_by_keyboard(desk: Any) -> None:
    desk.goto("/desk/audit/")
    bar = desk.get_by_role("navigation", name="Desk")
    tab_to(desk, bar.get_by_role("link", name="Today"))
    assert bar.get_by_role("link", name="Today").evaluate(
        "one => { const box = one.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth }")
    tab_to(desk, bar.get_by_role("button", name="Sign out"))


def test_deliveries_follow_a_send_while_the_focus_stays(desk: Any) -> None:
    number = fill_the_desk()
    desk.goto("/desk/deliveries/")
    desk.get_by_text("10 queued").wait_for()
    link = desk.get_by_role("link", name="Watch it")
    link.focus()
    copies = list(Delivery.objects.filter(issue=number).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=copies[:7]).update(state="accepted")
    desk.get_by_text("7 accepted").wait_for(timeout=60_000)
    assert link.evaluate("one => one === document.activeElement"), "a poll takes the focus from nobody"
    Delivery.objects.filter(issue=number).update(state="accepted")
    Issue.objects.filter(pk=number).update(state="sent", sent_at=timezone.now())
    desk.get_by_text("Nothing is on its way.").wait_for(timeout=60_000)
    assert_fits(desk)
