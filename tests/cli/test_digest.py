"""The weekly digest by hand: drafted, shown, and listed with its kind, for people and for machines."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from django.utils import timezone

from tests.cli.test_bad_input import assert_one_line, run
from tests.issues.paper import make_story, offer_digest, send_out
from worker import checkup
from worker.cli.desk import draft_command, issues_command
from worker.delivery import domains
from worker.issues.draft import draft_issue
from worker.storage.models import Issue, Reader, Subscription


def call(command: click.Command, *arguments: str) -> str:
    """Return what the command prints in this process, on the test's own database."""
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def read(command: click.Command, *arguments: str) -> Any:
    return json.loads(call(command, *arguments, "--json"))


@pytest.fixture
def sent(db: None, editorial_file: Path) -> Issue:
    """An issue of yesterday that went out, of a newsletter with a digest."""
    offer_digest(editorial_file)
    yesterday = timezone.now() - timedelta(days=1)
    make_story("Harbour bridge opens", at=yesterday - timedelta(hours=2))
    return send_out(draft_issue("daily", now=yesterday), yesterday)


def test_it_is_drafted_and_drafted_again_and_says_that_it_is_one(sent: Issue) -> None:
    first = read(draft_command, "daily", "--digest")
    assert (first["digest"], first["slug"], first["stories"]) == (True, f"{first['period']}-week", 1)
    assert first["subject"] == "Daily, the week: Harbour bridge opens"
    assert read(draft_command, "daily", "--digest") == first
    again = read(draft_command, "daily", "--digest", "--again")
    assert (again["digest"], again["slug"]) == (True, f"{first['period']}-week-2")
    shown = call(draft_command, "daily", "--digest")
    assert f"issue {again['issue']}: daily {again['slug']}, draft: Daily, the week: Harbour bridge opens" in shown


def test_without_the_option_it_is_the_issue_of_the_day(sent: Issue) -> None:
    call(draft_command, "daily", "--digest")
    make_story("Ferry fleet goes electric", at=timezone.now() - timedelta(hours=1))
    issue = read(draft_command, "daily")
    assert (issue["digest"], issue["subject"]) == (False, "Ferry fleet goes electric")


def test_the_list_says_which_is_which(sent: Issue) -> None:
    digest = read(draft_command, "daily", "--digest")
    assert {one["issue"]: one["digest"] for one in read(issues_command)} == {sent.pk: False, digest["issue"]: True}
    lines = call(issues_command).splitlines()
    assert "weekly digest" in next(line for line in lines if digest["slug"] in line)
    assert "weekly digest" not in next(line for line in lines if sent.slug in line and "-week" not in line)


def test_what_cannot_be_drafted_is_one_line(service_environment: dict[str, str]) -> None:
    assert_one_line(run(service_environment, "draft", "daily", "--digest"), "daily has no weekly digest", "digest_on")
    offer_digest(Path(service_environment["FEEDS_FILE"]))
    assert_one_line(run(service_environment, "draft", "daily", "--digest"), "daily: no issue has gone out since")
    offer_digest(Path(service_environment["FEEDS_FILE"]), "sunday", "aitrends")
    assert_one_line(run(service_environment, "draft", "daily", "--digest"), "digest_on", "'sun'")


def test_the_check_names_readers_whose_digest_was_taken_away(sent: Issue, editorial_file: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(domains, "DNS_SECONDS", 0.01)
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed", frequency="weekly")
    assert [one for one in checkup.check_all() if one.part.startswith("digest")] == []
    editorial_file.write_text(editorial_file.read_text().replace('digest_on = "sun"\n', ""))
    [found] = [one for one in checkup.check_all() if one.part.startswith("digest")]
    assert (found.part, found.ok) == ("digest daily", False)
    assert found.message.startswith("1 reader chose one mail a week, and there is none: give the newsletter its digest_on again")
