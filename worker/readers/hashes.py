"""An address in, the keyed hash of its mailbox out: how somebody is recognised whose address is not kept."""

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings

from worker.readers.addresses import mailbox_of


@lru_cache(maxsize=16)
def _begin_mac(secret: str) -> hmac.HMAC:
    """Return the HMAC that has read its key: a copy of it takes half the time of a new one, and a send makes one for each mail."""
    key = hashlib.sha256(b"broadsheet.readers.suppress\0" + secret.encode()).digest()
    return hmac.new(key, digestmod=hashlib.sha256)


def _hash_under(secret: str, mailbox: str) -> str:
    mac = _begin_mac(secret).copy()
    mac.update(mailbox.encode())
    return mac.hexdigest()


def email_hash(email: str) -> str:
    """Return the HMAC-SHA-256 of the mailbox an address reaches, in whatever spelling, under today's key: 64 hex digits."""
    return _hash_under(settings.SECRET_KEY, mailbox_of(email))


def email_hashes(email: str) -> list[str]:
    """Return the mailbox's hashes under all keys there are, today's first."""
    return list(mailboxes_by_hash([email]))


def mailboxes_by_hash(emails: Iterable[str]) -> dict[str, str]:
    """Return hash > mailbox of these addresses, under all keys there are, today's first."""
    mailboxes = {mailbox_of(email) for email in emails}
    return {_hash_under(secret, mailbox): mailbox
            for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS) for mailbox in mailboxes}
