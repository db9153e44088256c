"""What a machine may ask: is it up, is it ready, what are the figures, and who may read them."""

from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from worker.storage.models import Delivery, Editor, Issue, Reader


@pytest.fixture(autouse=True)
def _newsroom(editorial_file: Path) -> None:
    """The pages name the publisher."""


@pytest.mark.django_db
def test_up_asks_no_database(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.text) == (200, "up\n")


@pytest.mark.django_db
def test_ready_when_the_database_has_every_table() -> None:
    assert Client().get("/readyz").text == "ready\n"
    MigrationRecorder.Migration.objects.filter(app="storage").delete()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert "broadsheet migrate" in answer.text


@pytest.mark.django_db
def test_not_ready_in_words_when_the_database_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("could not connect to server secret-host")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert "secret-host" not in answer.text
    assert Client().get("/metrics").status_code == 503


@pytest.mark.django_db
def test_figures_are_the_rows() -> None:
    now = timezone.now()
    issue = Issue.objects.create(
        newsletter="aitrends", period="2026-11-23", subject="x", window_start=now, window_end=now)
    for number, state in enumerate(["accepted", "accepted", "queued"]):
        reader = Reader.objects.create(email=f"{number}@example.com", email_key=f"{number}@example.com")
        Delivery.objects.create(issue=issue, reader=reader, state=state)
    text = Client().get("/metrics").text
    assert 'broadsheet_issues{newsletter="aitrends",state="draft"} 1.0' in text
    assert 'broadsheet_deliveries{newsletter="aitrends",state="accepted"} 2.0' in text
    assert 'broadsheet_deliveries{newsletter="aitrends",state="queued"} 1.0' in text


@pytest.mark.parametrize("strange", [
    {"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": ""},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.9"},
])
def test_figures_are_not_for_strangers(editor: Editor, strange: dict[str, str]) -> None:
    client = Client()
    assert client.get("/metrics", **strange).status_code == 403
    client.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/metrics", **strange).status_code == 200
