"""An address as somebody typed it in, the address to write to and the key that makes a person one row out."""

import difflib
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache

import idna
from email_validator import EmailNotValidError, validate_email

from worker.errors import BroadsheetError
from worker.readers.providers import is_provider, read_mailbox

_WELL_KNOWN = ("gmail.com", "googlemail.com", "proton.me", "protonmail.com", "protonmail.ch", "pm.me", "icloud.com", "me.com",
               "mac.com", "yandex.com", "yandex.ru", "ya.ru", "outlook.com", "hotmail.com", "live.com", "msn.com", "fastmail.com",
               "fastmail.fm", "yahoo.com", "yahoo.co.uk", "hotmail.co.uk", "btinternet.com", "comcast.net", "verizon.net",
               "web.de", "gmx.de", "gmx.net", "t-online.de", "orange.fr", "laposte.net", "libero.it", "naver.com", "qq.com",
               "163.com", "zoho.com", "mail.com", "email.com", "ymail.com", "aol.com")
LONGEST = 254  # RFC 5321 4.5.3.1.3, less the angle brackets


@dataclass(frozen=True)
class Address:
    """`email` is written to (NFC; its domain in lower case and IDNA, as relays want it); `key` is it in lower case."""

    email: str
    key: str

    @cached_property
    def mailbox(self) -> str | None:
        """Return what the provider takes the key for, as Reader keeps it: None if that is the key itself."""
        mailbox = mailbox_of(self.key)
        return mailbox if mailbox != self.key else None


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
    """Return what all spellings of one address share: NFC, in lower case, its domain in IDNA. Never raises.

    Not case-folded: that makes strasse of straße, and they may be two people, or two domains.
    """
    if email.isascii():  # nearly all are; what follows would leave this to be done
        return email.strip().lower()
    local, at, domain = unicodedata.normalize("NFC", email.strip()).rpartition("@")
    local, domain = local.lower(), domain.lower()
    if not domain.isascii():
        # A domain that cannot be encoded is no address we ever took: the key just matches nothing.
        with suppress(idna.IDNAError, UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    return unicodedata.normalize("NFC", f"{local}{at}{domain}")


def mailbox_of(email: str) -> str:
    """Return what all the addresses that reach one mailbox share, as far as its provider says so. Never raises.

    Beyond `address_key`: dots, tags and the like where the provider passes over them, and its several domains. It is only
    for recognising somebody (one confirmation a day, suppression, imports), never for writing to.
    """
    key = address_key(email)
    local, _, domain = key.rpartition("@")
    return key if local.startswith('"') else read_mailbox(local, domain) or key


def likely_meant(email: str) -> str:
    """Return the address that was probably meant where a well-known provider's name is misspelt; "" where it was not."""
    _, at, domain = address_key(email).rpartition("@")
    meant = _domain_meant(domain) if at else ""
    return f"{email.strip().rpartition('@')[0]}@{meant}" if meant else ""


@lru_cache(maxsize=10_000)
def _domain_meant(domain: str) -> str:
    if domain in _WELL_KNOWN or is_provider(domain):
        return ""
    near = difflib.get_close_matches(domain, _WELL_KNOWN, n=1, cutoff=0.82)
    # A short name is near many others: ail.com and gmx.com are somebody's own.
    return near[0] if near and abs(len(near[0]) - len(domain)) <= 2 and len(domain) > 7 else ""
