"""A form that saves itself while an editor writes in, the change made and the revision, or what stood against it, out as JSON."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from worker.errors import BroadsheetError, NotFoundError
from worker.issues.changes import placement_mark, titles_mark
from worker.issues.find import find_issue
from worker.storage.models import Issue
from worker.web.errors import status_of
from worker.web.newsroom.forms import PlainForm


def saves_itself(request: HttpRequest) -> bool:
    """Tell whether the page's script sent it: it can do nothing with a page."""
    return request.headers.get("X-Autosave") == "1"


def save_quietly(
    request: HttpRequest, issue_id: int, form: PlainForm, name: str, row_id: int | None, change: Callable[[dict[str, Any]], object]
) -> HttpResponse:
    """Make the change: {"revision", "saved_at", "mark"}; or say why not: {"trouble"}, and of a story or the titles that somebody
    else changed, what they say now ("theirs") and how to go on from there ("revision", "mark")."""
    if not form.is_valid():
        return JsonResponse({"trouble": f"Not saved. {form.words()}"}, status=422)
    try:
        change(form.cleaned_data)
    except BroadsheetError as error:
        now = {} if isinstance(error, NotFoundError) else _read(find_issue(issue_id), row_id)
        return JsonResponse({"trouble": f"Not saved: {error}.", **now}, status=status_of(error))
    now = _read(find_issue(issue_id), row_id)
    return JsonResponse({"revision": now["revision"], "mark": now["mark"], "saved_at": f"{timezone.now():%H:%M:%S}"})


def _read(issue: Issue, row_id: int | None) -> dict[str, Any]:
    placement = issue.placements.filter(pk=row_id).first() if row_id else None
    if placement is not None:
        theirs = {"headline": placement.headline, "summary": placement.summary}
        return {"revision": issue.revision, "mark": placement_mark(placement), "theirs": theirs}
    return {"revision": issue.revision, "mark": titles_mark(issue),
            "theirs": {"subject": issue.subject, "preheader": issue.preheader}}
