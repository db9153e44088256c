"""A wish to leave in; a subscription ended at once, taken back within the hour, and a reason that names nobody, out."""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker.errors import BroadsheetError
from worker.readers.consent import build_consent, lock_reader, record
from worker.readers.find import find_mailboxes
from worker.readers.journal import Entry, write_after_commit
from worker.readers.links import UNDO_SECONDS, read_link
from worker.readers.suppress import is_suppressed
from worker.storage.models import Consent, ConsentAction, Departure, Purpose, Reader, Subscription, SubscriptionState

REASONS = {
    "too-often": "It came too often",
    "not-for-me": "It was not about what I care for",
    "quality": "I did not find it good enough",
    "not-asked": "I do not remember asking for it",
    "elsewhere": "I read the news elsewhere now",
    "other": "Something else",
}
REASON_DAYS = 1  # how long after leaving a reason is still taken
LONGEST_WORDS = 500


@dataclass(frozen=True)
class Undone:
    """What became of a wish to come back.

    `state` is back (the subscription stands again), already (it stood: nothing was changed) or stale (the hour is over,
    or something else has happened since).
    """

    state: Literal["back", "already", "stale"]
    newsletter: str


def leave(reader_id: int, newsletter: str, *, method: str, network_address: str | None = None,
          now: datetime | None = None) -> bool:
    """End one subscription at once; say whether there was one to end.

    Safe to repeat, and safe for readers, newsletters and ids that are not there. The round moves on, so that a
    confirmation link of before cannot bring the reader back. Database errors are left to the caller: an unsubscribe
    that was not recorded must not look like one that was. Then it is written to the erasure journal, so that no restored
    backup brings the reader back either.
    """
    now = now or timezone.now()
    with transaction.atomic():
        reader = lock_reader(reader_id)
        row = find_endable(reader, newsletter) if reader else None
        if reader is None or row is None:
            return False
        end_subscription(reader, row, method=method, network_address=network_address, now=now)
        entry = make_entry("left", reader, newsletter, now)
    write_after_commit(entry)  # out here: the many that one call of a mail provider reports are one transaction's
    return True


def find_endable(reader: Reader, newsletter: str) -> Subscription | None:
    """Return what this reader can leave: also what is suppressed, unless its consent was withdrawn with that."""
    row = reader.subscriptions.filter(newsletter=newsletter).exclude(state=SubscriptionState.LEFT).first()
    if row and row.state == SubscriptionState.SUPPRESSED:
        last = reader.consents.filter(purpose=Purpose.NEWSLETTER, newsletter=newsletter).order_by("at", "id").last()
        return None if last and last.action == ConsentAction.WITHDRAWN else row
    return row


def end_subscription(reader: Reader, row: Subscription, *, method: str, network_address: str | None,
                     now: datetime) -> None:
    """End this subscription of a locked reader, and write down that its consent is withdrawn. What is suppressed stays so."""
    state = row.state if row.state == SubscriptionState.SUPPRESSED else SubscriptionState.LEFT
    Subscription.objects.filter(pk=row.pk).update(state=state, left_at=now, confirm_round=F("confirm_round") + 1)
    record(reader, Purpose.NEWSLETTER, ConsentAction.WITHDRAWN, newsletter=row.newsletter, method=method,
           network_address=network_address, now=now)


def make_entry(did: Literal["left", "returned"], reader: Reader, newsletter: str, now: datetime) -> Entry:
    """Return the erasure journal's line about this; it is to be written once the database has the same."""
    return Entry(did, now, tuple(sorted(find_mailboxes([reader.pk]))), reader=reader.pk, newsletter=newsletter)


def find_undo(reader_id: int, newsletter: str, *, now: datetime | None = None) -> int | None:
    """Return the round that an undo link names; None if there is nothing to take back."""
    row = Subscription.objects.filter(reader=reader_id, newsletter=newsletter).first()
    return row.confirm_round if row and _may_return(row, now or timezone.now()) else None


def _may_return(row: Subscription, now: datetime) -> bool:
    """Say whether this subscription ended within the hour and was a confirmed one: what was only asked for when its
    reader left (asked later than it was last confirmed, if ever) is not confirmed by going back. Pure.
    """
    return (row.state == SubscriptionState.LEFT and row.left_at is not None and row.confirmed_at is not None
            and row.confirmed_at >= row.asked_at and now - row.left_at <= timedelta(seconds=UNDO_SECONDS))


@transaction.atomic
def undo(token: str, *, network_address: str | None = None, now: datetime | None = None) -> Undone:
    """Take back a leaving: the subscription stands again as it did, and the ledger says so.

    Once: the round moves on with it. Raises BadLinkError for a damaged link; a link that came too late, or after
    something else happened, is stale and changes nothing.
    """
    ids = read_link("undo", token)
    now = now or timezone.now()
    reader = lock_reader(ids["reader"])
    row = Subscription.objects.filter(reader=reader, newsletter=ids["newsletter"]).first() if reader else None
    if reader is None or row is None:
        return Undone("stale", ids["newsletter"])
    if row.state == SubscriptionState.CONFIRMED:
        return Undone("already", row.newsletter)
    if row.confirm_round != ids["round"] or not _may_return(row, now) or is_suppressed(reader.email):
        return Undone("stale", row.newsletter)
    Subscription.objects.filter(pk=row.pk).update(
        state=SubscriptionState.CONFIRMED, left_at=None, confirm_round=F("confirm_round") + 1)
    _restore_consent(reader, row.newsletter, network_address, now)
    write_after_commit(make_entry("returned", reader, row.newsletter, now))
    return Undone("back", row.newsletter)


def _restore_consent(reader: Reader, newsletter: str, network_address: str | None, now: datetime) -> None:
    """Write the consent given again, to the wording it was last given to: the undo page shows no other."""
    last = reader.consents.filter(purpose=Purpose.NEWSLETTER, newsletter=newsletter,
                                  action=ConsentAction.GIVEN).order_by("at", "id").last()
    row: Consent = build_consent(reader, Purpose.NEWSLETTER, ConsentAction.GIVEN, newsletter=newsletter, method="undo",
                                 network_address=network_address, now=now)
    if last:
        row.version, row.wording_sha256 = last.version, last.wording_sha256
    row.save(force_insert=True)


def tell_reason(reader_id: int, newsletter: str, reason: str, words: str = "", *, now: datetime | None = None) -> bool:
    """Keep why somebody left; say whether it was kept: only for one who left within the day, told twice is one row.

    The row holds nothing that says who. Its key is a keyed hash and its time only a day, so that it cannot be laid
    beside the subscription's end. Raises BroadsheetError for a reason that is not in REASONS.
    """
    if reason not in REASONS:
        raise BroadsheetError("choose one of the reasons")
    now = now or timezone.now()
    row = Subscription.objects.filter(reader=reader_id, newsletter=newsletter, state=SubscriptionState.LEFT,
                                      left_at__gte=now - timedelta(days=REASON_DAYS)).first()
    if row is None:
        return False
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    Departure.objects.update_or_create(
        key=_departure_key(row), defaults={"reason": reason, "words": clean_words(words)},
        create_defaults={"newsletter": newsletter, "reason": reason, "words": clean_words(words), "at": day})
    return True


class Told(NamedTuple):
    """How many readers gave one reason for leaving a newsletter, and what they wrote, the latest first."""

    newsletter: str
    reason: str
    readers: int
    words: list[str]


def read_reasons(newsletter: str = "") -> list[Told]:
    """Return why readers left, newsletter by newsletter, the commonest reason first."""
    told: dict[tuple[str, str], list[str]] = {}
    rows = Departure.objects.filter(newsletter=newsletter) if newsletter else Departure.objects.all()
    for row in rows.order_by("-at", "-id"):
        told.setdefault((row.newsletter, REASONS.get(row.reason, row.reason)), []).append(row.words)
    return sorted((Told(key, reason, len(words), [one for one in words if one]) for (key, reason), words in told.items()),
                  key=lambda row: (row.newsletter, -row.readers, row.reason))


def _departure_key(row: Subscription) -> str:
    secret = hashlib.sha256(b"broadsheet.readers.leaving\0" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(secret, f"{row.pk}:{row.confirm_round}".encode(), "sha256").hex()


def clean_words(words: str) -> str:
    """Return what somebody wrote as one line of at most 500 characters without control characters."""
    plain = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in words)
    return " ".join(plain.split())[:LONGEST_WORDS]
