"""A letter to LEAVE_MAILTO in, as raw bytes; the subscription that its link names ended out. It is never answered.

The link's token, which stood in the subject of the mail that the reader's program wrote (RFC 2369), is the whole proof:
who the letter says it is from means nothing. Letters that a machine wrote by itself are passed over (RFC 3834).
"""

import html
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from typing import Literal

from worker.readers.leaving import leave
from worker.readers.links import BadLinkError, read_link

Outcome = Literal["left", "left before", "automatic", "without a link"]
LARGEST_LETTER = 250_000  # bytes that are looked at: what asks to leave stands at the top
_FIRST_LINES = 20
_MOST_TOKENS = 10  # a letter with more of them is not somebody who wants to leave
_SEEN = 4_000  # characters of subject or body that are searched
_RAW_SEEN = 4 * _SEEN  # of a subject as it was sent: so many take _SEEN characters that are each written =XX, in folded words of 75
# A signed link: JSON in base64, a dot, the time in base 62, a dot, 32 bytes of HMAC in base64.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,400}\.[A-Za-z0-9]{5,8}\.[A-Za-z0-9_-]{43}")
_QUOTED = re.compile(r"^\s*[>|]")


def receive(raw: bytes, *, text: str | None = None, sender: str | None = None, now: datetime | None = None) -> Outcome:
    """Do what the letter asks; say what that was.

    `text` is what it says, where `raw` is its head alone. `sender` is the envelope's, if the mail system tells it apart:
    "" is how delivery reports are sent. Never raises for anything that a letter can hold; database errors are the
    caller's, so that the mail system tries again.
    """
    letter = _parse(raw[:LARGEST_LETTER])
    if letter is None:
        return "without a link"
    if is_automatic(letter, sender):
        return "automatic"
    for token in find_tokens(letter, text):
        try:
            ids = read_link("unsubscribe", token)
        except BadLinkError:
            continue
        return "left" if leave(ids["reader"], ids["newsletter"], method="mail", now=now) else "left before"
    return "without a link"


def _parse(raw: bytes) -> Message | None:
    """Return the letter; its head alone if its parts are nested so deeply that it was made to do harm."""
    try:
        return message_from_bytes(raw)
    except (RecursionError, MessageError, ValueError, LookupError, TypeError):
        pass
    try:
        return message_from_bytes(re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0] + b"\n\n")
    except (RecursionError, MessageError, ValueError, LookupError, TypeError):
        return None


def is_automatic(letter: Message, sender: str | None = None) -> bool:
    """Say whether a machine wrote this by itself: a holiday reply, a delivery report, a list's copy.

    RFC 3834 section 5 for Auto-Submitted; Exchange marks its out-of-office replies with X-Auto-Response-Suppress, older
    programs with Precedence or X-Autoreply; reports come from nobody (RFC 5321 4.5.5) as multipart/report (RFC 6522).
    """
    submitted = _first_word(letter, "Auto-Submitted")
    if submitted not in ("", "no") or _first_word(letter, "Precedence") in ("bulk", "list", "junk"):
        return True
    if any(name in letter for name in ("X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond")):
        return True
    if sender == "" or "<>" in [_text_of(path).strip() for path in letter.get_all("Return-Path", [])]:
        return True
    return letter.get_content_type() == "multipart/report"


def _first_word(letter: Message, name: str) -> str:
    """Return a field's value without comments and parameters, in small letters."""
    value = re.sub(r"\([^()]*\)", " ", _text_of(letter.get(name, "")))
    return value.partition(";")[0].strip().lower()


def find_tokens(letter: Message, text: str | None = None) -> Iterator[str]:
    """Yield what looks like a link's token, likeliest first: in the subject, then in the body's first own lines.

    Some programs fold a long word, so each place is read again with its white space taken out: a token that was cut is
    whole then. Quoted lines are somebody else's words, perhaps a whole issue with its links, and are left out.
    """
    found: dict[str, None] = {}
    for place in (_read_subject(letter), _read_first_lines(letter) if text is None else _cut(text)):
        joined = "".join(place.split())
        # Taken together the word before it sticks to the token ("unsubscribeeyJ..."): JSON in base64 begins with eyJ.
        starts = [match.start() for match in re.finditer("eyJ", joined)][:_MOST_TOKENS]
        for match in (_TOKEN.search(place), *(_TOKEN.match(joined, start) for start in starts)):
            if match:
                found.setdefault(match[0])
    yield from found


def _read_subject(letter: Message) -> str:
    """Return the subject, its encoded words (RFC 2047) decoded."""
    raw = _cut_between_words(_text_of(letter.get("Subject", "")))
    try:
        parts = decode_header(re.sub(r"\r?\n", "", raw))
    except (MessageError, ValueError, LookupError, TypeError):
        return raw[:_SEEN]
    return "".join(part if isinstance(part, str) else _decode(part, charset) for part, charset in parts)[:_SEEN]


def _cut_between_words(raw: str) -> str:
    """Return a subject's beginning: decoding takes time that grows with its square, a second for 200 kB of encoded words."""
    if len(raw) <= _RAW_SEEN:
        return raw
    end = max(raw.rfind(space, 0, _RAW_SEEN + 1) for space in " \t\r\n")
    return raw[: end if end > 0 else _RAW_SEEN]


def _read_first_lines(letter: Message) -> str:
    """Return the first lines of the text that are the writer's own; of the HTML if there is no plain text."""
    try:
        parts = [part for part in letter.walk() if part.get_content_maintype() == "text"][:10]
        for kind in ("text/plain", "text/html"):
            for part in parts:
                body = part.get_payload(decode=True) if part.get_content_type() == kind else None
                if isinstance(body, bytes) and body.strip():
                    text = _decode(body[: 20 * _SEEN], part.get_content_charset())
                    return _cut(html.unescape(re.sub(r"<[^<>]{0,2000}>", "\n", text)) if kind == "text/html" else text)
    except (RecursionError, MessageError, ValueError, LookupError, TypeError, AttributeError):
        pass
    return ""


def _cut(text: str) -> str:
    own = [line for line in text.splitlines() if line.strip() and not _QUOTED.match(line)]
    return "\n".join(own[:_FIRST_LINES])[:_SEEN]


def _text_of(value: object) -> str:
    """Return a header's value as text: where it holds bytes that are none, the parser gives an object."""
    return str(value)


def _decode(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return raw.decode("latin-1")
