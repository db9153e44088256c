"""An approved issue in, one queued row per confirmed reader out: who is to get it is fixed at one moment, once."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker.errors import ConflictError
from worker.issues.find import lock_issue
from worker.press.approve import check_edition
from worker.storage import bulk
from worker.storage.models import (
    AuditEntry,
    Delivery,
    Edition,
    Issue,
    IssueState,
    Subscription,
    SubscriptionState,
)


def start_issue(issue_id: int, *, by: str) -> None:
    """Let an approved issue go out; a second call finds it going and changes nothing.

    `by` is written into the audit log. Raises NotFoundError, ConflictError if the issue is not approved, and
    BroadsheetError if the edition's bytes are not those that were approved.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state == IssueState.SENDING:
            return
        if issue.state != IssueState.APPROVED:
            raise ConflictError(f"issue {issue_id} is {issue.state}: only an approved issue can be sent")
        check_edition(read_edition(issue_id))
        move_issue(issue, IssueState.SENDING, by=by, action="start")


def freeze_audience(issue_id: int, *, now: datetime | None = None) -> int:
    """Fix who is to get the issue: the readers confirmed at this moment. Return how many they are.

    Whoever confirms later gets the next issue; whoever leaves before their copy's turn gets none (`deliver` looks
    again). A second call, or two at once, finds the audience fixed. Raises NotFoundError, and ConflictError if the
    issue was never started.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.started_at is None:
            if issue.state != IssueState.SENDING:
                raise ConflictError(f"issue {issue_id} is {issue.state}: it must be started before its audience is fixed")
            now = now or timezone.now()
            bulk.insert_audience(issue_id, issue.newsletter, now)
            Issue.objects.filter(pk=issue_id).update(started_at=now)
    return Delivery.objects.filter(issue_id=issue_id).count()


def count_audience(newsletter: str) -> int:
    """Return how many readers would get an issue of this newsletter that started now."""
    return Subscription.objects.filter(newsletter=newsletter, state=SubscriptionState.CONFIRMED).count()


def read_edition(issue_id: int) -> Edition:
    """Return the approved bytes; raises ConflictError if there are none."""
    edition = Edition.objects.filter(issue_id=issue_id).first()
    if edition is None:
        raise ConflictError(f"issue {issue_id} has no approved edition: approve it first")
    return edition


def move_issue(issue: Issue, state: IssueState, *, by: str, action: str, note: str = "") -> None:
    """Write an issue's new state and note, and who did it, in the caller's transaction."""
    Issue.objects.filter(pk=issue.pk).update(state=state, note=note, revision=F("revision") + 1)
    AuditEntry.objects.create(actor=by[:254], action=action, subject=f"issue {issue.pk}",
                              detail={"note": note} if note else {})
