"""What a mail provider reports in, deliveries settled out: delivered, bounced, complained, left; each event counted once.

Events come late, twice and out of order. Each is kept once by its own id, and a delivery only ever moves forward:
accepted or uncertain, then delivered, then bounced.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from worker.readers.leaving import leave
from worker.readers.suppress import suppress
from worker.storage.models import Delivery, DeliveryState, ProviderEvent

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
    fresh = 0
    shaken: set[int] = set()
    with transaction.atomic():
        found = Delivery.objects.select_related("issue", "reader").in_bulk({event.delivery_id for event in by_id.values()})
        # The provider is named because the index begins with it: by the ids alone every event ever kept would be read.
        known = set(ProviderEvent.objects.filter(provider__in={key[0] for key in by_id}, event_id__in=[key[1] for key in by_id])
                    .values_list("provider", "event_id"))
        new = [event if found[event.delivery_id].reader_id else replace(event, detail="")  # erased: no more words about them
               for key, event in by_id.items() if key not in known and event.delivery_id in found]
        ProviderEvent.objects.bulk_create(
            [ProviderEvent(provider=event.provider, event_id=event.event_id, kind=event.kind, at=event.at,
                           detail=event.detail, delivery_id=event.delivery_id) for event in new],
            ignore_conflicts=True)  # another call with the same events at this moment: what follows is harmless twice
        for event in new:
            delivery = found[event.delivery_id]
            _settle(event)
            _act_for_reader(event, delivery)
            fresh += 1
            if event.kind in ("bounced", "blocked", "dropped", "complained"):
                shaken.add(delivery.issue_id)
    for issue_id in shaken:
        check_issue(issue_id)
    return fresh


def _settle(event: Event) -> None:
    if event.kind not in _MOVES:
        return
    state, before = _MOVES[event.kind]
    error = event.detail if state in (DeliveryState.FAILED, DeliveryState.BOUNCED) else ""
    Delivery.objects.filter(pk=event.delivery_id, state__in=before).update(
        state=state, error=error, lease_token="", leased_until=None, not_before=None, updated_at=timezone.now())


def _act_for_reader(event: Event, delivery: Delivery) -> None:
    """Carry out what the event says of the person: never write again, or end the subscription."""
    if delivery.reader is None:
        return
    # The address that bounced or complained is the one that was written to: after a move not the reader's of today.
    email = event.email if "@" in event.email else delivery.reader.email
    if event.kind == "bounced":
        suppress(email, "bounce", now=event.at)
    elif event.kind == "complained":
        leave(delivery.reader.pk, delivery.issue.newsletter, method="complaint", now=event.at)
        suppress(email, "complaint", now=event.at)
    elif event.kind == "left":
        leave(delivery.reader.pk, delivery.issue.newsletter, method="provider", now=event.at)
