"""The commands about a send, as somebody at a terminal uses them: an hour given and taken back, a send stopped and let go on."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from django.utils import timezone

from tests.cli.test_bad_input import assert_one_line, run
from tests.delivery.press import build_issue
from worker.cli.commands import broadsheet
from worker.delivery import deliver
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.breaker import hold_issue
from worker.delivery.deliver import cancel_issue
from worker.delivery.hours import Hour
from worker.delivery.schedule import schedule_issue, start_due
from worker.errors import BroadsheetError
from worker.storage.models import AuditEntry, Editor, Issue

pytestmark = pytest.mark.django_db
CHIEF = "chief@example.com"
Make = Callable[..., int]


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(broadsheet, [str(one) for one in arguments], standalone_mode=False)


def call(*arguments: object) -> str:
    """Return what the command prints in this process, on the test's own database."""
    done = ask(*arguments)
    assert done.exception is None, done.exception
    return " ".join(done.stdout.split())


def refuse(*arguments: object) -> str:
    """Return the one line with which the command is refused."""
    done = ask(*arguments)
    assert isinstance(done.exception, BroadsheetError | click.ClickException), done.output
    return done.exception.message if isinstance(done.exception, click.ClickException) else str(done.exception)


@pytest.fixture
def issue_id(db: None, editorial_file: Path) -> int:
    """An approved issue of AITrends (Europe/London) with three readers."""
    return build_issue(3)


def next_winter() -> str:
    """Return a day to come on which London has UTC and Berlin an hour more."""
    now = timezone.now()
    return f"{now.year}-12-01" if now.month < 12 else f"{now.year + 1}-01-15"


def test_an_hour_is_given_in_the_newsletter_s_zone_changed_and_taken_back(issue_id: int) -> None:
    day = next_winter()
    said = call("deliver", issue_id, "--at", f"{day} 07:00")
    assert f"issue {issue_id} starts by itself on " in said
    assert "07:00 in Europe/London (UTC+00:00), which is 07:00 UTC; take that back: broadsheet unschedule" in said
    assert (Issue.objects.get().send_zone, Issue.objects.get().state) == ("Europe/London", "approved")
    assert "07:00 in Europe/London (UTC+00:00), which is 07:00 UTC" in call("status", issue_id)
    [line] = json.loads(ask("issues", "--json").stdout)
    assert line["send_at"].startswith(f"{day} 07:00")
    assert f"{day} 07:00" in call("issues")

    said = call("deliver", issue_id, "--at", f"{day} 07:00", "--zone", "Europe/Berlin", "--by", CHIEF)
    assert "07:00 in Europe/Berlin (UTC+01:00), which is 06:00 UTC" in said
    assert AuditEntry.objects.latest("id").actor == CHIEF

    assert call("unschedule", issue_id) == f"issue {issue_id} has no hour any more"
    assert call("unschedule", issue_id) == f"issue {issue_id} had no hour; nothing was changed"
    assert json.loads(ask("unschedule", issue_id, "--json").stdout) == {"issue": issue_id, "state": "approved", "send_at": None}
    assert "starts by itself" not in call("status", issue_id)
    assert list(AuditEntry.objects.order_by("id").values_list("actor", "action")) == [
        ("the command line", "schedule"), (CHIEF, "schedule"), ("the command line", "unschedule")]


@pytest.mark.parametrize(("arguments", "says"), [
    (("--at", "tomorrow"), "'tomorrow' is not a date and an hour; write them as 2026-12-01 07:00"),
    (("--at", "2020-12-01 07:00"), "look at the year"),
    (("--at", "2026-12-01 07:00", "--zone", "Mars"), "there is no time zone 'Mars'"),
    (("--zone", "UTC"), "--zone goes with --at"),
    (("--at", "2026-12-01 07:00", "--wait"), "give --wait, --inline or --at, no two of them"),
    (("--at", "2026-12-01 07:00", "--by", "nobody@example.com"), "there is no editor nobody@example.com"),
])
def test_what_cannot_be_an_hour_is_one_line(issue_id: int, arguments: tuple[str, ...], says: str) -> None:
    assert says in refuse("deliver", issue_id, *arguments)
    assert Issue.objects.get().send_at is None
    assert not AuditEntry.objects.exists()


def test_who_may_not_approve_may_not_decide_about_a_send(issue_id: int) -> None:
    Editor.objects.create_user("editor@example.com")
    for arguments in (("deliver", issue_id), ("unschedule", issue_id), ("pause", issue_id), ("resume", issue_id),
                      ("cancel", issue_id, "--note", "x"), ("deliver", issue_id, "--at", f"{next_winter()} 07:00")):
        assert "editor@example.com may not decide about a send" in refuse(*arguments, "--by", "editor@example.com")
    assert Issue.objects.get().state == "approved"
    assert not AuditEntry.objects.exists()


def test_a_missed_one_is_told_and_resumed(issue_id: int) -> None:
    schedule_issue(issue_id, Hour(timezone.now() - timedelta(hours=3), "Europe/London"), by=CHIEF)
    start_due()
    assert "held, audience 0 (it missed its start: it was due on " in call("status", issue_id)
    said = refuse("deliver", issue_id)
    assert "is held (it missed its start" in said
    assert said.endswith(f"let it go on: broadsheet resume {issue_id}")
    assert call("resume", issue_id, "--by", CHIEF).startswith(f"issue {issue_id} goes on")
    assert Issue.objects.get().state == "sending"
    assert AuditEntry.objects.latest("id").actor == CHIEF


def test_paused_resumed_and_cancelled(issue_id: int) -> None:
    assert "only an issue that is being sent can be paused" in refuse("pause", issue_id)
    start_issue(issue_id, by=CHIEF)
    freeze_audience(issue_id)
    said = call("pause", issue_id, "--note", " a wrong\n date ")
    assert said == f"issue {issue_id} is paused; go on: broadsheet resume {issue_id}"
    assert Issue.objects.get().note == "paused by the command line: a wrong date"
    assert json.loads(ask("resume", issue_id, "--json").stdout) == {"issue": issue_id, "state": "sending"}
    assert json.loads(ask("pause", issue_id, "--by", CHIEF, "--json").stdout) == {"issue": issue_id, "state": "held"}
    assert isinstance(ask("cancel", issue_id).exception, click.MissingParameter)
    said = call("cancel", issue_id, "--note", "old news", "--by", CHIEF)
    assert said == f"issue {issue_id} is cancelled; 3 readers will not get it"
    assert (Issue.objects.get().state, Issue.objects.get().note) == ("cancelled", "old news")
    assert "is cancelled" in refuse("resume", issue_id)
    assert list(AuditEntry.objects.order_by("id").values_list("actor", "action")) == [
        (CHIEF, "start"), ("the command line", "hold"), ("the command line", "resume"), (CHIEF, "hold"), (CHIEF, "cancel")]


@pytest.mark.parametrize(("stop", "says"), [
    (lambda issue_id: hold_issue(issue_id, "a wrong date", by=CHIEF), "is held (a wrong date)"),
    (lambda issue_id: cancel_issue(issue_id, by=CHIEF, note="old news"), "was cancelled (old news)")])
def test_who_waits_for_an_issue_that_is_stopped_is_told_so(
    issue_id: int, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop: Callable[[int], object], says: str
) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path}"

    def stop_at_once(given: int) -> int:
        count = freeze_audience(given)
        stop(given)
        return count

    monkeypatch.setattr(deliver, "freeze_audience", stop_at_once)
    assert says in refuse("deliver", issue_id, "--inline")


def test_a_number_that_no_copy_can_have_is_one_line(issue_id: int) -> None:
    assert "is not in the range" in refuse("settle", issue_id, "--as", "failed", "--delivery", 10**20, "--by", CHIEF)


def test_cancelling_a_scheduled_issue_leaves_no_hour(issue_id: int) -> None:
    schedule_issue(issue_id, Hour(timezone.now() + timedelta(hours=1), "UTC"), by=CHIEF)
    done = json.loads(ask("cancel", issue_id, "--note", "x", "--json").stdout)
    assert done == {"issue": issue_id, "state": "cancelled", "spared": 0}
    assert Issue.objects.get().send_at is None


def test_a_test_mail_by_hand(issue_id: int, settings: Any, tmp_path: Path) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path}"
    settings.TEST_ADDRESSES = ["@house.example"]
    said = call("test-mail", issue_id, "--to", "me@house.example")
    assert said.startswith(f"a test mail of issue {issue_id} to me@house.example was handed over (maildir): [TEST] ")
    done = json.loads(ask("test-mail", issue_id, "--to", CHIEF, "--by", CHIEF, "--partners", "--json").stdout)
    assert (done["issue"], done["to"], done["sender"]) == (issue_id, CHIEF, "maildir")
    assert f"{CHIEF} may not get test mails" in refuse("test-mail", issue_id, "--to", CHIEF)
    stranger = ("--to", "me@house.example", "--by", "me@house.example")
    assert "there is no editor me@house.example" in refuse("test-mail", issue_id, *stranger)
    assert len(list((tmp_path / "new").iterdir())) == 2
    assert list(AuditEntry.objects.order_by("id").values_list("actor", "action")) == [
        ("the command line", "test mail"), (CHIEF, "test mail")]


@pytest.mark.parametrize("arguments", [
    ("deliver", "999", "--at", "2026-12-01 07:00"), ("unschedule", "999"), ("pause", "999"), ("resume", "999", "--json"),
    ("cancel", "999", "--note", "x"), ("test-mail", "999", "--to", "me@house.example"),
])
def test_an_unknown_issue_is_one_line(service_environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    environment = {**service_environment, "TEST_ADDRESSES": "@house.example"}
    assert_one_line(run(environment, *arguments), "there is no issue 999")


def test_a_wrong_setting_is_one_line_at_start(service_environment: dict[str, str]) -> None:
    for name, value, says in (("TEST_ADDRESSES", "example.org", "neither an address"), ("START_GRACE_MINUTES", "0", "1 to 1440")):
        assert_one_line(run({**service_environment, name: value}, "issues"), name, says)
