"""What was wrong in an issue that went out in, a correction for the next issue and the public page out."""

from django.db import transaction
from django.db.models import Q, QuerySet

from worker.errors import BroadsheetError, ConflictError
from worker.issues.find import lock_issue
from worker.issues.revise import record
from worker.issues.wording import clean_line
from worker.storage.models import Correction, Editor, Issue, IssueState

CORRECTION_LENGTH = 1_000


def record_correction(issue_id: int, *, editor: Editor, text: str) -> Correction:
    """Record what was wrong in an issue that went out; the next issue of its newsletter prints it, or the next digest.

    Raises ConflictError if no reader has had the issue yet, BroadsheetError if the text is empty or too long.
    """
    text = clean_line(text)
    if not 1 <= len(text) <= CORRECTION_LENGTH:
        raise BroadsheetError(
            f"the correction has {len(text)} characters; say what was wrong in 1 to {CORRECTION_LENGTH}")
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state not in (IssueState.SENDING, IssueState.SENT) and issue.started_at is None:
            raise ConflictError(
                f"issue {issue.pk} has not gone out to readers, so there is nothing to correct; edit it instead")
        correction = Correction.objects.create(issue=issue, text=text, made_by=editor)
        record(editor, "correct", issue, {"correction": correction.pk, "text": text})
    return correction


def printed_with(issue: Issue) -> QuerySet[Correction]:
    """Return the corrections `issue` prints: those approved with it and, while it is a draft, the unprinted ones.

    An issue prints those of issues, a digest those of digests, so that neither takes them from the other's readers. Of what
    was wrong in an issue a digest tells too, if it was found out in the digest's own week: some of it may be repeated there.
    """
    own = Q(issue__newsletter=issue.newsletter, issue__digest=issue.digest)
    mine = Q(printed_in=issue)
    if issue.state == IssueState.DRAFT:
        mine |= own & Q(printed_in=None)
    if issue.digest:
        mine |= Q(issue__newsletter=issue.newsletter, issue__digest=False, made_at__gt=issue.window_start,
                  made_at__lte=issue.window_end)
    return Correction.objects.filter(mine).select_related("issue").order_by("made_at", "id")
