"""Copies in, SMTP dialogues out over one kept connection: each reader's own reply decides what became of the copy.

What a reply means follows RFC 5321 4.2.1 (4yz: not now, 5yz: never) and RFC 3463 (x.7.z: refused by policy). Until the
final dot is written nothing has been handed over; a connection lost after it leaves the copy uncertain.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings

from worker.delivery.message import Copy
from worker.delivery.senders.base import Kind, Outcome, SenderRefusedError, describe_fault
from worker.errors import BroadsheetError, TransientError

_FORM = "give smtp://user:password@host:port or smtps://user:password@host:port, with ?starttls=never or required if need be"
_POLICY = re.compile(r"\b5\.7\.\d+\b")
_GONE = re.compile(r"5\d\d 5\.1\.(1|6|10)\b")
_ABOUT_US = frozenset({530, 534, 535, 538})  # sign-in wanted or refused (RFC 4954 6): never the reader's fault


class _LostConnectionError(Exception):
    """The connection ended before the final dot: this copy was not handed over."""


@dataclass(frozen=True)
class Server:
    """Where SENDER_URL points."""

    host: str
    port: int
    is_tls: bool  # from the first byte (smtps)
    starttls: str  # "offered", "required" or "never"
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        return f"{'smtps' if self.is_tls else 'smtp'}://{self.host}:{self.port}"  # never the password


def open_smtp(url: str) -> "SmtpSender":
    """Return the sender for an smtp:// or smtps:// address; raises BroadsheetError if it cannot be read."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise BroadsheetError(f"SENDER_URL cannot be read ({error}): {_FORM}") from error
    starttls = query.pop("starttls", "")
    if not host or parts.path.strip("/") or query or starttls not in ("", "never", "required"):
        raise BroadsheetError(f"SENDER_URL is not complete or says too much: {_FORM}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    is_tls = parts.scheme == "smtps"
    if not (user + password).isascii():
        raise BroadsheetError("SENDER_URL: the user name and password must be ASCII")
    default = 465 if is_tls else 587 if user else 25
    # A password must not be talked out of us by leaving STARTTLS out of the greeting, so signing in requires it.
    return SmtpSender(Server(host, port or default, is_tls, starttls or ("required" if user else "offered"), user, password))


class SmtpSender:
    """Hands copies to one server, one after the other."""

    name = "smtp"
    batch_size = 10
    one_letter = False

    def __init__(self, server: Server) -> None:
        self.server = server
        self._link: smtplib.SMTP | None = None
        self._is_used = False  # whether the open connection has carried a copy already
        lease = settings.DELIVERY_LEASE_SECONDS
        self._answer_seconds = min(30.0, max(5.0, lease / 3))
        self._call_seconds = lease / 2

    def send(self, copies: Sequence[Copy]) -> list[Outcome]:
        """Hand over the copies; raises TransientError or SenderRefusedError if the server cannot be reached or used."""
        outcomes: list[Outcome] = []
        stop_at = time.monotonic() + self._call_seconds
        for copy in copies:
            if outcomes and (time.monotonic() > stop_at or outcomes[-1].kind is Kind.POLICY):
                break
            try:
                outcomes.append(self._send_one(copy))
            except (TransientError, SenderRefusedError):
                if not outcomes:
                    raise
                break
        return outcomes + [Outcome(Kind.UNSENT)] * (len(copies) - len(outcomes))

    def check(self) -> str:
        """Sign in and out again; say how. Raises BroadsheetError."""
        link = self._connect()
        try:
            code, text = link.docmd("NOOP")
        except (smtplib.SMTPException, OSError) as error:
            raise TransientError(f"{self.server}: {describe_fault(error)}") from error
        if code != 250:
            raise TransientError(f"{self.server}: answers NOOP with {_quote(code, text)}")
        safe = "encrypted" if isinstance(link.sock, ssl.SSLSocket) else "not encrypted"
        return f"{self.server} takes mail, {safe}" + (f", signed in as {self.server.user}" if self.server.user else "")

    def close(self) -> None:
        """End the session politely, if there is one."""
        if self._link:
            with suppress(smtplib.SMTPException, OSError):
                self._link.quit()
        self._drop()

    def _send_one(self, copy: Copy) -> Outcome:
        """Hand over one copy. A kept connection that turns out to be closed is opened anew once: nothing was lost."""
        data = copy.message()
        while True:
            was_used = self._is_used
            link = self._link or self._connect()
            try:
                outcome = self._converse(link, copy, data)
            except _LostConnectionError as error:
                self._drop()
                if was_used:
                    continue
                return Outcome(Kind.DEFERRED, detail=f"the connection ended before the mail was complete: {error}")
            if outcome.kind is Kind.DEFERRED and outcome.detail.startswith("421"):  # RFC 5321 3.8: it is closing
                self._drop()
                if was_used:
                    continue
            return outcome

    def _converse(self, link: smtplib.SMTP, copy: Copy, data: bytes) -> Outcome:
        if copy.needs_utf8 and not link.has_extn("smtputf8"):
            return Outcome(Kind.REFUSED, detail="the address has letters beyond ASCII, which this server does not take "
                                                "(it offers no SMTPUTF8)")
        link.command_encoding = "utf-8" if copy.needs_utf8 else "ascii"
        try:
            refusal = self._propose(link, copy)
            if refusal:
                self._start_over(link)
                return refusal
            link.send(data + b".\r\n")  # a template's messages end in CRLF and have no line that begins with a dot
        except (smtplib.SMTPException, OSError) as error:
            raise _LostConnectionError(describe_fault(error)) from error
        try:
            code, text = link.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Outcome(Kind.UNCERTAIN, detail=f"the connection ended after the mail was complete: {describe_fault(error)}")
        self._is_used = True
        if 200 <= code < 300:
            return Outcome(Kind.ACCEPTED, provider_id=_words(text))
        if not 400 <= code < 600:
            self._drop()
            return Outcome(Kind.UNCERTAIN, detail=f"the server's answer means nothing: {_quote(code, text)}")
        return _judge(code, text)

    def _propose(self, link: smtplib.SMTP, copy: Copy) -> Outcome | None:
        """Go as far as the server's "go ahead"; return its refusal, or None."""
        options = " SMTPUTF8" if copy.needs_utf8 else ""
        code, text = _say(link, f"MAIL FROM:<{copy.template.sheet.from_email}>{options}")
        if code >= 300:  # said before any reader was named: it is about us
            return _judge(code, text, is_about_us=True)
        code, text = _say(link, f"RCPT TO:<{copy.to}>")
        if code >= 300:
            return _judge(code, text)
        code, text = _say(link, "DATA")
        return None if code == 354 else _judge(code, text)

    def _start_over(self, link: smtplib.SMTP) -> None:
        """Leave the refused copy behind; a connection that will not is of no more use, but the refusal stands."""
        self._is_used = True
        try:
            link.rset()
        except (smtplib.SMTPException, OSError):
            self._drop()

    def _connect(self) -> smtplib.SMTP:
        try:
            self._link = self._open_session()
        except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
            reason = getattr(error, "verify_message", "") or describe_fault(error)
            raise SenderRefusedError(f"{self.server}: no trusted encryption ({reason}); mend the server's certificate, or "
                                     "for a server on this machine add ?starttls=never to SENDER_URL") from error
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < 500:
                raise TransientError(f"{self.server}: sign-in put off: {_quote(error.smtp_code, error.smtp_error)}") from error
            raise SenderRefusedError(f"{self.server}: the user name or password in SENDER_URL was refused: "
                                     f"{_quote(error.smtp_code, error.smtp_error)}") from error
        except smtplib.SMTPResponseException as error:
            said = f"{self.server}: the server turned us away: {_quote(error.smtp_code, error.smtp_error)}"
            raise (SenderRefusedError if error.smtp_code >= 500 else TransientError)(said) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TransientError(f"{self.server} cannot be reached ({describe_fault(error)}); check SENDER_URL and that "
                                 "the mail server runs") from error
        self._is_used = False
        return self._link

    def _open_session(self) -> smtplib.SMTP:
        server = self.server
        link: smtplib.SMTP
        # A name of our own is given: smtplib would otherwise ask the DNS for one, which can hang.
        if server.is_tls:
            link = smtplib.SMTP_SSL(server.host, server.port, _own_name(), timeout=self._answer_seconds,
                                    context=ssl.create_default_context())
        else:
            link = smtplib.SMTP(server.host, server.port, _own_name(), timeout=self._answer_seconds)
        try:
            link.ehlo_or_helo_if_needed()
            if not server.is_tls and server.starttls != "never" and (
                    server.starttls == "required" or link.has_extn("starttls")):
                code, text = link.starttls(context=ssl.create_default_context())
                if code != 220:
                    raise smtplib.SMTPNotSupportedError(f"STARTTLS was refused: {_quote(code, text)}")
                link.ehlo_or_helo_if_needed()
            if server.user:
                link.login(server.user, server.password)
        except BaseException:
            link.close()
            raise
        return link

    def _drop(self) -> None:
        if self._link:
            self._link.close()
        self._link, self._is_used = None, False


def _say(link: smtplib.SMTP, command: str) -> tuple[int, bytes]:
    code, text = link.docmd(command)
    if not 200 <= code < 600:
        raise smtplib.SMTPServerDisconnected(f"the server's answer means nothing: {_quote(code, text)}")
    return code, text


def _judge(code: int, text: bytes, *, is_about_us: bool = False) -> Outcome:
    """Decide what a refusing reply means for the copy.

    The mailbox is gone if the reply begins with one of three enhanced codes: 5.1.1, there is none; 5.1.6, it has moved away
    (RFC 3463 3.2); 5.1.10, its domain takes no mail (RFC 7505 4.2). The others do not say it surely enough to write there
    never again: servers say 5.1.2 when their DNS fails or they do not relay for us, 5.1.3 when they cannot read what others
    can, 5.2.1 (it exists, RFC 3463 3.3) also for too much mail, as Gmail does; without an enhanced code 550 may be anything.
    """
    said = _quote(code, text)
    if code in _ABOUT_US or (500 <= code < 600 and (is_about_us or _POLICY.search(said))):
        return Outcome(Kind.POLICY, detail=said)
    if 500 <= code < 600:
        return Outcome(Kind.REFUSED, detail=said, is_gone=bool(_GONE.match(said)))
    return Outcome(Kind.DEFERRED, detail=said)


def _words(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "replace").split())


def _quote(code: int, text: bytes | str) -> str:
    words = _words(text) if isinstance(text, bytes) else " ".join(text.split())
    return f"{code} {words}"[:400]


def _own_name() -> str:
    """Return what we call ourselves in EHLO: the site's host, an IP address in brackets (RFC 5321 4.1.3)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
