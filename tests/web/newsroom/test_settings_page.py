"""The settings at the desk: all of them, from where, without a secret; the checks; a newsletter's timetable."""

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.test_layout import settings_read
from worker import checkup, editorial
from worker.storage.models import AuditEntry
from worker.web.newsroom import settings_page

SECRETS = ("s3cret-key-of-the-site-0123456789-abcdefghij", "SG.api-key", "hook-key", "model-key", "https://sentry-key@sentry.example/1")


@pytest.fixture(autouse=True)
def _editorial(editorial_file: Path, settings: Any, tmp_path: Path) -> None:
    settings.BROADSHEET_HOME = tmp_path / "home"


def test_every_setting_is_there_and_no_other() -> None:
    names = [name for group in settings_page.GROUPS.values() for name in group]
    assert len(names) == len(set(names))
    assert set(names) == settings_read()


def test_no_secret_is_shown(admins_desk: Client, settings: Any) -> None:
    for name, value in zip(("SECRET_KEY_FALLBACKS", "SENDGRID_API_KEY", "SENDGRID_WEBHOOK_KEY", "SUMMARISER_API_KEY", "SENTRY_DSN"),
                           ([SECRETS[0]], *SECRETS[1:]), strict=True):
        setattr(settings, name, value)
    settings.SENDER_URL, settings.REDIS_URL = "smtp://me:p%40ss@relay.example:587", "redis://:pw@redis.example/0"
    page = admins_desk.get("/desk/settings/").text
    assert [secret for secret in (*SECRETS, "p%40ss", ":pw@", settings.SECRET_KEY) if secret in page] == []
    assert "smtp://•••@relay.example:587" in page
    assert "redis://•••@redis.example/0" in page


@pytest.mark.parametrize(("name", "value", "shown"), [
    ("SENDER_URL", "smtp://me:p/ss@word@relay.example:587", "smtp://•••@relay.example:587"),
    ("SENDER_URL", "smtp://relay.example?starttls=never", "smtp://relay.example?starttls=never"),
    ("REDIS_URL", "redis://redis.example/0?Password=hush&db=1", "redis://redis.example/0?Password=•••&db=1"),
    ("SENDGRID_HOST", "https://api.example/v3?api_key=hush", "https://api.example/v3?api_key=•••"),
])
def test_no_secret_is_shown_however_an_address_holds_it(settings: Any, name: str, value: str, shown: str) -> None:
    setattr(settings, name, value)
    assert settings_page.say_setting(name) == shown


def test_where_each_comes_from_is_said(admins_desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker import settings as module

    monkeypatch.setenv("POSTAL_ADDRESS", "1 Example Street, London")
    monkeypatch.setattr(module, "_GIVEN", frozenset({"POSTAL_ADDRESS"}))
    monkeypatch.setenv("TERMS_NOTICE_DAYS", "14")
    monkeypatch.delenv("SENTRY_DSN")
    origins = {one.name: one.origin for group in settings_page.list_settings().values() for one in group}
    assert [origins[name] for name in ("POSTAL_ADDRESS", "TERMS_NOTICE_DAYS", "SENTRY_DSN")] == [
        "the environment", ".env", "not given"]


def test_the_checks_run_when_asked_for(admins_desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [checkup.Finding("sender", False, True, "<b>no answer</b>; start it"), checkup.Finding("broker", True, True, "answers")]
    monkeypatch.setattr(checkup, "check_all", lambda: found)
    assert "no answer" not in admins_desk.get("/desk/settings/").text
    page = admins_desk.post("/desk/settings/").text
    assert "1 of 2 checks found something" in page
    assert "&lt;b&gt;no answer&lt;/b&gt;; start it" in page
    assert admins_desk.post("/desk/settings/").status_code == 200, "and again"


def test_checks_that_hang_are_not_waited_for(admins_desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    gate = threading.Event()
    monkeypatch.setattr(settings_page, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(checkup, "check_all", lambda: gate.wait(60) and [])
    assert "take longer than" in admins_desk.post("/desk/settings/").text
    assert "running already" in admins_desk.post("/desk/settings/").text
    gate.set()
    with settings_page._checking:  # free again once they have ended
        pass


def form_of(desk: Client, **changed: object) -> dict[str, object]:
    first = desk.get("/desk/settings/").context["desks"][0]
    return {f"aitrends-{name}": value for name, value in {**first.form.initial, **changed}.items()}


def test_a_timetable_is_changed_in_the_file(admins_desk: Client, editorial_file: Path) -> None:
    before = editorial_file.read_text()
    wish = form_of(admins_desk, send_by="08:15", days=["mon", "sat"], top_stories=4)
    assert admins_desk.post("/desk/settings/aitrends/", wish).status_code == 302
    aitrends = editorial.load().newsletters["aitrends"]
    assert (aitrends.send_by, aitrends.days, aitrends.top_stories, aitrends.draft_at) == ("08:15", ("mon", "sat"), 4, "05:30")
    assert len(editorial_file.read_text().splitlines()) == len(before.splitlines()) + 1
    assert AuditEntry.objects.get().detail == {"send_by": "08:15", "days": ["mon", "sat"], "top_stories": 4}


@pytest.mark.parametrize(("wrong", "words"), [
    ({"send_by": "25:00"}, "Not in this form. An issue that nobody approved"), ({"days": []}, "Choose at least one day"),
    ({"top_stories": 99}, "less than or equal to 20"), ({"draft_at": ""}, "This field is required"),
])
def test_what_does_not_fit_is_said_beside_its_field(admins_desk: Client, editorial_file: Path, wrong: dict[str, object],
                                                    words: str) -> None:
    before = editorial_file.read_text()
    answer = admins_desk.post("/desk/settings/aitrends/", form_of(admins_desk, **wrong))
    assert answer.status_code == 422
    assert words in unescape(answer.text)
    assert "<details open>" in answer.text
    assert editorial_file.read_text() == before


def test_a_file_changed_meanwhile_is_left(admins_desk: Client, editorial_file: Path) -> None:
    wish = form_of(admins_desk, send_by="08:15")
    editorial_file.write_text(editorial_file.read_text() + "# x\n")
    assert admins_desk.post("/desk/settings/aitrends/", wish).status_code == 409
    assert "08:15" not in editorial_file.read_text()
    assert admins_desk.post("/desk/settings/nobody/", wish).status_code == 422
