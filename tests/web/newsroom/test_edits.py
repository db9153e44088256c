"""An editor's changes: saved once; when the issue has moved on, refused with the text shown back; with and without htmx."""

import pytest
from django.test import Client

from tests.web.newsroom.browsers import sign_in
from worker.storage.models import AuditEntry, Correction, Editor, Issue, Placement

HTMX = {"HX-Request": "true"}


def _address(issue: Issue, verb: str = "", placement: Placement | None = None) -> str:
    story = f"stories/{placement.pk}/" if placement else ""
    return f"/desk/issues/{issue.pk}/{story}{verb}{'/' if verb else ''}"


def _headlines(issue: Issue) -> list[str]:
    return [placement.headline for placement in issue.placements.filter(dropped=False)]


def test_a_rewritten_story_is_saved_and_shown(issue: Issue, editors_desk: Client, editor: Editor) -> None:
    first = issue.placements.first()
    words = {"revision": issue.revision, "headline": "Bridge opened", "summary": "It opened.\r\nAt last."}
    answer = editors_desk.post(_address(issue, "rewrite", first), words)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{_address(issue)}#story-{first.pk}"
    page = editors_desk.get(_address(issue)).text
    assert "Bridge opened" in page
    assert "It opened. At last." in page
    assert Placement.objects.get(pk=first.pk).edited_by == editor
    assert "Bridge opened" in editors_desk.get(_address(issue, "proof.html").rstrip("/")).text


def test_the_second_of_two_editors_is_told_and_keeps_the_text(issue: Issue, editors_desk: Client, desk: Client) -> None:
    first = issue.placements.first()
    address, seen = _address(issue, "rewrite", first), issue.revision
    desk.post(address, {"revision": seen, "headline": "By the approver", "summary": "One."})
    words = {"revision": seen, "headline": "By the editor", "summary": "Two, long thought over."}
    answer = editors_desk.post(address, words)
    assert answer.status_code == 409
    assert "was changed meanwhile" in answer.text
    assert "Two, long thought over." in answer.text, "what was typed is shown back"
    assert "By the approver" in answer.text, "and how the issue stands now"
    assert Placement.objects.get(pk=first.pk).headline == "By the approver"
    again = answer.context["sheet"].issue.revision
    assert editors_desk.post(address, {"revision": again, "headline": "By both", "summary": "Two."}).status_code == 302
    assert Placement.objects.get(pk=first.pk).headline == "By both"


def test_text_typed_into_a_story_that_is_gone_is_shown_back(issue: Issue, editors_desk: Client, desk: Client) -> None:
    first = issue.placements.first()
    desk.post(_address(issue, "drop", first), {"revision": issue.revision})
    words = {"revision": issue.revision, "headline": "Too late", "summary": "But not lost."}
    answer = editors_desk.post(_address(issue, "rewrite", first), words)
    assert answer.status_code == 409
    assert "But not lost." in answer.text


def test_an_edit_of_an_approved_issue_is_refused(issue: Issue, editors_desk: Client) -> None:
    Issue.objects.filter(pk=issue.pk).update(state="rejected")
    answer = editors_desk.post(_address(issue, "retitle"), {"revision": issue.revision, "subject": "Late words"})
    assert answer.status_code == 409
    assert "Late words" in answer.text


@pytest.mark.parametrize("headline", ["", "x" * 301])
def test_a_form_that_cannot_be_saved_says_why_and_keeps_the_text(
    issue: Issue, editors_desk: Client, headline: str
) -> None:
    words = {"revision": issue.revision, "headline": headline, "summary": "kept text"}
    answer = editors_desk.post(_address(issue, "rewrite", issue.placements.first()), words)
    assert answer.status_code == 422
    assert "Not saved. Headline:" in answer.text
    assert "kept text" in answer.text
    issue.refresh_from_db()
    assert issue.revision == 1


def test_stories_move_drop_and_come_back(issue: Issue, editors_desk: Client) -> None:
    one, two, three = issue.placements.all()
    editors_desk.post(_address(issue, "move", three), {"revision": 1, "to": 1})
    assert _headlines(issue) == [three.headline, one.headline, two.headline]
    editors_desk.post(_address(issue, "drop", one), {"revision": 2})
    assert _headlines(issue) == [three.headline, two.headline]
    editors_desk.post(_address(issue, "restore", one), {"revision": 3})
    assert _headlines(issue) == [three.headline, one.headline, two.headline]
    assert editors_desk.post(_address(issue, "move", three), {"revision": 4, "to": 0}).status_code == 422


def test_a_subject_cannot_carry_a_line_break_into_the_mail(issue: Issue, editors_desk: Client) -> None:
    words = {"revision": 1, "subject": "News\r\nBcc: all@example.com", "preheader": ""}
    editors_desk.post(_address(issue, "retitle"), words)
    issue.refresh_from_db()
    assert issue.subject == "News Bcc: all@example.com"


def test_htmx_gets_the_panes_and_a_browser_without_script_a_page(issue: Issue, editors_desk: Client) -> None:
    first = issue.placements.first()
    panes = editors_desk.post(_address(issue, "drop", first), {"revision": 1}, headers=HTMX)
    assert panes.status_code == 200
    assert "<html" not in panes.text
    assert 'id="proof-frame" hx-swap-oob' in panes.text
    conflict = editors_desk.post(_address(issue, "drop", first), {"revision": 1}, headers=HTMX)
    assert conflict.status_code == 409
    assert "<html" not in conflict.text
    assert "was changed meanwhile" in conflict.text
    page = editors_desk.post(_address(issue, "restore", first), {"revision": 2}, follow=True)
    assert page.status_code == 200
    assert "<html" in page.text


def test_the_frame_shows_another_proof_after_an_edit(issue: Issue, editors_desk: Client) -> None:
    before = editors_desk.get(_address(issue)).context["sheet"].proof.sha256
    editors_desk.post(_address(issue, "drop", issue.placements.last()), {"revision": 1})
    after = editors_desk.get(_address(issue))
    assert after.context["sheet"].proof.sha256 != before
    assert f"proof.html?of={after.context['sheet'].proof.sha256[:12]}" in after.text


def test_an_edit_needs_the_token_of_the_page(issue: Issue, editor: Editor) -> None:
    browser = sign_in(editor, enforce_csrf_checks=True)
    address = _address(issue, "drop", issue.placements.first())
    assert browser.post(address, {"revision": 1}).status_code == 403
    assert AuditEntry.objects.filter(action="drop").count() == 0
    token = str(browser.get(_address(issue)).context["csrf_token"])
    assert browser.post(address, {"revision": 1, "csrfmiddlewaretoken": token}).status_code == 302


def test_a_correction_is_recorded_once_the_issue_has_gone_out(issue: Issue, editors_desk: Client) -> None:
    early = editors_desk.post(_address(issue, "correct"), {"text": "It was Tuesday."})
    assert early.status_code == 409
    assert "It was Tuesday." in early.text
    Issue.objects.filter(pk=issue.pk).update(state="sent")
    assert editors_desk.post(_address(issue, "correct"), {"text": "It was Tuesday."}).status_code == 302
    assert Correction.objects.get().text == "It was Tuesday."
    assert "It was Tuesday." in editors_desk.get(_address(issue)).text


@pytest.mark.parametrize("number", ["999", "99999999999999999999999999"])
def test_an_unknown_issue_or_story_is_a_404_in_words(issue: Issue, editors_desk: Client, number: str) -> None:
    page = editors_desk.get(f"/desk/issues/{number}/")
    assert page.status_code == 404
    assert f"no issue {number}" in page.text
    assert editors_desk.post(f"/desk/issues/{issue.pk}/stories/{number}/drop/", {"revision": 1}).status_code == 404
