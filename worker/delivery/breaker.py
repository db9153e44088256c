"""How a send has gone so far in, a reason to stop it out: an issue that goes wrong is held for an editor to look at."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from worker.delivery.audience import move_issue, read_edition
from worker.delivery.canary import FEWEST_ATTEMPTS
from worker.delivery.fence import FENCE, let_pass
from worker.delivery.settle import NOT_SENT
from worker.errors import ConflictError
from worker.issues.find import lock_issue
from worker.press.approve import check_edition
from worker.storage import bulk
from worker.storage.models import AuditEntry, Delivery, DeliveryState, IssueState, ProviderEvent

log = structlog.get_logger(__name__)
BREAKER = "breaker"
MOST_REFUSED = 0.10  # lists in good order stay below 2 %; providers act on a sender from about 10 %
MOST_UNCERTAIN = 0.20
FEWEST_COMPLAINTS = 5
MOST_COMPLAINTS = 0.003  # Gmail's and Yahoo's sender rules (2024): never reach 0.3 %
_REFUSED = (DeliveryState.FAILED, DeliveryState.BOUNCED)
_TAKEN = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)


@dataclass(frozen=True)
class Counts:
    """Copies attempted since the start, or since an editor last let the issue go on."""

    taken: int
    refused: int  # failed or bounced
    uncertain: int
    complaints: int = 0

    @property
    def attempted(self) -> int:
        """All of them."""
        return self.taken + self.refused + self.uncertain


def judge(counts: Counts, *, lost_together: int = 1) -> str | None:
    """Return why the issue should be held, or None. Pure.

    `lost_together` is how many copies one fault makes uncertain: three of them may be chance, more are no chance.
    """
    if counts.attempted < FEWEST_ATTEMPTS:
        return None
    if counts.refused > MOST_REFUSED * counts.attempted:
        return (f"{counts.refused} of {counts.attempted} copies were refused or bounced (the limit is "
                f"{MOST_REFUSED:.0%}): look at the reasons, then resume or cancel")
    if counts.complaints >= FEWEST_COMPLAINTS and counts.complaints > MOST_COMPLAINTS * counts.attempted:
        return (f"{counts.complaints} of {counts.attempted} readers marked it as unwanted (the limit is "
                f"{MOST_COMPLAINTS:.1%}): look at what was sent, then resume or cancel")
    if counts.uncertain > max(3 * lost_together, MOST_UNCERTAIN * counts.attempted):
        return (f"the answers for {counts.uncertain} of {counts.attempted} copies were lost: see that the sender works, "
                "then resume or cancel")
    return None


def check_issue(issue_id: int, *, lost_together: int = 1) -> str | None:
    """Hold the issue if it goes wrong, and return why; None if it goes well."""
    reason = judge(_count(issue_id), lost_together=lost_together)
    if reason and hold_issue(issue_id, reason):
        return reason
    return None


def hold_issue(issue_id: int, note: str, *, by: str = BREAKER, turns: int = 0) -> bool:
    """Stop an issue that is being sent, with a note that says why; say whether it was being sent.

    What is queued stays queued. Raises NotFoundError.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state != IssueState.SENDING:
            return False
        move_issue(issue, IssueState.HELD, by=by, action="hold", note=note, turns=turns)
    if by in (BREAKER, FENCE):  # a person who stopped it knows
        log.error("an issue is held", issue=issue_id, reason=note, by=by)
    return True


def resume_issue(issue_id: int, *, by: str) -> None:
    """Go on with an issue that was held while it was being sent; what happened before is not held against it again.

    Raises NotFoundError, ConflictError if it was not held while being sent, BroadsheetError if its edition has changed.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state == IssueState.SENDING:
            return
        if issue.state != IssueState.HELD or issue.started_at is None:
            raise ConflictError(f"issue {issue_id} is {issue.state}: only an issue held while it was being sent can resume")
        check_edition(read_edition(issue_id))
        let_pass(issue)
        move_issue(issue, IssueState.SENDING, by=by, action="resume")


def _count(issue_id: int) -> Counts:
    rows = Delivery.objects.filter(issue_id=issue_id)
    complaints = ProviderEvent.objects.filter(delivery__issue_id=issue_id, kind="complained")
    since = _last_resumed(issue_id)
    if since:
        rows, complaints = rows.filter(updated_at__gt=since), complaints.filter(at__gt=since)
    refused = rows.filter(state__in=_REFUSED).exclude(error__in=[NOT_SENT, bulk.POISON]).count()
    # What a crash of ours left behind says nothing about the next hop.
    uncertain = rows.filter(state=DeliveryState.UNCERTAIN).exclude(error=bulk.CRASHED).count()
    complained = complaints.count()
    # So many good ones clear every limit; counting further would cost a million index entries after each batch.
    enough = FEWEST_ATTEMPTS + max(refused / MOST_REFUSED, uncertain / MOST_UNCERTAIN, complained / MOST_COMPLAINTS)
    return Counts(bulk.count_up_to(rows.filter(state__in=_TAKEN), int(enough)), refused, uncertain, complained)


def _last_resumed(issue_id: int) -> datetime | None:
    entry = AuditEntry.objects.filter(subject=f"issue {issue_id}", action="resume").order_by("-at").first()
    return entry.at if entry else None
