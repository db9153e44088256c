"""A wish about the gate in: to ask its questions anew, to leave an outlet out, to let a dead link stand; its pane out."""

import time

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from worker.delivery.inquiries import ask_again, count_waiting
from worker.errors import ConflictError
from worker.issues.edit import NOTE_LENGTH, REASON_LEAST
from worker.issues.links import leave_out_source, waive_link
from worker.storage.models import Issue, IssueState
from worker.tasks import nudge
from worker.web.errors import status_of
from worker.web.newsroom.edits import answer
from worker.web.newsroom.forms import LineField, RevisionForm
from worker.web.newsroom.gatepane import part_findings
from worker.web.newsroom.guards import editor_of, for_editors, for_viewers
from worker.web.newsroom.issue import LIMITS, read_values, show_issue
from worker.web.newsroom.sheet import find_issue, read_findings

PATIENCE = 120  # seconds for which the pane looks again by itself after the button was pressed
_URL_LENGTH = 2000


class LinkForm(RevisionForm):
    """A link as it stands in the issue, to the letter."""

    url = forms.CharField(label="Link", max_length=_URL_LENGTH, strip=False)


class WaiveLinkForm(LinkForm):
    """And why it may stand."""

    reason = LineField(label="Reason", min_length=REASON_LEAST, max_length=NOTE_LENGTH)


@for_editors
@require_POST
def check_links(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Wake a worker to ask everything about this draft anew: links, domain, way out. Who asks waits for none of it."""
    issue = find_issue(issue_id)
    if issue.state != IssueState.DRAFT:
        error = ConflictError(f"issue {issue.pk} is {issue.state}, and only a draft is checked anew")
        return show_issue(request, issue, status=status_of(error), trouble=f"Not checked: {error}.")
    ask_again(issue)
    nudge("inquire", issue.pk)
    if getattr(request, "htmx", False):
        return _show_pane(request, issue, since=int(time.time()))
    return redirect(f"{reverse('desk:issue', args=[issue_id])}#preflight")


@for_viewers
@require_safe
def pane(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The pane alone, for a page that looks again while a worker asks; the whole decision once that turns out otherwise."""
    given = request.GET.get("since", "")
    since = int(given) if given.isascii() and given.isdecimal() and len(given) < 12 else 0
    return _show_pane(request, find_issue(issue_id), since=since, was_blocked=request.GET.get("blocked", ""))


@for_editors
@require_POST
def leave_out(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Name an outlet no more beside a story."""
    return answer(request, issue_id, LinkForm(request.POST), "leave-out-source", placement_id, lambda form: leave_out_source(
        issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def waive_dead_link(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Let a dead link stand, for a reason."""
    return answer(request, issue_id, WaiveLinkForm(request.POST), "waive-link", None,
                  lambda form: waive_link(issue_id, editor=editor_of(request), **form))


def _show_pane(request: HttpRequest, issue: Issue, *, since: int, was_blocked: str = "") -> HttpResponse:
    is_draft = issue.state == IssueState.DRAFT
    waiting = count_waiting(issue) if is_draft and time.time() - since < PATIENCE else 0
    shown = {"issue": issue, "limits": LIMITS, "waiting": waiting, "since": since, "here": "issue"}
    gate = part_findings(read_findings(issue)[2])
    if was_blocked in ("0", "1") and bool(gate.against) != (was_blocked == "1"):  # the buttons beside it are another matter now
        turned = render(request, "web/desk/_check.html", read_values(request, issue))
        turned["HX-Retarget"], turned["HX-Reswap"] = "#decision", "innerHTML"
        return turned
    return render(request, "web/desk/_preflight.html", {**shown, "gate": gate, "can_edit": is_draft})
