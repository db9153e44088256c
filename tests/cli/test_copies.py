"""An issue's copies at the command line: followed while they go, listed when they did not arrive, settled by hand."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.db import connection

from tests.cli.test_bad_input import ROOT, assert_one_line, run
from tests.delivery.press import build_issue, states_of
from worker.cli import copies
from worker.cli.copies import settle_command, undelivered_command
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.breaker import hold_issue
from worker.errors import BroadsheetError, NotFoundError
from worker.readers.erase import erase
from worker.storage.models import AuditEntry, Delivery, Editor, Issue

CHIEF = "chief@example.com"  # tests.delivery.press makes them an approver


@pytest.fixture
def issue_id(db: None, editorial_file: Path) -> int:
    """An issue under way: two copies failed, two are uncertain, one is accepted, one still queued."""
    number = build_issue(6)
    start_issue(number, by="x")
    freeze_audience(number)
    rows = list(Delivery.objects.filter(issue_id=number).order_by("pk"))
    for row, state in zip(rows, ("failed", "failed", "uncertain", "uncertain", "accepted"), strict=False):
        Delivery.objects.filter(pk=row.pk).update(state=state, attempts=1, error="550 5.2.1 full" if state == "failed" else "")
    return number


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)


def uncertain(issue_id: int) -> list[int]:
    return list(Delivery.objects.filter(issue_id=issue_id, state="uncertain").order_by("pk").values_list("pk", flat=True))


def test_who_did_not_get_it_is_listed(issue_id: int) -> None:
    erase("reader1@example.com")
    said = json.loads(invoke(undelivered_command, issue_id, "--json").stdout)
    assert [(one["email"], one["state"], one["reason"]) for one in said] == [
        ("reader0@example.com", "failed", "550 5.2.1 full"), ("(erased)", "failed", "it was refused for good"),
        ("reader2@example.com", "uncertain", "it was handed over, but the answer was lost"),
        ("reader3@example.com", "uncertain", "it was handed over, but the answer was lost")]
    assert set(said[0]) == {"delivery", "reader", "email", "state", "reason", "at", "attempts", "next_try"}
    table = invoke(undelivered_command, issue_id, "--state", "failed").stdout
    assert re.search(r"reader0@example.com . failed . \S+ \S+ . 1 +. - +. 550 5.2.1 full", table)
    assert "reader2" not in table
    assert invoke(undelivered_command, issue_id, "--state", "bounced").stdout == "no copy is bounced\n"
    assert json.loads(invoke(undelivered_command, issue_id, "--state", "bounced", "--json").stdout) == []


def test_a_long_list_is_cut_and_says_where_the_rest_is(issue_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "SHOWN", 3)
    assert "… and 1 more; --csv FILE or --json has all of them" in invoke(undelivered_command, issue_id).stdout


def test_the_list_is_written_to_a_file_for_nobody_else(issue_id: int, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    assert invoke(undelivered_command, issue_id, "--csv", file).stdout == f"4 copies written to {file}\n"
    with file.open(newline="") as lines:
        assert [row["email"] for row in csv.DictReader(lines)] == [f"reader{n}@example.com" for n in range(4)]
    assert file.stat().st_mode & 0o777 == 0o600
    assert AuditEntry.objects.get(action="export undelivered").actor == "the command line"
    with pytest.raises(BroadsheetError, match="cannot be written"):
        invoke(undelivered_command, issue_id, "--csv", tmp_path / "nowhere" / "list.csv")
    assert AuditEntry.objects.filter(action="export undelivered").count() == 1
    with pytest.raises(NotFoundError):
        invoke(undelivered_command, issue_id + 100)


def test_uncertain_copies_are_settled(issue_id: int) -> None:
    first, second = uncertain(issue_id)
    done = invoke(settle_command, issue_id, "--as", "accepted", "--delivery", first, "--by", CHIEF)
    assert done.stdout == "1 copy settled as taken by the next hop.\n"
    assert uncertain(issue_id) == [second]
    again = invoke(settle_command, issue_id, "--again", "--all", "--by", CHIEF, "--json")
    assert json.loads(again.stdout) == {"issue": issue_id, "as": "again", "copies": 1, "settled_meanwhile": 0,
                                        "not_sent_again": 0, "state": "sending"}
    assert states_of(issue_id)["reader3@example.com"] == "queued"
    nothing = invoke(settle_command, issue_id, "--as", "failed", "--all", "--by", CHIEF)
    assert nothing.stdout == f"nothing to settle: no copy of issue {issue_id} is uncertain\n"
    assert list(AuditEntry.objects.filter(action="settle uncertain").values_list("actor", flat=True)) == [CHIEF, CHIEF]


WRONG = [
    (["--all", "--by", CHIEF], "say what they are"),
    (["--as", "accepted", "--again", "--all", "--by", CHIEF], "say what they are"),
    (["--again", "--by", CHIEF], "say which copies"),
    (["--again", "--all", "--delivery", "1", "--by", CHIEF], "say which copies"),
    (["--again", "--all", "--by", ""], "say who settles them"),
    (["--again", "--all", "--by", "stranger@example.com"], "there is no editor stranger@example.com"),
    (["--again", "--all", "--by", "editor@example.com"], "editor@example.com may not decide about a send"),
    (["--again", "--delivery", "999999", "--by", CHIEF], "has no copy 999999"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_a_settlement_that_is_unclear_changes_nothing(issue_id: int, arguments: list[str], says: str) -> None:
    Editor.objects.create_user("editor@example.com")
    with pytest.raises(BroadsheetError, match=says):
        invoke(settle_command, issue_id, *arguments)
    assert len(uncertain(issue_id)) == 2


def test_through_the_real_command_line(service_environment: dict[str, str]) -> None:
    assert_one_line(run(service_environment, "undelivered", "7"), "there is no issue 7")
    assert "--state" in run(service_environment, "undelivered", "--help").stdout
    assert_one_line(run(service_environment, "settle", "7", "--all", "--by", CHIEF), "say what they are")


@pytest.mark.django_db(transaction=True)
def test_a_send_is_followed_to_its_end(editorial_file: Path, capsys: pytest.CaptureFixture[str],
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    issue_id = build_issue(40)
    start_issue(issue_id, by="x")
    freeze_audience(issue_id)
    monkeypatch.setattr(copies, "LINE_SECONDS", 0.5)
    seen = threading.Event()
    read = copies.View.look

    def look(view: copies.View) -> Any:
        seen.set()
        return read(view)

    monkeypatch.setattr(copies.View, "look", look)

    def work() -> None:
        for pk in list(Delivery.objects.values_list("pk", flat=True)):
            if pk % 20 == 0:  # wait until somebody looks
                seen.clear()
                seen.wait(10)
            Delivery.objects.filter(pk=pk).update(state="accepted")
        Issue.objects.filter(pk=issue_id).update(state="sent")
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    copies.follow_issue(issue_id)
    worker.join()
    lines = capsys.readouterr().err.splitlines()
    assert all(re.match(rf"issue {issue_id}: [0-9]+ of 40, [0-9]+ %", line) for line in lines)
    assert lines


@pytest.mark.django_db
def test_following_ends_when_it_is_stopped_or_nobody_works_on_it(issue_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "PATIENCE_SECONDS", 0)
    with pytest.raises(BroadsheetError, match="nothing has moved for two minutes; is `broadsheet up` running"):
        copies.follow_issue(issue_id)
    hold_issue(issue_id, "paused")
    copies.follow_issue(issue_id)


LIVE = """
import sys
import django
django.setup()
from tests.delivery.press import build_issue
from worker.delivery.audience import start_issue
from worker.cli.copies import deliver_here
number = build_issue(1500)
start_issue(number, by="x")
deliver_here(number)
"""


def test_a_terminal_is_drawn_on(service_environment: dict[str, str], tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environment = {**service_environment, "DJANGO_SETTINGS_MODULE": "worker.settings", "SENDER_URL": f"maildir:{tmp_path / 'box'}",
                   "TERM": "xterm-256color", "COLUMNS": "120", "LOG_FORMAT": "text"}
    with subprocess.Popen([sys.executable, "-c", LIVE], cwd=ROOT, env=environment, stdout=slave, stderr=slave) as program:
        os.close(slave)
        drawn = _read_all(lambda: os.read(master, 65536))
    os.close(master)
    assert program.returncode == 0, drawn
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert re.search(r"issue \d+ .+ [0-9,]+ of 1,500, \d+ %", plain), plain
    assert re.search(r"(accepted|queued) [0-9,]+", plain)
    assert len(list((tmp_path / "box" / "new").iterdir())) == 1500


def _read_all(read: Callable[[], bytes]) -> str:
    pieces = []
    try:
        while piece := read():
            pieces.append(piece)
    except OSError:  # how a terminal says that the program is gone
        pass
    return b"".join(pieces).decode(errors="replace")
