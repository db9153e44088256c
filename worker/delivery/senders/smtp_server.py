"""SENDER_URL's address in, a connection to that server out: greeted, encrypted and signed in, by the standard library."""

import smtplib
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings

from worker.delivery.senders.base import SenderRefusedError, describe_fault
from worker.errors import BroadsheetError, TransientError

_FORM = ("give smtp://user:password@host:port or smtps://user:password@host:port, with ?starttls=never or required and "
         "connections=1 to 100 if need be")


@dataclass(frozen=True)
class Server:
    """Where SENDER_URL points."""

    host: str
    port: int
    is_tls: bool  # from the first byte (smtps)
    starttls: str  # "offered", "required" or "never"
    user: str = ""
    password: str = ""
    connections: int = 16  # how many are kept open at once by one process

    def __str__(self) -> str:
        return f"{'smtps' if self.is_tls else 'smtp'}://{self.host}:{self.port}"  # never the password


def read_server(url: str) -> Server:
    """Return where an smtp:// or smtps:// address points; raises BroadsheetError if it cannot be read."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:  # its words may quote a piece of the password, and everybody at the desk reads why nothing is sent
        raise BroadsheetError(f"SENDER_URL cannot be read: {_FORM}, with signs such as / # @ : in the password as %2F %23 %40 "
                              "%3A") from None
    starttls, connections = query.pop("starttls", ""), query.pop("connections", "16")
    is_number = connections.isascii() and connections.isdigit() and 1 <= int(connections) <= 100
    if not host or parts.path.strip("/") or query or starttls not in ("", "never", "required") or not is_number:
        raise BroadsheetError(f"SENDER_URL is not complete or says too much: {_FORM}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    is_tls = parts.scheme == "smtps"
    if not (user + password).isascii():
        raise BroadsheetError("SENDER_URL: the user name and password must be ASCII")
    default = 465 if is_tls else 587 if user else 25
    # A password must not be talked out of us by leaving STARTTLS out of the greeting, so signing in requires it.
    return Server(host, port or default, is_tls, starttls or ("required" if user else "offered"), user, password, int(connections))


def connect(server: Server, seconds: float, context: ssl.SSLContext) -> smtplib.SMTP:
    """Connect, encrypt and sign in; each answer is waited for `seconds`.

    Raises TransientError if the server cannot be reached, SenderRefusedError if it wants nothing from us.
    """
    try:
        return _open_session(server, seconds, context)
    except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
        reason = getattr(error, "verify_message", "") or describe_fault(error)
        raise SenderRefusedError(f"{server}: no trusted encryption ({reason}); mend the server's certificate, or "
                                 "for a server on this machine add ?starttls=never to SENDER_URL") from error
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise TransientError(f"{server}: sign-in put off: {quote(error.smtp_code, error.smtp_error)}") from error
        raise SenderRefusedError(f"{server}: the user name or password in SENDER_URL was refused: "
                                 f"{quote(error.smtp_code, error.smtp_error)}") from error
    except smtplib.SMTPResponseException as error:
        said = f"{server}: the server turned us away: {quote(error.smtp_code, error.smtp_error)}"
        raise (SenderRefusedError if error.smtp_code >= 500 else TransientError)(said) from error
    except (smtplib.SMTPException, OSError) as error:
        raise TransientError(f"{server} cannot be reached ({describe_fault(error)}); check SENDER_URL and that "
                             "the mail server runs") from error


def _open_session(server: Server, seconds: float, context: ssl.SSLContext) -> smtplib.SMTP:
    link: smtplib.SMTP
    # A name of our own is given: smtplib would otherwise ask the DNS for one, which can hang.
    if server.is_tls:
        link = smtplib.SMTP_SSL(server.host, server.port, _own_name(), timeout=seconds, context=context)
    else:
        link = smtplib.SMTP(server.host, server.port, _own_name(), timeout=seconds)
    try:
        link.ehlo_or_helo_if_needed()
        if not server.is_tls and server.starttls != "never" and (server.starttls == "required" or link.has_extn("starttls")):
            code, text = link.starttls(context=context)
            if code != 220:
                raise smtplib.SMTPNotSupportedError(f"STARTTLS was refused: {quote(code, text)}")
            link.ehlo_or_helo_if_needed()
        if server.user:
            link.login(server.user, server.password)
    except BaseException:
        link.close()
        raise
    return link


def read_words(text: bytes) -> str:
    """Return what a server said as text."""
    return " ".join(text.decode("utf-8", "replace").split())


def quote(code: int, text: bytes | str) -> str:
    """Return a reply in one line, as it is shown."""
    words = read_words(text) if isinstance(text, bytes) else " ".join(text.split())
    return f"{code} {words}"[:400]


def _own_name() -> str:
    """Return what we call ourselves in EHLO: the site's host, an IP address in brackets (RFC 5321 4.1.3)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
