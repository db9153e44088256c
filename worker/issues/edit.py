"""An editor's change and the revision it was made on in, the changed draft out, with an entry in the audit log."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.issues.find import lock_issue
from worker.issues.subject import compose_preheader, compose_subject
from worker.issues.wording import clean_line
from worker.storage.models import AuditEntry, Editor, Issue, IssueState, Placement, Section

HEADLINE_LENGTH = 300
SUMMARY_LENGTH = 2_000
SUBJECT_LIMIT = 150
NOTE_LENGTH = 1_000

_STATE_WORDS = {
    IssueState.DRAFT: "still a draft", IssueState.APPROVED: "approved; withdraw the approval first",
    IssueState.SENDING: "on its way to readers", IssueState.SENT: "sent", IssueState.REJECTED: "rejected",
    IssueState.CANCELLED: "cancelled", IssueState.HELD: "held; open it again first",
}


def rewrite(
    issue_id: int, *, editor: Editor, revision: int, placement_id: int, headline: str, summary: str
) -> Issue:
    """Give a story the editor's headline and summary; the summary's sentences lose their sources if it changed.

    Raises ConflictError if the issue has moved on, BroadsheetError if the headline is empty or a text too long.
    """
    headline, summary = clean_line(headline), clean_line(summary)
    if not headline:
        raise BroadsheetError("the headline is empty; write one, or drop the story")
    _check_length("headline", headline, HEADLINE_LENGTH)
    _check_length("summary", summary, SUMMARY_LENGTH)
    with _open_draft(issue_id, editor, revision, "rewrite") as (issue, detail):
        placement = _find_placement(issue, placement_id)
        detail.update(placement=placement.pk, story=placement.story_id,
                      before={"headline": placement.headline, "summary": placement.summary},
                      after={"headline": headline, "summary": summary})
        if summary != clean_line(placement.summary):
            placement.summary, placement.sentences = summary, []
        placement.headline, placement.edited_by = headline, editor
        placement.save()
    return issue


def move(issue_id: int, *, editor: Editor, revision: int, placement_id: int, to: int) -> Issue:
    """Move a story to place `to`, counted from 0 over the stories that are not dropped; beyond the end is the end."""
    with _open_draft(issue_id, editor, revision, "move") as (issue, detail):
        placement = _find_placement(issue, placement_id)
        if placement.dropped:
            raise BroadsheetError("this story is dropped; restore it before moving it")
        others = [other for other in issue.placements.all() if other.pk != placement.pk]
        live = [other for other in others if not other.dropped]
        target = max(0, min(to, len(live)))
        index = others.index(live[target]) if target < len(live) else len(others)
        others.insert(index, placement)
        detail.update(placement=placement.pk, story=placement.story_id, to=target)
        for position, other in enumerate(others):
            other.position = position
        Placement.objects.bulk_update(others, ["position"])
    return issue


def drop(issue_id: int, *, editor: Editor, revision: int, placement_id: int) -> Issue:
    """Take a story out of the issue; it keeps its place for `restore`. The stories after it move up a section."""
    return _set_dropped(issue_id, editor, revision, placement_id, True)


def restore(issue_id: int, *, editor: Editor, revision: int, placement_id: int) -> Issue:
    """Put a dropped story back where it was."""
    return _set_dropped(issue_id, editor, revision, placement_id, False)


def _set_dropped(issue_id: int, editor: Editor, revision: int, placement_id: int, dropped: bool) -> Issue:
    with _open_draft(issue_id, editor, revision, "drop" if dropped else "restore") as (issue, detail):
        placement = _find_placement(issue, placement_id)
        placement.dropped = dropped
        placement.save(update_fields=["dropped"])
        detail.update(placement=placement.pk, story=placement.story_id, headline=placement.headline)
    return issue


def retitle(issue_id: int, *, editor: Editor, revision: int, subject: str, preheader: str) -> Issue:
    """Give the issue the editor's subject and preheader; from then on they no longer follow the first headlines."""
    subject, preheader = clean_line(subject), clean_line(preheader)
    if not subject:
        raise BroadsheetError("the subject is empty; write what the reader should see in the list of mails")
    _check_length("subject", subject, SUBJECT_LIMIT)
    _check_length("preheader", preheader, SUBJECT_LIMIT)
    with _open_draft(issue_id, editor, revision, "retitle", follow=False) as (issue, detail):
        detail.update(before=[issue.subject, issue.preheader], after=[subject, preheader])
        issue.subject, issue.preheader = subject, preheader
    return issue


def reject(issue_id: int, *, editor: Editor, revision: int, note: str) -> Issue:
    """Reject the draft, with the reason in words; it is never sent, and its stories may stand in the next issue."""
    note = clean_line(note)
    _check_length("note", note, NOTE_LENGTH)
    with _open_draft(issue_id, editor, revision, "reject", follow=False) as (issue, detail):
        issue.state, issue.note = IssueState.REJECTED, note
        detail.update(note=note)
    return issue


def reopen(issue_id: int, *, editor: Editor, revision: int) -> Issue:
    """Make a draft again of an issue that was held because its deadline passed; the next deadline counts from now.

    Raises ConflictError if the issue is not held, or was stopped on its way to readers.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        _check_revision(issue, revision)
        if issue.state != IssueState.HELD or issue.started_at is not None:
            state = "already partly sent" if issue.started_at else _STATE_WORDS[IssueState(issue.state)]
            raise ConflictError(f"issue {issue.pk} is {state}; only a draft held at its deadline can be opened again")
        note, issue.note = issue.note, ""
        issue.state, issue.drafted_at, issue.revision = IssueState.DRAFT, timezone.now(), issue.revision + 1
        issue.save()
        record(editor, "reopen", issue, {"was": note})
    return issue


def record(editor: Editor, action: str, issue: Issue, detail: dict[str, Any]) -> None:
    """Write who did what to the issue into the audit log, beside the change itself."""
    detail = {**detail, "revision": issue.revision}
    AuditEntry.objects.create(actor=editor.email, action=action, subject=f"issue {issue.pk}", detail=detail)


@contextmanager
def _open_draft(
    issue_id: int, editor: Editor, revision: int, action: str, *, follow: bool = True
) -> Iterator[tuple[Issue, dict[str, Any]]]:
    """Lock the draft for one change, then renumber, count the revision and record it; nothing is kept on an error.

    `follow`: a subject and preheader nobody wrote by hand follow the first headlines.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state != IssueState.DRAFT:
            raise ConflictError(f"issue {issue.pk} is {_STATE_WORDS[IssueState(issue.state)]}, so it cannot be changed")
        _check_revision(issue, revision)
        before = _compose_titles(issue) if follow else None
        detail: dict[str, Any] = {}
        yield issue, detail
        _assign_sections(issue)
        if before is not None:
            _follow_headlines(issue, before)
        issue.revision += 1
        issue.save()
        record(editor, action, issue, detail)


def _check_revision(issue: Issue, revision: int) -> None:
    if issue.revision != revision:
        raise ConflictError(f"issue {issue.pk} was changed meanwhile (it is at revision {issue.revision}, you saw "
                            f"{revision}); read it again, then make your change")


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise BroadsheetError(f"the {what} has {len(text)} characters; shorten it to {most} or fewer")


def _find_placement(issue: Issue, placement_id: int) -> Placement:
    placement = issue.placements.filter(pk=placement_id).first()
    if placement is None:
        raise NotFoundError(f"issue {issue.pk} has no story placed under number {placement_id}")
    return placement


def _live(issue: Issue) -> Sequence[Placement]:
    return list(issue.placements.filter(dropped=False))


def _assign_sections(issue: Issue) -> None:
    """Let sections follow the order: the first is the lead, the next `top_stories` top, the rest short."""
    top = editorial.load().newsletter(issue.newsletter).top_stories
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
    return compose_subject(settings, headlines[0], issue.period), compose_preheader(headlines)


def _follow_headlines(issue: Issue, before: tuple[str, str]) -> None:
    subject, preheader = _compose_titles(issue)
    if issue.subject == before[0] and subject:
        issue.subject = subject
    if issue.preheader == before[1]:
        issue.preheader = preheader
