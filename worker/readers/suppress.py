"""An address in, the lasting rule that it is never written to again out; only a keyed hash of it is kept."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker.readers.addresses import mailbox_of
from worker.readers.consent import build_consent
from worker.readers.find import find_spellings
from worker.readers.hashes import email_hash, mailboxes_by_hash
from worker.readers.journal import Entry, write_after_commit
from worker.storage.bulk_readers import find_hashes
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Subscription, SubscriptionState, Suppression

# What a person did, as against what their mailbox did: only these withdraw a consent.
_BY_THE_READER = frozenset({"complaint", "request"})


def suppressed_among(emails: Iterable[str]) -> set[str]:
    """Return those of `emails`, as given, that must not be written to; hashes made under old keys count too."""
    given = set(emails)
    by_hash = mailboxes_by_hash(given)
    mailboxes = {by_hash[digest] for digest in find_hashes(list(by_hash))}
    return {email for email in given if mailbox_of(email) in mailboxes} if mailboxes else set()


def unwanted_among(emails: Mapping[str, str], movers: Mapping[str, int]) -> set[str]:
    """Return those of `emails` (key > address) that must not be written to, or whose reader must not: `movers` is key > who moved
    away from there."""
    if not Suppression.objects.exists():  # then no hash need be made
        return set()
    moved_to = dict(Reader.objects.filter(pk__in=set(movers.values())).values_list("pk", "email")) if movers else {}
    suppressed = suppressed_among([*emails.values(), *moved_to.values()])
    return {email for key, email in emails.items()
            if email in suppressed or (key in movers and moved_to.get(movers[key]) in suppressed)}


def is_suppressed(email: str) -> bool:
    """Say whether this address must not be written to."""
    return bool(suppressed_among([email]))


def suppress(email: str, reason: str, *, now: datetime | None = None) -> bool:
    """Never write to this address again; say whether that is new.

    `reason` is bounce, complaint, request or erased. The reader's subscriptions become suppressed in the same
    transaction, and a complaint or request is also written to the ledger as a consent withdrawn. Then the erasure journal is told,
    so that a restored backup does not forget it.
    """
    now = now or timezone.now()
    digest = email_hash(email)
    with transaction.atomic():
        own = find_spellings(email)
        readers = list(Reader.objects.select_for_update(no_key=True).filter(pk__in=own).order_by("pk"))
        known = is_suppressed(email)
        if not known:
            Suppression.objects.get_or_create(email_hash=digest, defaults={"reason": reason[:30], "at": now})
        for reader in readers:
            end_all(reader, reason, method=reason, now=now)
    if not known:
        write_after_commit(Entry("suppressed", now, (digest,), reason=reason[:30]))
    return not known


def end_all(reader: Reader, reason: str, *, method: str, now: datetime) -> None:
    """Suppress all of a locked reader's subscriptions that they have not left."""
    confirmed = Subscription.objects.filter(
        reader=reader, state=SubscriptionState.CONFIRMED).values_list("newsletter", flat=True)
    if reason in _BY_THE_READER:
        Consent.objects.bulk_create([
            build_consent(reader, Purpose.NEWSLETTER, ConsentAction.WITHDRAWN, newsletter=key, method=method, now=now)
            for key in confirmed])
    # The round moves on, so that a confirmation link still lying in the mailbox revives nothing.
    Subscription.objects.filter(reader=reader).exclude(state=SubscriptionState.LEFT).update(
        state=SubscriptionState.SUPPRESSED, confirm_round=F("confirm_round") + 1)
