"""An approved issue in, one queued row per reader who is to get it out: who that is is fixed at one moment, once."""

from collections.abc import Collection
from datetime import UTC, date, datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from worker.delivery.canary import needs_canary
from worker.errors import ConflictError
from worker.issues.find import lock_issue
from worker.press.approve import check_edition
from worker.readers.agree import asked_since
from worker.readers.replay import replay_journal
from worker.storage import bulk
from worker.storage.models import (
    AuditEntry,
    Delivery,
    Edition,
    Frequency,
    Issue,
    IssueState,
    Subscription,
    SubscriptionState,
)


def list_rules(newsletter: str, *, digest: bool = False) -> dict[str, Q]:
    """Return what must be true of a subscription whose reader gets an issue, by what is said of one for whom it is not.

    This is the whole of it: the count at the desk, the audience and the last look before each call all ask here.
    """
    wanted = Frequency.WEEKLY if digest else Frequency.EVERY
    rules = {
        "the reader left before the copy's turn": Q(newsletter=newsletter, state=SubscriptionState.CONFIRMED),
        f"the reader chose the {'issues instead of the weekly digest' if digest else 'weekly digest instead of the issues'} "
        "before the copy's turn": Q(frequency=wanted),
        "the reader paused the newsletter before the copy's turn":
            Q(reader__paused_until=None) | Q(reader__paused_until__lte=Now()),
    }
    asking = asked_since()
    if asking > date.min:
        rules["the reader has not agreed to the terms that are in force now"] = Q(reader__terms_since__gte=asking)
    return rules


def find_audience(newsletter: str, *, digest: bool = False) -> QuerySet[Subscription]:
    """Return the subscriptions whose readers would get an issue of this newsletter that went out now."""
    return Subscription.objects.filter(*list_rules(newsletter, digest=digest).values())


def explain_absence(newsletter: str, reader_ids: Collection[int], *, digest: bool = False) -> dict[int, str]:
    """Return, by reader, why each of these is not to get the issue: the first rule that is not kept."""
    why: dict[int, str] = {}
    left = set(reader_ids)
    keeping = Subscription.objects.filter(newsletter=newsletter, reader__in=left)
    for words, rule in list_rules(newsletter, digest=digest).items():
        kept = set(keeping.filter(rule).values_list("reader_id", flat=True))
        why |= dict.fromkeys(left - kept, words)
        left &= kept
    return why


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
    """Fix who is to get the issue: those of whom every rule is true at this moment. Return how many they are.

    Whoever confirms later gets the next issue; whoever leaves before their copy's turn gets none (`deliver` looks
    again). A second call, or two at once, finds the audience fixed. Who was erased and came back with an older backup is
    erased again first. Raises NotFoundError, and ConflictError if the issue was never started.
    """
    replay_journal()
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.started_at is None:
            if issue.state != IssueState.SENDING:
                raise ConflictError(f"issue {issue_id} is {issue.state}: it must be started before its audience is fixed")
            now = now or timezone.now()
            rows = bulk.insert_audience(issue_id, find_audience(issue.newsletter, digest=issue.digest).order_by("pk"), now)
            no_canary = None if needs_canary(rows) else datetime.fromtimestamp(0, UTC)  # long over
            Issue.objects.filter(pk=issue_id).update(started_at=now, canary_at=no_canary)
    return Delivery.objects.filter(issue_id=issue_id).count()


def read_edition(issue_id: int) -> Edition:
    """Return the approved bytes; raises ConflictError if there are none."""
    edition = Edition.objects.filter(issue_id=issue_id).first()
    if edition is None:
        raise ConflictError(f"issue {issue_id} has no approved edition: approve it first")
    return edition


def move_issue(issue: Issue, state: IssueState, *, by: str, action: str, note: str = "", turns: int = 0) -> None:
    """Write an issue's new state and note, and who did it, in the caller's transaction."""
    Issue.objects.filter(pk=issue.pk).update(state=state, note=note, revision=F("revision") + 1)
    AuditEntry.objects.create(at=Now(), actor=by[:254], action=action, subject=f"issue {issue.pk}",
                              detail={**({"note": note} if note else {}), **({"turns": turns} if turns else {})})
