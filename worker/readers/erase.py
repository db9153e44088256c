"""An address in, nothing of that person left but the keyed hash that keeps them from being written to again."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from worker.errors import BroadsheetError, TransientError
from worker.readers.addresses import address_key, read_address
from worker.readers.find import find_mailboxes, find_owners, find_spellings
from worker.readers.hashes import email_hash, email_hashes
from worker.readers.journal import write_entry
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
    Subscription,
    Suppression,
)

CHUNK = 500  # SQLite's limit on parameters was once 999
_ERASED, _ERASING = "erased", "erasing"  # the second: suppressed already, but a reader may still be there
_NAMING = (NoticeKind.ADDRESS, NoticeKind.MOVED)  # letters whose rows hold an address


def erase(email: str, *, now: datetime | None = None) -> bool:
    """Erase a reader for good (GDPR article 17); say whether there was one.

    First the wish is written to the erasure journal, then all goes in one transaction: subscriptions, the ledger, letters,
    measurements, sign-ups that wait. Deliveries stay as numbers in their issue's count, without reader or the provider's words,
    which may quote the address; what is still queued is not sent. Every spelling of the mailbox goes, and every mailbox the reader
    moved away from, as an old list may name it; by such a one they are found, too, unless somebody else has confirmed there. An
    address that is nobody's is suppressed all the same: who asks to be forgotten is not brought in by a later list.

    Raises ConfigurationError, with nothing done, if the journal cannot be written, and TransientError if the database fails after
    that: the wish stands, for `replay_journal`.
    """
    now = now or timezone.now()
    found = Reader.objects.filter(email_key=address_key(email)).first()
    try:
        address = found.email if found else read_address(email).email
    except BroadsheetError:
        return False  # no address: no list can hold it
    owners = _find_meant(address)
    digests = {email_hash(address)} | find_mailboxes(owners)
    for digest in sorted(digests):
        write_entry(digest, now)
    try:
        return _forget(owners, digests, now) > 0
    except (OperationalError, InterfaceError) as error:
        raise TransientError("The erasure is written down, and done within an hour of the database answering again. At this moment "
                             "it does not.") from error


def _find_meant(address: str) -> list[int]:
    """Return the readers of a mailbox. Who moved away from it is meant too, unless somebody confirmed reads there now."""
    own = find_spellings(address)
    is_somebodys = Subscription.objects.filter(reader__in=own, confirmed_at__isnull=False).exists()
    return own if is_somebodys else find_owners(address)


def erase_again(journalled: Mapping[str, datetime], *, everybody: bool, since: datetime | None, now: datetime) -> tuple[int, int]:
    """Erase again whose hashes are given, with the moment of their erasure, and the database does not know as erased; return how
    many mailboxes and readers that were. If nothing is missing, only readers who came in `since` are looked through, or
    `everybody`."""
    if not journalled:
        return 0, 0
    missing = find_missing(journalled)
    for some in _chunks(sorted(missing)):  # at once, so that nothing is sent while the readers are looked through
        Suppression.objects.bulk_create([Suppression(email_hash=digest, reason=_ERASING, at=journalled[digest])
                                         for digest in some], ignore_conflicts=True)
    there, owners = _find_people(journalled.keys(), everybody=bool(missing) or everybody, since=since)
    for start in range(0, max(len(owners), len(there)), CHUNK):
        _forget(owners[start : start + CHUNK], there, now)
    for some in _chunks(sorted(missing)):
        Suppression.objects.filter(email_hash__in=some).update(reason=_ERASED)
    return len(missing | there), len(owners)


def find_missing(hashes: Collection[str]) -> set[str]:
    """Return those that the database does not hold as erased. A bounce or complaint of before the erasure does not count."""
    known: set[str] = set()
    for some in _chunks(sorted(hashes)):
        known.update(Suppression.objects.filter(email_hash__in=some, reason=_ERASED).values_list("email_hash", flat=True))
    return set(hashes) - known


def _chunks(hashes: list[str]) -> Iterator[list[str]]:
    return (hashes[start : start + CHUNK] for start in range(0, len(hashes), CHUNK))


def _find_people(wanted: Collection[str], *, everybody: bool, since: datetime | None) -> tuple[set[str], list[int]]:
    """Return which of the journal's hashes lead to somebody in the database, and to which readers.

    Not by what readers moved away from: an erasure names all of a reader's mailboxes, and one of those may have been
    somebody else's by the time it was erased.
    """
    if not everybody and since is None:
        return set(), []
    readers = Reader.objects.all() if everybody else Reader.objects.filter(created_at__gte=since)
    owners = {pk: found for pk, email in readers.values_list("pk", "email").iterator(chunk_size=2000)
              if (found := _named(email, wanted))}
    waiting = [_named(email, wanted) for email in SignUp.objects.values_list("email", flat=True).iterator(chunk_size=2000)]
    letters = [_named(text, wanted) for row in _letters() for text in _addresses_in(row)]
    return set().union(*owners.values(), *waiting, *letters), sorted(owners)


def _named(address: str, wanted: Collection[str]) -> set[str]:
    return {digest for digest in email_hashes(address) if digest in wanted}


def _letters() -> Iterator[Notice]:
    return Notice.objects.filter(kind__in=_NAMING).iterator(chunk_size=2000)


def _addresses_in(row: Notice) -> list[str]:
    """Return the addresses in a letter's row, beside its reader's own."""
    return [text for text in (row.to, *row.details.values()) if isinstance(text, str) and "@" in text]


def _forget(owners: list[int], digests: set[str], now: datetime) -> int:
    """Delete these readers and all that leads to a mailbox with one of these hashes, which are kept as erased; return how many
    readers there were. What else a reader's mailbox is or was is written to the journal as well, under the lock on the reader:
    they may be moving at this moment."""
    with transaction.atomic():
        readers = list(Reader.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
        theirs = find_mailboxes(owners)
        for digest in sorted(theirs - digests):
            write_entry(digest, now)
        erased = digests | theirs
        _keep_out(erased, now)
        _delete(SignUp, [pk for pk, email in SignUp.objects.values_list("pk", "email") if _named(email, erased)])
        _delete(Notice, [row.pk for row in _letters() if any(_named(text, erased) for text in _addresses_in(row))])
        for reader in readers:
            _forget_sign_in_attempts(reader.email)
            _delete_reader(reader, now)
    return len(readers)


def _delete(model: type[SignUp | Notice], keys: list[int]) -> None:
    for start in range(0, len(keys), CHUNK):
        model._default_manager.filter(pk__in=keys[start : start + CHUNK]).delete()


def _keep_out(digests: set[str], now: datetime) -> None:
    for some in _chunks(sorted(digests)):
        Suppression.objects.bulk_create([Suppression(email_hash=digest, reason=_ERASED, at=now) for digest in some],
                                        ignore_conflicts=True)
        Suppression.objects.filter(email_hash__in=some).update(reason=_ERASED)


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
