"""An approved issue and an hour in, the issue started at that hour out; and a person's word on a send: stop, go on, another hour.

The hour is kept in UTC beside the zone it was said in, and measured by the database's clock. An issue that missed its hour by more
than the grace is held and asked about: what was news at seven may be wrong by noon.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from worker.delivery.audience import move_issue, read_edition, start_issue
from worker.delivery.breaker import hold_issue, resume_issue
from worker.delivery.fence import let_pass
from worker.delivery.hours import MINUTE, Hour, describe_hour
from worker.errors import BroadsheetError, ConflictError
from worker.issues.draft import TIMETABLE
from worker.issues.find import find_issue, lock_issue
from worker.press.approve import check_edition
from worker.storage.models import AuditEntry, Edition, Issue, IssueState


@dataclass(frozen=True)
class Due:
    """What became of the issues whose hour had come: those that started, and why the others are held."""

    started: list[int] = field(default_factory=list)
    held: dict[int, str] = field(default_factory=dict)


def is_unstarted(issue: Issue) -> bool:
    """Say whether an approved issue is held of which nobody has a copy yet: it missed its hour, or was stopped before its readers
    were counted."""
    return (issue.state == IssueState.HELD and issue.started_at is None
            and Edition.objects.filter(issue=issue).exists())


def schedule_issue(issue_id: int, hour: Hour, *, by: str) -> None:
    """Give an approved issue the hour at which it starts by itself, or another one; also one that missed its hour.

    Raises NotFoundError, and ConflictError if it is not approved or has started.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state != IssueState.APPROVED and not is_unstarted(issue):
            raise ConflictError(f"issue {issue_id} is {issue.state}: only an approved issue that has not started is given an hour")
        if issue.state == IssueState.APPROVED and (issue.send_at, issue.send_zone) == (hour.at, hour.zone):
            return
        _set_hour(issue, hour, by=by, action="schedule")


def unschedule_issue(issue_id: int, *, by: str) -> bool:
    """Take the hour back: the issue stays approved and starts when somebody says so. Say whether there was an hour.

    Raises NotFoundError, and ConflictError if it is not approved or has started.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state != IssueState.APPROVED and not is_unstarted(issue):
            raise ConflictError(f"issue {issue_id} is {issue.state}: only an approved issue that has not started has an hour")
        if issue.state == IssueState.APPROVED and issue.send_at is None:
            return False
        _set_hour(issue, None, by=by, action="unschedule")
    return True


def _set_hour(issue: Issue, hour: Hour | None, *, by: str, action: str) -> None:
    detail = {"starts": str(hour)} if hour else {}
    if issue.send_at:
        detail["was"] = describe_hour(issue.send_at, issue.send_zone)
    Issue.objects.filter(pk=issue.pk).update(
        state=IssueState.APPROVED, note="", revision=F("revision") + 1,
        send_at=hour.at if hour else None, send_zone=hour.zone if hour else "")
    AuditEntry.objects.create(actor=by[:254], action=action, subject=f"issue {issue.pk}", detail=detail)


def start_due() -> Due:
    """Start the approved issues whose hour has come, in the name of whoever gave it; hold those that missed it by more than
    START_GRACE_MINUTES, or whose edition is not what was approved.

    May run twice at once: an issue starts once.
    """
    due = Due()
    for issue_id in _find_due().values_list("pk", flat=True):
        note = _begin(issue_id)
        if note:
            due.held[issue_id] = note
        elif note is not None:
            due.started.append(issue_id)
    return due


def _find_due(**only: int) -> QuerySet[Issue]:
    return Issue.objects.filter(state=IssueState.APPROVED, send_at__lte=Now(), **only).order_by("send_at", "pk")


def _begin(issue_id: int) -> str | None:
    """Start the issue; return why it is held instead, "" if it started, None if it is not its turn any more."""
    with transaction.atomic():
        issue = lock_issue(issue_id)
        clock = _find_due(pk=issue_id).values_list(Now(), flat=True).first()  # asked again, now that it is locked
        if clock is None or issue.send_at is None:
            return None
        note = _judge_delay(issue.send_at, issue.send_zone, clock)
        if not note:
            try:
                start_issue(issue_id, by=_find_scheduler(issue_id))
                return ""
            except BroadsheetError as error:  # it would fail again in ten seconds, and for ever
                note = f"it did not start at its hour: {error}"
        move_issue(issue, IssueState.HELD, by=TIMETABLE, action="hold", note=note)
        return note


def _judge_delay(at: datetime, zone: str, clock: datetime) -> str:
    """Return why an issue that was to start `at` is not started at `clock` any more; "" if it may start. Pure."""
    late = clock - at
    if late <= timedelta(minutes=settings.START_GRACE_MINUTES):
        return ""
    delay = _count_time(late // MINUTE)
    return (f"it missed its start: it was due on {describe_hour(at, zone)}, and the service came to it {delay} late "
            f"(START_GRACE_MINUTES is {settings.START_GRACE_MINUTES}). Nothing was sent: send it all the same, give it another "
            "hour, or cancel it")


def _count_time(minutes: int) -> str:
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _find_scheduler(issue_id: int) -> str:
    said = AuditEntry.objects.filter(subject=f"issue {issue_id}", action="schedule").order_by("-at", "-id").first()
    return said.actor if said else TIMETABLE


def pause_issue(issue_id: int, *, by: str, note: str = "") -> None:
    """Stop an issue on its way until somebody lets it go on. Raises NotFoundError, ConflictError if it is not being sent."""
    if not hold_issue(issue_id, f"paused by {by}" + (f": {note}" if note else ""), by=by):
        state = find_issue(issue_id).state
        raise ConflictError(f"issue {issue_id} is {state}: only an issue that is being sent can be paused")


def release_issue(issue_id: int, *, by: str) -> None:
    """Start a held issue of which nobody has a copy, whatever its hour was.

    Raises NotFoundError, ConflictError if it is no such issue, BroadsheetError if its edition has changed.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        if issue.state == IssueState.SENDING:
            return
        if not is_unstarted(issue):
            raise ConflictError(f"issue {issue_id} is {issue.state}: only an approved issue that is held can be sent all the same")
        check_edition(read_edition(issue_id))
        let_pass(issue)
        move_issue(issue, IssueState.SENDING, by=by, action="release")


def let_go_on(issue_id: int, *, by: str) -> None:
    """Let a held issue go on from where it was stopped, which may be before its start.

    Raises NotFoundError, ConflictError if it is not held or was never approved, BroadsheetError if its edition has changed.
    """
    issue = find_issue(issue_id)
    if is_unstarted(issue):
        release_issue(issue_id, by=by)
    elif issue.state == IssueState.HELD and issue.started_at is None:
        raise ConflictError(f"issue {issue_id} was not approved in time: open it again at the desk, then approve it")
    else:
        resume_issue(issue_id, by=by)
