"""The first line of a list in; which system wrote it, and which column says what about a reader, out.

The names are those the systems write: listmonk's cmd/subscribers.go, Ghost's members-csv, the files of a Mailchimp
audience export (subscribed, unsubscribed, cleaned) and both of Substack's exports, the old and the new.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

PLAIN = "plain CSV"
OWN = "Broadsheet"
# A system is known by names that only it has. The first that fits counts.
_SYSTEMS: tuple[tuple[str, frozenset[str]], ...] = (
    (OWN, frozenset({"email", "name", "newsletter", "state", "confirmedat", "leftat"})),
    ("listmonk", frozenset({"uuid", "email", "attributes", "status"})),
    ("Mailchimp", frozenset({"leid", "euid"})),
    ("Mailchimp", frozenset({"memberrating", "optintime"})),
    ("Substack", frozenset({"email", "activesubscription"})),
    ("Substack", frozenset({"email", "subscriptionsourcefree"})),
    ("Ghost", frozenset({"email", "subscribedtoemails"})),
)
_EMAIL = ("email", "emailaddress", "subscriberemail", "useremail")
_NAME = ("name", "fullname", "displayname", "subscribername")
_FIRST = ("firstname", "fname", "givenname", "forename")
_LAST = ("lastname", "lname", "surname", "familyname")
# Where a system keeps when the person agreed, and from which network address; the strongest first.
_MOMENTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("confirmed", ("confirmtime", "confirmedat", "confirmationtime"), ("confirmip", "confirmationip", "confirmedip")),
    ("opted in", ("optintime", "optinat", "optindate", "consentat"), ("optinip", "consentip")),
    ("signed up", ("subscribedat", "signupdate", "signedupat", "startdate", "createdat"),
     ("signupip", "ipaddress", "ip")),
)
# Columns by which a system says that a person is not to be written to.
_FILLED = {"unsubtime": "unsubscribed", "unsubscribedat": "unsubscribed", "cleantime": "cleaned", "deletedat": "deleted",
           "optouttime": "unsubscribed", "bouncedat": "bounced"}
_TRUE = {"emaildisabled": "with e-mail disabled", "unsubscribed": "unsubscribed", "optedout": "opted out",
         "emailoptout": "opted out", "bounced": "bounced", "blocklisted": "blocklisted", "suppressed": "suppressed"}
_FALSE = {"subscribedtoemails": "not subscribed to e-mails", "subscribed": "not subscribed", "optedin": "not opted in",
          "emailoptin": "not opted in"}
_STATUS = frozenset({"status", "state", "subscriptionstatus", "subscriberstatus", "emailstatus", "memberstatus",
                     "emailmarketingstatus"})
_NOT_WELL = frozenset({
    "unsubscribed", "unsub", "optedout", "optout", "cleaned", "bounced", "hardbounce", "complained", "complaint", "spam",
    "blocklisted", "blacklisted", "blocked", "suppressed", "disabled", "inactive", "deleted", "archived", "left",
    "pending", "unconfirmed", "nonsubscribed", "notsubscribed", "transactional"})
_YES, _NO = frozenset({"true", "yes", "y", "1", "t"}), frozenset({"false", "no", "n", "0", "f"})
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[ T]((?:[01]\d|2[0-3]):[0-5]\d)(?::\d\d(?:\.\d+)?)? ?(?:Z|([+-])(\d\d):?(\d\d))?(?: [+-]?\w+)?)?", re.ASCII).fullmatch


class Moment(NamedTuple):
    """Where a file says when somebody agreed."""

    word: str
    time: int
    address: int | None


@dataclass(frozen=True)
class Layout:
    """How the file is laid out, as its first line says: places of columns, from 0."""

    system: str
    delimiter: str
    width: int
    email: int
    name: int | None
    parts: tuple[int, ...]  # of the name, if it comes in two: for rows without one in one piece
    newsletter: int | None  # in a list of our own: which one the row is about
    moments: tuple[Moment, ...]
    signs: tuple[tuple[int, str, str], ...]  # (column, kind of sign, what it means), see `refusal`

    def refusal(self, cells: Sequence[str]) -> str:
        """Return in words why the file's own system would not write to this person; "" if it would."""
        for column, kind, meaning in self.signs:
            cell = cells[column].strip().strip("'\"")
            if not cell:
                continue
            word = cell.casefold()
            said = (meaning if kind == "filled" or (kind == "true" and word in _YES) or (kind == "false" and word in _NO)
                    else cell[:40] if kind == "status" and self._ends(word) else "")
            if said:
                return f"{'the file' if self.system == PLAIN else self.system} has this reader as {said}"
        return ""

    def _ends(self, word: str) -> bool:
        """Our own list says `confirmed`, listmonk's `enabled`; in others only a known word is one to stop at."""
        if self.system == OWN:
            return word != "confirmed"
        if self.system == "listmonk":
            return word != "enabled"
        return "".join(filter(str.isalnum, word)) in _NOT_WELL

    def origin(self, cells: Sequence[str]) -> tuple[str, str | None]:
        """Return when this person agreed, in words ("" if the file does not say), and the network address as a text.

        Of the address the words have only what the ledger keeps for good: the rest can be shortened in its own column.
        """
        for word, time, place in self.moments:
            at = read_moment(cells[time])
            if not at:
                continue
            address, network = read_address_cell(cells[place]) if place is not None else (None, "")
            return f"{word} {at} from {network}" if network else f"{word} {at}", address
        return "", None


def read_layout(names: Sequence[str], delimiter: str) -> Layout | None:
    """Return the layout of a file whose first line has these cells; None if none of them is called email."""
    known = ["".join(filter(str.isalnum, name.casefold())) for name in names]
    email = _find(known, _EMAIL)
    if email is None:
        return None
    system = next((system for system, marks in _SYSTEMS if marks <= set(known)), PLAIN)
    moments = []
    for word, times, addresses in _MOMENTS:
        time = _find(known, times)
        if time is not None:
            moments.append(Moment(word, time, _find(known, addresses)))
    parts = (_find(known, _FIRST), _find(known, _LAST))
    return Layout(system=system, delimiter=delimiter, width=len(known), email=email, name=_find(known, _NAME),
                  parts=tuple(part for part in parts if part is not None), moments=tuple(moments), signs=tuple(_signs(known)),
                  newsletter=_find(known, ("newsletter",)) if system == OWN else None)


def _find(known: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((known.index(name) for name in wanted if name in known), None)


def _signs(known: Sequence[str]) -> list[tuple[int, str, str]]:
    found = []
    for column, name in enumerate(known):
        for kind, meanings in (("filled", _FILLED), ("true", _TRUE), ("false", _FALSE)):
            if name in meanings:
                found.append((column, kind, meanings[name]))
        if name in _STATUS:
            found.append((column, "status", ""))
    return found


def read_moment(cell: str) -> str:
    """Return a date, or a date and time, as "2024-05-01 08:12 UTC"; "" for what cannot be read without guessing."""
    found = _DATE(cell.strip(" '\""))
    if not found:
        return ""
    day, clock, sign, hours, minutes = found.groups()
    if sign is not None and (hours, minutes) != ("00", "00"):
        return _shift(day, clock, timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "+" else 1))
    if not _is_day(day):
        return ""
    return f"{day} {clock} UTC" if clock else str(day)


@lru_cache(maxsize=10_000)
def _is_day(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _shift(day: str, clock: str, by: timedelta) -> str:
    try:
        return f"{datetime.fromisoformat(f'{day}T{clock}') + by:%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return ""


def read_address_cell(cell: str) -> tuple[str | None, str]:
    """Return a network address and the network it is in, an IPv4 /24 or an IPv6 /48; (None, "") if it is none."""
    text = cell.strip()
    try:
        address = ip_address(text) if "%" not in text else None
    except ValueError:
        return None, ""
    if address is None:
        return None, ""
    if isinstance(address, IPv4Address):
        return str(address), f"{str(address).rpartition('.')[0]}.0/24"
    return str(address), f"{type(address)(int(address) >> 80 << 80)}/48"
