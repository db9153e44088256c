"""An issue in, locked for one change; its sections, titles and revision brought up to date and the change on record, out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from worker import editorial
from worker.errors import ConflictError
from worker.issues.find import lock_issue
from worker.issues.subject import compose_preheader, compose_subject
from worker.storage.models import AuditEntry, Editor, Issue, IssueState, Placement, Section

STATE_WORDS = {
    IssueState.DRAFT: "still a draft", IssueState.APPROVED: "approved; withdraw the approval first",
    IssueState.SENDING: "on its way to readers", IssueState.SENT: "sent", IssueState.REJECTED: "rejected",
    IssueState.CANCELLED: "cancelled", IssueState.HELD: "held; open it again first",
}


@contextmanager
def open_draft(
    issue_id: int, editor: Editor, revision: int, action: str, *, follow: bool = True
) -> Iterator[tuple[Issue, dict[str, Any]]]:
    """Lock the draft for one change (`change_issue`); nothing is kept on an error.

    Raises ConflictError if the issue is no draft, or not at the revision the editor saw.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state != IssueState.DRAFT:
            raise ConflictError(f"issue {issue.pk} is {STATE_WORDS[IssueState(issue.state)]}, so it cannot be changed")
        check_revision(issue, revision)
        with change_issue(issue, editor, action, follow=follow) as detail:
            yield issue, detail


@contextmanager
def change_issue(issue: Issue, editor: Editor, action: str, *, follow: bool = True) -> Iterator[dict[str, Any]]:
    """Let a locked issue be changed, then renumber, count the revision and record it with the details put into what is
    yielded.

    `follow`: a subject and preheader nobody wrote by hand follow the first headlines.
    """
    before = _compose_titles(issue) if follow else None
    detail: dict[str, Any] = {}
    yield detail
    _assign_sections(issue)
    if before is not None:
        _follow_headlines(issue, before)
    issue.revision += 1
    issue.save()
    record(editor, action, issue, detail)


def record(editor: Editor, action: str, issue: Issue, detail: dict[str, Any]) -> None:
    """Write who did what to the issue into the audit log, beside the change itself."""
    detail = {**detail, "revision": issue.revision}
    AuditEntry.objects.create(actor=editor.email, action=action, subject=f"issue {issue.pk}", detail=detail)


def check_revision(issue: Issue, revision: int) -> None:
    """Raise ConflictError unless the issue is at `revision`."""
    if issue.revision != revision:
        raise ConflictError(f"issue {issue.pk} was changed meanwhile (it is at revision {issue.revision}, you saw "
                            f"{revision}); read it again, then make your change")


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
    return compose_subject(settings, headlines[0], issue.period, digest=issue.digest), compose_preheader(headlines)


def _follow_headlines(issue: Issue, before: tuple[str, str]) -> None:
    subject, preheader = _compose_titles(issue)
    if issue.subject == before[0] and subject:
        issue.subject = subject
    if issue.preheader == before[1]:
        issue.preheader = preheader
