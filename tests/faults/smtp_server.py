"""SMTP dialogues in, a line for every mail that was taken out; a server that is quick, and that misbehaves as it is told.

    python -m tests.faults.smtp_server --log taken.log --moods '[{"at": "dot", "do": "drop", "share": 0.1}]'

The line is "Message-ID<TAB>address<TAB>Unix time", and the kernel has it before the final dot is answered. On SIGTERM it prints how
often it misbehaved in which way. `tests/fakes/smtp_sink.py` is the server that does as servers should, for the other tests.

It may misbehave at connect, greeting (after it), ehlo, starttls, auth, mail, rcpt, data (before the 354), body (in the middle of
it), dot (after the final one) and idle (once the mail is answered). What it does there:
    drop          end the connection without a word; at the dot the mail has been taken
    lose          the same, and the mail has not been taken
    421 ...       answer this, and end the connection; likewise every other answer that begins with 421
    450 ...       answer this instead of what is usual; at the dot the mail has not been taken
    wait SECONDS  at the dot: answer as usual, but later
"""

import argparse
import asyncio
import os
import re
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.moods import Moods, read_moods

_MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*<([^>\r\n]+)>")
_DOT = b"\r\n.\r\n"


class Server:
    """What all its connections share."""

    def __init__(self, moods: Moods, log: Path, *, rate: float = 0, per_connection: int = 0,
                 tls: ssl.SSLContext | None = None, login: bool = False) -> None:
        self.moods, self.tls, self.login, self.per_connection = moods, tls, login, per_connection
        self.taken = self.connections = 0
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._step = 1 / rate if rate else 0.0
        self._next = 0.0

    def take(self, message: bytes, recipients: list[str]) -> None:
        """Be answerable for a mail from now on."""
        found = _MESSAGE_ID.search(message)
        name = found[1].decode() if found else ""
        lines = "".join(f"{name}\t{address}\t{time.time():.6f}\n" for address in recipients)
        os.write(self._log, lines.encode())
        self.taken += len(recipients)

    def wait_for_turn(self) -> float:
        """Return how many seconds the next answer waits, so that all connections together keep to the rate."""
        if not self._step:
            return 0
        now = time.monotonic()
        self._next = max(now, self._next) + self._step
        return self._next - now


class Dialogue(asyncio.Protocol):
    """One connection. Commands may come all at once (RFC 2920): they are answered in their order."""

    transport: Any

    def __init__(self, server: Server) -> None:
        self.server, self.moods = server, server.moods
        self.buffer = bytearray()
        self.is_waiting = self.in_body = self.is_over = self.is_encrypted = self.body_begun = False
        self.sender, self.recipients, self.taken, self.searched = "", list[str](), 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.server.connections += 1
        if self._misbehave("connect"):
            return
        self.transport.write(b"220 moody.test ESMTP\r\n")
        self._misbehave("greeting")

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not (self.is_waiting or self.is_over):
            if self.in_body:
                if not self._read_body():
                    return
            else:
                end = self.buffer.find(b"\n")
                if end < 0:
                    return
                line = bytes(self.buffer[:end]).strip()
                del self.buffer[: end + 1]
                verb, _, rest = line.decode("utf-8", "replace").partition(" ")
                handle: Callable[[str], None] | None = getattr(self, f"on_{verb.lower()}", None)
                handle(rest) if handle else self._say("500 5.5.2 what?")

    def _read_body(self) -> bool:
        """Look for the final dot; say whether it, or an end of the connection, was met."""
        if not self.body_begun and self.buffer:
            self.body_begun = True
            if self._misbehave("body"):
                return True
        end = self.buffer.find(_DOT, self.searched)
        if end < 0:
            self.searched = max(0, len(self.buffer) - len(_DOT))
            return False
        message = bytes(self.buffer[:end])
        del self.buffer[: end + len(_DOT)]
        self.in_body = self.body_begun = False
        self.searched = 0
        self._end_mail(message)
        return True

    def _end_mail(self, message: bytes) -> None:
        deed = self.moods.meet("dot", self.server.taken + 1)
        recipients, self.recipients, self.sender = self.recipients, [], ""
        if not deed or deed == "drop" or deed.startswith("wait"):
            self.server.take(message, recipients)
            self.taken += 1
        if deed and not deed.startswith("wait"):
            self._do(deed)
            return
        delay = float(deed.partition(" ")[2] or 0) + self.server.wait_for_turn()
        self._say_later(delay, f"250 2.0.0 queued as {self.server.taken}", then="idle")

    # -- commands -----------------------------------------------------------------------------------------------------
    def on_ehlo(self, rest: str) -> None:
        if self._misbehave("ehlo"):
            return
        offers = ["moody.test", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "PIPELINING"]
        offers += ["STARTTLS"] if self.server.tls and not self.is_encrypted else []
        offers += ["AUTH PLAIN"] if self.server.login and (self.is_encrypted or not self.server.tls) else []
        self._say(*[f"250-{offer}" for offer in offers[:-1]], f"250 {offers[-1]}")

    def on_starttls(self, rest: str) -> None:
        if self._misbehave("starttls"):
            return
        assert self.server.tls
        self._say("220 2.0.0 go ahead")
        self.is_waiting = True
        self.encrypting = asyncio.ensure_future(self._encrypt(self.server.tls))
        self.encrypting.add_done_callback(lambda _: self._go_on())

    async def _encrypt(self, tls: ssl.SSLContext) -> None:
        try:
            self.transport = await asyncio.get_running_loop().start_tls(self.transport, self, tls, server_side=True)
        except (OSError, ssl.SSLError):
            self.is_over = True
        self.is_waiting, self.is_encrypted = False, True

    def on_auth(self, rest: str) -> None:
        if not self._misbehave("auth"):
            self._say("235 2.7.0 welcome")

    def on_mail(self, rest: str) -> None:
        if self.server.per_connection and self.taken >= self.server.per_connection:
            self._do("421 4.7.0 too many mails on this connection")
        elif not self._misbehave("mail"):
            self.sender, self.recipients = rest, []
            self._say("250 2.1.0 ok")

    def on_rcpt(self, rest: str) -> None:
        if not self.sender:
            self._say("503 5.5.1 MAIL first")
        elif not self._misbehave("rcpt"):
            self.recipients.append(rest.removeprefix("TO:").partition(">")[0].lstrip("<"))
            self._say("250 2.1.5 ok")

    def on_data(self, rest: str) -> None:
        if not self.recipients:
            self._say("503 5.5.1 RCPT first")
        elif not self._misbehave("data"):
            self.in_body = True
            self._say("354 end with a dot")

    def on_rset(self, rest: str) -> None:
        self.sender, self.recipients = "", []
        self._say("250 2.0.0 ok")

    def on_noop(self, rest: str) -> None:
        self._say("250 2.0.0 ok")

    def on_quit(self, rest: str) -> None:
        self._say("221 2.0.0 bye")
        self._end(politely=True)

    # -- answers ------------------------------------------------------------------------------------------------------
    def _misbehave(self, point: str) -> bool:
        """Do at this point what the rules say, if they do; say whether the usual answer falls away."""
        deed = self.moods.meet(point, self.server.taken)
        if not deed:
            return False
        self._do(deed)
        return True

    def _do(self, deed: str) -> None:
        if deed in ("drop", "lose"):
            self._end(politely=self.server.connections % 2 == 0)
            return
        self._say(deed)
        if deed.startswith("421"):
            self._end(politely=True)

    def _end(self, *, politely: bool) -> None:
        """Close the connection after what was said, or cut it."""
        self.is_over = True
        if politely:
            self.transport.close()
        else:
            self.transport.abort()

    def _say(self, *lines: str) -> None:
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode())

    def _say_later(self, delay: float, line: str, then: str) -> None:
        def say() -> None:
            self.is_waiting = False
            if not self.is_over:
                self._say(line)
                self._misbehave(then)
                self._go_on()

        if delay <= 0:
            self._say(line)
            self._misbehave(then)
            return
        self.is_waiting = True
        asyncio.get_running_loop().call_later(delay, say)


async def _serve(given: argparse.Namespace) -> None:
    tls = None
    if given.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(given.certificate)
    moods = read_moods(given.moods, given.seed)
    server = Server(moods, given.log, rate=given.rate, per_connection=given.per_connection, tls=tls, login=given.login)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listener = await loop.create_server(lambda: Dialogue(server), "127.0.0.1", given.port, reuse_address=True)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    listener.close()
    for what, times in sorted(moods.kept.items()):
        print(times, what, sep="\t", flush=True)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--moods", default="[]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0, help="mails a second at most, 0: as many as it can")
    parser.add_argument("--per-connection", type=int, default=0, help="mails, then 421; 0: any number")
    parser.add_argument("--certificate", type=Path, help="offer STARTTLS with this certificate and key")
    parser.add_argument("--login", action="store_true", help="offer AUTH PLAIN, and let everybody in")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
