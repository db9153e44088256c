"""Issues that start by themselves: at their hour, once, or not at all if it was missed; and what a person may do about each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.db import connections
from django.utils import timezone
from structlog.testing import capture_logs

from tests.delivery.editions import make_edition
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.deliver import cancel_issue, deliver_issue
from worker.delivery.fence import keep_turn
from worker.delivery.hours import Hour
from worker.delivery.schedule import (
    Due,
    let_go_on,
    pause_issue,
    release_issue,
    schedule_issue,
    start_due,
    unschedule_issue,
)
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.press.approve import approve_issue, withdraw_approval
from worker.press.render import render_proof
from worker.storage.models import AuditEntry, Delivery, Edition, Editor, Issue

pytestmark = pytest.mark.django_db
Make = Callable[..., int]
CHIEF = "chief@example.com"


def set_hour(issue_id: int, *, minutes: float, zone: str = "Europe/Berlin") -> Hour:
    """Let the issue start so many minutes from now; less than none is an hour that has passed."""
    hour = Hour(timezone.now() + timedelta(minutes=minutes), zone)
    schedule_issue(issue_id, hour, by=CHIEF)
    return hour


def state_of(issue_id: int) -> str:
    return Issue.objects.get(pk=issue_id).state


def actions(issue_id: int) -> list[tuple[str, str]]:
    return list(AuditEntry.objects.filter(subject=f"issue {issue_id}").order_by("id").values_list("actor", "action"))


def test_an_issue_starts_at_its_hour_and_not_before(make_issue: Make) -> None:
    issue_id = make_issue(2)
    set_hour(issue_id, minutes=1)
    assert start_due() == Due()
    assert state_of(issue_id) == "approved"
    set_hour(issue_id, minutes=-0.1)
    assert start_due() == Due(started=[issue_id])
    assert state_of(issue_id) == "sending"
    assert start_due() == Due(), "once"
    assert actions(issue_id) == [(CHIEF, "schedule"), (CHIEF, "schedule"), (CHIEF, "start")], "in the name of who gave the hour"


def test_the_hour_is_kept_in_utc_with_the_zone_it_was_said_in_and_is_on_record(make_issue: Make) -> None:
    issue_id = make_issue(1)
    first = set_hour(issue_id, minutes=60)
    assert Issue.objects.filter(send_at=first.at, send_zone="Europe/Berlin").exists()
    schedule_issue(issue_id, first, by=CHIEF)
    assert len(actions(issue_id)) == 1, "the same hour twice is one"
    second = set_hour(issue_id, minutes=90, zone="UTC")
    entry = AuditEntry.objects.latest("id")
    assert entry.detail == {"starts": str(second), "was": str(first)}
    assert "in Europe/Berlin (UTC+0" in entry.detail["was"]


def test_an_hour_taken_back_starts_nothing(make_issue: Make) -> None:
    issue_id = make_issue(1)
    set_hour(issue_id, minutes=-1)
    assert unschedule_issue(issue_id, by=CHIEF)
    assert not unschedule_issue(issue_id, by=CHIEF)
    assert start_due() == Due()
    assert (state_of(issue_id), Issue.objects.get().send_at, Issue.objects.get().send_zone) == ("approved", None, "")
    assert actions(issue_id)[-1] == (CHIEF, "unschedule")


@pytest.mark.parametrize("late", [1, 59.9])
def test_within_the_grace_a_late_start_is_a_start(make_issue: Make, late: float) -> None:
    issue_id = make_issue(1)
    set_hour(issue_id, minutes=-late)
    assert start_due().started == [issue_id]


@pytest.mark.parametrize(("late", "grace", "says"), [
    (61, 60, "61 minutes late (START_GRACE_MINUTES is 60)"), (10, 5, "10 minutes late (START_GRACE_MINUTES is 5)"),
    (60 * 11 + 5, 60, "11 hours late"), (60 * 24 * 9, 1440, "9 days late"),
])
def test_a_start_missed_by_more_is_held_and_asked_about(
    make_issue: Make, settings: Any, late: int, grace: int, says: str
) -> None:
    settings.START_GRACE_MINUTES = grace
    issue_id = make_issue(2)
    hour = set_hour(issue_id, minutes=-late)
    due = start_due()
    assert due.started == []
    assert start_due() == Due(), "it is asked about once"
    issue = Issue.objects.get()
    assert issue.state == "held"
    assert due.held == {issue_id: issue.note}
    assert f"it was due on {hour}" in issue.note
    assert says in issue.note
    assert "send it all the same, give it another hour, or cancel it" in issue.note
    assert not Delivery.objects.exists()
    assert actions(issue_id)[-1] == ("timetable", "hold")


@pytest.fixture
def missed(make_issue: Make) -> int:
    """An issue for two readers that missed its hour and is held."""
    issue_id = make_issue(2)
    set_hour(issue_id, minutes=-100)
    start_due()
    assert state_of(issue_id) == "held"
    return issue_id


def test_a_missed_one_is_sent_all_the_same_when_a_person_says_so(missed: int, settings: Any, tmp_path: Path) -> None:
    let_go_on(missed, by=CHIEF)
    assert (state_of(missed), Issue.objects.get().note) == ("sending", "")
    assert actions(missed)[-1] == (CHIEF, "release")
    settings.SENDER_URL = f"maildir:{tmp_path}"
    assert deliver_issue(missed).state == "sent"
    assert Delivery.objects.filter(state="accepted").count() == 2
    with pytest.raises(ConflictError, match="is sent: only an approved issue that is held"):
        release_issue(missed, by=CHIEF)


def test_a_missed_one_gets_another_hour(missed: int) -> None:
    set_hour(missed, minutes=30)
    assert (state_of(missed), Issue.objects.get().note) == ("approved", "")
    set_hour(missed, minutes=-1)
    assert start_due().started == [missed]


def test_a_missed_one_is_kept_for_later_and_can_then_be_withdrawn(missed: int) -> None:
    assert unschedule_issue(missed, by=CHIEF)
    assert start_due() == Due()
    assert state_of(missed) == "approved"
    withdraw_approval(missed, editor=Editor.objects.get(email=CHIEF))
    assert state_of(missed) == "draft"


def test_a_missed_one_is_cancelled(missed: int) -> None:
    cancel_issue(missed, by=CHIEF, note="old news")
    for again in (lambda: let_go_on(missed, by=CHIEF), lambda: set_hour(missed, minutes=5)):
        with pytest.raises(ConflictError, match="is cancelled"):
            again()


def test_an_edition_that_is_not_what_was_approved_is_held_and_not_tried_for_ever(make_issue: Make) -> None:
    broken, whole = make_issue(1), make_issue(["other@example.com"], period="2026-11-24")
    set_hour(broken, minutes=-2)
    set_hour(whole, minutes=-1)
    Edition.objects.filter(issue=broken).update(html="<p>something else</p>")
    due = start_due()
    assert due.started == [whole], "and keeps nobody else waiting"
    assert "bytes are not those that were approved" in due.held[broken]
    assert "bytes are not those that were approved" in Issue.objects.get(pk=broken).note
    with pytest.raises(BroadsheetError, match="bytes are not those"):
        let_go_on(broken, by=CHIEF)
    assert state_of(broken) == "held"


@pytest.mark.parametrize("state", ["draft", "sending", "sent", "rejected", "cancelled", "held"])
def test_only_an_approved_issue_that_has_not_started_has_an_hour(make_issue: Make, state: str) -> None:
    issue_id = make_issue(1)
    started = None if state == "draft" else timezone.now()
    past = timezone.now() - timedelta(minutes=1)
    Issue.objects.update(state=state, started_at=started, send_at=past, send_zone="UTC")
    with pytest.raises(ConflictError, match=f"is {state}: only an approved issue that has not started is given an hour"):
        set_hour(issue_id, minutes=5)
    with pytest.raises(ConflictError, match=f"is {state}"):
        unschedule_issue(issue_id, by=CHIEF)
    assert start_due() == Due(), "whatever hour it once had"
    assert state_of(issue_id) == state


def test_an_issue_sent_before_its_hour_is_not_started_again(make_issue: Make) -> None:
    issue_id = make_issue(1)
    set_hour(issue_id, minutes=1)
    start_issue(issue_id, by=CHIEF)
    Issue.objects.update(send_at=timezone.now() - timedelta(minutes=1))
    assert start_due() == Due()
    assert actions(issue_id).count((CHIEF, "start")) == 1


@pytest.fixture
def drafted(db: None, editorial_file: Path) -> int:
    """An approved issue that was really drafted, so that it can be approved again."""
    return make_edition(editorial_file)


def test_a_forgotten_hour_does_not_come_back_with_the_next_approval(drafted: int) -> None:
    editor = Editor.objects.get(email=CHIEF)
    set_hour(drafted, minutes=-1)
    withdraw_approval(drafted, editor=editor)
    assert start_due() == Due()
    approve_issue(drafted, editor=editor, proof_sha256=render_proof(Issue.objects.get(pk=drafted)).sha256)
    assert start_due() == Due()
    assert state_of(drafted) == "approved"


def test_pausing_stops_and_going_on_goes_on(sending: Make, settings: Any, tmp_path: Path) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path}"
    issue_id = sending(3)
    pause_issue(issue_id, by=CHIEF, note="a wrong date in the lead")
    assert Issue.objects.get().note == "paused by chief@example.com: a wrong date in the lead"
    assert deliver_issue(issue_id).state == "held"
    assert Delivery.objects.filter(state="queued").count() == 3
    with pytest.raises(ConflictError, match="is held: only an issue that is being sent can be paused"):
        pause_issue(issue_id, by=CHIEF)
    let_go_on(issue_id, by=CHIEF)
    assert deliver_issue(issue_id).state == "sent"
    assert actions(issue_id)[-2:] == [(CHIEF, "hold"), (CHIEF, "resume")]


def test_what_is_paused_before_its_readers_were_counted_goes_on_too(make_issue: Make) -> None:
    issue_id = make_issue(2)
    start_issue(issue_id, by=CHIEF)
    pause_issue(issue_id, by=CHIEF)
    let_go_on(issue_id, by=CHIEF)
    assert freeze_audience(issue_id) == 2


def test_a_start_from_an_older_database_is_let_go_on_by_a_person_alone(
    make_issue: Make, settings: Any, tmp_path: Path
) -> None:
    settings.SENDER_URL, settings.BROADSHEET_HOME = f"maildir:{tmp_path / 'box'}", tmp_path
    issue_id = make_issue(2)
    keep_turn(issue_id, Edition.objects.get().sha256, 5)  # five calls of it were made, of which this database knows nothing
    for _ in range(2):  # another hour is no answer to that
        set_hour(issue_id, minutes=-1)
        assert start_due().started == [issue_id]
        with pytest.raises(ConflictError, match="has sent more of it than the database knows"):
            deliver_issue(issue_id)
        assert state_of(issue_id) == "held"
    assert not (tmp_path / "box").exists()
    let_go_on(issue_id, by=CHIEF)
    assert deliver_issue(issue_id).state == "sent"


def test_what_was_never_approved_does_not_go_on(make_issue: Make) -> None:
    issue_id = make_issue(1)
    Edition.objects.all().delete()
    Issue.objects.update(state="held")
    with pytest.raises(ConflictError, match="was not approved in time: open it again at the desk"):
        let_go_on(issue_id, by=CHIEF)


@pytest.mark.parametrize("decide", [
    lambda: set_hour(7, minutes=5), lambda: unschedule_issue(7, by=CHIEF), lambda: pause_issue(7, by=CHIEF),
    lambda: release_issue(7, by=CHIEF), lambda: let_go_on(7, by=CHIEF),
])
def test_an_issue_that_is_not_there_is_said_to_be_missing(db: None, decide: Callable[[], object]) -> None:
    with pytest.raises(NotFoundError, match="there is no issue 7"):
        decide()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_start_it_once(make_issue: Make) -> None:
    issues = [make_issue([f"{n}@example.com"], period=f"2026-11-{n}") for n in range(10, 16)]
    for issue_id in issues:
        set_hour(issue_id, minutes=-1)

    def run() -> Due:
        try:
            return start_due()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        done = [one.result(timeout=60) for one in [pool.submit(run) for _ in range(4)]]
    assert sorted(issue_id for due in done for issue_id in due.started) == issues
    assert AuditEntry.objects.filter(action="start").count() == len(issues)


def test_the_timetable_starts_what_is_due_and_logs_what_was_missed_as_an_error(
    make_issue: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker import tasks
    from worker.celery import app

    assert {"task": tasks.start_due.name, "schedule": 10, "options": {"expires": 9}} in app.conf.beat_schedule.values()
    late, due = make_issue(1), make_issue(["other@example.com"], period="2026-11-24")
    set_hour(late, minutes=-100)
    set_hour(due, minutes=-1)
    monkeypatch.setattr(tasks, "log", structlog.get_logger())  # the other one may write to where an earlier test let it
    with capture_logs() as said:
        tasks.start_due()
    assert (state_of(late), state_of(due)) == ("held", "sending")
    line = next(line for line in said if "did not start at its hour" in line["event"])
    assert line["log_level"] == "error"
    assert "it missed its start" in line["note"]
