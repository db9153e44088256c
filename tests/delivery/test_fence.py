"""A database put back from before a send, and a send that stood still: nobody is written to until a person says so."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.audit import time_machine
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.backoff import leave_alone
from worker.delivery.breaker import resume_issue
from worker.delivery.deliver import deliver_batch, deliver_issue, status
from worker.delivery.senders import open_sender
from worker.errors import ConflictError
from worker.press.proof import hash_proof
from worker.storage.models import AuditEntry, Delivery, Edition, Issue

pytestmark = pytest.mark.django_db
Make = Callable[..., int]


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


def put_back(issue_id: int, *, state: str, keep_audience: bool) -> None:
    """Make of the rows what a backup from before their send holds."""
    Delivery.objects.update(state="queued", attempts=0, provider_id="")
    Issue.objects.update(state=state, turns=0, sent_at=None)
    if not keep_audience:
        Delivery.objects.all().delete()
        Issue.objects.update(started_at=None)
    with time_machine():
        AuditEntry.objects.filter(action__in=["start", "hold", "resume"]).delete()
    if state == "approved":
        start_issue(issue_id, by="the timetable")


@pytest.mark.parametrize(("state", "keep_audience"), [("sending", True), ("sending", False), ("approved", False)])
def test_a_database_from_before_a_send_does_not_send_again_by_itself(
        make_issue: Make, box: Path, state: str, keep_audience: bool) -> None:
    issue_id = make_issue(3)
    start_issue(issue_id, by="x")
    deliver_issue(issue_id)
    mails = sorted(box.iterdir())
    put_back(issue_id, state=state, keep_audience=keep_audience)
    for mail in mails:
        mail.unlink()

    with pytest.raises(ConflictError, match="older one"):
        deliver_issue(issue_id)

    issue = Issue.objects.get()
    assert issue.state == "held"
    assert "more of it than the database knows" in issue.note
    assert not list(box.iterdir())


def test_a_person_may_let_it_go_on_all_the_same(make_issue: Make, box: Path) -> None:
    issue_id = make_issue(3)
    start_issue(issue_id, by="x")
    deliver_issue(issue_id)
    put_back(issue_id, state="sending", keep_audience=True)
    with pytest.raises(ConflictError):
        deliver_issue(issue_id)
    resume_issue(issue_id, by="approver@example.com")
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 3}


def test_a_database_from_the_middle_of_a_send_is_an_older_one_too(sending: Make, box: Path) -> None:
    issue_id = sending(6)
    sender = open_sender()
    deliver_batch(issue_id, sender, limit=2)
    turns, rows = Issue.objects.get().turns, list(Delivery.objects.values("pk", "state", "attempts"))
    deliver_batch(issue_id, sender, limit=2)
    for row in rows:
        Delivery.objects.filter(pk=row.pop("pk")).update(**row)
    Issue.objects.update(turns=turns)
    with pytest.raises(ConflictError, match="older one"):
        deliver_issue(issue_id)
    assert len(list(box.iterdir())) == 4


def test_another_edition_under_the_same_number_is_none_of_it(make_issue: Make, box: Path) -> None:
    """A new database gives numbers out again."""
    issue_id = make_issue(2)
    start_issue(issue_id, by="x")
    deliver_issue(issue_id)
    put_back(issue_id, state="approved", keep_audience=False)
    edition = Edition.objects.get()
    Edition.objects.update(subject="Another", sha256=hash_proof("Another", edition.html, edition.text))
    assert deliver_issue(issue_id).state == "sent"


def test_a_send_that_stood_still_for_long_is_asked_about(sending: Make, box: Path, settings: Any) -> None:
    issue_id = sending(4)
    deliver_batch(issue_id, open_sender(), limit=1)
    long_ago = timezone.now() - timedelta(minutes=settings.START_GRACE_MINUTES + 1)
    Delivery.objects.update(updated_at=long_ago)
    with time_machine():
        AuditEntry.objects.update(at=long_ago)
    Issue.objects.update(started_at=long_ago)
    with pytest.raises(ConflictError, match="stood still"):
        deliver_issue(issue_id)
    assert Issue.objects.get().state == "held"
    assert len(list(box.iterdir())) == 1
    resume_issue(issue_id, by="approver@example.com")
    assert deliver_issue(issue_id).state == "sent"


def test_a_send_that_the_next_hop_asked_to_wait_does_not_stand_still(sending: Make, box: Path, settings: Any) -> None:
    issue_id = sending(2)
    long_ago = timezone.now() - timedelta(minutes=2 * settings.START_GRACE_MINUTES)
    Delivery.objects.update(updated_at=long_ago)
    with time_machine():
        AuditEntry.objects.update(at=long_ago)
    Issue.objects.update(started_at=long_ago)
    leave_alone(-60)  # until a minute ago
    assert deliver_issue(issue_id).state == "sent"


def test_a_send_whose_canary_is_waited_for_does_not_stand_still(sending: Make, box: Path, settings: Any) -> None:
    settings.CANARY_MINUTES = 3 * settings.START_GRACE_MINUTES
    issue_id = sending(2)
    long_ago = timezone.now() - timedelta(minutes=2 * settings.START_GRACE_MINUTES)
    Delivery.objects.update(updated_at=long_ago)
    with time_machine():
        AuditEntry.objects.update(at=long_ago)
    Issue.objects.update(started_at=long_ago, canary_at=long_ago)
    assert deliver_issue(issue_id, seconds=0).state == "sending"
    Issue.objects.update(canary_at=long_ago - timedelta(minutes=settings.CANARY_MINUTES))
    with pytest.raises(ConflictError, match="stood still"):
        deliver_issue(issue_id)


def test_a_send_whose_copies_wait_for_their_next_try_does_not_stand_still(sending: Make, box: Path, settings: Any) -> None:
    issue_id = sending(2)
    long_ago = timezone.now() - timedelta(minutes=settings.START_GRACE_MINUTES + 1)
    Delivery.objects.update(updated_at=long_ago, not_before=timezone.now() - timedelta(seconds=1), attempts=5)
    with time_machine():
        AuditEntry.objects.update(at=long_ago)
    Issue.objects.update(started_at=long_ago)
    freeze_audience(issue_id)
    assert deliver_issue(issue_id).state == "sent"
