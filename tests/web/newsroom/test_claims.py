"""Claims without a source on the issue's page: marked, blocking, waived with a reason; and stories that were left out."""

from typing import Any

import pytest
from django.test import Client

from tests.web.newsroom.browsers import BLOCKED, sign_in
from worker.storage.models import Editor, Issue, Item, Placement, Waiver

REASON = "The harbour master told us so on the telephone."
WORDS = "The council paid $40 million for it."


@pytest.fixture
def placement(issue: Issue, editors_desk: Client) -> Placement:
    """Return a placement whose summary an editor rewrote with a number that no source has."""
    placement = issue.placements.get(headline="Ferry fleet goes electric")
    editors_desk.post(f"/desk/issues/{issue.pk}/stories/{placement.pk}/rewrite/",
                      {"revision": 1, "headline": placement.headline, "summary": f"{placement.summary} {WORDS}"})
    return placement


def _waive(desk: Client, placement: Placement, *, revision: int = 2, said: str = WORDS, reason: str = REASON, **more: Any) -> Any:
    return desk.post(f"/desk/issues/{placement.issue_id}/stories/{placement.pk}/waive/",
                     {"revision": revision, "said": said, "reason": reason, **more})


def _page(desk: Client, placement: Placement) -> str:
    return desk.get(f"/desk/issues/{placement.issue_id}/").text


def test_an_unsupported_claim_is_marked_in_words_and_blocks_approval(placement: Placement, desk: Client) -> None:
    page = _page(desk, placement)
    assert "[not in the sources: </span>$40 million" in page
    assert "In none of the sources:" in page
    assert "number “$40 million”" in page
    assert BLOCKED in page
    assert "“Ferry fleet goes electric” says “$40 million” (number)" in page


def test_each_sentence_shows_the_passage_and_its_outlet(issue: Issue, desk: Client) -> None:
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    item = Item.objects.filter(title="Ferry fleet goes electric").first()
    assert item
    assert f'<a href="{item.url}"' in page
    assert "<q>Ferry fleet goes electric, the council said on Monday.</q>" in page
    assert BLOCKED not in page


def test_a_waiver_lets_it_go_and_stays_to_be_read(placement: Placement, editors_desk: Client, editor: Editor) -> None:
    assert _waive(editors_desk, placement).status_code == 302
    page = _page(editors_desk, placement)
    assert BLOCKED not in page
    assert f"<b>Waived</b> by {editor.email}" in page
    assert REASON in page
    editors_desk.post(f"/desk/issues/{placement.issue_id}/stories/{placement.pk}/rewrite/",
                      {"revision": 3, "headline": placement.headline, "summary": placement.summary})
    assert REASON in _page(editors_desk, placement), "it is kept when the words are gone"


@pytest.mark.parametrize(("given", "status"), [
    ({"reason": "ok"}, 422), ({"reason": ""}, 422), ({"revision": 1}, 409), ({"said": "Other words."}, 409),
])
def test_a_waiver_that_cannot_be_is_refused_with_the_reason_kept(
    placement: Placement, editors_desk: Client, given: dict, status: int
) -> None:
    reason = given.get("reason", REASON)
    answer = _waive(editors_desk, placement, **given)
    assert answer.status_code == status
    assert "Not saved" in answer.text
    assert reason in answer.text
    assert not Waiver.objects.exists()
    assert BLOCKED in answer.text


def test_a_waiver_needs_the_token_of_the_page(placement: Placement, editor: Editor) -> None:
    assert _waive(sign_in(editor, enforce_csrf_checks=True), placement).status_code == 403


def test_a_rewrite_says_at_once_that_it_brought_a_doubt(issue: Issue, editors_desk: Client) -> None:
    placement = issue.placements.first()
    assert placement
    panes = editors_desk.post(f"/desk/issues/{issue.pk}/stories/{placement.pk}/rewrite/",
                              {"revision": 1, "headline": "Bridge opens with Orla Brandt", "summary": ""},
                              headers={"HX-Request": "true"}).text
    story = panes.split(f'id="story-{placement.pk}"')[1].split("</article>")[0]
    assert "In none of the sources:" in story
    assert "Orla Brandt" in story


def test_an_item_its_outlet_rewrote_under_the_draft_is_noticed(issue: Issue, desk: Client) -> None:
    items = Item.objects.filter(title="Tram line extended")
    for item in items:
        Item.objects.filter(pk=item.pk).update(summary="Tram line extended, the town's council said on Monday.")
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    assert "The outlet has rewritten this since it was placed" in page
    assert BLOCKED not in page, "it says the same still"
    Item.objects.filter(story=items[0].story).update(title="Zoo closed", summary="The zoo at Elmwood is closed for the winter.")
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    assert BLOCKED in page
    assert "“Tram line extended” says" in page


def test_a_story_left_out_is_listed_with_its_reason_and_pulled_in(issue: Issue, make_story: Any, editors_desk: Client) -> None:
    story = make_story("Lighthouse sold", text="Lighthouse sold, the council said on Monday.")
    issue.left_out = [{"story": story.pk, "headline": story.headline, "reason": "one outlet only"}]
    issue.save()
    page = editors_desk.get(f"/desk/issues/{issue.pk}/").text
    assert "Left out, and why" in page
    assert "one outlet only" in page
    address = f"/desk/issues/{issue.pk}/pull-in/"
    assert editors_desk.post(address, {"revision": 9, "story_id": story.pk}).status_code == 409
    assert editors_desk.post(address, {"revision": 1}).status_code == 422
    assert editors_desk.post(address, {"revision": 1, "story_id": story.pk}).status_code == 302
    page = editors_desk.get(f"/desk/issues/{issue.pk}/").text
    assert "Left out, and why" not in page
    assert "pulled in by editor@example.com" in page
    assert issue.placements.get(story=story).position == 3


def test_an_update_names_the_issue_it_follows_and_each_story_why_it_is_there(issue: Issue, desk: Client) -> None:
    earlier = Issue.objects.create(newsletter="aitrends", period="2026-11-02", subject="s", state="sent",
                                   window_start=issue.window_start, window_end=issue.window_start)
    issue.placements.filter(position=0).update(kind="update", since=earlier, reasons=["reported by 7 outlets"])
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    assert f'<a href="/desk/issues/{earlier.pk}/">the issue of 2026-11-02</a>' in page
    assert "Here because: reported by 7 outlets." in page
