"""A letter in, an RFC 5322 message per reader out: everything is encoded once, and a reader's copy is a splice.

A reader's copy differs from the next only in `To`, `Message-ID`, the unsubscribe header and the links that the press
left as marks. So the rest is encoded when the template is frozen and a copy is one join of byte strings (a few
microseconds), where building a message object per reader costs milliseconds.

Lines end in CRLF, bodies are quoted-printable within 76 characters (RFC 2045 6.7), header lines stay within 998
(RFC 5322 2.1.1), and no line begins with a dot, so that SMTP's dot-stuffing (RFC 5321 4.5.2) has nothing to do.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from typing import NamedTuple

from worker.errors import BroadsheetError
from worker.press.proof import AGREE_MARK, GO_MARK, PREFERENCES_MARK, SEEN_MARK, UNSUBSCRIBE_MARK

LINK_MARKS = (UNSUBSCRIBE_MARK, PREFERENCES_MARK, SEEN_MARK, GO_MARK, AGREE_MARK)
_MARKS = re.compile("(" + "|".join(map(re.escape, LINK_MARKS)) + ")")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff]+"
_LOCAL = rf"(?:{_ATOM}(?:\.{_ATOM})*|\"[ !#-\[\]-~]+\")"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
_ADDRESS = re.compile(rf"{_LOCAL}@{_DOMAIN}")
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$()*+,;=%-]+")  # nothing HTML or a header would read as its own
# RFC 6068: what LEAVE_MAILTO and a token can hold; nothing that a header or the other link would read as its own.
_MAILTO = re.compile(r"mailto:[A-Za-z0-9._-]+@[A-Za-z0-9.-]+\?subject=[A-Za-z0-9._%-]+")
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # categories that end lines or cannot be encoded
_BETWEEN_LINKS = ">,\r\n <"
_LINE = 75  # characters, less one for a soft break: RFC 2045 6.7 allows 76
_QUOTED = {code: f"={code:02X}" for code in range(256) if code == 61 or code not in (9, 10, *range(32, 127))}


class AddressError(BroadsheetError):
    """The address cannot be written into a message or an SMTP command."""


@dataclass(frozen=True)
class Sheet:
    """What is the same in every copy: the letter's words and who it comes from."""

    subject: str
    html: str
    text: str
    from_name: str
    from_email: str
    list_title: str = ""
    list_key: str = ""  # List-Id is `list_key` at the sender's domain; empty for letters that belong to no list
    is_notice: bool = False  # a letter the service sends on its own account, not an issue
    feedback: str = ""  # Feedback-ID: what mailbox providers' complaint reports are grouped by


class Copy(NamedTuple):
    """One reader's copy: which template, for which row of the ledger, to whom, with whose links."""

    template: "MessageTemplate"
    row: str  # "delivery_id" or "notice_id": what provider events will name; "alarm_id", "test_id": they settle nothing
    row_id: int
    to: str
    unsubscribe_url: str = ""
    preferences_url: str = ""
    seen_url: str = ""  # both only in copies of readers who agreed to be measured
    go_url: str = ""
    agree_url: str = ""  # in letters about new terms only
    unsubscribe_mailto: str = ""  # the second way out, in a header alone; "": there is none

    @property
    def links(self) -> tuple[str, ...]:
        """The reader's own links in the order of LINK_MARKS, whose places they take; "" where there is none."""
        return self.unsubscribe_url, self.preferences_url, self.seen_url, self.go_url, self.agree_url

    @property
    def message_id(self) -> str:
        """The same for every attempt at this copy, different from any other copy's. Without angle brackets."""
        return f"{self.row_id}.{self.template.tag}@{self.template.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether the address can only be written by a server that offers SMTPUTF8 (RFC 6531)."""
        return not self.to.isascii()

    def message(self) -> bytes:
        """Return the whole message."""
        return self.template.splice(self)


@dataclass(frozen=True, eq=False)
class MessageTemplate:
    """A sheet with everything encoded but the reader's own parts. Made by `freeze_template`."""

    sheet: Sheet
    tag: str  # the middle of each Message-ID: the number and a piece of the sheet's hash
    domain: str
    headers: dict[str, str]  # those that are the same for all and are not the provider's own business; one line each
    pieces: tuple[bytes, ...] = field(repr=False)
    places: tuple[tuple[int, ...], ...] = field(repr=False)  # where in `pieces` each link goes, in the order of LINK_MARKS

    def splice(self, copy: Copy) -> bytes:
        """Return the copy as bytes ready for the wire."""
        pieces = list(self.pieces)
        head = f"To: {copy.to}\r\n" + "".join([f"{name}: {value}\r\n" for name, value in self.reader_headers(copy).items()])
        # Folded between two links only (RFC 2369 section 2: never within one), so that each line stays far below 998.
        pieces[0] = (head.replace(">, <", _BETWEEN_LINKS) if copy.unsubscribe_mailto else head).encode()
        for places, link in zip(self.places, copy.links, strict=True):
            if link:
                encoded = _encode_link(link)
                for at in places:
                    pieces[at] = encoded
        return b"".join(pieces)

    def reader_headers(self, copy: Copy) -> dict[str, str]:
        """Return the headers of this one reader beside `To`, one line each: SendGrid folds them itself.

        RFC 8058 3.1: one HTTPS link in List-Unsubscribe, and List-Unsubscribe-Post beside it, for mail to a list.
        RFC 2369 section 2: links in the order in which they should be tried, so the mail program's own way comes last.
        """
        headers = {"Message-ID": f"<{copy.message_id}>"}
        if copy.unsubscribe_url and not self.sheet.is_notice:
            second = f", <{copy.unsubscribe_mailto}>" if copy.unsubscribe_mailto else ""
            headers["List-Unsubscribe"] = f"<{copy.unsubscribe_url}>{second}"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def check_address(email: str) -> str:
    """Return the address if it can stand in a header and an SMTP command as it is (RFC 5321 4.1.2, RFC 6531).

    Raises AddressError otherwise: control characters, spaces outside quotes, angle brackets, commas, no domain.
    """
    if len(email) > 254 or not _ADDRESS.fullmatch(email) or not email.isprintable():
        raise AddressError("the reader's address cannot be written in a message: have the reader sign up again")
    return email


def make_copy(template: MessageTemplate, row: str, row_id: int, email: str, *, unsubscribe_url: str = "",
              preferences_url: str = "", seen_url: str = "", go_url: str = "", agree_url: str = "",
              unsubscribe_mailto: str = "") -> Copy:
    """Return a copy whose every value is safe in headers, HTML and text alike.

    Raises AddressError for an address that cannot be written, BroadsheetError for a link that is none or is missing.
    """
    copy = Copy(template, row, row_id, check_address(email), unsubscribe_url, preferences_url, seen_url, go_url, agree_url,
                unsubscribe_mailto)
    for places, link in zip(template.places, copy.links, strict=True):
        if (link or places) and not _LINK.fullmatch(link):
            raise BroadsheetError(f"BASE_URL or a link made from it cannot stand in a mail: {link[:60]!r}")
    if unsubscribe_mailto and not _MAILTO.fullmatch(unsubscribe_mailto):
        raise BroadsheetError(f"LEAVE_MAILTO or a link made from it cannot stand in a mail: {unsubscribe_mailto[:60]!r}")
    return copy


def freeze_template(sheet: Sheet, *, number: int, at: datetime, whole: Sheet | None = None) -> MessageTemplate:
    """Encode everything that is the same in every copy.

    `number` is the issue's (or the notice's) and `at` what `Date` says. `whole` is what the sheet is one kind of reader's
    part of: a copy that is tried again keeps its Message-ID, even if its reader has chosen otherwise since. Raises
    BroadsheetError if an issue has no unsubscribe link in one of its parts: no such mail may leave.
    """
    if not sheet.is_notice and not all(UNSUBSCRIBE_MARK in part for part in (sheet.html, sheet.text)):
        raise BroadsheetError(f"issue {number}: the edition has no unsubscribe link in its HTML or its text part")
    if not (sheet.from_email.isascii() and _ADDRESS.fullmatch(sheet.from_email)):
        raise BroadsheetError(f"from_email {sheet.from_email!r} in feeds.toml cannot stand in a mail: give a plain ASCII one")
    named = whole or sheet
    digest = hashlib.sha256("\x1f".join([named.subject, named.html, named.text]).encode("utf-8", "replace")).hexdigest()
    domain = sheet.from_email.rpartition("@")[2]
    extra = _list_headers(sheet, domain)
    boundary = f"=_{digest[:24]}"  # "=_" cannot occur in quoted-printable text
    fixed = {"From": _name_address("From", sheet.from_name, sheet.from_email), "Subject": _encode_words(sheet.subject, "Subject"),
             "Date": format_datetime(at), **extra, "MIME-Version": "1.0",
             "Content-Type": f'multipart/alternative; boundary="{boundary}"'}
    pieces: list[bytes] = [b"", "".join(f"{name}: {value}\r\n" for name, value in fixed.items()).encode()]
    slots: dict[str, list[int]] = {mark: [] for mark in LINK_MARKS}
    for kind, body in (("plain", sheet.text), ("html", sheet.html)):
        pieces.append(f"\r\n--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode())
        for piece in _encode_body(body):
            if isinstance(piece, str):
                slots[piece].append(len(pieces))
                pieces.append(b"")
            else:
                pieces.append(piece)
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return MessageTemplate(
        sheet=sheet, tag=f"{number}.{digest[:8]}", domain=domain,
        headers={name: value.replace("\r\n", "") for name, value in extra.items()}, pieces=tuple(pieces),
        places=tuple(tuple(places) for places in slots.values()))


def _list_headers(sheet: Sheet, domain: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    if sheet.list_key:  # RFC 2919: a phrase, then the list's name in a domain of ours
        headers["List-Id"] = _name_address("List-Id", sheet.list_title, f"{sheet.list_key}.{domain}")
    if sheet.feedback:
        headers["Feedback-ID"] = clean_line(sheet.feedback)
    if sheet.is_notice:  # RFC 3834: holiday replies must not answer it
        headers["Auto-Submitted"] = "auto-generated"
    return headers


def _name_address(header: str, name: str, address: str) -> str:
    """Return `name <address>` for a header; folded before the address where one line would be longer than 78."""
    words = _encode_words(name, header, phrase=True)
    if not words:
        return f"<{address}>"
    begun = len(words.rpartition("\r\n")[2]) + (0 if "\r\n" in words else len(header) + 2)
    return f"{words} <{address}>" if begun + len(address) + 3 <= 78 else f"{words}\r\n <{address}>"


def clean_line(text: str) -> str:
    """Take out what could end a header line or is no text: controls, line and paragraph separators, lone surrogates."""
    if text.isascii() and text.isprintable():
        return text.strip()
    valid = text.encode("utf-8", "replace").decode()
    return "".join(" " if unicodedata.category(char) in _NO_TEXT else char for char in valid).strip()


def _encode_words(text: str, header: str, *, phrase: bool = False) -> str:
    """Return `text` for a header, folded: as it is (quoted, in a phrase) or in RFC 2047 encoded words."""
    text = clean_line(text)
    if text.isascii() and "=?" not in text and len(text) <= 60:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"' if phrase and text else text
    plain = text.isascii() and "=?" not in text and not phrase and max(map(len, text.split())) <= 60
    return Header(text, "us-ascii" if plain else "utf-8", header_name=header, maxlinelen=75).encode(linesep="\r\n")


def _encode_body(body: str) -> Iterator[bytes | str]:
    """Yield a body part as quoted-printable segments, each starting a line, with the marks (as str) between them."""
    parts = _MARKS.split(body.replace("\r\n", "\n").replace("\r", "\n"))
    for index, part in enumerate(parts):
        if index % 2:
            yield part
            if parts[index + 1] or index + 2 < len(parts):
                yield b"=\r\n"  # a soft break: the next segment starts a line of its own, the text goes on
        elif part:
            encoded = _encode_text(part)
            yield encoded + b"=\r\n" if index < len(parts) - 1 and not encoded.endswith(b"\r\n") else encoded


def _encode_text(text: str) -> bytes:
    """Return `text` in quoted-printable lines (RFC 2045 6.7) of at most 75 characters: there is room for a soft break.

    binascii.b2a_qp is not used: on some input it writes lines of 77, and it leaves a dot where SMTP would see it.
    """
    raw = text.encode("utf-8", "replace").decode("latin-1").translate(_QUOTED)
    return "\r\n".join(_wrap_line(line) for line in raw.split("\n")).encode("ascii")


def _encode_link(link: str) -> bytes:
    """Return what `_encode_text` returns, sooner: two links a copy are most of what a copy costs. They are ASCII."""
    lines = "\n" + "=\r\n".join([link[at : at + _LINE] for at in range(0, len(link), _LINE)])
    return _encode_text(link) if "=" in link or "\n." in lines else lines[1:].encode()


def _wrap_line(line: str) -> str:
    if line.endswith((" ", "\t")):
        line = f"{line[:-1]}={ord(line[-1]):02X}"
    parts: list[str] = []
    while True:
        if line.startswith("."):
            line = f"=2E{line[1:]}"
        if len(line) <= _LINE:
            return "=\r\n".join([*parts, line]) if parts else line
        # Never cut through "=XX".
        cut = _LINE - 1 if line[_LINE - 1] == "=" else _LINE - 2 if line[_LINE - 2] == "=" else _LINE
        parts.append(line[:cut])
        line = line[cut:]
