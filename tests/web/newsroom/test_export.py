"""The list of readers leaves the desk by an approver's hand only, says nothing to a spreadsheet, and leaves a trace."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from tests.web.newsroom.browsers import sign_in
from worker.storage.models import AuditEntry, Consent, Editor, Issue, Reader, Subscription

ADDRESS = "/desk/readers/export/"


def read(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def test_an_approver_takes_the_list_and_it_is_noted(desk: Client, readers: None, editorial_file: object) -> None:
    page = desk.get(ADDRESS).text
    assert "Export as CSV" in page
    assert '<option value="aitrends">AITrends</option>' in page
    assert not AuditEntry.objects.exists(), "looking is not taking"
    Reader.objects.filter(email="one@example.com").update(name="=1+1", topics="chips labs")
    reader = Reader.objects.get(email="one@example.com")
    Subscription.objects.create(reader=reader, newsletter="daily", state="left", frequency="weekly")
    Consent.objects.create(reader=reader, purpose="newsletter", newsletter="aitrends", action="given", method="import",
                           at="2024-05-01T08:12:00Z")
    answer = desk.post(ADDRESS, {"newsletter": "aitrends"})
    assert (answer.status_code, answer.streaming) == (200, True)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="readers-aitrends-')
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in answer.headers["Cache-Control"]
    rows = read(answer)
    assert [(row["email"], row["name"], row["newsletter"], row["topics"]) for row in rows] == [
        ("one@example.com", "'=1+1", "aitrends", "chips labs"), ("two@example.com", "", "aitrends", "")]
    assert [row["newsletter_consent_at"] for row in rows] == ["2024-05-01T08:12:00+00:00", ""]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject, entry.detail) == (
        "approver@example.com", "export readers", "newsletter aitrends", {"subscriptions": 2})
    everybody = read(desk.post(ADDRESS))
    assert [(row["newsletter"], row["state"], row["frequency"]) for row in everybody] == [
        ("aitrends", "confirmed", "every"), ("daily", "left", "weekly"), ("aitrends", "confirmed", "every")]
    page = desk.get("/desk/audit/").text.partition("<table")[2]
    assert page.count("exported the readers of") == 2
    assert "all newsletters" in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_editor_may_not(editors_desk: Client, readers: None, editorial_file: object, method: str) -> None:
    answer = getattr(editors_desk, method)(ADDRESS)
    assert answer.status_code == 403
    assert b"one@example.com" not in answer.content
    assert not AuditEntry.objects.exists()


def test_a_button_of_another_site_takes_nothing(approver: Editor, readers: None, editorial_file: object) -> None:
    answer = sign_in(approver, enforce_csrf_checks=True).post(ADDRESS)
    assert answer.status_code == 403
    assert not AuditEntry.objects.exists()


def test_an_unknown_newsletter_is_said_in_words(desk: Client, readers: None, editorial_file: object) -> None:
    answer = desk.post(ADDRESS, {"newsletter": "weekly"})
    assert answer.status_code == 422
    assert "weekly" in answer.text
    assert not AuditEntry.objects.exists()


def test_the_page_is_there_without_any_reader(desk: Client, issue: Issue) -> None:
    assert [row["email"] for row in read(desk.post(ADDRESS))] == []
