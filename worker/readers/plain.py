"""An address as nearly all are written in, what `read_address` says of it out in a fiftieth of the time; else None.

A million rows of a list are read one by one. What is not obviously fine here is left to `read_address`: this decides
nothing of its own, and a test holds the two against each other.
"""

import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from worker.readers.addresses import Address, read_address

# Unquoted ASCII before the sign; after it at least two labels without "--", which might be Punycode, and a top-level
# domain of letters.
_PLAIN = re.compile(r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@((?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+([a-z]{2,}))", re.ASCII | re.IGNORECASE)
_LONGEST_LOCAL, _LONGEST_DOMAIN = 64, 63  # the second is a label's limit, so that no label needs to be measured
_RESERVED = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_ROLES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)  # written in small letters always


def read_plain(text: str) -> Address | None:
    """Return what `read_address` returns, or None if this cannot say."""
    found = _PLAIN.fullmatch(text.strip())
    if not found:
        return None
    local, domain, top = found.groups()
    if len(local) > _LONGEST_LOCAL or len(domain) > _LONGEST_DOMAIN:
        return None
    email = f"{local}@{domain.lower()}"
    key = email.lower()
    if top.lower() in _RESERVED or (key != email and local.lower() in _ROLES):
        return None
    return Address(email, key)


def read_any(text: str) -> Address:
    """Return the address in `text`; raises BroadsheetError as `read_address` does."""
    return read_plain(text) or read_address(text)
