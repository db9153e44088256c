"""What a mail provider reports in, deliveries and letters settled out: delivered, bounced, complained, left; each event counted
once.

Events come late, twice and out of order. Each is kept once by its own id, and a delivery or letter only ever moves forward:
accepted or uncertain, then delivered, then bounced.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
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
from worker.delivery.senders.sendgrid import SendGridSender
from worker.errors import BroadsheetError
from worker.readers.addresses import mailbox_of
from worker.readers.find import find_owners, find_spellings
from worker.readers.leaving import leave
from worker.readers.suppress import suppress
from worker.storage.models import Delivery, DeliveryState, Notice, ProviderEvent, Reader, Subscription

MOST_EVENTS = 5_000  # of one call; SendGrid posts at most about a thousand
SIGNATURE_SECONDS = 600  # a recorded call cannot be played again later
_UNSETTLED = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING, DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)
# What an event makes of a delivery or letter, and from which states: a provider's word counts more than our guess, never less.
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
# Why an address must not be written to again, by the event; and of mails that SendGrid drops without a try, by what it says
# it was told of the address before.
_SUPPRESSING = {"bounced": "bounce", "complained": "complaint"}
_DROPPED_FOR = {"bounced address": "bounce", "spam reporting address": "complaint"}
Post = Delivery | Notice


@dataclass(frozen=True)
class Event:
    """One thing a provider reports of one delivery or letter. `blocked` is a bounce that is not the address's fault.

    `email` is the address it is about, if the provider says; it is not kept. A reader may have moved since.
    """

    kind: str  # delivered, deferred, bounced, blocked, dropped, complained, left
    row_id: int
    event_id: str
    at: datetime
    detail: str = ""
    provider: str = "sendgrid"
    email: str = ""
    row: str = "delivery_id"  # or "notice_id": what the number is of, as the copy named it
    dropped_for: str = ""  # bounce or complaint: what made the provider drop the mail without a try


def parse_sendgrid_events(payload: object) -> list[Event]:
    """Return the events of one call that are about deliveries or letters of ours; anything else in it is passed over.

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
    event_id = str(raw.get("sg_event_id") or "")
    row = "delivery_id" if raw.get("delivery_id") else "notice_id"
    number = str(raw.get(row) or "")
    if not kind or not event_id or not (number.isascii() and number.isdigit() and len(number) < 19):
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
    dropped_for = _DROPPED_FOR.get(str(raw.get("reason")).strip().lower(), "") if kind == "dropped" else ""
    return Event(kind, int(number), clean_line(event_id)[:200], at, clean_line(detail)[:500], email=email, row=row,
                 dropped_for=dropped_for)


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
    """Settle deliveries and letters by what a provider reports, suppress hard bounces and complaints; return how many were new.

    May be called again with the same events, or at once by two: an event known already changes nothing. Events about what
    is not ours, or not any more, are passed over. An issue whose readers complain or whose mail bounces is held.
    """
    # Each row's events as they happened; rows in one order, so that two calls at once never wait for each other.
    in_order = sorted(events, key=lambda event: (event.row, event.row_id, event.at))
    by_id = {(event.provider, event.event_id): event for event in in_order}
    shaken: set[int] = set()
    with transaction.atomic():
        found = _lock_and_find(in_order)
        # The provider is named because the index begins with it: by the ids alone every event ever kept would be read.
        known = set(ProviderEvent.objects.filter(provider__in={key[0] for key in by_id}, event_id__in=[key[1] for key in by_id])
                    .values_list("provider", "event_id"))
        new = [event for key, event in by_id.items() if key not in known and (event.row, event.row_id) in found]
        astray = {event for event in new if _is_astray(event, found[event.row, event.row_id])}
        rows = [_make_row(event, found[event.row, event.row_id], is_astray=event in astray) for event in new]
        # Another call with the same events at this moment: what follows is harmless twice.
        ProviderEvent.objects.bulk_create(rows, ignore_conflicts=True)
        for event in new:
            post = found[event.row, event.row_id]
            if event not in astray:
                _settle(event, post)
                if isinstance(post, Delivery) and event.kind in ("bounced", "blocked", "dropped", "complained"):
                    shaken.add(post.issue_id)
            _act_for_readers(event, post, is_astray=event in astray)
    for issue_id in shaken:
        check_issue(issue_id, lost_together=SendGridSender.lost_together)
    return len(new)


def _lock_and_find(events: Sequence[Event]) -> dict[tuple[str, int], Post]:
    """Return the deliveries and letters these are about. Their readers are locked: whoever is erased at this moment is so before,
    and no words are kept of them, or after."""
    wanted = {row: {event.row_id for event in events if event.row == row} for row in ("delivery_id", "notice_id")}
    deliveries = Delivery.objects.filter(pk__in=wanted["delivery_id"])
    letters = Notice.objects.filter(pk__in=wanted["notice_id"])
    readers = {*deliveries.values_list("reader", flat=True), *letters.values_list("reader", flat=True)} - {None}
    list(Reader.objects.select_for_update(no_key=True).filter(pk__in=readers).order_by("pk").values_list("pk"))
    return {**{("delivery_id", row.pk): row for row in deliveries.select_related("issue", "reader")},
            **{("notice_id", row.pk): row for row in letters.select_related("reader")}}


def _address_of(post: Post) -> str:
    """Return where the post went, as far as its row says: to the reader of today, unless the letter has an address of its own."""
    own = post.to if isinstance(post, Notice) else ""
    return own or (post.reader.email if post.reader else "")


def _is_astray(event: Event, post: Post) -> bool:
    """Say whether the event is about somebody else than whom the row's post went to: after a restored backup its number was
    given out again. A letter with an address of its own went to no other; other post may have gone to one the reader had before.
    """
    if "@" not in event.email or post.reader is None or mailbox_of(event.email) == mailbox_of(_address_of(post)):
        return False
    return _has_own_address(post) or post.reader.pk not in find_owners(event.email)


def _has_own_address(post: Post) -> bool:
    return isinstance(post, Notice) and bool(post.to)


def _make_row(event: Event, post: Post, *, is_astray: bool) -> ProviderEvent:
    """Return the event as it is kept: of somebody who was erased, or is not known any more, without words.

    Of a letter without words too, and without its number: how it ended stands in the letter's own row, and goes with it.
    """
    kept = isinstance(post, Delivery) and not is_astray
    return ProviderEvent(provider=event.provider, event_id=event.event_id, kind=event.kind, at=event.at,
                         detail=_words_of(event, post) if kept else "", delivery_id=post.pk if kept else None)


def _words_of(event: Event, post: Post) -> str:
    may_be_kept = post.reader_id is not None and (isinstance(post, Notice) or post.issue.traces_kept)
    return event.detail if may_be_kept else ""


def _settle(event: Event, post: Post) -> None:
    if event.kind not in _MOVES:
        return
    state, before = _MOVES[event.kind]
    error = _words_of(event, post) if state in (DeliveryState.FAILED, DeliveryState.BOUNCED) else ""
    type(post)._default_manager.filter(pk=post.pk, state__in=before).update(
        state=state, error=error, lease_token="", leased_until=None, not_before=None, updated_at=timezone.now())


def _act_for_readers(event: Event, post: Post, *, is_astray: bool) -> None:
    """Carry out what the event says of the people: never write again, or end the subscription."""
    if post.reader is None:
        return
    # The address that bounced or complained is the one that was written to: after a move not the reader's of today.
    email = event.email if "@" in event.email else _address_of(post)
    if event.kind in ("complained", "left"):
        for reader_id, newsletter in _find_meant(event, post, email, is_astray=is_astray):
            leave(reader_id, newsletter, method="complaint" if event.kind == "complained" else "provider", now=event.at)
    reason = _SUPPRESSING.get(event.kind, event.dropped_for)
    if reason:
        suppress(email, reason, now=event.at)


def _find_meant(event: Event, post: Post, email: str, *, is_astray: bool) -> list[tuple[int, str]]:
    """Return who leaves which newsletter: an issue is of one; of our letters, who wants none wants nothing that they are about.

    A letter to an address of its own means whoever reads there today: it may have been typed in by somebody else, or be one
    that its reader moved away from.
    """
    readers = [post.reader_id or 0]
    if is_astray:
        readers = find_owners(event.email)
    elif _has_own_address(post):
        readers = find_spellings(email)
    if isinstance(post, Delivery):
        return [(reader_id, post.issue.newsletter) for reader_id in readers]
    return list(Subscription.objects.filter(reader__in=readers).order_by("pk").values_list("reader", "newsletter"))
