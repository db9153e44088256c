"""Who may do what: every address of the desk × every role × every method, taken from the URL patterns."""

import html
import re

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from tests.web.newsroom.browsers import find_address, sign_in
from worker.storage.models import Editor, Issue, Role
from worker.web.newsroom.guards import REFUSALS
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
    "undo": "editor", "redo": "editor", "pin": "editor", "section": "editor", "merge-into": "editor", "split-off": "editor",
    "lead-outlet": "editor", "unwaive": "editor", "company": "viewer", "differences": "viewer",
    "leave-out-source": "editor", "check-links": "editor", "waive-link": "editor", "preflight": "viewer",
    "inbox": "viewer",
    "add-feed": "editor", "write-feed": "approver", "feed": "viewer", "gather-feed": "editor", "pause-feed": "editor",
    "resume-feed": "editor", "edit-feed": "approver", "remove-feed": "approver", "deliveries": "viewer", "reports": "viewer",
    "export-reports": "viewer", "report": "viewer", "settings": "admin", "edit-newsletter": "admin", "export-audit": "approver",
    "test-link": "anyone",
    "sign-in-code": "anyone", "end-session": "viewer", "second-factor": "viewer", "confirm-second-factor": "viewer",
    "remove-second-factor": "viewer", "renew-recovery-codes": "viewer", "people": "admin", "invite": "admin",
    "person": "admin", "change-role": "admin", "end-access": "admin", "give-back-access": "admin",
    "sign-out-person": "admin", "remove-persons-second-factor": "admin", "invite-again": "admin",
    "take-back-invitation": "admin",
}
# What a viewer changes is their own: how they sign in.
OWN_AFFAIRS = {"account", "end-session", "second-factor", "confirm-second-factor", "remove-second-factor", "renew-recovery-codes"}
# A mail program's one-click POST carries no cookie (RFC 8058), so nothing is asked of it; there is nothing that it could change.
WITHOUT_TOKEN = {"test-link"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SERVED = [{"GET", "HEAD"}, {"POST"}, {"GET", "HEAD", "POST"}]


@pytest.fixture
def browsers(db: None) -> dict[Role | None, Client]:
    """A browser of each role, and a visitor's."""
    return {None: Client(), **{role: sign_in(Editor.objects.create_user(f"{role}@example.com", role=role)) for role in Role}}


@pytest.fixture
def address(request: pytest.FixtureRequest, issue: Issue) -> str:
    """The address under test. Where it names a person, they are an admin whose going signs none of the browsers out."""
    named = Editor.objects.create_user("named@example.com", "correct horse battery", role=Role.ADMIN)
    return find_address(request.getfixturevalue("name"), issue, editor_id=named.pk)


def _ask(browser: Client, method: str, address: str) -> HttpResponse:
    """Send a request and take back what it did: each finds the same desk. Not by atomic(): some steps must be the outermost."""
    cookies, point = dict(browser.cookies), transaction.savepoint()
    answer = browser.generic(method, address)
    transaction.savepoint_rollback(point)
    browser.cookies.clear()
    browser.cookies.update(cookies)  # who signed out is in again
    return answer


def _served(browsers: dict[Role | None, Client], address: str) -> set[str]:
    """Return the methods that the view names itself when it is asked for none of them."""
    return set(_ask(browsers[Role.ADMIN], "OPTIONS", address).headers["Allow"].split(", "))


def _may(role: Role | None, rule: str) -> bool:
    return rule == "anyone" or (role is not None and list(Role).index(role) >= list(Role).index(Role(rule)))


def _judge(answer: HttpResponse, role: Role | None, method: str, rule: str, served: set[str]) -> str:
    """Return what is wrong with an answer, "" if it is what the rule says."""
    where = answer.headers.get("Location", "")
    to_sign_in = answer.status_code == 302 and where.startswith("/desk/sign-in/")
    if not _may(role, rule):
        if role is None:
            return "" if to_sign_in else "a visitor is sent to sign in"
        refused = answer.status_code == 403 and (method == "HEAD" or REFUSALS[Role(rule)] in html.unescape(answer.text))
        return "" if refused else f"they are told who may: {REFUSALS[Role(rule)]}"
    if method not in served:
        return "" if answer.status_code == 405 and where == "" else "a method that is not served is a 405"
    if answer.status_code in (401, 403, 405) or answer.status_code >= 500 or (to_sign_in and rule != "anyone"):
        return "who may is let in"
    return ""


def test_every_address_has_a_rule_and_its_view_carries_it() -> None:
    assert {pattern.name: getattr(pattern.callback, "access", None) for pattern in urlpatterns} == RULES


@pytest.mark.parametrize("name", sorted(RULES))
def test_each_role_and_each_method_gets_what_the_rule_says(
    browsers: dict[Role | None, Client], name: str, address: str
) -> None:
    served = _served(browsers, address)
    assert served in SERVED
    assert "POST" not in served or RULES[name] != "viewer" or name in OWN_AFFAIRS, "a viewer changes nothing else"
    faults = {}
    for role, browser in browsers.items():
        for method in METHODS:
            answer = _ask(browser, method, address)
            if fault := _judge(answer, role, method, RULES[name], served):
                faults[role, method] = f"{fault}, and it was {answer.status_code} {answer.headers.get('Location', '')}"
        if "POST" in served and (fault := _judge_without_token(browser, name, address)):
            faults[role, "POST without a token"] = fault
    assert faults == {}


def _judge_without_token(browser: Client, name: str, address: str) -> str:
    """Return what is wrong if a form from another site is sent in."""
    browser.handler.enforce_csrf_checks = True
    answer = _ask(browser, "POST", address)
    browser.handler.enforce_csrf_checks = False
    if name in WITHOUT_TOKEN:
        return "" if answer.status_code == 200 else f"it is taken without a token, and it was {answer.status_code}"
    refused = answer.status_code == 403 and "Please send that again" in answer.text
    return "" if refused else f"it is refused, and it was {answer.status_code}"


@pytest.mark.parametrize("state", ["draft", "approved", "sending", "sent", "held", "rejected"])
def test_a_viewer_is_refused_by_nothing_that_only_shows(
    browsers: dict[Role | None, Client], issue: Issue, state: str
) -> None:
    """What is shown to a viewer leads nowhere where they would be refused: no link, no form."""
    started = timezone.now() if state in ("sending", "sent", "held") else None
    Issue.objects.filter(pk=issue.pk).update(state=state, started_at=started)
    for name in sorted(name for name, rule in RULES.items() if rule == "viewer"):
        answer = browsers[Role.VIEWER].get(find_address(name, issue))
        if answer.status_code != 200 or answer.streaming or name.startswith("proof"):
            continue
        for target in re.findall(r'(?:action|href|hx-post|formaction)="(/desk/[^"?#]*)', answer.text):
            found = resolve(target).url_name
            assert RULES[found] in ("anyone", "viewer"), f"{name} leads a viewer to {found}"


@pytest.mark.parametrize("name", ["rewrite", "approve"])
def test_a_pane_asked_for_without_a_session_is_refused_in_plain_words(issue: Issue, name: str) -> None:
    answer = Client().post(find_address(name, issue), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.text.startswith("Not saved: you are signed out")


def test_rights_taken_away_count_at_once(issue: Issue, desk: Client, approver: Editor) -> None:
    Editor.objects.filter(pk=approver.pk).update(is_active=False)
    assert desk.get(find_address("issue", issue)).status_code == 302


def test_a_role_taken_away_counts_at_once(issue: Issue, desk: Client, approver: Editor) -> None:
    assert desk.get(find_address("export-readers", issue)).status_code == 200
    Editor.objects.filter(pk=approver.pk).update(role=Role.VIEWER)
    assert desk.get(find_address("export-readers", issue)).status_code == 403
