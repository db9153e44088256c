"""Where a story stands and what it leads with, as an editor wants it, in; the draft with its stories in their places out."""

from worker.errors import BroadsheetError, NotFoundError
from worker.issues.find import find_placement
from worker.issues.places import keep_pinned, seat
from worker.issues.revise import count_tops, open_draft
from worker.issues.snapshot import take_snapshot
from worker.storage.models import Editor, Issue, Placement, Section

_NAMES = {Section.LEAD: "the lead", Section.TOP: "a top story", Section.SHORT: "a short item"}


def pin(issue_id: int, *, editor: Editor, revision: int, placement_id: int, pinned: bool, seen: str = "") -> Issue:
    """Let a story keep its place number, whatever becomes of the others; or let go of it. By hand it can still be moved."""
    with open_draft(issue_id, editor, revision, "pin", row=f"story {placement_id}", seen=seen) as (issue, detail):
        placement = _find_printed(issue, placement_id)
        placement.pinned = pinned
        placement.save(update_fields=["pinned"])
        detail.update(placement=placement.pk, story=placement.story_id, pinned=pinned)
    return issue


def set_section(issue_id: int, *, editor: Editor, revision: int, placement_id: int, section: Section) -> Issue:
    """Make a story the lead (it goes first), a top story (the last of them) or a short item (the first of them).

    Sections follow the order, so how many top stories there are changes with it: one more if a short item becomes one, one less
    if one becomes a short item. Raises ConflictError, NotFoundError, BroadsheetError if it stands there already.
    """
    with open_draft(issue_id, editor, revision, "section") as (issue, detail):
        placement = _find_printed(issue, placement_id)
        had, live = Section(placement.section), issue.placements.filter(dropped=False)
        if had == section:
            raise BroadsheetError(f"this story is {_NAMES[section]} already")
        if live.count() == 1:
            raise BroadsheetError("the only story of an issue leads it; pull another one in first")
        before, tops = take_snapshot(issue), min(count_tops(issue), live.count() - 1)
        ends = tops + 1 if had == Section.SHORT else max(1, tops)  # where the last top story stands once this is one
        seat(issue, placement, {Section.LEAD: 0, Section.TOP: ends, Section.SHORT: max(1, tops)}[section])
        keep_pinned(issue, before, placement.pk)
        place = [one.pk for one in live.all()].index(placement.pk)
        if (place == 0) != (section == Section.LEAD):
            raise BroadsheetError("the first place is held by a pinned story; unpin that first")
        if section != Section.LEAD:
            issue.tops = place if section == Section.TOP else place - 1
        detail.update(placement=placement.pk, story=placement.story_id, section=section.value, was=had.value, tops=issue.tops)
    return issue


def lead_with(issue_id: int, *, editor: Editor, revision: int, placement_id: int, outlet: int, seen: str = "") -> Issue:
    """Name an outlet first, by its place (from 0) among those that the story names. Raises NotFoundError if it has none there."""
    with open_draft(issue_id, editor, revision, "lead outlet", row=f"story {placement_id}", seen=seen) as (issue, detail):
        placement = _find_printed(issue, placement_id)
        if not 0 <= outlet < len(placement.sources):
            raise NotFoundError(f"this story names {len(placement.sources)} outlets, and none at place {outlet + 1}")
        first = placement.sources[outlet]
        placement.sources = [first, *placement.sources[:outlet], *placement.sources[outlet + 1:]]
        placement.save(update_fields=["sources"])
        detail.update(placement=placement.pk, story=placement.story_id, outlet=str(first.get("outlet", "")))
    return issue


def _find_printed(issue: Issue, placement_id: int) -> Placement:
    placement = find_placement(issue, placement_id)
    if placement.dropped:
        raise BroadsheetError("this story is dropped; restore it first")
    return placement
