"""What anybody may read: archive, feeds, terms, corrections, robots.txt."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from worker.storage.models import Correction, Issue, Terms

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("path", ["/", "/subscribe/", "/archive/", "/archive/daily/", "/terms/", "/privacy/", "/corrections/",
                                  "/feed.atom", "/feed.json", "/robots.txt"])
def test_every_page_stands_before_the_first_issue_and_after(browser: Client, make_issue: Callable[..., Issue], path: str) -> None:
    assert browser.get(path).status_code == 200
    make_issue()
    assert browser.get(path).status_code == 200
    assert browser.head(path).status_code == 200
    assert browser.post(path).status_code in (403, 405, 422)


def test_an_issue_shows_its_stories_with_their_sources_linked(browser: Client, make_issue: Callable[..., Issue]) -> None:
    make_issue(headline="Chip maker slips", summary="It slipped twice.")
    for path in ("/archive/daily/2026-11-23/", "/"):
        page = browser.get(path).content.decode()
        for word in ("Chip maker slips", "It slipped twice.", "A short item", "First Outlet", "23 November 2026", "Daily",
                     'href="https://outlet.example/story"'):
            assert word in page
        assert "Withdrawn words" not in page, "a dropped story is not shown"


@pytest.mark.parametrize("state", ["draft", "approved", "rejected", "held", "cancelled"])
def test_what_did_not_go_out_is_nowhere(browser: Client, make_issue: Callable[..., Issue], state: str) -> None:
    make_issue(state, headline="Secret draft")
    assert browser.get("/archive/daily/2026-11-23/").status_code == 404
    for path in ("/", "/archive/", "/feed.atom", "/feed.json"):
        assert "Secret draft" not in browser.get(path).content.decode()


def test_an_issue_that_was_stopped_half_way_stays_readable(browser: Client, make_issue: Callable[..., Issue]) -> None:
    issue = make_issue("sending")
    Issue.objects.filter(pk=issue.pk).update(state="held")
    assert browser.get("/archive/daily/2026-11-23/").status_code == 200


@pytest.mark.parametrize("path", ["/archive/daily/2026-11-24/", "/archive/aitrends/2026-11-23/", "/archive/daily/2026-11-23-2/",
                                  "/archive/daily/2026-11-23-1/", "/archive/nothing/", "/terms/9.9/", "/privacy/9.9/",
                                  "/terms/%00/"])
def test_what_is_not_there_is_not_found(browser: Client, make_issue: Callable[..., Issue], path: str) -> None:
    make_issue()
    assert browser.get(path).status_code == 404


def test_a_second_issue_of_a_day_has_its_own_page(browser: Client, make_issue: Callable[..., Issue]) -> None:
    make_issue(headline="Morning")
    make_issue(headline="Evening", number=2)
    assert "Evening" in browser.get("/archive/daily/2026-11-23-2/").content.decode()
    assert "Morning" in browser.get("/archive/daily/2026-11-23/").content.decode()
    assert "Evening" in browser.get("/").content.decode(), "the newest is on the front page"


def test_hostile_words_and_addresses_are_inert(browser: Client, make_issue: Callable[..., Issue]) -> None:
    make_issue(headline="<script>alert(1)</script>", summary='"><img src=x onerror=alert(1)> \x0b]]>', url="javascript:alert(1)")
    for path in ("/", "/archive/", "/archive/daily/2026-11-23/"):
        page = browser.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "javascript:" not in page
    item = ElementTree.fromstring(browser.get("/feed.atom").content).find(f"{ATOM}entry")
    assert item is not None
    for html in (item.findtext(f"{ATOM}summary"), json.loads(browser.get("/feed.json").content)["items"][0]["content_html"]):
        assert "<script" not in html
        assert "<img" not in html


def test_the_feeds_carry_the_issues(browser: Client, make_issue: Callable[..., Issue], settings: Any) -> None:
    make_issue(headline="Older", period="2026-11-22")
    make_issue(headline="Newer & better")
    feed = ElementTree.fromstring(browser.get("/feed.atom").content)
    assert [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")] == ["Daily: Newer & better", "Daily: Older"]
    items = json.loads(browser.get("/feed.json").content)["items"]
    assert [item["url"] for item in items] == [
        f"{settings.BASE_URL}/archive/daily/2026-11-23/", f"{settings.BASE_URL}/archive/daily/2026-11-22/"]
    assert browser.get("/archive/daily/2026-11-23/").status_code == 200


def test_a_correction_is_shown_where_it_belongs(browser: Client, make_issue: Callable[..., Issue]) -> None:
    first, second = make_issue(period="2026-11-22"), make_issue()
    Correction.objects.create(issue=first, text="It was Tuesday, not <b>Monday</b>.", printed_in=second)
    Correction.objects.create(issue=make_issue("draft", period="2026-11-25"), text="Not public yet")
    for path in ("/corrections/", "/archive/daily/2026-11-22/", "/archive/daily/2026-11-23/"):
        page = browser.get(path).content.decode()
        assert "It was Tuesday, not &lt;b&gt;Monday" in page
        assert "Not public yet" not in page


def test_a_long_archive_has_pages(browser: Client, make_issue: Callable[..., Issue]) -> None:
    for number in range(1, 43):
        make_issue(headline=f"Issue number {number}.", number=number)
    assert "Issue number 42." in browser.get("/archive/").content.decode()
    assert "Issue number 1." not in browser.get("/archive/").content.decode()
    assert "Issue number 1." in browser.get("/archive/?page=2").content.decode()
    assert browser.get("/archive/?page=nonsense").status_code == 200


def test_every_version_of_the_terms_stays_readable(browser: Client, terms: Terms) -> None:
    Terms.objects.create(kind="newsletter", version="2.0", title="Newsletter terms", wording="# New\n\nwords", sha256="2" * 64,
                         effective=terms.effective, material=True)
    today = browser.get("/terms/").content.decode()
    assert "<h1>New</h1>" in today
    assert f"/terms/{terms.version}/" in today
    old = browser.get(f"/terms/{terms.version}/").content.decode()
    assert terms.sha256 in old
    assert "newer version" in old
    assert "Privacy notice" in browser.get("/privacy/").content.decode()


def test_robots_stay_off_what_belongs_to_one_person(browser: Client) -> None:
    rules = browser.get("/robots.txt").content.decode()
    for path in ("/confirm/", "/preferences/", "/unsubscribe/", "/desk/"):
        assert f"Disallow: {path}" in rules
