"""Alarms by mail: to those who decide, once for each event, not lost by a crash, and no issue is sent because of one."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.audit import time_machine
from tests.delivery.editions import part_of
from tests.fakes.smtp_sink import Rules, SmtpSink
from tests.issues.paper import NOW, make_story
from worker.delivery.alarms import list_addresses, owe_alarms, send_alarms
from worker.delivery.breaker import hold_issue, resume_issue
from worker.delivery.deliver import settle_expired
from worker.errors import TransientError
from worker.issues.draft import draft_issue, hold_overdue
from worker.issues.edit import reopen
from worker.issues.timetable import say_left
from worker.press.approve import approve_issue, let_go, withdraw_approval
from worker.press.render import render_proof
from worker.readers.retention import retain
from worker.readers.suppress import suppress
from worker.storage import bulk
from worker.storage.models import Alarm, AuditEntry, Editor, Issue, Pace, Role

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script> Chips\r\nBcc: all@example.com"
DEADLINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
Box = Callable[[], list[EmailMessage]]


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Box:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return lambda: [message_from_bytes(file.read_bytes(), policy=policy.default)  # type: ignore[misc]
                    for file in sorted((tmp_path / "box" / "new").glob("*"))]


@pytest.fixture
def admin(approver: Editor, editor: Editor) -> Editor:
    """An admin beside the approver and the editor; one more who left."""
    Editor.objects.create_user("left@example.com", role=Role.APPROVER)
    Editor.objects.filter(email="left@example.com").update(is_active=False)
    return Editor.objects.create_user("admin@example.com", role=Role.ADMIN)


@pytest.fixture
def draft(editorial_file: Path, admin: Editor) -> Issue:
    make_story(HOSTILE, ["first-outlet", "second-outlet"])
    return draft_issue("aitrends", now=NOW)


def hold(issue: Issue) -> datetime:
    """Let the deadline pass, and return a moment after it; the log is as old as that."""
    late = DEADLINE + timedelta(minutes=2)
    hold_overdue(now=late)
    with time_machine():
        AuditEntry.objects.filter(action="hold").update(at=late)
    issue.refresh_from_db()
    return late


def states() -> list[tuple[str, str, str]]:
    return list(Alarm.objects.order_by("pk").values_list("kind", "to", "state"))


def test_a_deadline_that_passed_is_told_once_to_who_may_approve(draft: Issue, box: Box) -> None:
    late = hold(draft)
    assert owe_alarms(now=late) == 2
    assert owe_alarms(now=late) == 0
    assert send_alarms(now=late) == 2
    assert send_alarms(now=late) == 0
    assert owe_alarms(now=late + timedelta(hours=20)) == 0
    mails = box()
    assert sorted(mail["To"] for mail in mails) == ["admin@example.com", "approver@example.com"]
    mail = mails[0]
    assert mail["Subject"] == "Not sent: AITrends 2026-11-23 was not approved in time"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in mail
    assert "Bcc" not in mail
    for kind in ("plain", "html"):
        said = " ".join(part_of(mail, kind).split())
        assert "by its deadline, Monday 23 November 2026, 09:00 in Europe/London" in said
        assert f"/desk/issues/{draft.pk}/" in said
    assert "<script>" not in part_of(mail, "html")
    assert Issue.objects.get().state == "held", "told or not, it is not sent"


def test_an_hour_before_the_deadline_there_is_a_warning_once(draft: Issue, box: Box) -> None:
    soon = DEADLINE - timedelta(minutes=50)
    assert owe_alarms(now=DEADLINE - timedelta(minutes=61)) == 0
    assert owe_alarms(now=soon) == 2
    assert owe_alarms(now=soon + timedelta(minutes=20)) == 0
    assert send_alarms(now=soon) == 2
    assert "The deadline is in 50 min: Monday 23 November 2026, 09:00" in " ".join(part_of(box()[0], "plain").split())


def test_a_draft_made_shortly_before_its_deadline_has_half_of_the_time_unwarned(draft: Issue) -> None:
    Issue.objects.update(drafted_at=DEADLINE - timedelta(minutes=20))
    assert owe_alarms(now=DEADLINE - timedelta(minutes=11)) == 0
    assert owe_alarms(now=DEADLINE - timedelta(minutes=9)) == 2


def test_the_warning_says_who_has_signed_where_two_must(draft: Issue, editorial_file: Path, approver: Editor, box: Box) -> None:
    editorial_file.write_text(editorial_file.read_text().replace('title = "AITrends"\n', 'title = "AITrends"\nfour_eyes = true\n'))
    let_go(draft.pk, editor=approver, proof_sha256=render_proof(draft).sha256)
    owe_alarms(now=DEADLINE - timedelta(minutes=30))
    send_alarms(now=DEADLINE - timedelta(minutes=30))
    assert "it has that of approver@example.com; one more is wanted" in " ".join(part_of(box()[0], "plain").split())


def test_what_was_decided_meanwhile_is_not_told(draft: Issue, approver: Editor, box: Box) -> None:
    soon = DEADLINE - timedelta(minutes=30)
    owe_alarms(now=soon)
    approve_issue(draft.pk, editor=approver, proof_sha256=render_proof(draft).sha256)
    assert send_alarms(now=soon) == 0
    assert box() == []
    assert {state for _, _, state in states()} == {"cancelled"}


def test_an_approval_taken_back_before_the_deadline_is_told_although_the_warning_of_before_was_not_sent(
        draft: Issue, approver: Editor, box: Box) -> None:
    soon = DEADLINE - timedelta(minutes=30)
    owe_alarms(now=soon)
    approve_issue(draft.pk, editor=approver, proof_sha256=render_proof(draft).sha256)
    send_alarms(now=soon)
    withdraw_approval(draft.pk, editor=approver)
    Issue.objects.update(drafted_at=DEADLINE - timedelta(minutes=20))
    late = DEADLINE - timedelta(minutes=5)
    assert owe_alarms(now=late) == 2
    assert owe_alarms(now=late) == 0
    assert send_alarms(now=late) == 2


def test_two_who_find_an_event_at_the_same_moment_owe_it_once(draft: Issue, settings: Any) -> None:
    late = hold(draft)

    class Interrupted(list[str]):
        """Addresses that are read after the look at what is owed already: somebody else owes all of it in between."""

        def __iter__(self) -> Iterator[str]:
            settings.ALARM_ADDRESSES = []
            assert owe_alarms(now=late) == 2
            return super().__iter__()

    settings.ALARM_ADDRESSES = Interrupted()
    owe_alarms(now=late)
    assert sorted(to for _, to, _ in states()) == ["admin@example.com", "approver@example.com"]


def test_an_issue_held_again_is_told_again(draft: Issue, approver: Editor, box: Box) -> None:
    late = hold(draft)
    owe_alarms(now=late)
    send_alarms(now=late)
    reopen(draft.pk, editor=approver, revision=draft.revision)
    Issue.objects.update(drafted_at=NOW)
    hold_overdue(now=late)
    assert owe_alarms(now=late) == 2
    assert send_alarms(now=late) == 2
    assert len(box()) == 4


def test_a_send_the_breaker_stopped_is_told_with_what_is_out(sending: Callable[..., int], admin: Editor, box: Box) -> None:
    issue_id = sending(3)
    hold_issue(issue_id, "2 of 3 copies were refused: <b>550</b> no")
    assert owe_alarms() == 3, "the chief who approved it, too"
    assert send_alarms() == 3
    for kind in ("plain", "html"):
        said = " ".join(part_of(box()[0], kind).split())
        assert "Copies that are out: 0. Copies that wait: 3." in said
        assert "2 of 3 copies were refused" in said
    assert "<b>550" not in part_of(box()[0], "html")
    resume_issue(issue_id, by="admin@example.com")
    assert owe_alarms() == 0


def test_a_person_who_paused_an_issue_is_told_nothing(sending: Callable[..., int], admin: Editor) -> None:
    hold_issue(sending(2), "paused", by="admin@example.com")
    assert owe_alarms() == 0


def test_the_operator_names_further_addresses(draft: Issue, settings: Any, box: Box) -> None:
    settings.ALARM_ADDRESSES = ["Night@example.com", "admin@example.com"]
    assert list_addresses() == ["admin@example.com", "approver@example.com", "night@example.com"]
    owe_alarms(now=hold(draft))
    assert send_alarms(now=DEADLINE + timedelta(hours=1)) == 3


def test_nobody_to_tell_is_no_error(draft: Issue) -> None:
    late = hold(draft)
    Editor.objects.update(is_active=False)
    assert owe_alarms(now=late) == 0
    assert Issue.objects.get().state == "held"
    Editor.objects.update(is_active=True)
    assert owe_alarms(now=late) == 3, "whoever is let in within a day is told"


def test_an_address_that_must_not_be_written_to_is_not(draft: Issue, box: Box) -> None:
    suppress("admin@example.com", "bounce")
    owe_alarms(now=hold(draft))
    assert send_alarms(now=DEADLINE + timedelta(hours=1)) == 1
    assert ("late", "admin@example.com", "suppressed") in states()


def test_a_server_that_is_away_gets_it_later_and_once(draft: Issue, settings: Any) -> None:
    late = hold(draft)
    owe_alarms(now=late)
    settings.SENDER_URL = "smtp://127.0.0.1:9"
    with pytest.raises(TransientError):
        send_alarms(now=late)
    assert {state for _, _, state in states()} == {"queued"}
    with SmtpSink(Rules(rcpt={"admin@example.com": "451 4.2.0 later"})) as sink:
        settings.SENDER_URL = sink.url
        assert send_alarms(now=late) == 1
        assert ("late", "admin@example.com", "queued") in states(), "it was put off"
        sink.rules.rcpt.clear()
        Alarm.objects.update(not_before=None)
        Pace.objects.update(free_at=None)
        assert send_alarms(now=late) == 1
        assert send_alarms(now=late) == 0
        assert sorted(mail.recipient for mail in sink.mails) == ["admin@example.com", "approver@example.com"]


def test_what_a_crash_left_in_the_middle_is_not_sent_again(draft: Issue, box: Box) -> None:
    late = hold(draft)
    owe_alarms(now=late)
    ids = bulk.claim_rows(Alarm.objects.all(), "gone", limit=1, seconds=60)
    bulk.mark_attempting(Alarm, ids, "gone", -1)
    assert send_alarms(now=late) == 1
    settle_expired()
    assert sorted(state for _, _, state in states()) == ["accepted", "uncertain"]
    assert send_alarms(now=late) == 0


def test_alarms_go_after_their_time(draft: Issue, settings: Any, box: Box) -> None:
    late = hold(draft)
    owe_alarms(now=late)
    send_alarms(now=late)
    retain(now=late + timedelta(days=settings.KEEP_EVENTS_DAYS - 1))
    assert Alarm.objects.count() == 2
    retain(now=late + timedelta(days=settings.KEEP_EVENTS_DAYS + 1))
    assert not Alarm.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_once(draft: Issue, box: Box) -> None:
    late = hold(draft)
    counts: list[int] = []

    def work() -> None:
        try:
            owe_alarms(now=late)
            counts.append(send_alarms(now=late))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send_alarms(now=late)
    assert Alarm.objects.count() == 2
    assert len(box()) == 2


def test_the_task_does_both(draft: Issue, box: Box) -> None:
    from worker import tasks

    Issue.objects.update(drafted_at=timezone.now() - timedelta(days=3))
    hold_overdue()
    tasks.alarms()
    tasks.alarms()
    assert len(box()) == 2


@pytest.mark.parametrize(("minutes", "said"), [
    (130, "in 2 h 10 min"), (59, "in 59 min"), (60, "in 1 h"), (0, "in less than a minute"), (24 * 60, "in 1 d"),
    (50 * 60 + 5, "in 2 d 2 h"), (-5, "5 min ago"), (-125, "2 h 5 min ago")])
def test_how_long_it_is_is_said_as_people_say_it(minutes: int, said: str) -> None:
    assert say_left(timedelta(minutes=minutes)) == said
