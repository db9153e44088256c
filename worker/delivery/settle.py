"""Copies of which nobody knows whether they arrived in, settled by a person's word: taken, not sent, or sent once more.

The machine never sends an uncertain copy again. An editor who has read the next hop's log knows more, or would rather have a
reader get the issue twice than not at all.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.db.models.functions import Now

from worker.delivery.audience import find_audience, move_issue, read_edition
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.issues.find import find_issue, lock_issue
from worker.press.approve import check_edition
from worker.readers.suppress import suppressed_among
from worker.storage.models import AuditEntry, Delivery, DeliveryState, Issue, IssueState

_OPEN_TO_IT = (IssueState.SENDING, IssueState.HELD, IssueState.SENT)
_PIECE = 500  # rows in one statement
NOT_SENT = "an editor settled it: it did not go, and shall not go again"


class Verdict(StrEnum):
    """What a person says of an uncertain copy."""

    ACCEPTED = "accepted"  # the next hop took it
    FAILED = "failed"  # it did not, and the reader does not get it
    AGAIN = "again"  # it may have, and is sent once more all the same


@dataclass(frozen=True)
class Asked:
    """The uncertain copies that a verdict is about to be given on: how many, and none that became uncertain after `until`.

    `barred` are those that cannot be sent again: their readers left, or must not be written to, or were erased.
    """

    copies: int
    barred: int
    until: datetime | None


@dataclass(frozen=True)
class Settlement:
    """What a verdict changed. `meanwhile`: settled by somebody else, or by a report, before it. `barred`: as in `Asked`; they stay
    uncertain. `reopened`: the issue had been sent and is being sent again."""

    verdict: Verdict
    changed: int
    meanwhile: int
    barred: int
    reopened: bool
    state: str  # the issue's


def look_before(issue_id: int, verdict: Verdict, ids: Collection[int] | None = None) -> Asked:
    """Return what a verdict on these copies, or on all (None), would be about. Raises what `settle_uncertain` raises."""
    issue = find_issue(issue_id)
    _check(issue, ids)
    copies, barred, until = 0, 0, None
    for rows in _find_uncertain(issue_id, ids, None):
        found = rows.aggregate(latest=Max("updated_at"))
        copies += rows.count()
        barred += rows.count() - len(_find_sendable(issue, rows)) if verdict is Verdict.AGAIN else 0
        until = max(filter(None, (until, found["latest"])), default=None)
    return Asked(copies, barred, until)


def settle_uncertain(issue_id: int, verdict: Verdict, ids: Collection[int] | None = None, *, by: str,
                     asked: Asked | None = None) -> Settlement:
    """Settle these copies of an issue, or all (None), that are uncertain at this moment.

    `asked` is what the person was shown: copies that became uncertain since are left alone. A copy sent again keeps its
    Message-ID; an issue that had been sent is on its way again for it: wake the delivery afterwards. Raises NotFoundError for a
    copy that is not the issue's; ConflictError if the issue is not being sent, held or sent; BroadsheetError if the edition of an
    issue that would be on its way again is not what was approved.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        _check(issue, ids)
        before, changed, barred = 0, 0, 0
        for rows in _find_uncertain(issue_id, ids, asked.until if asked else None):
            count = rows.count()
            if verdict is Verdict.AGAIN:
                sendable = _find_sendable(issue, rows)
                barred += count - len(sendable)
                rows = rows.filter(pk__in=sendable)
            before, changed = before + count, changed + _settle(rows, verdict)
        reopened = verdict is Verdict.AGAIN and changed > 0 and _reopen(issue, by)
        wanted = asked.copies if asked else before if ids is None else len(set(ids))
        done = Settlement(verdict, changed, max(0, wanted - changed - barred), barred, reopened,
                          IssueState.SENDING if reopened else issue.state)
        if changed:
            _note(issue_id, done, by)
    return done


def describe_settlement(done: Settlement) -> str:
    """Return in words what a verdict changed. Pure."""
    copies = f"{done.changed:,} " + ("copy" if done.changed == 1 else "copies")
    said = {Verdict.ACCEPTED: "settled as taken by the next hop", Verdict.FAILED: "settled as not sent",
            Verdict.AGAIN: "queued once more"}[done.verdict]
    parts = [f"{copies} {said}."]
    if done.meanwhile:
        parts.append(f"{done.meanwhile:,} had been settled meanwhile.")
    if done.barred:
        parts.append(f"{done.barred:,} not sent again, as their readers have left or must not be written to.")
    if done.reopened:
        parts.append("The issue is on its way again until these are out.")
    elif done.verdict is Verdict.AGAIN and done.changed and done.state == IssueState.HELD:
        parts.append("The issue is held: they go when it goes on.")
    return " ".join(parts)


def _check(issue: Issue, ids: Collection[int] | None) -> None:
    if issue.state not in _OPEN_TO_IT or issue.started_at is None:
        raise ConflictError(f"issue {issue.pk} is {issue.state}: its copies are settled by hand only while it is being sent or "
                            "held, and after it was sent")
    for some in _pieces(ids or ()):
        strangers = set(some) - set(Delivery.objects.filter(issue=issue, pk__in=some).values_list("pk", flat=True))
        if strangers:
            raise NotFoundError(f"issue {issue.pk} has no copy {min(strangers)}; those to settle are listed by "
                                f"`broadsheet undelivered {issue.pk} --state uncertain`")


def _find_uncertain(issue_id: int, ids: Collection[int] | None, until: datetime | None) -> Iterator[QuerySet[Delivery]]:
    """Return the rows in pieces, those of each as they are when it is looked at."""
    rows = Delivery.objects.filter(issue_id=issue_id, state=DeliveryState.UNCERTAIN)
    if until is not None:
        rows = rows.filter(updated_at__lte=until)
    keys = sorted(set(ids)) if ids is not None else list(rows.order_by("pk").values_list("pk", flat=True))
    for some in _pieces(keys):
        yield rows.filter(pk__in=some)


def _find_sendable(issue: Issue, rows: QuerySet[Delivery]) -> list[int]:
    """Return those rows whose readers are still to get the issue. The last look before the call asks again."""
    due = find_audience(issue.newsletter, digest=issue.digest).filter(reader=OuterRef("reader"))
    found = dict(rows.filter(Exists(due)).values_list("pk", "reader__email"))
    suppressed = suppressed_among(found.values())
    return [pk for pk, email in found.items() if email not in suppressed]


def _settle(rows: QuerySet[Delivery], verdict: Verdict) -> int:
    """Change the rows that are still uncertain. Without its token no worker or reply that comes late finds a row again."""
    if verdict is Verdict.AGAIN:
        return rows.update(state=DeliveryState.QUEUED, error="", lease_token="", leased_until=None, not_before=None, claims=0,
                           updated_at=Now())
    state, words = (DeliveryState.ACCEPTED, "") if verdict is Verdict.ACCEPTED else (DeliveryState.FAILED, NOT_SENT)
    return rows.update(state=state, error=words, lease_token="", leased_until=None, not_before=None, updated_at=Now())


def _reopen(issue: Issue, by: str) -> bool:
    """Put an issue that was sent on its way again; say whether it was."""
    if issue.state != IssueState.SENT:
        return False
    check_edition(read_edition(issue.pk))
    move_issue(issue, IssueState.SENDING, by=by, action="send again")
    return True


def _note(issue_id: int, done: Settlement, by: str) -> None:
    detail = {"as": done.verdict.value, "copies": done.changed}
    if done.meanwhile:
        detail["settled meanwhile"] = done.meanwhile
    if done.barred:
        detail["not sent again, their readers have left"] = done.barred
    AuditEntry.objects.create(actor=by[:254], action="settle uncertain", subject=f"issue {issue_id}", detail=detail)


def _pieces(keys: Collection[int]) -> Iterator[Sequence[int]]:
    listed = list(keys)
    for start in range(0, len(listed), _PIECE):
        yield listed[start : start + _PIECE]


def read_verdict(words: str) -> Verdict:
    """Return the verdict of that name; raises BroadsheetError."""
    try:
        return Verdict(words)
    except ValueError as error:
        raise BroadsheetError(f"{words!r} is no verdict on a copy; there are: {', '.join(Verdict)}") from error
