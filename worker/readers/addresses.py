"""An address as somebody typed it in, the address to write to and the key that makes a person one row out."""

import unicodedata
from contextlib import suppress
from dataclasses import dataclass

import idna
from email_validator import EmailNotValidError, validate_email

from worker.errors import BroadsheetError

LONGEST = 254  # RFC 5321 4.5.3.1.3, less the angle brackets


@dataclass(frozen=True)
class Address:
    """`email` is written to (NFC; its domain in lower case and IDNA, as relays want it); `key` is it case-folded."""

    email: str
    key: str


def read_address(text: str) -> Address:
    """Return the address in `text`, without asking the DNS.

    Raises BroadsheetError, one line that says what is wrong with it.
    """
    shown = text.strip()
    if not shown:
        raise BroadsheetError("the e-mail address is missing")
    if len(shown) > LONGEST:
        raise BroadsheetError(f"the e-mail address is too long: {LONGEST} characters at most")
    try:
        checked = validate_email(shown, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        reason = " ".join(str(error).split())
        raise BroadsheetError(f"this is not an e-mail address: {reason}") from error
    email = f"{checked.local_part}@{checked.ascii_domain}"
    if len(email) > LONGEST:
        raise BroadsheetError(f"the e-mail address is too long: {LONGEST} characters at most")
    return Address(email, address_key(email))


def address_key(email: str) -> str:
    """Return what all spellings of one address share: NFC, case-folded, its domain in IDNA. Never raises."""
    local, at, domain = unicodedata.normalize("NFC", email.strip()).casefold().rpartition("@")
    if not domain.isascii():
        # A domain that cannot be encoded is no address we ever took: the key just matches nothing.
        with suppress(idna.IDNAError, UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    return unicodedata.normalize("NFC", f"{local}{at}{domain}")
