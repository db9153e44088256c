"""A setting's text as it was given comes in; its value comes out, or one line that says what to write instead."""

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from urllib.parse import urlsplit

from worker.errors import BroadsheetError

_MOST_AMOUNT = Decimal(1_000_000)
_MOST_COPIES = 100_000  # of a rate: ten microseconds for each, and the clock tells one
_MOST_A_DAY = 1_000_000_000
_UNITS = {"s": 1, "min": 60, "h": 3600}


def check_secret_key(key: str, source: str) -> str:
    """Return the key; raises BroadsheetError, naming the source, if it could be guessed."""
    if len(key) < 32 or len(set(key)) < 5:
        raise BroadsheetError(f"{source} is too weak ({len(key)} characters): give 50 or more random ones, e.g. "
                              "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'")
    return key


def has_port(url: str) -> bool:
    """Tell whether the port of an address, if it has one, is a port."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def check_model_url(url: str) -> str:
    """Return the base address of an OpenAI-compatible server, "" if none is given; raises BroadsheetError.

    A bare host gets the usual /v1; an address copied with its /chat/completions loses that.
    """
    if not url:
        return ""
    base = url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    wanted = ("SUMMARISER_URL: give the address of an OpenAI-compatible server, e.g. http://127.0.0.1:8080/v1 or "
              "https://api.openai.com/v1")
    try:
        parts = urlsplit(base)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and has_port(base)
    except ValueError:
        is_address = False
    if not is_address or not base.isascii() or not base.isprintable() or re.search(r"[\s\\<>\"]", base):
        raise BroadsheetError(wanted)
    if parts.username is not None or parts.query or parts.fragment:
        raise BroadsheetError(f"{wanted}, without user name, ? and #: a key goes into SUMMARISER_API_KEY")
    return base if parts.path else f"{base}/v1"


def check_model_name(name: str, url: str) -> str:
    """Return the model's name; raises BroadsheetError if there is a server to ask and no usable name."""
    if url and not name.strip():
        raise BroadsheetError("SUMMARISER_MODEL is missing: SUMMARISER_URL is set, so name the model to ask there, as its "
                              "/v1/models lists it; or unset SUMMARISER_URL")
    if not name.isprintable() or len(name) > 200:
        raise BroadsheetError("SUMMARISER_MODEL: give the model's name as the server's /v1/models lists it")
    return name.strip()


def check_key(key: str, name: str) -> str:
    """Return a key that can stand in a header; raises BroadsheetError naming the setting, never the key."""
    if not key.isascii() or not key.isprintable() or " " in key.strip():
        raise BroadsheetError(f"{name} holds characters that no key has: copy it again")
    return key.strip()


def check_mailbox(address: str, name: str) -> str:
    """Return a plain ASCII mail address, "" if none is given; raises BroadsheetError."""
    if address and not re.fullmatch(r"[A-Za-z0-9._-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", address):
        raise BroadsheetError(f"{name} {address!r}: give a plain address such as leave@news.example.org, or leave it out")
    return address


def check_amount(given: str, name: str) -> Decimal | None:
    """Return an amount of money, None if none is given; raises BroadsheetError."""
    if not given.strip():
        return None
    try:
        amount = Decimal(given.strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= _MOST_AMOUNT):
        raise BroadsheetError(f"{name} is {given!r}: give an amount such as 0.15, or leave it out")
    return amount


def check_daily_limit(limit: Decimal | None, *, has_prices: bool) -> Decimal | None:
    """Return the limit; raises BroadsheetError if it could never be reached, or never lets anything be asked."""
    if limit == 0:
        raise BroadsheetError("SUMMARISER_DAILY_LIMIT is 0: give an amount above it, or unset SUMMARISER_URL to ask no model")
    if limit and not has_prices:
        raise BroadsheetError("SUMMARISER_DAILY_LIMIT counts nothing without prices: set SUMMARISER_PROMPT_PRICE and "
                              "SUMMARISER_COMPLETION_PRICE, per million tokens")
    return limit


class Rate(NamedTuple):
    """So many copies at most in so many seconds."""

    copies: int
    seconds: int

    @property
    def gap(self) -> timedelta:
        """Return the time from one copy to the next, never less than the rate asks for."""
        return timedelta(microseconds=-(-self.seconds * 1_000_000 // self.copies))

    def __str__(self) -> str:
        return f"{self.copies}/{next(unit for unit, seconds in _UNITS.items() if seconds == self.seconds)}"


def read_rates(given: str) -> dict[str, Rate]:
    """Return SEND_RATES by domain, "*" for everything together; raises BroadsheetError naming the piece that is wrong."""
    rates: dict[str, Rate] = {}
    for piece in filter(None, (piece.strip() for piece in given.split(","))):
        found = re.fullmatch(r"(\*|[a-z0-9-]+(?:\.[a-z0-9-]+)+)\s*=\s*([0-9]{1,6})\s*/\s*(s|min|h)", piece.lower())
        if not found or not 1 <= int(found[2]) <= _MOST_COPIES or len(found[1]) > 100:
            raise BroadsheetError(f"SEND_RATES: {piece!r} is no rate: write a domain (or * for everything together), =, from 1 to "
                                  f"{_MOST_COPIES} copies, and /s, /min or /h, e.g. gmail.com=20/s")
        if found[1] in rates:
            raise BroadsheetError(f"SEND_RATES: {piece!r} is the second rate for {found[1]}: leave one of them out")
        rates[found[1]] = Rate(int(found[2]), _UNITS[found[3]])
    return rates


def read_warm_up(given: str) -> dict[date, int]:
    """Return how many copies may go on each day that WARM_UP names; raises BroadsheetError naming the piece that is wrong."""
    first, _, numbers = given.partition(":")
    if not given.strip():
        return {}
    wanted = "write the first day and how many copies may go on it and on each day after it, e.g. 2026-12-01: 500, 1000, 2000"
    try:
        day = date.fromisoformat(first.strip())
        days = [day + timedelta(days=place) for place in range(numbers.count(",") + 1)]
    except (ValueError, OverflowError) as error:
        raise BroadsheetError(f"WARM_UP: {first.strip()!r} is no day: {wanted}") from error
    plan: dict[date, int] = {}
    for each, piece in zip(days, numbers.split(","), strict=True):
        number = int(piece) if re.fullmatch(r"\s*[0-9]{1,10}\s*", piece) else 0
        if not 1 <= number <= _MOST_A_DAY:
            raise BroadsheetError(f"WARM_UP: {piece.strip()!r} is no number of copies from 1 to {_MOST_A_DAY}: {wanted}")
        plan[each] = number
    return plan
