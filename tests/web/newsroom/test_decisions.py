"""Decisions about an issue: drafted, approved as read, withdrawn, rejected, sent, stopped, each shown on its page."""

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.newsroom.browsers import BLOCKED
from worker.storage.models import AuditEntry, Delivery, Edition, Editor, Issue, Reader

pytestmark = pytest.mark.usefixtures("readers")


def _page(desk: Client, issue: Issue):
    return desk.get(f"/desk/issues/{issue.pk}/")


def _act(desk: Client, issue: Issue, verb: str, **words: object):
    return desk.post(f"/desk/issues/{issue.pk}/{verb}/", words)


def _approve(desk: Client, issue: Issue, send: str = "later"):
    return _act(desk, issue, "approve", proof_sha256=_page(desk, issue).context["sheet"].proof.sha256, send=send)


def _state(issue: Issue) -> str:
    return Issue.objects.get(pk=issue.pk).state


def test_the_page_asks_for_a_decision_with_the_number_of_readers(issue: Issue, desk: Client) -> None:
    page = _page(desk, issue).text
    assert "Approve and send to 2 readers" in page
    assert "Approve, send later" in page


def test_an_editor_sees_no_buttons_that_are_not_theirs(issue: Issue, editors_desk: Client) -> None:
    page = _page(editors_desk, issue).text
    assert "/approve/" not in page
    assert "An approver decides" in page


def test_what_was_read_is_what_is_approved(issue: Issue, desk: Client, approver: Editor) -> None:
    seen = _page(desk, issue).context["sheet"].proof.sha256
    assert _act(desk, issue, "approve", proof_sha256=seen, send="later").status_code == 302
    assert _state(issue) == "approved"
    assert Edition.objects.get().sha256 == seen
    page = _page(desk, issue).text
    assert f"{approver.email}" in page
    assert "Send now to 2 readers" in page


def test_a_proof_that_changed_since_it_was_read_is_not_approved(
    issue: Issue, desk: Client, editors_desk: Client
) -> None:
    seen = _page(desk, issue).context["sheet"].proof.sha256
    first = issue.placements.first()
    editors_desk.post(f"/desk/issues/{issue.pk}/stories/{first.pk}/rewrite/",
                      {"revision": issue.revision, "headline": "Changed behind your back", "summary": "x."})
    answer = _act(desk, issue, "approve", proof_sha256=seen, send="now")
    assert answer.status_code == 409
    assert "is not what you read any more" in answer.text
    assert "Changed behind your back" in answer.text, "the page shows it as it stands now"
    assert _state(issue) == "draft"
    assert not Edition.objects.exists()


@pytest.mark.parametrize("given", [
    {}, {"proof_sha256": "abc", "send": "now"}, {"proof_sha256": "0" * 64, "send": "soon"},
])
def test_a_broken_approval_form_approves_nothing(issue: Issue, desk: Client, given: dict) -> None:
    assert _act(desk, issue, "approve", **given).status_code == 422
    assert _state(issue) == "draft"


def test_a_blocking_finding_is_shown_and_stands_against_approval(issue: Issue, desk: Client) -> None:
    issue.placements.update(dropped=True)
    page = _page(desk, issue)
    assert BLOCKED in page.text
    assert _approve(desk, issue, "now").status_code == 422
    assert _state(issue) == "draft"


def test_approve_and_send_starts_it_in_the_approvers_name(issue: Issue, desk: Client, approver: Editor) -> None:
    assert _approve(desk, issue, "now").status_code == 302
    assert _state(issue) == "sending"
    assert AuditEntry.objects.filter(actor=approver.email, action="start").count() == 1
    assert "On its way" in _page(desk, issue).text


def test_an_approved_issue_is_sent_later_or_taken_back(issue: Issue, desk: Client) -> None:
    _approve(desk, issue)
    _act(desk, issue, "withdraw")
    assert _state(issue) == "draft"
    assert _act(desk, issue, "send").status_code == 409
    _approve(desk, issue)
    _act(desk, issue, "send")
    assert _state(issue) == "sending"
    assert _act(desk, issue, "withdraw").status_code == 409


def test_a_rejection_needs_its_reason(issue: Issue, desk: Client) -> None:
    assert _act(desk, issue, "reject", revision=1, note="").status_code == 422
    assert _act(desk, issue, "reject", revision=1, note="Nothing new in it.").status_code == 302
    assert _state(issue) == "rejected"
    assert "Nothing new in it." in _page(desk, issue).text


def test_an_issue_on_its_way_is_cancelled(issue: Issue, desk: Client) -> None:
    assert _act(desk, issue, "cancel").status_code == 409, "a draft is rejected, not cancelled"
    _approve(desk, issue, "now")
    _act(desk, issue, "cancel", note="Wrong date")
    assert _state(issue) == "cancelled"
    assert "Wrong date" in _page(desk, issue).text


def test_a_held_draft_is_opened_again_and_a_held_send_goes_on(issue: Issue, desk: Client) -> None:
    Issue.objects.filter(pk=issue.pk).update(state="held")
    assert "Open it again" in _page(desk, issue).text
    _act(desk, issue, "reopen", revision=1)
    assert _state(issue) == "draft"
    _approve(desk, issue, "now")
    Issue.objects.filter(pk=issue.pk).update(state="held", started_at=timezone.now())
    assert "Go on sending" in _page(desk, issue).text
    _act(desk, issue, "resume")
    assert _state(issue) == "sending"


def test_delivery_counts_are_a_table_and_a_bar(issue: Issue, desk: Client) -> None:
    _approve(desk, issue, "now")
    Issue.objects.filter(pk=issue.pk).update(started_at=timezone.now())
    for reader, state in zip(Reader.objects.all(), ("accepted", "queued"), strict=True):
        Delivery.objects.create(issue=issue, reader=reader, state=state)
    page = _page(desk, issue)
    assert 'aria-label="1 accepted, 1 queued"' in page.text
    pane = desk.get(f"/desk/issues/{issue.pk}/progress/", headers={"HX-Request": "true"})
    assert "hx-trigger" in pane.text
    assert "HX-Refresh" not in pane.headers
    Issue.objects.filter(pk=issue.pk).update(state="sent", sent_at=timezone.now())
    done = desk.get(f"/desk/issues/{issue.pk}/progress/", headers={"HX-Request": "true"})
    assert done.headers["HX-Refresh"] == "true", "the rest of the page has changed too"


def test_drafting_by_hand_leads_to_the_draft_or_says_why_not(make_story, desk: Client) -> None:
    empty = desk.post("/desk/draft/aitrends/", follow=True)
    assert empty.redirect_chain[-1][0] == "/desk/"
    assert "No draft:" in empty.text
    make_story("Harbour bridge opens")
    assert desk.post("/desk/draft/aitrends/").headers["Location"] == f"/desk/issues/{Issue.objects.get().pk}/"
    assert "No draft: there is no newsletter" in desk.post("/desk/draft/weekly/", follow=True).text
