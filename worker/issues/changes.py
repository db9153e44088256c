"""A change to a draft in, a row that it can be taken back by out; and what was changed since an editor last looked, in words."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from worker.errors import ConflictError
from worker.issues.labels import name_row, say_change
from worker.issues.snapshot import Snapshot, compare, join, overlaps, take_snapshot
from worker.storage.models import Change, Editor, Issue, PartnerBlock, Placement

TITLES = "titles"
RUN = timedelta(minutes=10)  # what is saved by itself within this time of the first is one change
WORDS = ("headline", "summary", "dropped", "story_id", "sources")  # of a placement: what an editor has read before changing it
_ROWS = {"story": "this story", "partner": "this partner’s content", TITLES: "the subject or the preheader"}
BLOCK_WORDS = ("partner", "headline", "text", "url")


def placement_mark(placement: Placement) -> str:
    """Return a short hash of a story's words: the same for as long as an editor who has read them may change them.

    Its place is not in it: what moves beside a story being written in must not send the writer back.
    """
    return _hash([getattr(placement, name) for name in WORDS])


def partner_mark(block: PartnerBlock) -> str:
    """Return the same of a partner's content."""
    return _hash([getattr(block, name) for name in BLOCK_WORDS])


def titles_mark(issue: Issue) -> str:
    """Return the same of the subject and the preheader."""
    return _hash([issue.subject, issue.preheader])


def name_editor(editor: Editor | None) -> str:
    """Return what the others call them: the name, else the address; of a deleted account, "somebody"."""
    return (editor.name or editor.email) if editor else "somebody"


def check_seen(issue: Issue, revision: int, editor: Editor | None = None, row: str = "", seen: str = "") -> None:
    """Raise ConflictError, naming who changed what, unless the issue is at `revision`; or, given a row and its mark as the editor
    saw it, unless the row is as it was.

    `row` is as Change.row. A page that saves itself learns of new revisions, perhaps not of new marks: a row that the editor
    was the last to change, no later than `revision`, is as they saw it too.
    """
    if not (row and seen):
        if issue.revision != revision:
            raise _refuse(f"issue {issue.pk}", issue, revision, list_since(issue, revision))
        return
    if _read_mark(issue, row) == seen:
        return
    theirs = [change for change in list_since(issue, 0) if _touches(change, row)]
    if not (editor and theirs and theirs[-1].last_by_id == editor.pk and theirs[-1].revision <= revision):
        raise _refuse(_ROWS[row.partition(" ")[0]], issue, revision, theirs[-1:])


def _refuse(what: str, issue: Issue, revision: int, theirs: Sequence[Change]) -> ConflictError:
    told = f"it is at revision {issue.revision}, you saw {revision}"
    if theirs:
        more = f", the last of {len(theirs)} changes" if len(theirs) > 1 else ""
        told += f": {say_last(theirs[-1])} at {theirs[-1].last_at:%H:%M} UTC{more}"
    return ConflictError(f"{what} was changed meanwhile ({told}); read it again, then make your change")


def list_since(issue: Issue, revision: int) -> Sequence[Change]:
    """Return what was made, added to, undone or done again since the issue was at `revision`."""
    return list(issue.changes.select_related("editor", "last_by").filter(revision__gt=revision).order_by("revision"))


def say_last(change: Change) -> str:
    """Return who did last what with a change: "Ana dropped “…”", "Ben undid: dropped “…”"."""
    who = name_editor(change.last_by)
    return f"{who} undid: {change.label}" if change.undone_at else f"{who} {change.label}"


def keep_change(
    issue: Issue, editor: Editor, action: str, detail: Mapping[str, Any], before: Snapshot, *, auto: bool = False
) -> Change | None:
    """Write what differs from `before` as a change, or into the editor's run of changes that save themselves.

    Returns the run if it was folded into one. What was undone cannot be done again from here on.
    """
    old, new = compare(before, take_snapshot(issue))
    row = name_row(detail, action)
    run = _find_run(issue, editor, action, row, new)
    issue.changes.filter(undone_at__isnull=False, lost=False).update(lost=True)
    if run is not None:
        run.before, run.after = join(run.before, old), join(new, run.after)
        run.running, run.revision, run.last_at = auto, issue.revision, timezone.now()
        run.save()
        return run
    if old or new or "ruling" in detail:  # what the stories are now is a change, even if the issue shows nothing of it
        number = (issue.changes.aggregate(last=Max("number"))["last"] or 0) + 1
        Change.objects.create(
            issue=issue, number=number, editor=editor, action=action, row=row, before=old, after=new, running=auto,
            label=say_change(action, detail, before, new)[:400], ruling=detail.get("ruling"), revision=issue.revision,
            last_by=editor)
    return None


def find_open_runs(issue: Issue, editor: Editor | None = None, *, but: str | None = None) -> list[Change]:
    """Return the runs that have not been closed, of one editor or all; `but` names a row whose run goes on."""
    runs = issue.changes.select_related("editor").filter(running=True)
    return list((runs.filter(editor=editor) if editor else runs).exclude(row=but))


def _find_run(issue: Issue, editor: Editor, action: str, row: str, new: Snapshot) -> Change | None:
    """The run of this editor in this row, unless somebody changed the same since: a run is one change, made at one place."""
    run = issue.changes.filter(running=True, undone_at=None, editor=editor, action=action, row=row,
                               at__gt=timezone.now() - RUN).last()
    if run is None or not row:
        return None
    later = issue.changes.filter(number__gt=run.number, undone_at=None)
    return None if any(overlaps(change.after, join(new, run.after)) for change in later) else run


def _touches(change: Change, row: str) -> bool:
    """Whether a change touched what the mark of `row` covers."""
    kind, _, pk = row.partition(" ")
    if kind == TITLES:
        return bool({"subject", "preheader"} & set(change.after.get("issue", {})))
    rows, words = ("placements", WORDS) if kind == "story" else ("blocks", BLOCK_WORDS)
    if pk not in change.after.get(rows, {}):
        return False
    values = change.after[rows][pk] or change.before[rows][pk]
    return bool(set(words) & set(values))


def _read_mark(issue: Issue, row: str) -> str:
    kind, _, pk = row.partition(" ")
    if kind == TITLES:
        return titles_mark(issue)
    if kind == "story":
        placement = issue.placements.filter(pk=pk).first()
        return placement_mark(placement) if placement else ""
    block = issue.partner_blocks.filter(pk=pk).first()
    return partner_mark(block) if block else ""


def _hash(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:12]
