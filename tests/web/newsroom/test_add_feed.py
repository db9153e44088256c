"""A feed added at the desk: found on the outlet's page by a guarded fetch, looked at, and written into feeds.toml."""

import fcntl
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.fakes import feed_server
from tests.fakes.feed_server import FeedServer
from tests.feeds.conftest import item, rss
from worker import editorial
from worker.feeds import preview
from worker.storage.models import AuditEntry, Feed, Item

pytestmark = pytest.mark.django_db
HOSTILE = "&lt;script&gt;alert(1)&lt;/script&gt;"


def ago(hours: float) -> str:
    return format_datetime(timezone.now() - timedelta(hours=hours))


@pytest.fixture
def outlet(settings: Any, editorial_file: Path, tmp_path: Path) -> Iterator[FeedServer]:
    """An outlet's server that may be fetched from: its feed at /news.xml, named by its page."""
    settings.BROADSHEET_HOME = tmp_path / "home"
    with FeedServer() as server:
        settings.FETCH_ALLOW_HOSTS = [server.host]
        server.bodies["/news.xml"] = rss(
            item("Fresh news", guid="1", link=f"{server.url}/1?utm_source=rss", date=ago(1), description="What happened today."),
            item(f"{HOSTILE} news", guid="2", link="javascript:alert(1)", date=ago(2)),
            item("Old news", guid="3", link=f"{server.url}/3", date=ago(2000), description="Long ago."))
        server.bodies["/"] = page_naming(("application/rss+xml", "/news.xml", "The news"))
        server.types["/"] = "text/html; charset=utf-8"
        yield server


def page_naming(*feeds: tuple[str, str, str]) -> bytes:
    links = "".join(f'<link rel="alternate" type="{kind}" href="{url}" title="{title}">' for kind, url, title in feeds)
    return f"<!doctype html><html><head><title>Outlet</title>{links}</head><body><p>Hello</p></body></html>".encode()


def look(desk: Client, address: str) -> Any:
    return desk.post("/desk/add-feed/", {"address": address})


def test_a_page_leads_to_the_feed_it_names_and_nothing_is_stored(outlet: FeedServer, editors_desk: Client) -> None:
    answer = look(editors_desk, outlet.url + "/")
    assert answer.status_code == 200
    page = unescape(answer.text)
    assert f"{outlet.url}/news.xml" in page
    assert f'href="{outlet.url}/1"' in page, "as it would be stored: without what tracks"
    assert "too old to be stored now" in page
    assert "1 of 3 entries have no link" in page
    assert "<script>alert" not in answer.text
    assert "javascript:" not in answer.text
    assert "An approver can add it" in page
    assert Feed.objects.count() == Item.objects.count() == AuditEntry.objects.count() == 0


def test_several_feeds_are_there_to_choose_from(outlet: FeedServer, desk: Client) -> None:
    outlet.bodies["/"] = page_naming(
        ("application/rss+xml", "/news.xml", "News"), ("application/atom+xml", "other.atom", HOSTILE),
        ("application/feed+json", "https://elsewhere.example/feed.json", ""), ("text/html", "/no", "No"),
        ("application/rss+xml", "javascript:alert(1)", "Bad"), ("application/json", "/wp-json/wp/v2/pages/1", "WordPress"))
    answer = look(desk, outlet.url)
    assert [offer.url for offer in answer.context["found"].offers] == [
        f"{outlet.url}/news.xml", f"{outlet.url}/other.atom", "https://elsewhere.example/feed.json"]
    assert "The page names 3 feeds" in answer.text
    assert "<script>alert" not in answer.text
    assert [asked.path for asked in outlet.asked] == ["/"], "none is fetched before it is chosen"


def test_the_usual_places_are_tried_only_if_a_page_names_none(outlet: FeedServer, desk: Client) -> None:
    outlet.bodies["/"] = page_naming()
    outlet.bodies["/atom.xml"] = outlet.bodies["/news.xml"]
    assert look(desk, outlet.url).context["feed"].url == f"{outlet.url}/atom.xml"
    assert [asked.path for asked in outlet.asked] == ["/", "/feed", "/rss.xml", "/atom.xml"]
    del outlet.bodies["/atom.xml"]
    answer = look(desk, outlet.url)
    assert answer.status_code == 422
    assert "names no feed, and there is none in the usual places" in unescape(answer.text)


@pytest.mark.parametrize(("address", "words"), [
    ("http://10.0.0.1/feed", "not a public address"), ("http://169.254.169.254/latest/meta-data", "not a public address"),
    ("http://[::ffff:10.0.0.1]/", "not a public address"), ("file:///etc/passwd", "only http:// and https://"),
    ("gopher://example.com/", "only http:// and https://"), ("http://127.0.0.1:1/", "not a public address"),
])
def test_what_is_not_public_is_not_asked(outlet: FeedServer, desk: Client, address: str, words: str) -> None:
    answer = look(desk, address)
    assert answer.status_code == 422
    assert words in unescape(answer.text)


def test_a_page_cannot_lead_into_the_private_network(outlet: FeedServer, desk: Client) -> None:
    outlet.bodies["/"] = page_naming(("application/rss+xml", "http://10.0.0.1/feed", "Inside"))
    assert "not a public address" in unescape(look(desk, outlet.url).text)
    outlet.behaviours["/away"] = feed_server.redirect("http://192.168.0.1/", 302)
    assert "not a public address" in unescape(look(desk, f"{outlet.url}/away").text)


def test_a_slow_site_is_given_up_in_words(outlet: FeedServer, desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "SECONDS", 1.0)
    outlet.behaviours["/slow"] = feed_server.drip_headers(0.05)
    answer = look(desk, f"{outlet.url}/slow")
    assert answer.status_code == 422
    assert "no complete answer within 1 seconds" in answer.text


def test_one_look_at_a_time_for_each_editor(
        outlet: FeedServer, desk: Client, editors_desk: Client, approver: Any, settings: Any) -> None:
    folder = Path(settings.BROADSHEET_HOME) / "previews"
    folder.mkdir(parents=True)
    with (folder / f"{approver.pk}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = look(desk, outlet.url)
        assert answer.status_code == 503
        assert "already" in answer.text
        assert look(editors_desk, outlet.url).status_code == 200, "others are not kept waiting"
    assert look(desk, outlet.url).status_code == 200


@pytest.mark.parametrize(("document", "words"), [
    (rss(), "It holds no entry at present"),
    (rss(item("A", link="https://a.example/", date=ago(24 * 90), description="t")), "Nothing new since"),
    (rss(item("A", link="https://a.example/", description="t")), "No entry has a date"),
    (rss(item("A", guid="1", date=ago(1))), "No entry has a text beside the headline"),
    (rss(item("A", guid="1", link="https://a.example/", date=ago(-90), description="t")), "dated in the future"),
])
def test_what_is_wrong_with_a_feed_is_said(outlet: FeedServer, desk: Client, document: bytes, words: str) -> None:
    outlet.bodies["/news.xml"] = document
    assert words in unescape(look(desk, f"{outlet.url}/news.xml").text)


def test_a_feed_that_is_there_already_is_said_to_be(outlet: FeedServer, desk: Client, editorial_file: Path) -> None:
    editorial_file.write_text(editorial_file.read_text().replace("http://127.0.0.1:9/first.xml", f"{outlet.url}/news.xml"))
    assert "has this feed already, as “first-outlet”" in unescape(look(desk, f"{outlet.url}/news.xml").text)


def wish(desk: Client, outlet: FeedServer, **changed: object) -> dict[str, object]:
    return {**look(desk, outlet.url).context["form"].initial, **changed}


def test_it_is_written_into_the_file_with_its_remarks_and_asked_at_once(
        outlet: FeedServer, desk: Client, editorial_file: Path) -> None:
    text = "# kept by hand\n" + editorial_file.read_text()
    editorial_file.write_text(text)
    given = wish(desk, outlet, newsletters=["daily"], weight="1.5", topic="chips")
    assert (given["name"], given["title"], given["language"]) == ("outlet", "Outlet", "en")
    assert desk.post("/desk/add-feed/write/", given).headers["Location"] == "/desk/feeds/outlet/"
    source = editorial.load().feeds_by_name()["outlet"]
    assert (source.url, source.newsletters, source.weight, source.topic) == (f"{outlet.url}/news.xml", ("daily",), 1.5, "chips")
    assert editorial_file.read_text().startswith(text), "nothing else has changed"
    assert Feed.objects.get(name="outlet").next_fetch_at <= timezone.now()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("add feed", "feed outlet")
    assert desk.get("/desk/feeds/outlet/").status_code == 200


def test_a_name_that_is_taken_or_unfit_is_refused_with_all_that_was_typed(
        outlet: FeedServer, desk: Client, editorial_file: Path) -> None:
    before = editorial_file.read_text()
    for name, words in (("first-outlet", "Another feed has this name"), ("Mr Big!", "Not in this form")):
        answer = desk.post("/desk/add-feed/write/", wish(desk, outlet, name=name, title="Typed"))
        assert answer.status_code == 422
        assert words in unescape(answer.text)
        assert 'value="Typed"' in answer.text
    assert editorial_file.read_text() == before


def test_where_the_file_cannot_be_written_the_block_is_shown(
        outlet: FeedServer, desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: object) -> None:
        raise OSError(30, "Read-only file system")

    given = wish(desk, outlet)
    monkeypatch.setattr(Path, "replace", refuse)
    answer = desk.post("/desk/add-feed/write/", given)
    assert answer.status_code == 422
    assert "Read-only file system" in answer.text
    assert '[[feeds]]\nname = "outlet"' in unescape(answer.text)
    assert not AuditEntry.objects.exists()


def test_a_bare_name_is_completed(outlet: FeedServer, desk: Client) -> None:
    assert look(desk, "").status_code == 422
    assert "https://no-such-host.invalid" in unescape(look(desk, "no-such-host.invalid").text)
