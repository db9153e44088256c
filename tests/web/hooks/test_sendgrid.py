"""SendGrid's event calls: only what its key signed is believed, and a repeat changes nothing."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import OperationalError
from django.test import Client

from worker.storage.models import Delivery, Issue, ProviderEvent, Reader, Subscription

PATH = "/hooks/sendgrid/"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def key(settings: Any) -> ec.EllipticCurvePrivateKey:
    """Return the provider's key, whose public half the settings hold."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    settings.SENDGRID_WEBHOOK_KEY = base64.b64encode(public).decode()
    return private


@pytest.fixture
def delivery(db: None) -> Delivery:
    """Return a delivery that was handed over."""
    issue = Issue.objects.create(newsletter="daily", period="2026-11-23", subject="S", state="sending", window_start=NOW,
                                 window_end=NOW)
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed")
    return Delivery.objects.create(issue=issue, reader=reader, state="accepted")


def _call(key: ec.EllipticCurvePrivateKey, body: bytes, *, signed: bytes | None = None, age: int = 0, **headers: str) -> Any:
    stamp = str(int(time.time()) - age)
    signature = base64.b64encode(key.sign(stamp.encode() + (body if signed is None else signed), ec.ECDSA(SHA256()))).decode()
    return Client(enforce_csrf_checks=True).post(PATH, body, content_type="application/json", headers={
        "X-Twilio-Email-Event-Webhook-Signature": signature, "X-Twilio-Email-Event-Webhook-Timestamp": stamp, **headers})


def _event(delivery: Delivery, kind: str = "delivered") -> bytes:
    return json.dumps([{"event": kind, "sg_event_id": "e1", "delivery_id": str(delivery.pk), "timestamp": int(time.time()),
                        "email": "ada@example.com"}]).encode()


def test_a_signed_event_settles_its_delivery_once(key: ec.EllipticCurvePrivateKey, delivery: Delivery) -> None:
    for expected in ("1 new", "0 new"):
        answer = _call(key, _event(delivery))
        assert (answer.status_code, expected in answer.content.decode()) == (200, True)
    delivery.refresh_from_db()
    assert (delivery.state, ProviderEvent.objects.count()) == ("delivered", 1)


def test_a_complaint_ends_the_subscription(key: ec.EllipticCurvePrivateKey, delivery: Delivery) -> None:
    assert _call(key, _event(delivery, "spamreport")).status_code == 200
    assert Subscription.objects.get().state in ("left", "suppressed")


@pytest.mark.parametrize("change", [
    {"signed": b"[]"}, {"age": 3600}, {"X-Twilio-Email-Event-Webhook-Signature": "AAAA"},
    {"X-Twilio-Email-Event-Webhook-Signature": ""}, {"X-Twilio-Email-Event-Webhook-Timestamp": "soon"}])
def test_what_the_key_did_not_sign_is_refused(key: ec.EllipticCurvePrivateKey, delivery: Delivery, change: dict[str, Any]) -> None:
    assert _call(key, _event(delivery), **change).status_code == 403
    assert not ProviderEvent.objects.exists()


def test_another_key_is_refused(key: ec.EllipticCurvePrivateKey, delivery: Delivery) -> None:
    assert _call(ec.generate_private_key(ec.SECP256R1()), _event(delivery)).status_code == 403


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'"text"'])
def test_signed_nonsense_is_refused_in_words(key: ec.EllipticCurvePrivateKey, body: bytes) -> None:
    answer = _call(key, body)
    assert (answer.status_code, "not understood" in answer.content.decode()) == (400, True)


def test_a_huge_call_is_not_read(key: ec.EllipticCurvePrivateKey) -> None:
    assert _call(key, b"x" * 2_000_001).status_code == 413


@pytest.mark.parametrize("given", ["", "not a key"])
def test_without_a_right_key_nothing_is_taken(delivery: Delivery, settings: Any, given: str) -> None:
    settings.SENDGRID_WEBHOOK_KEY = given
    answer = _call(ec.generate_private_key(ec.SECP256R1()), _event(delivery))
    assert (answer.status_code, "SENDGRID_WEBHOOK_KEY" in answer.content.decode()) == (503, True)


def test_what_the_database_did_not_record_is_asked_for_again(key: ec.EllipticCurvePrivateKey, delivery: Delivery,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(events: Any) -> int:
        raise OperationalError("the database is gone")

    monkeypatch.setattr("worker.web.hooks.sendgrid.apply_events", broken)
    assert _call(key, _event(delivery)).status_code == 503


def test_looking_at_the_hook_shows_nothing(editorial_file: Any) -> None:
    assert Client().get(PATH).status_code == 405
