"""A subject and a preheader somebody tries out in, how lists of mails would show the issue under them out; nothing is saved."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from worker import editorial
from worker.errors import BroadsheetError
from worker.press.inbox import read_inbox
from worker.press.proof import Proof
from worker.press.render import read_proof
from worker.storage.models import Issue
from worker.web.newsroom.guards import for_viewers
from worker.web.newsroom.issue import LIMITS
from worker.web.newsroom.sheet import find_issue

SCHEMES = ("light", "dark")


@for_viewers
@require_safe
def inbox(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The rows, the advice and the suggestions: for htmx alone, else on a page with the form."""
    found = find_issue(issue_id)
    newsletter = editorial.load().newsletter(found.newsletter)
    titles = {"subject": request.GET.get("subject", found.subject), "preheader": request.GET.get("preheader", found.preheader)}
    shown = read_inbox(found, newsletter, titles, _read_proof(found))
    template = "web/desk/_inbox_shown.html" if getattr(request, "htmx", False) else "web/desk/inbox.html"
    return render(request, template, {"issue": found, "inbox": shown, "schemes": SCHEMES, "limits": LIMITS, "here": "issue"})


def _read_proof(found: Issue) -> Proof | None:
    try:
        return read_proof(found)[0]
    except BroadsheetError:  # the issue's page says what is wrong
        return None
