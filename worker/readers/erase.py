"""An address in, nothing of that person left but the keyed hash that keeps them from being written to again."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal

import structlog
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import transaction
from django.utils import timezone

from worker.errors import BroadsheetError
from worker.readers.addresses import address_key, mailbox_of, read_address
from worker.readers.find import find_spellings
from worker.readers.journal import read_entries, write_entry
from worker.readers.suppress import email_hash, email_hashes
from worker.storage.models import (
    Delivery,
    DeliveryState,
    Editor,
    Measurement,
    Notice,
    NoticeKind,
    ProviderEvent,
    Reader,
    Removal,
    SignUp,
    Suppression,
)

log = structlog.get_logger(__name__)
CHUNK = 500  # SQLite's limit on parameters was once 999
RECENT = timedelta(days=2)
_ERASED, _ERASING = "erased", "erasing"  # the second: suppressed already, but a reader may still be there
_NAMING = (NoticeKind.ADDRESS, NoticeKind.MOVED)  # letters whose rows hold an address


def erase(email: str, *, now: datetime | None = None) -> bool:
    """Erase a reader for good (GDPR article 17); say whether there was one.

    First the wish is written to the erasure journal, then all goes in one transaction: subscriptions, the ledger, letters,
    measurements, sign-ups that wait. Deliveries stay as numbers in their issue's count, without reader or the provider's words,
    which may quote the address; what is still queued is not sent. Every spelling of the mailbox goes. An address that is nobody's
    is suppressed all the same: who asks to be forgotten is not brought in by a later list. Raises ConfigurationError, with nothing
    done, if the journal cannot be written; a database error after that leaves the wish standing for `replay_journal`.
    """
    now = now or timezone.now()
    found = Reader.objects.filter(email_key=address_key(email)).first()
    try:
        address = found.email if found else read_address(email).email
    except BroadsheetError:
        return False  # no address: no list can hold it
    for old in _former_addresses(address):  # an old list may hold the address of before a move
        write_entry(email_hash(old), now)
        _forget(old, now)
    write_entry(email_hash(address), now)
    return _forget(address, now) > 0


def _former_addresses(address: str) -> list[str]:
    """Return the addresses this mailbox's readers moved here from, as far as the letters about it still stand, unless another
    reader has one of them now."""
    own = find_spellings(address)
    old = Notice.objects.filter(kind=NoticeKind.MOVED, reader__in=own).exclude(to="").values_list("to", flat=True)
    return [one for one in set(old) if mailbox_of(one) != mailbox_of(address) and not find_spellings(one)]


def replay_journal(*, look_at: Literal["missing", "recent", "all"] = "missing", now: datetime | None = None) -> int:
    """Erase again whoever the journal names and the database does not know as erased; return how many people that were.

    So a restored backup brings nobody back. Costs one look at the suppressions while nothing is missing; then, or with `look_at`
    "all", every reader's hash is made. "recent" also looks at who came in within two days, as somebody may have signed up while
    being erased. Lines that cannot be read are logged by their numbers. May be run at any time, and twice at once.
    """
    now = now or timezone.now()
    journal = read_entries()
    if journal.unreadable:
        log.error("lines of the erasure journal cannot be read", lines=list(journal.unreadable[:20]),
                  count=len(journal.unreadable))
    if not journal.entries:
        return 0
    missing = find_missing(journal.entries)
    for some in _chunks(sorted(missing)):  # at once, so that nothing is sent while the readers are looked through
        Suppression.objects.bulk_create([Suppression(email_hash=digest, reason=_ERASING, at=journal.entries[digest])
                                         for digest in some], ignore_conflicts=True)
    there = _find_people(journal.entries.keys(), everybody=bool(missing) or look_at == "all",
                         since=now - RECENT if look_at == "recent" else None)
    for address in there.values():
        _forget(address, now)
    for some in _chunks(sorted(missing)):
        Suppression.objects.filter(email_hash__in=some).update(reason=_ERASED)
    again = missing | there.keys()
    if again:
        log.warning("erased again after a restore", people=len(again), readers=len(there))
    return len(again)


def find_missing(hashes: Collection[str]) -> set[str]:
    """Return those that the database does not hold as erased. A bounce or complaint of before the erasure does not count."""
    known: set[str] = set()
    for some in _chunks(sorted(hashes)):
        known.update(Suppression.objects.filter(email_hash__in=some, reason=_ERASED).values_list("email_hash", flat=True))
    return set(hashes) - known


def _chunks(hashes: list[str]) -> Iterator[list[str]]:
    return (hashes[start : start + CHUNK] for start in range(0, len(hashes), CHUNK))


def _find_people(wanted: Collection[str], *, everybody: bool, since: datetime | None) -> dict[str, str]:
    """Return hash > address of everybody in the database whom the journal names, read in chunks."""
    readers = Reader.objects.order_by("pk")
    if not everybody:
        if since is None:
            return {}
        readers = readers.filter(created_at__gte=since)
    found: dict[str, str] = {}
    for address in _addresses_of(readers.values_list("email", flat=True).iterator(chunk_size=2000)):
        for digest in email_hashes(address):
            if digest in wanted:
                found[digest] = address
    return found


def _addresses_of(readers: Iterable[str]) -> Iterator[str]:
    yield from readers
    yield from SignUp.objects.values_list("email", flat=True).iterator(chunk_size=2000)
    for row in Notice.objects.filter(kind__in=_NAMING).iterator(chunk_size=2000):
        yield from _named_in(row)


def _named_in(row: Notice) -> list[str]:
    """Return the addresses in a letter's row, beside its reader's own."""
    return [text for text in (row.to, *row.details.values()) if isinstance(text, str) and "@" in text]


def _forget(address: str, now: datetime) -> int:
    """Delete all that leads to this mailbox and keep its hash as erased; return how many readers that were."""
    mailbox = mailbox_of(address)
    own = find_spellings(address)
    waiting = [pk for pk, email in SignUp.objects.values_list("pk", "email") if mailbox_of(email) == mailbox]
    letters = [row.pk for row in Notice.objects.filter(kind__in=_NAMING) if mailbox in map(mailbox_of, _named_in(row))]
    with transaction.atomic():
        readers = list(Reader.objects.select_for_update(no_key=True).filter(pk__in=own).order_by("pk"))
        _keep_out(address, now)
        SignUp.objects.filter(pk__in=waiting).delete()
        Notice.objects.filter(pk__in=letters).delete()
        for reader in readers:
            _forget_sign_in_attempts(reader.email)
            _delete_reader(reader, now)
    return len(readers)


def _keep_out(address: str, now: datetime) -> None:
    today, *_ = hashes = email_hashes(address)
    Suppression.objects.get_or_create(email_hash=today, defaults={"reason": _ERASED, "at": now})
    Suppression.objects.filter(email_hash__in=hashes).update(reason=_ERASED)


def _forget_sign_in_attempts(address: str) -> None:
    """Somebody may have typed a reader's address at the desk's door. An editor's own attempts stay: they lock a guesser out."""
    if not Editor.objects.filter(email__iexact=address).exists():
        for attempts in (AccessAttempt, AccessFailureLog, AccessLog):
            attempts.objects.filter(username__iexact=address).delete()


def _delete_reader(reader: Reader, now: datetime) -> None:
    deliveries = Delivery.objects.filter(reader=reader)
    ProviderEvent.objects.filter(delivery__in=deliveries).update(detail="")
    Measurement.objects.filter(delivery__in=deliveries).delete()
    deliveries.filter(state=DeliveryState.QUEUED).update(state=DeliveryState.SUPPRESSED, updated_at=now)
    deliveries.update(provider_id="", error="")
    # The ledger's triggers ask for it. After a restore in part it may be there already.
    Removal.objects.get_or_create(reader_number=reader.pk, defaults={"reason": "erased", "at": now})
    reader.delete()
