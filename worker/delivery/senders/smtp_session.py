"""A server's address in, one connection that is ready for mail out: what is said on it, and what the replies mean.

What a reply means follows RFC 5321 4.2.1 (4yz: not now, 5yz: never) and RFC 3463 (x.7.z: refused by policy). The mails go over the
socket that `smtp_server` has opened, several commands at a time (RFC 2920).
"""

import re
import ssl
from contextlib import suppress

from worker.delivery.message import Copy
from worker.delivery.senders.base import Kind, Outcome, describe_fault
from worker.delivery.senders.smtp_server import Server, connect, quote
from worker.errors import TransientError

LONGEST_REPLY = 65_536  # bytes; no server has that much to say
_POLICY = re.compile(r"\b5\.7\.\d+\b")
_GONE = re.compile(r"5\d\d 5\.1\.(1|6|10)\b")
_ABOUT_US = frozenset({530, 534, 535, 538})  # sign-in wanted or refused (RFC 4954 6): never the reader's fault


class LostConnectionError(Exception):
    """The connection is of no more use. What was being said on it may or may not have arrived."""


class Session:
    """One connection. Not for two threads at once."""

    def __init__(self, server: Server, seconds: float, context: ssl.SSLContext) -> None:
        """Connect, encrypt and sign in; each answer is waited for `seconds`.

        Raises TransientError if the server cannot be reached, SenderRefusedError if it wants nothing from us.
        """
        self.server = server
        self.is_used = False  # whether it has carried a mail already
        self._link = connect(server, seconds, context)
        socket = self._link.sock
        if socket is None:
            raise TransientError(f"{server} has closed the connection")
        self._socket = socket
        self._read = b""
        self.must_end = False  # it waits for a mail that nobody is to get
        self._is_open = False  # whether a refused mail must be left behind before the next
        self.is_encrypted = isinstance(socket, ssl.SSLSocket)  # so that nobody on the way can read along
        self.can_pipeline = self._link.has_extn("pipelining")
        self.takes_utf8 = self._link.has_extn("smtputf8")
        self._takes_size = self._link.has_extn("size")

    def write_mail(self, data: bytes, following: bytes = b"") -> bool:
        """Write a whole mail, its final dot, and what follows it; say whether the dot has gone out, if the connection is lost on
        the way. A template's messages end in CRLF and have no line that begins with a dot."""
        tail = b".\r\n" + following
        sent, end = 0, len(data) + 3
        try:
            if not self.is_encrypted:  # then nothing need be copied into one piece
                sent = self._socket.sendmsg((data, tail))
            if sent < len(data) + len(tail):
                whole = memoryview(data + tail)
                while sent < len(whole):
                    sent += self._socket.send(whole[sent:])
        except OSError:
            return sent >= end
        return True

    def write(self, commands: bytes) -> None:
        """Write commands; raises LostConnectionError."""
        try:
            self._socket.sendall(commands)
        except OSError as error:
            raise LostConnectionError(describe_fault(error)) from error

    def read_reply(self) -> tuple[int, bytes]:
        """Return the next reply's code and words; raises LostConnectionError, also for what is no reply."""
        line = self._read_line()
        code, words = line[:3], line[4:]
        while line[3:4] == b"-":
            line = self._read_line()
            words += b" " + line[4:]
            if len(words) > LONGEST_REPLY:
                raise LostConnectionError("the server's answer has no end")
        if not code.isdigit() or not 200 <= int(code) < 600:
            raise LostConnectionError(f"the server's answer means nothing: {quote(0, line)}")
        return int(code), words

    def _read_line(self) -> bytes:
        while b"\n" not in self._read:
            try:
                more = self._socket.recv(16_384)
            except OSError as error:
                raise LostConnectionError(describe_fault(error)) from error
            if not more:
                raise LostConnectionError("the server closed the connection")
            self._read += more
            if len(self._read) > LONGEST_REPLY:
                raise LostConnectionError("the server's answer has no end")
        line, _, self._read = self._read.partition(b"\n")
        return line

    def list_commands(self, copy: Copy, size: int) -> list[bytes]:
        """Return what is said before a mail of this many bytes, in order; a refused mail is left behind first."""
        options = f" SIZE={size}" if self._takes_size else ""
        if copy.needs_utf8:  # RFC 6531 3.4; its headers are not ASCII either
            options += (" BODY=8BITMIME" if self._link.has_extn("8bitmime") else "") + " SMTPUTF8"
        commands = [f"MAIL FROM:<{copy.template.sheet.from_email}>{options}\r\n".encode(), f"RCPT TO:<{copy.to}>\r\n".encode(),
                    b"DATA\r\n"]
        if self._is_open:
            commands.insert(0, b"RSET\r\n")
            self._is_open = False
        return commands

    def read_permission(self, commands: list[bytes], *, written: bool) -> Outcome | None:
        """Read what the server says to a mail's commands; return its refusal, or None if the mail may be written now.

        `written`: all of them have gone out already; else each is written when the one before it has been answered.
        """
        refusal: Outcome | None = None
        for command in commands:
            if not written:
                if refusal:
                    break
                self.write(command)
            code, words = self.read_reply()
            if code == 421:  # RFC 5321 3.8: it is closing, whatever it was asked
                raise LostConnectionError(quote(code, words))
            if command == b"DATA\r\n":
                refusal = self._read_go_ahead(code, words, refusal)
            elif code >= 300 and not refusal:  # MAIL and RSET are said before any reader is named: it is about us
                refusal = judge(code, words, is_about_us=not command.startswith(b"RCPT"))
        self._is_open = refusal is not None
        return refusal

    def _read_go_ahead(self, code: int, words: bytes, refusal: Outcome | None) -> Outcome | None:
        # RFC 2920 3.1: a server may say so though nobody is to get it. It would take even a lone dot for a mail: it gets none.
        self.must_end = code == 354 and refusal is not None
        return refusal or (None if code == 354 else judge(code, words))

    def ask(self) -> str:
        """Say NOOP; return "" if all is well, else the answer."""
        try:
            self.write(b"NOOP\r\n")
            code, words = self.read_reply()
        except LostConnectionError as error:
            return str(error)
        return "" if code == 250 else quote(code, words)

    def close(self, *, politely: bool) -> None:
        """End the connection; `politely` says so first."""
        if politely:
            with suppress(OSError):
                self._socket.settimeout(1)
                self._socket.sendall(b"QUIT\r\n")
                self._socket.recv(1024)
        self._link.close()


def judge(code: int, words: bytes, *, is_about_us: bool = False) -> Outcome:
    """Decide what a refusing reply means for the copy. Pure.

    The mailbox is gone if the reply begins with one of three enhanced codes: 5.1.1, there is none; 5.1.6, it has moved away
    (RFC 3463 3.2); 5.1.10, its domain takes no mail (RFC 7505 4.2). The others do not say it surely enough to write there
    never again: servers say 5.1.2 when their DNS fails or they do not relay for us, 5.1.3 when they cannot read what others
    can, 5.2.1 (it exists, RFC 3463 3.3) also for too much mail, as Gmail does; without an enhanced code 550 may be anything.
    """
    said = quote(code, words)
    if code in _ABOUT_US or (500 <= code < 600 and (is_about_us or _POLICY.search(said))):
        return Outcome(Kind.POLICY, detail=said)
    if 500 <= code < 600:
        return Outcome(Kind.REFUSED, detail=said, is_gone=bool(_GONE.match(said)))
    if 400 <= code < 500:
        return Outcome(Kind.DEFERRED, detail=said)
    raise LostConnectionError(f"the server's answer means nothing: {said}")
