"""An issue in, who else works on it and what became of the machine's draft out. Nothing here changes an issue."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from worker import editorial
from worker.issues.changes import list_since, name_editor
from worker.issues.company import note_visit
from worker.issues.differences import read_differences
from worker.storage.models import Change, IssueState
from worker.web.newsroom.guards import editor_of, for_viewers
from worker.web.newsroom.sheet import find_issue

_DOING = re.compile(r"(story|partner)[ -](\d{1,18})|titles")
_NAMED = 3  # changes of one editor that are told; the rest are counted


@dataclass(frozen=True)
class Deeds:
    """What one editor changed since a page was shown."""

    name: str
    count: int
    labels: Sequence[str]
    more: int


@for_viewers
@require_safe
def company(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Who else has the issue on the screen, and what others changed since `revision`; asked for every few seconds.

    `doing` is where the editor writes: "story-12", "partner-3" or "titles". The answer holds a hidden field "had"; sent back
    with the next question (hx-include), it makes that one's answer 204 if nothing else is to be said. A HEAD notes no visit.
    """
    issue, editor = find_issue(issue_id), editor_of(request)
    found = _DOING.fullmatch(request.GET.get("doing", ""))
    doing = found[0].replace("-", " ") if found else ""
    companions = note_visit(issue.pk, editor, doing, write=request.method == "GET")
    given = request.GET.get("revision", "")
    moved = given.isdecimal() and len(given) < 10 and int(given) < issue.revision
    since = [change for change in list_since(issue, int(given)) if change.last_by_id != editor.pk] if moved else []
    now = "" if not moved or issue.state == IssueState.DRAFT else issue.get_state_display().lower()
    said = {"issue": issue, "companions": companions, "deeds": _gather(since), "now": now}
    had = ""
    if companions or since or now:
        had = hashlib.sha256(repr((companions, said["deeds"], now)).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    if request.GET.get("had") == had:
        return HttpResponse(status=204)
    return HttpResponse(render_to_string("web/desk/_company.html", {**said, "had": had}, request=request) if had else "")


@for_viewers
@require_safe
def differences(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The issue as it stands against the machine's draft, and every change in between."""
    issue = find_issue(issue_id)
    newsletter = editorial.load().newsletter(issue.newsletter)
    changes = list(issue.changes.select_related("editor", "last_by").order_by("-number"))
    return render(request, "web/desk/differences.html", {
        "issue": issue, "newsletter": newsletter, "found": read_differences(issue), "here": "issue",
        "changes": [(change, name_editor(change.editor), name_editor(change.last_by)) for change in changes]})


def _gather(changes: Sequence[Change]) -> list[Deeds]:
    """The changes by who made, or undid, them; who changed something last comes first."""
    by: dict[str, list[str]] = {}
    for change in reversed(changes):
        label = f"undid “{change.label}”" if change.undone_at else change.label
        by.setdefault(name_editor(change.last_by), []).append(label)
    return [Deeds(name, len(labels), labels[:_NAMED], max(0, len(labels) - _NAMED)) for name, labels in by.items()]

