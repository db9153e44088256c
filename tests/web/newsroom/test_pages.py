"""The desk's pages: nothing an outlet wrote runs or escapes, headers are strict, faults are said in words."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory

from tests.web.newsroom.browsers import find_address
from worker.issues.draft import draft_issue
from worker.storage.models import AuditEntry, Feed, Issue, Story
from worker.web.errors import server_error
from worker.web.newsroom.urls import urlpatterns

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{ 7 }}"


class Faults(HTMLParser):
    """Collects what must not be in a page: scripts or styles of its own, event attributes, links that run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        own_script = tag == "script" and (given.get("src") or "").startswith("/static/")
        if (tag in ("script", "style") and not own_script) or "style" in given:
            self.found.append(self.get_starttag_text() or tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:text")):
                self.found.append(f"{name}={value}")


def find_faults(page: str) -> list[str]:
    parser = Faults()
    parser.feed(page)
    return parser.found


@pytest.fixture
def hostile_issue(make_story: Callable[..., Story]) -> Issue:
    """Return a draft whose every word from outside tries to get out."""
    make_story(HOSTILE, text=f"{HOSTILE} said.", url="javascript:alert(4)//")
    make_story(f"Second {HOSTILE}", text=f"{HOSTILE} again.", url="https://news.example.com/\"onclick=alert(5)//")
    Feed.objects.update(error=HOSTILE, state="failing", moved_to="javascript:alert(6)")
    detail = {HOSTILE: HOSTILE, "list": [HOSTILE]}
    AuditEntry.objects.create(actor=HOSTILE, action="edit", subject=HOSTILE[:80], detail=detail)
    return draft_issue("aitrends")


def _read_pages(desk: Client, issue: Issue) -> dict[str, str]:
    """Return every page of the desk that a GET shows, by name; the proof itself is a document of its own."""
    pages = {}
    for pattern in urlpatterns:
        if pattern.name in ("proof-html", "proof-text"):
            continue
        answer = desk.get(find_address(pattern.name, issue))
        if answer.status_code != 405 and "Location" not in answer.headers:
            pages[pattern.name] = answer.getvalue().decode() if answer.streaming else answer.text
    return pages


@pytest.mark.parametrize("state", ["draft", "sent"])
def test_hostile_words_stay_words_on_every_page(hostile_issue: Issue, desk: Client, state: str) -> None:
    Issue.objects.update(state=state, note=HOSTILE)
    pages = _read_pages(desk, hostile_issue)
    assert {"front", "issue", "feeds", "stories", "story", "audit"} <= set(pages)
    assert {name: find_faults(page) for name, page in pages.items() if find_faults(page)} == {}
    for name in ("issue", "stories", "story", "feeds", "audit"):
        assert "&lt;script&gt;alert(1)" in pages[name], f"{name} shows the words"


def test_words_shown_back_after_a_refusal_are_inert_too(hostile_issue: Issue, desk: Client) -> None:
    placement = hostile_issue.placements.first()
    answer = desk.post(f"/desk/issues/{hostile_issue.pk}/stories/{placement.pk}/rewrite/",
                       {"revision": 99, "headline": HOSTILE, "summary": f"</textarea>{HOSTILE}"})
    assert answer.status_code == 409
    assert find_faults(answer.text) == []


def test_the_checker_of_these_tests_sees_what_it_should() -> None:
    for bad in ("<script>x</script>", "<p onclick=x>", "<a href=' JavaScript:x'>", "<p style='x'>"):
        assert find_faults(bad)


def test_every_page_forbids_what_we_did_not_write(issue: Issue, desk: Client) -> None:
    for address in ("/desk/", f"/desk/issues/{issue.pk}/", "/desk/issues/999/", "/desk/sign-in/"):
        headers = desk.get(address).headers
        policy = headers["Content-Security-Policy"]
        for rule in ("default-src 'self'", "script-src 'self'", "style-src 'self'", "object-src 'none'",
                     "base-uri 'none'", "form-action 'self'", "frame-ancestors 'self'"):
            assert rule in policy.split("; ")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "no-store" in headers.get("Cache-Control", "")


@pytest.mark.parametrize(("part", "kind"), [("proof.html", "text/html"), ("proof.txt", "text/plain")])
def test_the_proof_is_boxed_in(issue: Issue, desk: Client, part: str, kind: str) -> None:
    answer = desk.get(f"/desk/issues/{issue.pk}/{part}")
    assert answer.headers["Content-Type"].startswith(kind)
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert policy[:3] == ["sandbox", "default-src 'none'", "style-src 'unsafe-inline'"]
    assert "Harbour bridge opens" in answer.text
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    frame = re.search(rf'<iframe class="as-{"mail" if kind == "text/html" else "text"}"[^>]*>', page)
    assert frame
    assert " sandbox " in frame[0], "with no allowance at all"


def test_each_story_shows_its_outlets_and_where_each_sentence_came_from(issue: Issue, desk: Client) -> None:
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    first = issue.placements.first()
    for source in first.sources:
        assert f'href="{source["url"]}"' in page
    assert "First Outlet" in page
    assert "Second Outlet" in page
    assert first.sentences[0]["text"] in page


def test_the_front_page_lists_what_waits_and_the_feeds_health(issue: Issue, desk: Client, readers: None) -> None:
    Feed.objects.filter(name="first-outlet").update(state="failing", error="the server answered 503")
    page = desk.get("/desk/").text
    assert f"/desk/issues/{issue.pk}/" in page
    assert "approve by" in page
    assert "2 readers" in page
    assert "2 of 3 answer; worst is" in page
    assert "First Outlet</a>, the server answered 503" in page
    assert "the server answered 503" in desk.get("/desk/feeds/").text


def test_a_broken_feeds_toml_is_said_in_words(issue: Issue, desk: Client, editorial_file: Path) -> None:
    editorial_file.write_text("[publisher]\nname = 1\n")
    answer = desk.get("/desk/")
    assert answer.status_code == 503
    assert "feeds.toml:2: publisher.name:" in answer.text


def test_a_template_that_does_not_compile_is_said_on_the_page(
    issue: Issue, desk: Client, settings: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "templates"
    (folder / "email").mkdir(parents=True)
    (folder / "email" / "issue.mjml").write_text("<mjml><mj-body>")
    (folder / "email" / "issue.txt").write_text("text")
    settings.TEMPLATES_DIR = folder
    answer = desk.get(f"/desk/issues/{issue.pk}/")
    assert answer.status_code == 200
    assert "No proof can be made" in answer.text
    assert desk.get(f"/desk/issues/{issue.pk}/proof.html").status_code == 422


@pytest.mark.django_db
def test_the_last_resort_page_asks_nothing_that_may_be_broken(editorial_file: Path, django_assert_num_queries) -> None:
    editorial_file.write_text("broken [")
    with django_assert_num_queries(0):
        answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "Something broke" in answer.text


def test_an_unknown_address_is_a_page_in_words(db: None, editorial_file: Path) -> None:
    answer = Client().get("/desk/no-such-place/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "urlpatterns" not in answer.text
