"""An issue whose audience is frozen in, the copies whose turn it is out: a small share goes first, and the rest only if that went
well.

The canary is every so many-th copy by its number, so it is spread over the whole audience and every worker knows it without
having to be told.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from worker.storage.models import Delivery, DeliveryState, Issue, IssueState

FEWEST_ATTEMPTS = 50  # below that a rate says little


def needs_canary(audience: int) -> bool:
    """Say whether an audience of this size has a share that goes first: one of which a rate says something."""
    return settings.CANARY_PERCENT > 0 and audience // _every() >= FEWEST_ATTEMPTS


def find_turn(issue: Issue) -> QuerySet[Delivery]:
    """Return the issue's copies that may go out now, as far as the canary is concerned."""
    rows = Delivery.objects.filter(issue_id=issue.pk)
    if issue.canary_at is None:
        return _canary(rows)
    is_over = Issue.objects.filter(pk=issue.pk, canary_at__lte=Now() - timedelta(minutes=settings.CANARY_MINUTES)).exists()
    return rows if is_over else _canary(rows)  # those that were put off go meanwhile


def end_canary(issue: Issue) -> None:
    """Let the time begin that is given to the canary's reports, once all of it was handed over, or enough for a rate and the others
    wait for another try."""
    if issue.canary_at is not None:
        return
    canary = _canary(Delivery.objects.filter(issue_id=issue.pk))
    if canary.filter(Q(state=DeliveryState.ATTEMPTING) | Q(state=DeliveryState.QUEUED, attempts=0)).exists():
        return
    waiting = canary.filter(state=DeliveryState.QUEUED)
    ended = canary.exclude(state__in=[DeliveryState.ATTEMPTING, DeliveryState.QUEUED])
    if not waiting.exists() or ended[:FEWEST_ATTEMPTS].count() == FEWEST_ATTEMPTS:
        Issue.objects.filter(pk=issue.pk, canary_at=None, state=IssueState.SENDING).update(canary_at=Now())


def _canary(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    return rows.annotate(place=F("id") % _every()).filter(place=0)


def _every() -> int:
    return max(1, round(100 / settings.CANARY_PERCENT)) if settings.CANARY_PERCENT else 1
