"""An issue about to go on its way in, a refusal out if more of it has been sent from here than its database knows: then that is an
older one, put back from a backup, and would send to people again who have had it.

Each call of an issue is a turn. The database counts them in the transaction that marks the call's copies as attempted, and a file
beside it keeps the count (`BROADSHEET_HOME/turns`, one for each edition of an issue). A count that went back says what no row can.
The file is this machine's: what another one sent is not in it. So a send that stood still for long is held as well, and a person
decides.
"""

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import time

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from worker.delivery.backoff import was_left_alone
from worker.delivery.pace import rest_until
from worker.errors import ConflictError, TransientError
from worker.storage.models import AuditEntry, Delivery, DeliveryState, Edition, Issue, IssueState

FENCE = "fence"  # who holds an issue for it, in the audit log
KEPT_SECONDS = 180 * 24 * 3600  # older backups than that are not put back
_TAIL = 4096  # bytes; a line has at most 20


class LongStillError(ConflictError):
    """Nothing has been done about an issue that is being sent for long."""


class OldDatabaseError(ConflictError):
    """More of the issue has been sent than the database knows."""

    def __init__(self, message: str, turns: int) -> None:
        super().__init__(message)
        self.turns = turns


def take_turn(issue_id: int) -> int:
    """Count a turn, in the caller's transaction, and return its number; 0 if the issue is not being sent any more."""
    if not Issue.objects.filter(pk=issue_id, state=IssueState.SENDING).update(turns=F("turns") + 1):
        return 0
    return int(Issue.objects.values_list("turns", flat=True).get(pk=issue_id))


def keep_turn(issue_id: int, sha256: str, turn: int) -> None:
    """Keep the count outside the database, once the turn is committed and before anything is handed over.

    Raises TransientError if that cannot be written.
    """
    path = _path(issue_id, sha256)
    try:
        is_new = not path.exists()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Appended: two workers may write at once, and the greater number counts, whichever comes first.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, b"\n%d\n" % turn)
        finally:
            os.close(file)
    except OSError as error:
        raise TransientError(f"BROADSHEET_HOME: {path} cannot be written ({error.strerror or error}), and nothing is sent that is "
                             "not counted there: make room, or let this user write to it") from error
    if is_new:
        _drop_old(path.parent)


def check_turns(issue: Issue, edition: Edition) -> None:
    """Raise OldDatabaseError if this edition has had more turns than the database counts."""
    known = _read(_path(issue.pk, edition.sha256))
    counted = int(Issue.objects.values_list("turns", flat=True).get(pk=issue.pk))  # after the file: other workers count on
    if known > counted:
        raise OldDatabaseError(
            f"issue {issue.pk}: this machine has sent more of it than the database knows ({known} calls, the database counts "
            f"{counted}), so the database is an older one: whoever it lists as waiting may have had it. See who got it, then "
            "cancel it; or let it go on, and they may get it twice", known)


def let_pass(issue: Issue) -> None:
    """Go on though the database is an older one, if the issue was held for that: a person has decided. In their transaction."""
    entry = AuditEntry.objects.filter(subject=f"issue {issue.pk}", action="hold", actor=FENCE).order_by("-at").first()
    turns = int(entry.detail.get("turns", 0)) if entry else 0
    Issue.objects.filter(pk=issue.pk, turns__lt=turns).update(turns=turns)


def check_stillness(issue: Issue) -> None:
    """Raise LongStillError if nothing has happened to an issue that is being sent for longer than START_GRACE_MINUTES, though there
    was something to do: it is old news by now, or its database is an old one."""
    since = Now() - timedelta(minutes=settings.START_GRACE_MINUTES)
    rows = Delivery.objects.filter(issue_id=issue.pk)
    stirred = (
        Issue.objects.filter(pk=issue.pk, started_at__gt=since),
        Issue.objects.filter(pk=issue.pk, canary_at__gt=since - timedelta(minutes=settings.CANARY_MINUTES)),
        AuditEntry.objects.filter(subject=f"issue {issue.pk}", at__gt=since),
        rows.filter(updated_at__gt=since), rows.filter(state=DeliveryState.QUEUED, not_before__gt=since))
    if issue.started_at is None or was_left_alone(since) or any(found.exists() for found in stirred):
        return
    rest = rest_until()
    if rest and rest > timezone.now() - timedelta(minutes=settings.START_GRACE_MINUTES):
        return
    if rows.filter(state__in=[DeliveryState.QUEUED, DeliveryState.ATTEMPTING]).exists():
        raise LongStillError(
            f"issue {issue.pk}: its sending stood still for more than {settings.START_GRACE_MINUTES} minutes. If the database was "
            "put back from a backup, whoever it lists as waiting may have had it: see who got it, then cancel it. Otherwise let "
            "it go on")


def _path(issue_id: int, sha256: str) -> Path:
    home: Path = settings.BROADSHEET_HOME
    return home / "turns" / f"{issue_id}-{sha256[:16]}"


def _read(path: Path) -> int:
    """Return the greatest number near the file's end; 0 if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            words = file.read().split()
    except FileNotFoundError:
        return 0
    return max((int(word) for word in words if word.isdigit()), default=0)


def _drop_old(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):
            if time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()
