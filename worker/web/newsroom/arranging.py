"""An editor's form about a story's place, its reports or a waiver in, one change by the issues room and the issue out."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from worker.issues import arrange, edit, history, regroup
from worker.storage.models import Issue, Item
from worker.tasks import nudge
from worker.web.newsroom.edits import answer
from worker.web.newsroom.forms import (
    MergeIntoForm,
    OutletForm,
    PinForm,
    RevisionForm,
    SectionForm,
    SplitOffForm,
    UnwaiveForm,
)
from worker.web.newsroom.guards import editor_of, for_editors
from worker.web.newsroom.sheet import SECTION_TITLES


@for_editors
@require_POST
def undo(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Take back the last change to the draft, whoever made it."""
    return answer(request, issue_id, RevisionForm(request.POST), "undo", None,
                  lambda form: history.undo(issue_id, editor=editor_of(request), **form))


@for_editors
@require_POST
def redo(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Do again what was undone last."""
    return answer(request, issue_id, RevisionForm(request.POST), "redo", None,
                  lambda form: history.redo(issue_id, editor=editor_of(request), **form))


@for_editors
@require_POST
def pin(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Let a story keep its place, or let go of it."""
    return answer(request, issue_id, PinForm(request.POST), "pin", placement_id,
                  lambda form: arrange.pin(issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def section(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Make a story the lead, a top story or a short item."""
    def change(form: dict[str, object]) -> str:
        issue = arrange.set_section(issue_id, editor=editor_of(request), placement_id=placement_id, **form)  # type: ignore[arg-type]
        return _say_section(issue, placement_id)

    return answer(request, issue_id, SectionForm(request.POST), "section", placement_id, change)


@for_editors
@require_POST
def merge_into(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Merge a story into another one of the issue, which keeps its words."""
    def change(form: dict[str, int]) -> str:
        done = regroup.merge_into(issue_id, editor=editor_of(request), placement_id=placement_id, **form)
        nudge("group")
        return (f"Merged: story {done.ruling.story_id} goes on with every report, and the issue keeps one of the two. A new "
                "summary follows within a minute; the words here stay until you take it.")

    return answer(request, issue_id, MergeIntoForm(request.POST), "merge-into", placement_id, change)


@for_editors
@require_POST
def split_off(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Make a story of its own of some of a story's reports; it waits among what the issue leaves out."""
    def change(form: dict[str, int | list[int]]) -> str:
        items = form.pop("item")
        regroup.split_off(issue_id, editor=editor_of(request), placement_id=placement_id,
                          item_ids=items, **form)  # type: ignore[arg-type]
        nudge("group")
        kept = Item.objects.filter(story__placements=placement_id).count()
        return (f"Split: this story goes on with {kept} report{'s' if kept != 1 else ''}, where its words come from; the others "
                "are a story of their own, among what is left out, and can be pulled in once it is summarised, within a minute.")

    return answer(request, issue_id, SplitOffForm(request.POST), "split-off", placement_id, change)


@for_editors
@require_POST
def lead_outlet(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Name an outlet first."""
    return answer(request, issue_id, OutletForm(request.POST), "lead-outlet", placement_id,
                  lambda form: arrange.lead_with(issue_id, editor=editor_of(request), placement_id=placement_id, **form))


@for_editors
@require_POST
def unwaive(request: HttpRequest, issue_id: int, placement_id: int) -> HttpResponse:
    """Take a waiver back."""
    return answer(request, issue_id, UnwaiveForm(request.POST), "unwaive", placement_id, lambda form: edit.unwaive(
        issue_id, editor=editor_of(request), placement_id=placement_id, revision=form["revision"], waiver_id=form["waiver"],
        seen=form["seen"]))


def _say_section(issue: Issue, placement_id: int) -> str:
    """What came of it, in words."""
    live = list(issue.placements.filter(dropped=False))
    placement = next(one for one in live if one.pk == placement_id)
    tops = sum(one.section == "top" for one in live)
    counted = "one top story" if tops == 1 else f"{tops} top stories"
    return f"It is at place {live.index(placement) + 1} now, under “{SECTION_TITLES[placement.section]}”. The issue has {counted}."
