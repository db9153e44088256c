"""What a mail provider reports in, deliveries settled out: delivered, bounced, complained, left; each event counted once.

Events come late, twice and out of order. Each is kept once by its own id, and a delivery only ever moves forward:
accepted or uncertain, then delivered, then bounced.
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.db import transaction
from django.utils import timezone

from worker.delivery.breaker import check_issue
from worker.delivery.message import clean_line
from worker.errors import BroadsheetError
from worker.readers.addresses import mailbox_of
from worker.readers.find import find_owners
from worker.readers.leaving import leave
from worker.readers.suppress import suppress
from worker.storage.models import Delivery, DeliveryState, ProviderEvent, Reader

MOST_EVENTS = 5_000  # of one call; SendGrid posts at most about a thousand
SIGNATURE_SECONDS = 600  # a recorded call cannot be played again later
_UNSETTLED = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING, DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)
# What an event makes of a delivery, and from which states: a provider's word counts more than our guess, never less.
_MOVES: dict[str, tuple[str, tuple[str, ...]]] = {
    "delivered": (DeliveryState.DELIVERED, _UNSETTLED),
    "complained": (DeliveryState.DELIVERED, _UNSETTLED),
    "left": (DeliveryState.DELIVERED, _UNSETTLED),
    "dropped": (DeliveryState.FAILED, _UNSETTLED),
    "bounced": (DeliveryState.BOUNCED, (*_UNSETTLED, DeliveryState.DELIVERED)),
    "blocked": (DeliveryState.BOUNCED, (*_UNSETTLED, DeliveryState.DELIVERED)),
}
# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event; opens and clicks are not asked for.
_SENDGRID_KINDS = {"delivered": "delivered", "deferred": "deferred", "bounce": "bounced", "dropped": "dropped",
                   "spamreport": "complained", "unsubscribe": "left", "group_unsubscribe": "left"}


@dataclass(frozen=True)
class Event:
    """One thing a provider reports of one delivery. `blocked` is a bounce that is not the address's fault.

    `email` is the address it is about, if the provider says; it is not kept. A reader may have moved since.
    """

    kind: str  # delivered, deferred, bounced, blocked, dropped, complained, left
    delivery_id: int
    event_id: str
    at: datetime
    detail: str = ""
    provider: str = "sendgrid"
    email: str = ""


def parse_sendgrid_events(payload: object) -> list[Event]:
    """Return the events of one call that are about deliveries of ours; anything else in it is passed over.

    `payload` is the decoded JSON. Raises BroadsheetError if it is no list, or a longer one than SendGrid sends.
    """
    if not isinstance(payload, list):
        raise BroadsheetError("SendGrid's event call is not a list of events")
    if len(payload) > MOST_EVENTS:
        raise BroadsheetError(f"SendGrid's event call holds {len(payload)} events; at most {MOST_EVENTS} are read")
    events = [_parse_sendgrid_event(raw) for raw in payload if isinstance(raw, dict)]
    return [event for event in events if event]


def _parse_sendgrid_event(raw: Mapping[str, Any]) -> Event | None:
    kind = _SENDGRID_KINDS.get(str(raw.get("event")))
    event_id, delivery_id = str(raw.get("sg_event_id") or ""), str(raw.get("delivery_id") or "")
    if not kind or not event_id or not (delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) < 19):
        return None
    try:
        at = datetime.fromtimestamp(float(raw.get("timestamp", "")), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    if kind == "bounced" and (raw.get("type") == "blocked" or str(raw.get("status") or "").startswith("4")):
        kind = "blocked"
    words = " ".join(str(raw[name]) for name in ("status", "reason", "response") if raw.get(name))
    email = str(raw.get("email") or "")
    detail = words.replace(email, "(address)") if email else words
    return Event(kind, int(delivery_id), clean_line(event_id)[:200], at, clean_line(detail)[:500], email=email)


def verify_sendgrid_signature(public_key: str, body: bytes, signature: str, timestamp: str,
                              now: datetime | None = None) -> bool:
    """Say whether SendGrid signed this call within the last ten minutes.

    `signature` and `timestamp` (Unix seconds) are the headers X-Twilio-Email-Event-Webhook-Signature and -Timestamp:
    ECDSA over SHA-256 of the timestamp followed by the body's bytes. Raises BroadsheetError if `public_key`
    (SENDGRID_WEBHOOK_KEY, base64 of a DER key) is none.
    """
    try:
        key = load_der_public_key(base64.b64decode("".join(public_key.split()), validate=True))
    except ValueError as error:
        raise BroadsheetError("SENDGRID_WEBHOOK_KEY is not a public key: copy the verification key from SendGrid's "
                              "event webhook settings") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise BroadsheetError("SENDGRID_WEBHOOK_KEY is a key of another kind: SendGrid's is an ECDSA key")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    age = (now or timezone.now()).timestamp() - int(timestamp)
    if not -SIGNATURE_SECONDS <= age <= SIGNATURE_SECONDS:
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def apply_events(events: Sequence[Event]) -> int:
    """Settle deliveries by what a provider reports, suppress hard bounces and complaints; return how many were new.

    May be called again with the same events, or at once by two: an event known already changes nothing. Events about
    deliveries that are not ours are passed over. An issue whose readers complain or whose mail bounces is held.
    """
    # Each delivery's events as they happened; deliveries in one order, so that two calls at once never wait for each other.
    in_order = sorted(events, key=lambda event: (event.delivery_id, event.at))
    by_id = {(event.provider, event.event_id): event for event in in_order}
    shaken: set[int] = set()
    with transaction.atomic():
        found = _lock_and_find({event.delivery_id for event in by_id.values()})
        # The provider is named because the index begins with it: by the ids alone every event ever kept would be read.
        known = set(ProviderEvent.objects.filter(provider__in={key[0] for key in by_id}, event_id__in=[key[1] for key in by_id])
                    .values_list("provider", "event_id"))
        new = [event for key, event in by_id.items() if key not in known and event.delivery_id in found]
        astray = {event for event in new if _is_astray(event, found[event.delivery_id])}
        rows = {event: _make_row(event, found[event.delivery_id], is_astray=event in astray) for event in new}
        # Another call with the same events at this moment: what follows is harmless twice.
        ProviderEvent.objects.bulk_create(rows.values(), ignore_conflicts=True)
        for event in new:
            delivery = found[event.delivery_id]
            if event in astray:
                _act_for_readers(event, find_owners(event.email), delivery.issue.newsletter)
                continue
            _settle(event, rows[event].detail)
            if delivery.reader:
                _act_for_readers(event, [delivery.reader.pk], delivery.issue.newsletter, delivery.reader.email)
            if event.kind in ("bounced", "blocked", "dropped", "complained"):
                shaken.add(delivery.issue_id)
    for issue_id in shaken:
        check_issue(issue_id)
    return len(new)


def _lock_and_find(delivery_ids: Collection[int]) -> dict[int, Delivery]:
    """Return the deliveries with these numbers. Their readers are locked: whoever is erased at this moment is so before, and no
    words are kept of them, or after."""
    rows = Delivery.objects.filter(pk__in=delivery_ids)
    list(Reader.objects.select_for_update(no_key=True).filter(pk__in=rows.values("reader")).order_by("pk").values_list("pk"))
    return {row.pk: row for row in rows.select_related("issue", "reader")}


def _is_astray(event: Event, delivery: Delivery) -> bool:
    """Say whether the event is about somebody else than the delivery's reader: after a restored backup its number was given
    out again."""
    return ("@" in event.email and delivery.reader is not None and mailbox_of(event.email) != mailbox_of(delivery.reader.email)
            and delivery.reader.pk not in find_owners(event.email))


def _make_row(event: Event, delivery: Delivery, *, is_astray: bool) -> ProviderEvent:
    """Return the event as it is kept: of somebody who was erased, or is not known any more, without words."""
    is_theirs = delivery.reader_id is not None and not is_astray
    return ProviderEvent(provider=event.provider, event_id=event.event_id, kind=event.kind, at=event.at,
                         detail=event.detail if is_theirs and delivery.issue.traces_kept else "",
                         delivery=None if is_astray else delivery)


def _settle(event: Event, words: str) -> None:
    if event.kind not in _MOVES:
        return
    state, before = _MOVES[event.kind]
    error = words if state in (DeliveryState.FAILED, DeliveryState.BOUNCED) else ""
    Delivery.objects.filter(pk=event.delivery_id, state__in=before).update(
        state=state, error=error, lease_token="", leased_until=None, not_before=None, updated_at=timezone.now())


def _act_for_readers(event: Event, readers: Sequence[int], newsletter: str, email: str = "") -> None:
    """Carry out what the event says of the people: never write again, or end the subscription."""
    # The address that bounced or complained is the one that was written to: after a move not the reader's of today.
    email = event.email if "@" in event.email else email
    if event.kind in ("complained", "left"):
        for reader_id in readers:
            leave(reader_id, newsletter, method="complaint" if event.kind == "complained" else "provider", now=event.at)
    if event.kind in ("bounced", "complained"):
        suppress(email, "bounce" if event.kind == "bounced" else "complaint", now=event.at)
