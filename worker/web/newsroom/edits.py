"""An editor's form in, one change by the issues room and the issue as it then stands out. Refused text comes back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.issues import corrections, edit, partners
from worker.web.errors import status_of
from worker.web.newsroom.autosave import save_quietly, saves_itself
from worker.web.newsroom.forms import (
    CorrectionForm,
    MoveForm,
    PartnerForm,
    PlainForm,
    PullForm,
    RetitleForm,
    RewriteForm,
    RowForm,
    WaiveForm,
)
from worker.web.newsroom.guards import editor_of, for_editors
from worker.web.newsroom.issue import show_issue
from worker.web.newsroom.placed import Kept
from worker.web.newsroom.sheet import find_issue

_ANCHORS = {"pull-in": "#left-out", "add-partner": "#partners", "edit-partner": "#partners", "remove-partner": "#partners"}


@for_editors
@require_POST
def rewrite(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Save a story's headline and summary."""
    return answer(request, issue_id, RewriteForm(request.POST), "rewrite", placement_id,
                  lambda form: edit.rewrite(issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def move(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Move a story to a place, counted from 1 on the page and from 0 in the issue."""
    return answer(request, issue_id, MoveForm(request.POST), "move", placement_id, lambda form: edit.move(
        issue_id, editor=editor_of(request), placement_id=placement_id, revision=form["revision"], to=form["to"] - 1))


@for_editors
@require_POST
def drop(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Take a story out."""
    return answer(request, issue_id, RowForm(request.POST), "drop", placement_id,
                  lambda form: edit.drop(issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def restore(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Put a dropped story back."""
    return answer(request, issue_id, RowForm(request.POST), "restore", placement_id,
                  lambda form: edit.restore(issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def renew(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Take the words that the machine has for a story now."""
    return answer(request, issue_id, RowForm(request.POST), "renew", placement_id,
                  lambda form: edit.renew(issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def waive(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Let a sentence stand that no source bears out, for a reason."""
    return answer(request, issue_id, WaiveForm(request.POST), "waive", placement_id, lambda form: edit.waive(
        issue_id, editor=editor_of(request), placement_id=placement_id, revision=form["revision"], text=form["said"],
        reason=form["reason"], seen=form["seen"]))


@for_editors
@require_POST
def pull_in(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Place a story that was left out."""
    return answer(request, issue_id, PullForm(request.POST), "pull-in", None,
                  lambda form: edit.pull_in(issue_id, editor=editor_of(request), **form))


@for_editors
@require_POST
def retitle(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Save the subject and the preheader."""
    return answer(request, issue_id, RetitleForm(request.POST), "retitle", None,
                  lambda form: edit.retitle(issue_id, editor=editor_of(request), **form))


@for_editors
@require_POST
def add_partner(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Put a partner's content into the issue."""
    return answer(request, issue_id, PartnerForm(request.POST), "add-partner", None,
                  lambda form: partners.add_block(issue_id, editor=editor_of(request), **_without_mark(form)))


@for_editors
@require_POST
def edit_partner(request: HttpRequest, issue_id: int, block_id: int) -> HttpResponse:
    """Save a partner's content."""
    return answer(request, issue_id, PartnerForm(request.POST), "edit-partner", block_id,
                  lambda form: partners.edit_block(issue_id, editor=editor_of(request), block_id=block_id, **form))


@for_editors
@require_POST
def remove_partner(request: HttpRequest, issue_id: int, block_id: int) -> HttpResponse:
    """Take a partner's content out."""
    return answer(request, issue_id, RowForm(request.POST), "remove-partner", block_id,
                  lambda form: partners.remove_block(issue_id, editor=editor_of(request), block_id=block_id, **form))


@for_editors
@require_POST
def correct(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Record what was wrong in an issue that went out."""
    return answer(request, issue_id, CorrectionForm(request.POST), "correct", None,
                  lambda form: corrections.record_correction(issue_id, editor=editor_of(request), **form))


def _without_mark(form: dict[str, Any]) -> dict[str, Any]:
    """What is new has none."""
    return {name: value for name, value in form.items() if name != "seen"}


def answer(
    request: HttpRequest, issue_id: int, form: PlainForm, name: str, row_id: int | None,
    change: Callable[[dict[str, Any]], object],
) -> HttpResponse:
    """Check the form, make the change, and show the issue again; what was typed comes back if it was not saved.

    Words that `change` returns are shown as what was done. What saves itself is answered in JSON (newsroom.autosave).
    """
    if saves_itself(request):
        return save_quietly(request, issue_id, form, name, row_id, change)
    kept = Kept(name, {key: request.POST.get(key, "") for key in form.fields}, row_id)
    if not form.is_valid():
        return show_issue(request, find_issue(issue_id), status=422, trouble=f"Not saved. {form.words()}", kept=kept)
    try:
        done = change(form.cleaned_data)
    except NotFoundError:
        raise
    except BroadsheetError as error:
        trouble, kept = f"Not saved: {error}.", replace(kept, clash=isinstance(error, ConflictError))
        return show_issue(request, find_issue(issue_id), status=status_of(error), trouble=trouble, kept=kept)
    said = done if isinstance(done, str) else ""
    if getattr(request, "htmx", False):
        return show_issue(request, find_issue(issue_id), said=said)
    if said:
        messages.success(request, said)
    anchor = _ANCHORS.get(name) or (f"#story-{row_id}" if row_id else "#decision")
    return redirect(reverse("desk:issue", args=[issue_id]) + anchor)
