"""Who may do what: every desk address against a visitor, an editor and an approver, taken from the URL patterns."""

import pytest
from django.test import Client

from tests.web.newsroom.browsers import find_address
from worker.storage.models import AuditEntry, Editor, Issue
from worker.web.newsroom.urls import urlpatterns

# A new address fails this test until someone has decided here who may use it.
RULES = {
    "front": "viewer", "sign-in": "anyone", "sign-out": "anyone", "enter": "anyone", "account": "viewer",
    "draft": "editor", "issue": "viewer", "proof-html": "viewer", "proof-text": "viewer", "progress": "viewer",
    "rewrite": "editor", "move": "editor", "drop": "editor", "restore": "editor", "retitle": "editor",
    "correct": "editor", "approve": "approver", "withdraw": "approver", "reject": "approver", "reopen": "approver",
    "send": "approver", "resume": "approver", "cancel": "approver", "feeds": "viewer", "stories": "viewer",
    "audit": "viewer", "story": "viewer", "merge-stories": "editor", "split-story": "editor", "undo-ruling": "editor",
    "renew": "editor", "waive": "editor", "pull-in": "editor", "add-partner": "editor", "edit-partner": "editor",
    "remove-partner": "editor", "readers": "editor", "reader": "editor", "erase-reader": "approver", "wording": "viewer",
    "export-readers": "approver", "undelivered": "editor", "export-undelivered": "approver", "settle": "approver",
    "schedule": "approver", "unschedule": "approver", "pause": "approver", "test-mail": "editor",
    "test-link": "anyone",
    "undo": "editor", "redo": "editor", "pin": "editor", "section": "editor", "merge-into": "editor", "split-off": "editor",
    "lead-outlet": "editor", "unwaive": "editor", "company": "viewer", "differences": "viewer",
}
KEPT_FROM_VISITORS = sorted(name for name, rule in RULES.items() if rule != "anyone")
FOR_APPROVERS = sorted(name for name, rule in RULES.items() if rule == "approver")


def test_every_address_has_a_rule_and_its_view_carries_it() -> None:
    assert {pattern.name: getattr(pattern.callback, "access", None) for pattern in urlpatterns} == RULES


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", KEPT_FROM_VISITORS)
def test_a_visitor_is_sent_to_sign_in(issue: Issue, name: str, method: str) -> None:
    before = AuditEntry.objects.count()
    answer = getattr(Client(), method)(find_address(name, issue))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/desk/sign-in/")
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", FOR_APPROVERS)
def test_an_editor_is_told_that_this_is_for_approvers(
    issue: Issue, editors_desk: Client, name: str, method: str
) -> None:
    answer = getattr(editors_desk, method)(find_address(name, issue))
    assert answer.status_code == 403
    assert "Only an approver may do this" in answer.text
    issue.refresh_from_db()
    assert issue.state == "draft"


@pytest.mark.parametrize("name", sorted(RULES))
def test_who_may_is_let_in(issue: Issue, editors_desk: Client, desk: Client, name: str) -> None:
    browser = desk if RULES[name] == "approver" else editors_desk
    address = find_address(name, issue)
    answer = browser.get(address)
    if answer.status_code == 405:
        answer = browser.post(address)
    assert answer.status_code not in (403, 405, 500)
    if name not in ("sign-out", "sign-in"):
        assert not answer.headers.get("Location", "").startswith("/desk/sign-in/")


@pytest.mark.parametrize("name", ["rewrite", "approve"])
def test_a_pane_asked_for_without_a_session_is_refused_in_plain_words(issue: Issue, name: str) -> None:
    answer = Client().post(find_address(name, issue), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.text.startswith("Not saved: you are signed out")


def test_rights_taken_away_count_at_once(issue: Issue, desk: Client, approver: Editor) -> None:
    Editor.objects.filter(pk=approver.pk).update(is_active=False)
    assert desk.get(find_address("issue", issue)).status_code == 302
