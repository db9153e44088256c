"""An address as nearly all are written in, what `read_address` says of it out in a fiftieth of the time; else None.

A million rows of a list are read one by one. What is not obviously fine here is left to `read_address`: this decides
nothing of its own, and a test holds the two against each other.
"""

import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from worker.readers.addresses import Address, read_address

# Before the sign what needs no quotes; after it at least two labels without "--", which might be Punycode, and a top-level
# domain of letters. In small letters: the key is matched.
_PLAIN = re.compile(r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+([a-z]{2,})").fullmatch
_LONGEST_LOCAL, _LONGEST_DOMAIN = 64, 63  # the second is a label's limit, so that no label needs to be measured
_RESERVED = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_ROLES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)  # written in small letters always


def read_plain(text: str) -> Address | None:
    """Return what `read_address` returns, or None if this cannot say."""
    shown = text.strip()
    key = shown.lower()
    found = _PLAIN(key) if shown.isascii() else None
    if not found:
        return None
    local, top = found.groups()
    if len(local) > _LONGEST_LOCAL or len(key) - len(local) - 1 > _LONGEST_DOMAIN or top in _RESERVED:
        return None
    if key == shown:
        return Address(key, key)
    if local in _ROLES:
        return None
    at = len(local)
    return Address(shown[:at] + key[at:], key)


def read_any(text: str) -> Address:
    """Return the address in `text`; raises BroadsheetError as `read_address` does."""
    return read_plain(text) or read_address(text)
