"""The erasure journal in; whom a restored backup brought back erased, left or suppressed again, out."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from worker.readers.consent import lock_reader
from worker.readers.erase import CHUNK, erase_again, find_missing
from worker.readers.hashes import email_hashes
from worker.readers.journal import Journal, read_entries
from worker.readers.leaving import end_subscription, find_endable
from worker.readers.suppress import end_all
from worker.storage.bulk_readers import find_hashes
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Subscription, SubscriptionState, Suppression

log = structlog.get_logger(__name__)
RECENT = timedelta(days=2)


class Again(NamedTuple):
    """How much was done again: mailboxes erased, subscriptions left, mailboxes suppressed."""

    erased: int
    left: int
    suppressed: int

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.erased} erased, {self.left} left, {self.suppressed} suppressed again"


class _Leaving(NamedTuple):
    """A subscription that the journal says was left, and the database does not."""

    reader_id: int
    newsletter: str
    at: datetime


def replay_journal(*, look_at: Literal["missing", "recent", "all"] = "missing", now: datetime | None = None) -> Again:
    """Do again what the journal names and the database does not know: erasures, leavings, suppressions. Return how much that was.

    So a restored backup brings nobody back. While nothing is missing it costs a look at the suppressions, and at the subscriptions
    of who left once; if an erasure or a suppression is, or with `look_at` "all", every reader's hash is made. "recent" also looks
    at who came in within two days: somebody may have signed up while being erased, or come by a list that holds who left. Lines
    that cannot be read are logged by their numbers. May be run at any time, and twice at once.
    """
    now = now or timezone.now()
    journal = read_entries()
    if journal.unreadable:
        log.error("lines of the erasure journal cannot be read", lines=journal.unreadable[:20], count=len(journal.unreadable))
    everybody, since = look_at == "all", now - RECENT if look_at == "recent" else None
    erased, readers = erase_again(journal.erased, everybody=everybody, since=since, now=now)
    if erased:
        log.warning("erased again after a restore", mailboxes=erased, readers=readers)
    left = sum(_leave_again(one) for one in list(find_returned(journal, everybody=everybody, since=since)))
    if left:
        log.warning("left again after a restore", subscriptions=left)
    suppressed = _suppress_again(journal)
    if suppressed:
        log.warning("suppressed again after a restore", mailboxes=suppressed)
    return Again(erased, left, suppressed)


def count_missing(journal: Journal) -> int:
    """Return how many of the journal's wishes the database does not know, without looking at every reader."""
    return len(find_missing(journal.erased)) + len(list(find_returned(journal))) + len(_find_unsuppressed(journal))


def find_returned(journal: Journal, *, everybody: bool = False, since: datetime | None = None) -> Iterator[_Leaving]:
    """Yield subscriptions that stand although the journal says they were left: of the readers whose numbers it holds, of those who
    came in `since`, or of `everybody`, by the mailbox's hash, as numbers are given out again."""
    if not journal.left:
        return
    standing = Subscription.objects.exclude(state=SubscriptionState.LEFT).order_by("pk")
    numbers = sorted(journal.leavers)
    parts = [Q()] if everybody else [Q(reader__in=numbers[start : start + CHUNK]) for start in range(0, len(numbers), CHUNK)]
    if since and not everybody:
        parts.append(Q(reader__created_at__gte=since))
    for part in parts:
        for reader_id, email, newsletter in list(_read_standing(standing.filter(part))):
            times = [journal.left[digest, newsletter] for digest in email_hashes(email) if (digest, newsletter) in journal.left]
            if times and not _is_settled(reader_id, newsletter, max(times)):
                yield _Leaving(reader_id, newsletter, max(times))


def _read_standing(rows: QuerySet[Subscription]) -> Iterator[tuple[int, str, str]]:
    return rows.values_list("reader_id", "reader__email", "newsletter").iterator(chunk_size=2000)


def _is_settled(reader_id: int, newsletter: str, at: datetime) -> bool:
    """Say whether the ledger knows of this leaving, whatever came after it, or of a later wish of the reader's own to get the
    newsletter. A list is none: before the restore it would have been refused."""
    rows = Consent.objects.filter(reader=reader_id, purpose=Purpose.NEWSLETTER, newsletter=newsletter)
    wishes = rows.filter(action__in=(ConsentAction.ASKED, ConsentAction.GIVEN), at__gt=at).exclude(method="import")
    return rows.filter(action=ConsentAction.WITHDRAWN, at=at).exists() or wishes.exists()


def _leave_again(one: _Leaving) -> bool:
    with transaction.atomic():
        reader = lock_reader(one.reader_id)
        row = find_endable(reader, one.newsletter) if reader else None
        if reader is None or row is None or _is_settled(*one):
            return False
        end_subscription(reader, row, method="restore", network_address=None, now=one.at)
    return True


def _find_unsuppressed(journal: Journal) -> set[str]:
    return set(journal.suppressed) - find_hashes(list(journal.suppressed)) if journal.suppressed else set()


def _suppress_again(journal: Journal) -> int:
    """Suppress what is missing in one transaction: were only the hashes written, no later run would end the subscriptions."""
    missing = _find_unsuppressed(journal)
    if not missing:
        return 0
    owners = _find_owners(missing)
    numbers = sorted(owners)
    with transaction.atomic():
        Suppression.objects.bulk_create(
            [Suppression(email_hash=digest, reason=journal.suppressed[digest][0], at=journal.suppressed[digest][1])
             for digest in sorted(missing)], ignore_conflicts=True, batch_size=CHUNK)
        for start in range(0, len(numbers), CHUNK):
            readers = Reader.objects.select_for_update(no_key=True).filter(pk__in=numbers[start : start + CHUNK])
            for reader in readers.order_by("pk"):
                reason, at = journal.suppressed[owners[reader.pk]]
                end_all(reader, reason, method="restore", now=at)
    return len(missing)


def _find_owners(wanted: Collection[str]) -> dict[int, str]:
    """Return reader > hash for those whose mailbox has one of these hashes."""
    readers = Reader.objects.values_list("pk", "email").iterator(chunk_size=2000)
    return {pk: digest for pk, email in readers for digest in email_hashes(email) if digest in wanted}
