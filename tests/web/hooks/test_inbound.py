"""SendGrid's Inbound Parse brings letters that ask to leave: whole or in fields, and again if they were not recorded."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from worker.readers.links import sign_link
from worker.storage.models import Consent, Reader, Subscription

PATH = "/hooks/sendgrid/inbound/"


@pytest.fixture
def token(db: None) -> str:
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed", confirmed_at=timezone.now())
    return sign_link("unsubscribe", reader=reader.pk, newsletter="daily")


def _bring(**fields: Any) -> Any:
    """Post as SendGrid does: multipart, no cookie."""
    return Client(enforce_csrf_checks=True).post(PATH, {"from": "ada@example.com", "to": "leave@example.com", **fields})


def _whole(token: str, *headers: str) -> str:
    return "\r\n".join(["From: ada@example.com", f"Subject: unsubscribe {token}", *headers, "", "Sent from my phone"])


def _state() -> str:
    return Subscription.objects.get().state


def test_a_whole_letter_leaves(token: str, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = _bring(email=_whole(token), envelope=json.dumps({"to": ["leave@example.com"], "from": "ada@example.com"}))
    assert (answer.status_code, answer.cookies, _state()) == (200, {}, "left")
    assert Consent.objects.get().method == "mail"
    assert _bring(email=_whole(token)).status_code == 200
    assert Consent.objects.count() == 1


def test_a_letter_in_fields_leaves(token: str) -> None:
    head = f"Received: by mx\n\tfor leave\nFrom: ada@example.com\nSubject: =?utf-8?q?unsubscribe?=\n {token}\nMIME-Version: 1.0"
    assert _bring(headers=head, subject=f"unsubscribe {token}", text="Bye").status_code == 200
    assert _state() == "left"


@pytest.mark.parametrize("place", ["subject", "text", "html"])
def test_without_the_head_its_other_fields_will_do(token: str, place: str) -> None:
    assert _bring(**{place: f"unsubscribe {token}"}).status_code == 200
    assert _state() == "left"


@pytest.mark.parametrize("fields", [
    {"email": "Auto-Submitted: auto-replied\r\n"}, {"email": "Return-Path: <>\r\n"}, {"email": "Precedence: bulk\r\n"},
    {"headers": "Auto-Submitted: auto-replied\n"}, {"headers": "Content-Type: multipart/report; boundary=x\n"},
    {"headers": "", "envelope": '{"to": ["leave@example.com"], "from": ""}'}])
def test_holiday_replies_and_reports_are_passed_over(token: str, fields: dict[str, str]) -> None:
    filled = {key: value if key == "envelope" else f"{value}Subject: unsubscribe {token}\n\n" for key, value in fields.items()}
    answer = _bring(**filled)
    assert (answer.status_code, "automatic" in answer.content.decode(), _state()) == (200, True, "confirmed")


def test_what_is_not_understood_is_not_brought_again(token: str) -> None:
    odd = Client(enforce_csrf_checks=True)
    for answer in (
        _bring(), _bring(email=""), _bring(email="\x00nonsense"), _bring(subject="Hello", text="there"),
        _bring(envelope="[" * 5000),
        odd.post(PATH, b"\xff\x00", content_type="multipart/form-data; boundary="), odd.post(PATH),
        odd.post(PATH, b"{}", content_type="application/json"), _bring(email="x" * 2_000_001),
    ):
        assert answer.status_code == 200, answer.content
    assert _state() == "confirmed"
    assert odd.get(PATH).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_recorded_is_asked_for_again(transactional_db: None, token: str) -> None:
    given = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update({"NAME": "/nonexistent/gone.sqlite3"} if connection.vendor == "sqlite" else
                                    {"HOST": "127.0.0.1", "PORT": "1"})
    try:
        assert _bring(email=_whole(token)).status_code == 503
        assert _bring(email=_whole("no-link")).status_code == 200
    finally:
        connection.close()
        connection.settings_dict.update(given)
    assert _state() == "confirmed"
    assert _bring(email=_whole(token)).status_code == 200
    assert _state() == "left"
