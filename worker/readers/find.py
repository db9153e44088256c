"""An address, or how one begins, in; the readers whose it is, in whatever spelling, out."""

from functools import reduce
from operator import or_

from django.db.models import Q

from worker.readers.addresses import address_key, mailbox_of, sharing_domains
from worker.storage.models import Reader

LEAST = 3  # signs: fewer would list whole letters of the alphabet


def find_spellings(address: str) -> list[int]:
    """Return the readers of this mailbox. Only where a provider ignores dots or tags can there be more than one."""
    domains = sharing_domains(address)
    if not domains:
        return list(Reader.objects.filter(email_key=address_key(address)).values_list("pk", flat=True))
    there = Reader.objects.filter(reduce(or_, (Q(email_key__endswith=f"@{domain}") for domain in domains)))
    mailbox = mailbox_of(address)
    return [pk for pk, key in there.values_list("pk", "email_key").iterator(chunk_size=2000) if mailbox_of(key) == mailbox]


def find_readers(text: str, *, limit: int) -> list[Reader]:
    """Return up to `limit` readers whose address begins with `text`, or reaches the mailbox that `text` names, in order.

    Capitals make no difference, nor do dots and tags where the provider ignores them; fewer than three signs find nobody.
    """
    key = address_key(text).replace("\0", "")  # PostgreSQL stores no such sign
    if len(key) < LEAST:
        return []
    named = Q(email_key__startswith=key)
    if "@" in key:
        named |= Q(pk__in=find_spellings(text)[:limit])
    return list(Reader.objects.filter(named).order_by("email_key")[:limit])
