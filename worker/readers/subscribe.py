"""A sign-up in: pending subscriptions, what was asked for in the ledger, and one confirmation letter owed, out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError
from worker.readers.addresses import Address, read_address
from worker.readers.consent import Wordings, build_consent, lock_reader
from worker.readers.suppress import is_suppressed
from worker.readers.terms import box_wordings
from worker.storage.models import (
    Consent,
    ConsentAction,
    Notice,
    NoticeKind,
    Purpose,
    Reader,
    Subscription,
    SubscriptionState,
    Terms,
)

_ASKABLE = (SubscriptionState.PENDING, SubscriptionState.LEFT)


@dataclass(frozen=True)
class _Request:
    """One sign-up as it was asked."""

    address: Address
    newsletters: tuple[str, ...]
    partners: bool
    tracking: bool
    wordings: Wordings
    method: str
    network_address: str | None
    now: datetime


def sign_up(email: str, newsletters: Sequence[str], *, partners: bool = False, tracking: bool = False,
            method: str = "form", network_address: str | None = None, wordings: Wordings | None = None,
            now: datetime | None = None) -> None:
    """Ask for newsletters; the address's owner decides by the link in the mail.

    `wordings` are those that were shown (today's if left out). Raises BroadsheetError for something that is no
    address, for no newsletter at all, and for one that is not in feeds.toml. All the rest, an unknown address, a known
    one, one that is subscribed already and one that must not be written to, have the same answer (none) and cost the
    same work, so that nobody can learn from it who reads what.
    """
    configured = editorial.load()
    wanted = tuple(dict.fromkeys(newsletters))
    if not wanted:
        raise BroadsheetError("choose at least one newsletter")
    for key in wanted:
        configured.newsletter(key)
    request = _Request(address=read_address(email), newsletters=wanted,
                       partners=partners and bool(configured.publisher.all_partners), tracking=tracking,
                       wordings=wordings or box_wordings(), method=method, network_address=network_address,
                       now=now or timezone.now())
    with transaction.atomic():
        _write_or_touch(request)


def _write_or_touch(request: _Request) -> None:
    """Do all the writing for everybody; where nothing may be kept, take it back and commit one row as it was.

    The last update changes no value. It makes the transaction one that the disk must hear of, like all the others.
    """
    suppressed = is_suppressed(request.address.email)
    before = transaction.savepoint()
    owed = _write(request)
    if owed and not suppressed:
        transaction.savepoint_commit(before)
        return
    transaction.savepoint_rollback(before)
    Terms.objects.filter(pk=request.wordings["newsletter"].pk).update(material=F("material"))


def _write(request: _Request) -> bool:
    """Write reader, subscriptions, ledger and letter; say whether a letter is owed that was not owed before."""
    address, now = request.address, request.now
    found, _ = Reader.objects.get_or_create(email_key=address.key, defaults={"email": address.email, "created_at": now})
    reader = lock_reader(found.pk) or found
    Subscription.objects.bulk_create(
        [Subscription(reader=reader, newsletter=key, asked_at=now) for key in request.newsletters],
        ignore_conflicts=True)
    rows = list(reader.subscriptions.filter(newsletter__in=request.newsletters).order_by("newsletter"))
    asked = [row for row in rows if row.state in _ASKABLE]
    rounds = {row.newsletter: row.confirm_round for row in asked}
    covered = _covered_today(reader, now)
    Subscription.objects.filter(pk__in=[row.pk for row in asked]).update(state=SubscriptionState.PENDING, asked_at=now)
    Consent.objects.bulk_create(_asked_rows(reader, request, list(rounds) or list(request.newsletters)))
    _owe_letter(reader, request, rounds)
    return any(covered.get(key) != number for key, number in rounds.items())


def _covered_today(reader: Reader, now: datetime) -> dict[str, int]:
    """Return the newsletters, with their rounds, that a confirmation letter of this (UTC) day already asks about."""
    letters = Notice.objects.filter(kind=NoticeKind.CONFIRM, key__startswith=_letter_key(reader, now)).order_by("id")
    return {key: number for details in letters.values_list("details", flat=True)
            for key, number in details.get("rounds", {}).items()}


def _letter_key(reader: Reader, now: datetime) -> str:
    return f"confirm:{reader.pk}:{now.astimezone(UTC):%Y-%m-%d}:"


def _asked_rows(reader: Reader, request: _Request, newsletters: Sequence[str]) -> list[Consent]:
    purposes = [(Purpose.NEWSLETTER, key) for key in newsletters] + [(Purpose.TERMS, "")]
    if request.partners:
        purposes.append((Purpose.PARTNERS, ""))
    if request.tracking:
        purposes.append((Purpose.TRACKING, ""))
    return [build_consent(reader, purpose, ConsentAction.ASKED, newsletter=key, method=request.method,
                          network_address=request.network_address, wordings=request.wordings, now=request.now)
            for purpose, key in purposes]


def _owe_letter(reader: Reader, request: _Request, rounds: Mapping[str, int]) -> None:
    digest = hashlib.sha256(repr(sorted(rounds.items())).encode()).hexdigest()[:16]
    Notice.objects.get_or_create(
        key=_letter_key(reader, request.now) + digest,
        defaults={"kind": NoticeKind.CONFIRM, "reader": reader, "created_at": request.now,
                  "details": {"newsletters": list(rounds), "rounds": dict(rounds), "partners": request.partners,
                              "tracking": request.tracking, "shown": {kind: row.pk for kind, row in request.wordings.items()}}})
