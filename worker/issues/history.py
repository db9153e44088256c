"""An issue in, its last change undone or done again out, whoever made it; and what could be undone, in words."""

from django.db import transaction
from django.utils import timezone

from worker.errors import ConflictError
from worker.issues.changes import check_seen, find_open_runs, name_editor
from worker.issues.find import find_issue
from worker.issues.regroup import lock_with, reverse
from worker.issues.revise import check_draft, close_runs, record
from worker.issues.snapshot import put_back
from worker.storage.models import Change, Editor, Issue


def undo(issue_id: int, *, editor: Editor, revision: int) -> str:
    """Take back the draft's last change, whoever made it; returns what that was, in words.

    A merge or split of stories is lifted with it. Raises ConflictError if the issue is no draft or has moved on, there is nothing
    to undo, or the stories have moved on since.
    """
    return f"Undone: {_step(issue_id, editor, revision, back=True)}."


def redo(issue_id: int, *, editor: Editor, revision: int) -> str:
    """Do again what was undone last, as long as nothing else was changed since. Raises what `undo` does."""
    return f"Done again: {_step(issue_id, editor, revision, back=False)}."


def find_next(issue: Issue, *, back: bool) -> Change | None:
    """Return the change that undo (`back`) or redo would take."""
    changes = issue.changes.select_related("editor")
    if back:
        return changes.filter(undone_at=None).last()
    return changes.filter(undone_at__isnull=False, lost=False).first()


def say_made(change: Change | None) -> str:
    """Return who did what: "Ana dropped “…”"; "" of None."""
    return f"{name_editor(change.editor)} {change.label}" if change else ""


def _step(issue_id: int, editor: Editor, revision: int, *, back: bool) -> str:
    with transaction.atomic():
        foreseen = find_next(find_issue(issue_id), back=back)
        issues, issue = lock_with(issue_id, foreseen.ruling if foreseen else None)
        check_draft(issue)
        check_seen(issue, revision)
        change = find_next(issue, back=back)
        if change is None:
            raise ConflictError("there is nothing to undo in this issue" if back else "there is nothing that could be done again")
        close_runs(issue, find_open_runs(issue))
        change.refresh_from_db()
        if change.ruling is not None:
            change.ruling = reverse(change.ruling, editor=editor, issues=issues, but=issue).ruling.entry_id
        put_back(issue, change.before if back else change.after)
        issue.revision += 1
        issue.save()
        change.undone_at = timezone.now() if back else None
        change.revision, change.last_by, change.last_at = issue.revision, editor, timezone.now()
        change.save()
        record(editor, "undo" if back else "redo", issue, {"change": change.number, "label": change.label})
    return say_made(change)
