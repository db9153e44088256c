"""What SendGrid reports afterwards: late, twice, out of order, signed or not."""

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from worker.delivery.events import Event, apply_events, parse_sendgrid_events, verify_sendgrid_signature
from worker.errors import BroadsheetError
from worker.readers.hashes import email_hash
from worker.readers.suppress import is_suppressed
from worker.storage.models import Consent, Delivery, FormerAddress, Issue, ProviderEvent, Reader, Removal, Subscription

AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
Make = Callable[..., int]
_numbers = itertools.count()


def event(kind: str, delivery: Delivery, minute: int = 0, event_id: str = "") -> Event:
    return Event(kind, delivery.pk, event_id or f"e{next(_numbers)}", AT + timedelta(minutes=minute), "said <(address)>")


@pytest.fixture
def delivery(sending: Make) -> Delivery:
    sending(["reader@example.com"])
    Delivery.objects.update(state="accepted")
    return Delivery.objects.get()


def state() -> str:
    return Delivery.objects.get().state


@pytest.mark.parametrize("before", ["accepted", "uncertain", "attempting", "queued"])
def test_delivered_settles_a_copy(delivery: Delivery, before: str) -> None:
    Delivery.objects.update(state=before, lease_token="somebody")
    assert apply_events([event("delivered", delivery)]) == 1
    row = Delivery.objects.get()
    assert (row.state, row.lease_token) == ("delivered", "")


@pytest.mark.parametrize("before", ["failed", "cancelled", "suppressed", "bounced"])
def test_delivered_does_not_undo_what_is_settled(delivery: Delivery, before: str) -> None:
    Delivery.objects.update(state=before)
    apply_events([event("delivered", delivery)])
    assert state() == before


def test_an_event_reported_twice_counts_once(delivery: Delivery) -> None:
    one = event("delivered", delivery)
    assert apply_events([one, one]) == 1
    assert apply_events([one]) == 0
    assert ProviderEvent.objects.count() == 1


def test_events_in_any_order_end_in_the_same_state(sending: Make) -> None:
    sending(6)
    Delivery.objects.update(state="accepted")
    rows = list(Delivery.objects.all())
    for row, order in zip(rows, itertools.permutations(["deferred", "delivered", "bounced"]), strict=True):
        for kind in order:
            apply_events([event(kind, row, minute=["deferred", "delivered", "bounced"].index(kind))])
    assert set(Delivery.objects.values_list("state", flat=True)) == {"bounced"}


def test_a_hard_bounce_means_never_again(delivery: Delivery) -> None:
    apply_events([event("bounced", delivery)])
    row = Delivery.objects.get()
    assert (row.state, row.error) == ("bounced", "said <(address)>")
    assert is_suppressed("reader@example.com")
    assert Subscription.objects.get().state == "suppressed"
    assert Consent.objects.count() == 0  # a mailbox that is gone has withdrawn nothing


def test_a_block_is_not_the_readers_fault(delivery: Delivery) -> None:
    apply_events([event("blocked", delivery)])
    assert state() == "bounced"
    assert not is_suppressed("reader@example.com")
    assert Subscription.objects.get().state == "confirmed"


def test_a_complaint_ends_the_subscription_for_good(delivery: Delivery) -> None:
    apply_events([event("complained", delivery)])
    assert state() == "delivered"
    assert is_suppressed("reader@example.com")
    assert Subscription.objects.get().state == "left"
    assert Consent.objects.get().action == "withdrawn"


def test_leaving_at_the_provider_is_leaving(delivery: Delivery) -> None:
    apply_events([event("left", delivery)])
    assert Subscription.objects.get().state == "left"
    assert not is_suppressed("reader@example.com")


def test_dropped_is_failed_and_deferred_changes_nothing(delivery: Delivery) -> None:
    apply_events([event("deferred", delivery)])
    assert state() == "accepted"
    apply_events([event("dropped", delivery)])
    assert state() == "failed"
    assert not is_suppressed("reader@example.com")


@pytest.mark.parametrize("reason", ["Bounced Address", "Spam Reporting Address"])
def test_what_the_provider_dropped_for_its_address_means_never_again(delivery: Delivery, reason: str) -> None:
    apply_events(parse_sendgrid_events([raw(event="dropped", reason=reason, delivery_id=str(delivery.pk))]))
    assert (state(), Delivery.objects.get().error) == ("failed", reason)
    assert is_suppressed("reader@example.com")
    assert Subscription.objects.get().state == "suppressed"


def test_an_event_about_an_erased_reader_brings_nobody_back(delivery: Delivery) -> None:
    Removal.objects.bulk_create([Removal(reader_number=one.pk, reason="erased") for one in Reader.objects.all()])
    Reader.objects.all().delete()
    assert apply_events([event("complained", delivery)]) == 1
    assert not Reader.objects.exists()


def test_events_about_strangers_are_passed_over(delivery: Delivery) -> None:
    assert apply_events([Event("bounced", 999_999, "x", AT)]) == 0
    assert not ProviderEvent.objects.exists()


def test_bounces_beyond_the_limit_hold_the_issue(sending: Make) -> None:
    issue_id = sending(60)
    Delivery.objects.update(state="accepted")
    apply_events([event("bounced", row) for row in Delivery.objects.all()[:7]])
    issue = Issue.objects.get(pk=issue_id)
    assert issue.state == "held"
    assert "7 of 60" in issue.note


def raw(**more: Any) -> dict[str, Any]:
    return {"email": "reader@example.com", "timestamp": 1795417200, "event": "delivered", "sg_event_id": "abc",
    "delivery_id": "12", **more}


def test_sendgrid_events_are_read() -> None:
    payload = [raw(), raw(event="bounce", type="bounce", status="5.1.1", reason="550 <reader@example.com> unknown"),
               raw(event="bounce", type="blocked"), raw(event="bounce", type="bounce", status="4.2.2"), raw(event="spamreport"),
               raw(event="unsubscribe"), raw(event="group_unsubscribe"), raw(event="dropped"), raw(event="deferred")]
    events = parse_sendgrid_events(payload)
    assert [one.kind for one in events] == ["delivered", "bounced", "blocked", "blocked", "complained", "left",
    "left", "dropped", "deferred"]
    assert (events[0].row_id, events[0].event_id, events[0].at.year) == (12, "abc", 2026)
    assert events[1].detail == "5.1.1 550 <(address)> unknown"


@pytest.mark.parametrize("strange", [
    raw(event="open"), raw(event="click"), raw(event="processed"), raw(event=None), raw(delivery_id=None),
    raw(delivery_id="1; DROP"), raw(delivery_id="-1"),
    raw(delivery_id="9" * 30), raw(delivery_id="٣"), raw(delivery_id=[1]), raw(sg_event_id=""),
    raw(timestamp="soon"), raw(timestamp=None), raw(timestamp=1e300),
    raw(timestamp=float("nan")), {}, "text", None, 7, [],
])
def test_what_is_no_event_of_ours_is_passed_over(strange: object) -> None:
    assert parse_sendgrid_events([strange]) == []


def test_a_call_that_is_no_list_is_refused() -> None:
    for payload in ({}, None, "x", 3, [raw()] * 5001):
        with pytest.raises(BroadsheetError):
            parse_sendgrid_events(payload)


def test_text_no_database_takes_is_kept_out(delivery: Delivery) -> None:
    (one,) = parse_sendgrid_events([raw(delivery_id=str(delivery.pk), event="bounce", type="blocked",
    reason="nul\0 and \ud800 " + "x" * 900)])
    assert apply_events([one]) == 1


def signed(body: bytes, at: datetime) -> tuple[str, str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    stamp = str(int(at.timestamp()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return base64.b64encode(public).decode(), base64.b64encode(signature).decode(), stamp


def test_a_call_sendgrid_signed_is_believed_for_ten_minutes() -> None:
    body = json.dumps([raw(reason="ünï")]).encode() + b"\r\n\xff"
    key, signature, stamp = signed(body, AT)
    assert verify_sendgrid_signature(key, body, signature, stamp, AT + timedelta(minutes=9))
    assert not verify_sendgrid_signature(key, body, signature, stamp, AT + timedelta(minutes=11))
    assert not verify_sendgrid_signature(key, body, signature, stamp, AT - timedelta(minutes=11))
    assert not verify_sendgrid_signature(key, body + b" ", signature, stamp, AT)
    assert not verify_sendgrid_signature(key, body, signature, str(int(stamp) + 1), AT)
    assert not verify_sendgrid_signature(signed(body, AT)[0], body, signature, stamp, AT)


@pytest.mark.parametrize(("signature", "stamp"), [
    ("", ""), ("not base64!", "1795417200"), ("AAAA", "1795417200"), ("é", "1795417200"), ("AAAA", "now"),
    ("AAAA", "-1"), ("AAAA", "1" * 99), ("AAAA", "١")])
def test_a_broken_signature_is_no_signature(signature: str, stamp: str) -> None:
    key, _, _ = signed(b"[]", AT)
    assert not verify_sendgrid_signature(key, b"[]", signature, stamp, AT)


def test_a_key_that_is_none_names_the_setting() -> None:
    other = rsa.generate_private_key(65537, 1024 * 2).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in ("", "nonsense", "AAAA", "é", base64.b64encode(other).decode()):
        with pytest.raises(BroadsheetError, match="SENDGRID_WEBHOOK_KEY"):
            verify_sendgrid_signature(key, b"[]", "AAAA", "1795417200", AT)


def test_an_event_about_somebody_else_leaves_the_deliverys_reader_alone(delivery: Delivery) -> None:
    """After a restored backup its number was given out again: the provider names who it wrote to."""
    other = Reader.objects.create(email="lost@example.org", email_key="lost@example.org")
    Subscription.objects.create(reader=other, newsletter=delivery.issue.newsletter, state="confirmed")
    kinds = ["delivered", "left", "bounced"]
    assert apply_events([replace(event(kind, delivery), email="Lost@example.org") for kind in kinds]) == 3
    assert state() == "accepted"
    assert Subscription.objects.get(reader=delivery.reader).state == "confirmed"
    assert Subscription.objects.get(reader=other).state == "left"
    assert (is_suppressed("lost@example.org"), is_suppressed("reader@example.com")) == (True, False)
    assert set(ProviderEvent.objects.values_list("delivery", "detail")) == {(None, "")}


def test_a_complaint_from_the_address_before_a_move_is_the_readers(delivery: Delivery) -> None:
    Reader.objects.update(email="new@example.org", email_key="new@example.org")
    FormerAddress.objects.create(reader=delivery.reader, email_hash=email_hash("reader@example.com"))
    apply_events([replace(event("complained", delivery), email="reader@example.com")])
    assert Subscription.objects.get().state == "left"
    assert state() == "delivered"
    assert (is_suppressed("reader@example.com"), is_suppressed("new@example.org")) == (True, False)
