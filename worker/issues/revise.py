"""An issue in, locked for one change; its sections, titles and revision brought up to date and the change on record, out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from worker import editorial
from worker.errors import ConflictError
from worker.issues.changes import check_seen, find_open_runs, keep_change
from worker.issues.find import lock_issue
from worker.issues.labels import name_row
from worker.issues.places import keep_pinned
from worker.issues.snapshot import take_snapshot
from worker.issues.subject import compose_preheader, compose_subject
from worker.storage.models import AuditEntry, Change, Editor, Issue, IssueState, Placement, Section

STATE_WORDS = {
    IssueState.DRAFT: "still a draft", IssueState.APPROVED: "approved; withdraw the approval first",
    IssueState.SENDING: "on its way to readers", IssueState.SENT: "sent", IssueState.REJECTED: "rejected",
    IssueState.CANCELLED: "cancelled", IssueState.HELD: "held; open it again first",
}
BY_HAND = ("move", "section")  # these alone move a pinned story


@contextmanager
def open_draft(
    issue_id: int, editor: Editor, revision: int, action: str, *, follow: bool = True, row: str = "", seen: str = "",
    auto: bool = False,
) -> Iterator[tuple[Issue, dict[str, Any]]]:
    """Lock the draft for one change (`change_issue`); nothing is kept on an error.

    Raises ConflictError if the issue is no draft, or not at the revision the editor saw, unless the one row that is changed
    (`row`, as Change.row) still bears the mark `seen`.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        check_draft(issue)
        check_seen(issue, revision, editor, row, seen)
        with change_issue(issue, editor, action, follow=follow, auto=auto) as detail:
            yield issue, detail


@contextmanager
def change_issue(
    issue: Issue, editor: Editor, action: str, *, follow: bool = True, auto: bool = False
) -> Iterator[dict[str, Any]]:
    """Let a locked issue be changed, then renumber, count the revision, and record it with the details put into what is
    yielded: in the audit log, and as a change that can be undone.

    `follow`: a subject and preheader nobody wrote by hand follow the first headlines. `auto`: it saves itself while the editor
    goes on writing; the audit log gets the first of a run of these and, when the editor saves or does another thing, the last.
    """
    before = take_snapshot(issue)
    titles = _compose_titles(issue) if follow else None
    detail: dict[str, Any] = {}
    yield detail
    keep_pinned(issue, before, detail["placement"] if action in BY_HAND else None)
    _assign_sections(issue)
    if titles is not None:
        _follow_headlines(issue, titles)
    close_runs(issue, find_open_runs(issue, editor, but=name_row(detail, action)))
    issue.revision += 1
    issue.save()
    run = keep_change(issue, editor, action, detail, before, auto=auto)
    if run is None:
        record(editor, action, issue, {**detail, "saved by itself": True} if auto else detail)
    elif not auto:
        record(editor, action, issue, {**detail, "before": _read_words(run, run.before)})


def close_runs(issue: Issue, runs: Sequence[Change]) -> None:
    """End runs of changes that saved themselves: the audit log gets what each began from and came to."""
    for run in runs:
        run.running = False
        run.save(update_fields=["running"])
        if run.editor is not None and run.undone_at is None:
            words = {"row": run.row, "before": _read_words(run, run.before), "after": _read_words(run, run.after)}
            record(run.editor, run.action, issue, {**words, "saved by itself": True})


def record(editor: Editor, action: str, issue: Issue, detail: dict[str, Any]) -> None:
    """Write who did what to the issue into the audit log, beside the change itself."""
    detail = {**detail, "revision": issue.revision}
    AuditEntry.objects.create(actor=editor.email, action=action, subject=f"issue {issue.pk}", detail=detail)


def check_draft(issue: Issue) -> None:
    """Raise ConflictError unless the issue may be changed."""
    if issue.state != IssueState.DRAFT:
        raise ConflictError(f"issue {issue.pk} is {STATE_WORDS[IssueState(issue.state)]}, so it cannot be changed")


def count_tops(issue: Issue) -> int:
    """Return how many top stories the issue has room for."""
    return editorial.load().newsletter(issue.newsletter).top_stories if issue.tops is None else issue.tops


def _read_words(run: Change, part: dict[str, Any]) -> dict[str, Any]:
    kind, _, pk = run.row.partition(" ")
    values = part.get("issue", {}) if kind == "titles" else part.get("placements", {}).get(pk) or {}
    return {name: values[name] for name in ("headline", "summary", "subject", "preheader") if name in values}


def _live(issue: Issue) -> Sequence[Placement]:
    return list(issue.placements.filter(dropped=False))


def _assign_sections(issue: Issue) -> None:
    """Let sections follow the order: the first is the lead, the next `top_stories` top, the rest short."""
    top = count_tops(issue)
    live = _live(issue)
    for index, placement in enumerate(live):
        placement.section = Section.LEAD if index == 0 else Section.TOP if index <= top else Section.SHORT
    Placement.objects.bulk_update(live, ["section"])


def _compose_titles(issue: Issue) -> tuple[str, str]:
    """Return the subject and preheader the machine would give the issue as it stands; empty without a story."""
    headlines = [placement.headline for placement in _live(issue)[:2]]
    if not headlines:
        return "", ""
    settings = editorial.load().newsletter(issue.newsletter)
    return compose_subject(settings, headlines[0], issue.period, digest=issue.digest), compose_preheader(headlines)


def _follow_headlines(issue: Issue, before: tuple[str, str]) -> None:
    subject, preheader = _compose_titles(issue)
    if issue.subject == before[0] and subject:
        issue.subject = subject
    if issue.preheader == before[1]:
        issue.preheader = preheader
