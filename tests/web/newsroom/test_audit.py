"""The audit log at the desk: found by who, what, to what and when, whatever its details hold."""

import csv
import io
import json
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client

from worker.storage.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries() -> None:
    def make(day: int, actor: str, action: str, subject: str, detail: Any) -> None:
        AuditEntry.objects.create(at=datetime(2026, 11, day, 23, 59, 59, tzinfo=UTC), actor=actor, action=action, subject=subject,
                                  detail=detail)

    make(1, "ada@example.com", "split story", "story 3", {"from": 3, "into": 9, "items": [4, 5], "keys": "k", "values": {"a": [1]}})
    make(2, "bob@example.com", "approve", "issue 1", {"sha256": "0" * 64})
    make(3, "bob@example.com", "hold", "issue 12", {"note": "=HYPERLINK(1)"})
    make(4, "timetable", "strange deed", "nothing known", ["a", {"b": None}])
    make(5, "=cmd()", "edit", "feed first-outlet", "just words")


def shown(desk: Client, **asked: str) -> list[str]:
    answer = desk.get("/desk/audit/", asked)
    assert answer.status_code == 200
    return [line.entry.subject for line in answer.context["lines"]]


@pytest.mark.parametrize(("asked", "found"), [
    ({"who": "BOB"}, ["issue 12", "issue 1"]), ({"what": "hold"}, ["issue 12"]), ({"what": "approved"}, ["issue 1"]),
    ({"subject": "issue 1"}, ["issue 1"]), ({"subject": "Story"}, ["story 3"]),
    ({"since": "2026-11-04"}, ["feed first-outlet", "nothing known"]),
    ({"until": "2026-11-01"}, ["story 3"]), ({"since": "2026-11-02", "until": "2026-11-03", "who": "bob"}, ["issue 12", "issue 1"]),
    ({"who": "nobody"}, []), ({"who": "\0' OR 1=1 --"}, []),
])
def test_entries_are_found(entries: None, desk: Client, asked: dict[str, str], found: list[str]) -> None:
    assert shown(desk, **asked) == found


@pytest.mark.parametrize("day", ["yesterday", "2026-13-40", "9999-12-31", "0001-01-01"])
def test_what_is_no_day_is_said(entries: None, desk: Client, day: str) -> None:
    answer = desk.get("/desk/audit/", {"until": day})
    assert answer.status_code == 200
    assert ("is no day" in answer.text) is not (day == "0001-01-01")


def test_details_with_any_name_are_read_by_their_pairs(entries: None, desk: Client) -> None:
    page = unescape(desk.get("/desk/audit/").text)
    for words in ("<dt>items:</dt><dd>4, 5</dd>", "<dt>keys:</dt><dd>k</dd>", "<dt>values:</dt><dd>a: 1</dd>",
                  "<dt>detail:</dt><dd>a, b: none</dd>", "<dt>detail:</dt><dd>just words</dd>"):
        assert words in page
    assert 'split <a href="/desk/stories/3/">story 3</a>' in page
    assert 'approved <a href="/desk/issues/1/">issue 1</a>' in page
    assert 'edit <a href="/desk/feeds/first-outlet/">feed first-outlet</a>' in page
    assert "strange deed nothing known" in page


@pytest.mark.parametrize("detail", [[], {}, 0, "", 7, {"items": None}, {"": {"": []}}, [[[]]], {"x": "y" * 9000}])
def test_no_detail_breaks_the_page(desk: Client, detail: Any) -> None:
    AuditEntry.objects.create(actor="a", action="b", subject="issue 99999999999999999999999999", detail=detail)
    assert desk.get("/desk/audit/").status_code == 200


def test_entries_come_by_page_and_the_question_goes_along(desk: Client) -> None:
    AuditEntry.objects.bulk_create([AuditEntry(actor="ada & co", action="draft", subject=f"issue {n}") for n in range(60)])
    page = desk.get("/desk/audit/", {"who": "ada & co"}).text
    assert "Page 1 of 2" in page
    assert 'href="?who=ada+%26+co&amp;page=2"' in page
    assert len(shown(desk, who="ada & co", page="2")) == 10


def test_an_approver_takes_what_matches_and_it_is_noted(entries: None, desk: Client, editors_desk: Client) -> None:
    assert "Export as CSV" not in editors_desk.get("/desk/audit/").text
    answer: Any = desk.post("/desk/audit/export/", {"since": "2026-11-03", "until": "2026-11-05"})
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["who"] for row in rows] == ["'=cmd()", "timetable", "bob@example.com"]
    assert json.loads(rows[2]["detail"]) == {"note": "=HYPERLINK(1)"}
    noted = AuditEntry.objects.first()
    assert noted is not None
    assert (noted.action, noted.detail) == ("export audit", {"since": "2026-11-03", "until": "2026-11-05"})
