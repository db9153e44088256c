"""An address, or how one begins, in; the readers whose it is, in whatever spelling, or was before they moved, out."""

from collections.abc import Collection, Sequence

from django.db.models import Q

from worker.readers.addresses import address_key, mailbox_of
from worker.readers.hashes import email_hash, email_hashes, mailboxes_by_hash
from worker.storage.bulk_readers import find_holders
from worker.storage.models import FormerAddress, Reader

LEAST = 3  # signs: fewer would list whole letters of the alphabet


def find_spellings(address: str) -> list[int]:
    """Return the readers of this mailbox. Only where a provider ignores dots or tags can there be more than one."""
    mailbox = mailbox_of(address)
    return list(Reader.objects.filter(Q(email_key=mailbox) | Q(mailbox=mailbox)).order_by("pk").values_list("pk", flat=True))


def find_owners(address: str) -> list[int]:
    """Return the readers of this mailbox, and the one who moved away from it if nobody has proved it theirs since."""
    return sorted({*find_spellings(address), *find_former_owners(address)})


def find_movers(emails: Sequence[str]) -> dict[str, int]:
    """Return address > reader for those of `emails` that a reader moved away from."""
    if not FormerAddress.objects.exists():  # with most lists nobody has: no hash need be made
        return {}
    by_hash = mailboxes_by_hash(emails)
    movers = {by_hash[digest]: reader_id for digest, reader_id in find_holders(list(by_hash)).items()}
    return {email: movers[mailbox] for email in emails if (mailbox := mailbox_of(email)) in movers}


def find_former_owners(address: str) -> list[int]:
    """Return who moved away from this mailbox, if nobody has proved it theirs since."""
    return sorted(set(find_holders(email_hashes(address)).values()))


def find_mailboxes(readers: Collection[int]) -> set[str]:
    """Return the hashes of the mailboxes that are these readers', or were before they moved."""
    own = {email_hash(email) for email in Reader.objects.filter(pk__in=readers).values_list("email", flat=True)}
    return own | set(FormerAddress.objects.filter(reader__in=readers).values_list("email_hash", flat=True))


def find_readers(text: str, *, limit: int) -> list[Reader]:
    """Return up to `limit` readers whose address begins with `text`, or who own the mailbox that `text` names, in order.

    Capitals make no difference, nor do dots and tags where the provider ignores them; fewer than three signs find nobody.
    """
    key = address_key(text).replace("\0", "")  # PostgreSQL stores no such sign
    if len(key) < LEAST:
        return []
    named = Q(email_key__startswith=key)
    if "@" in key:
        named |= Q(pk__in=find_owners(key)[:limit])
    return list(Reader.objects.filter(named).order_by("email_key")[:limit])
