"""The register of what is kept about people, docs/privacy.md, held to the tables and settings there are."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

REGISTER = (Path(__file__).parents[1] / "docs" / "privacy.md").read_text(encoding="utf-8")
ROWS = [line for line in REGISTER.splitlines() if line.startswith("| `")]


@pytest.mark.django_db
def test_every_table_is_in_the_register_once_and_no_other() -> None:
    named = [name for row in ROWS for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(connection.introspection.table_names())


def test_every_row_says_whose_what_what_for_and_how_long() -> None:
    for row in ROWS:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5, row
        assert all(cells), row


def test_the_times_it_names_are_those_of_the_settings() -> None:
    told = dict(re.findall(r"`(KEEP_\w+)` \((\d+)\)", REGISTER))
    documented = dict(re.findall(r"^\| `(KEEP_\w+)` \| (\d+) \|", (Path(__file__).parents[1] / "docs" / "settings.md").read_text(),
                                 re.MULTILINE))
    assert told == documented
    assert {name: int(days) for name, days in told.items()} == {name: getattr(settings, name) for name in told}


def test_readers_are_told_the_same_times() -> None:
    notice = (Path(__file__).parents[1] / "templates" / "terms" / "privacy-1.0.md").read_text(encoding="utf-8")
    assert f"whole for {settings.KEEP_NETWORK_DAYS} days" in notice
    assert f"deleted after {settings.KEEP_UNCONFIRMED_DAYS} days" in notice
    assert f"**{settings.KEEP_EVENTS_DAYS * 12 // 365} months:** openings and clicks" in notice
