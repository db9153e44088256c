"""The review screen's answers: the looks of the proof, what is inside a long issue's stories, and what is sent packed."""

import gzip
from collections.abc import Callable

import pytest
from django.test import Client

from tests.web.newsroom.browsers import sign_in
from worker.issues.draft import draft_issue
from worker.issues.edit import pull_in
from worker.press.render import render_proof
from worker.storage.models import Editor, Issue, Role, Story
from worker.web.newsroom.placed import WHOLE

HTMX = {"HX-Request": "true"}


@pytest.fixture
def long_issue(make_story: Callable[..., Story], editor: Editor) -> Issue:
    """Return a draft with more stories than are shown whole: an editor pulled in what drafting passed over."""
    stories = [make_story(f"Quay number {number} opens", text=f"Quay number {number} opens, the council said on Monday.")
               for number in range(WHOLE + 3)]
    issue = draft_issue("aitrends")
    for story in stories:
        if not issue.placements.filter(story=story).exists():
            issue = pull_in(issue.pk, editor=editor, revision=issue.revision, story_id=story.pk)
    return issue


def test_the_proof_is_seen_dark_light_without_images_and_with_words_lit_up(issue: Issue, desk: Client) -> None:
    address = f"/desk/issues/{issue.pk}/proof.html"
    assert "@media all {" in desk.get(f"{address}?dark=1").text
    assert "@media not all {" in desk.get(f"{address}?dark=no").text
    assert "prefers-color-scheme: dark" in desk.get(address).text
    marked = desk.get(address, {"mark": "Tram line extended", "images": "no"})
    assert ">Tram line extended</mark>" in marked.text
    assert marked.headers["Content-Security-Policy"].startswith("sandbox;")
    assert "<mark" not in render_proof(issue).html


def test_later_stories_of_a_long_issue_are_rows_until_they_are_opened(long_issue: Issue, desk: Client) -> None:
    address = f"/desk/issues/{long_issue.pk}/"
    early, late = long_issue.placements.all()[0], long_issue.placements.all()[WHOLE + 1]
    page = desk.get(address).text
    assert f'id="s-{early.pk}"' in page
    assert late.headline in page
    assert f'id="s-{late.pk}"' not in page
    assert f'href="?open={late.pk}#story-{late.pk}"' in page, "a way to it without script"
    opened = desk.get(f"{address}?open={late.pk}").text
    assert f'id="s-{late.pk}"' in opened
    assert f'id="row-{late.pk}" open' in opened
    inside = desk.get(f"{address}?inside={late.pk}", headers=HTMX).text
    assert f'id="s-{late.pk}"' in inside
    assert f'id="story-{early.pk}"' not in inside
    again = desk.get(address, headers={**HTMX, "X-Open": f"{late.pk},x,{'9' * 40}"}).text
    assert f'id="s-{late.pk}"' in again


def test_a_late_story_with_a_claim_of_no_source_opens_by_itself(long_issue: Issue, desk: Client) -> None:
    late = long_issue.placements.all()[WHOLE + 1]
    desk.post(f"/desk/issues/{long_issue.pk}/stories/{late.pk}/rewrite/",
              {"revision": long_issue.revision, "headline": "Quay opened by Orla Brandt", "summary": ""})
    page = desk.get(f"/desk/issues/{long_issue.pk}/").text
    assert f'id="row-{late.pk}" open' in page
    assert "1 without a source: rewrite or waive" in page


def test_what_lies_beside_words_being_typed_leaves_their_form_alone(issue: Issue, desk: Client) -> None:
    first = issue.placements.all()[0]
    panes = desk.get(f"/desk/issues/{issue.pk}/?beside={first.pk}", headers=HTMX).text
    assert f'id="told-{first.pk}" hx-swap-oob' in panes
    assert 'id="decision" hx-swap-oob' in panes
    assert f'id="s-{first.pk}"' not in panes


def test_who_may_only_read_sees_no_form_of_the_stories(issue: Issue) -> None:
    viewer = Editor.objects.create_user("viewer@example.com", role=Role.VIEWER)
    page = sign_in(viewer).get(f"/desk/issues/{issue.pk}/").text
    stories = page.split('<section id="stories"')[1].split("</section>")[0]
    assert "First Outlet" in stories
    assert "<form" not in stories
    assert 'id="undo"' not in page


def test_the_page_is_sent_packed_to_who_can_unpack_it(issue: Issue, desk: Client) -> None:
    packed = desk.get(f"/desk/issues/{issue.pk}/", headers={"accept-encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"Harbour bridge opens" in gzip.decompress(packed.content)
