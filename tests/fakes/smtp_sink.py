"""A real SMTP server on loopback that keeps what it takes: for tests, and by hand.

    python -m tests.fakes.smtp_sink --port 2525 --log taken.log

appends one line per recipient taken, "Message-ID<TAB>address", before it answers the final dot with 250.
"""

import argparse
import asyncio
import base64
import re
import signal
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*<([^>\r\n]+)>")
_LIMIT = 32 * 1024 * 1024


@dataclass
class Rules:
    """How the server treats whom. Replies are whole lines such as "550 5.1.1 no such mailbox"."""

    mail: str = ""  # reply to every MAIL
    banner: str = ""
    rcpt: dict[str, str] = field(default_factory=dict)  # address > reply to RCPT
    after_dot: dict[str, str] = field(default_factory=dict)  # address > reply after the final dot
    drop_before_dot: set[str] = field(default_factory=set)  # hang up at DATA, every time
    drop_after_dot: set[str] = field(default_factory=set)  # take the mail, then hang up without an answer
    most_per_connection: int = 0  # then 421 and hang up
    delay: float = 0  # seconds before the answer to the final dot
    stall_at: set[int] = field(default_factory=set)  # having taken its n-th mail, give no answer until the client is gone
    login: tuple[str, str] | None = None  # user and password; offers AUTH PLAIN and LOGIN and wants it
    tls: ssl.SSLContext | None = None  # offers STARTTLS
    utf8: bool = False  # offers SMTPUTF8


@dataclass(frozen=True)
class Mail:
    """One message that was taken."""

    sender: str
    recipient: str
    data: bytes
    options: str = ""

    @property
    def message_id(self) -> str:
        found = _MESSAGE_ID.search(self.data)
        return found[1].decode() if found else ""


class SmtpSink:
    """The server, in a thread of its own: `with SmtpSink() as sink: ... sink.url ... sink.mails`."""

    def __init__(self, rules: Rules | None = None, *, port: int = 0, log: Path | None = None, keep: bool = True) -> None:
        self.rules = rules or Rules()
        self.mails: list[Mail] = []
        self.connections = self.taken = 0
        self.commands: list[str] = []
        self.port = port
        self._log: IO[bytes] | None = log.open("ab", buffering=0) if log else None
        self._keep = keep
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._thread.join(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def hang_up(self) -> None:
        """Close every open connection, as a server does with idle ones."""
        done = threading.Event()

        def close() -> None:
            for writer in self._writers:
                writer.close()
            done.set()

        self._loop.call_soon_threadsafe(close)
        done.wait(5)

    def run(self) -> None:
        """Serve in this thread until `stop`."""
        self._run()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_LIMIT))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()
            if self._log:
                self._log.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await _Session(self, reader, writer).talk()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def take(self, mail: Mail) -> None:
        self.taken += 1
        if self._keep:
            self.mails.append(mail)
        if self._log:
            self._log.write(f"{mail.message_id}\t{mail.recipient}\n".encode())


class _Session:
    def __init__(self, sink: SmtpSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sink, self.rules, self.reader, self.writer = sink, sink.rules, reader, writer
        self.sender = self.recipient = self.options = ""
        self.signed_in = False
        self.taken = 0

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def talk(self) -> None:
        await self.say(self.rules.banner or "220 sink.test ESMTP")
        if self.rules.banner.startswith(("4", "5")):
            return
        while line := (await self.reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            self.sink.commands.append(line)
            verb, _, rest = line.partition(" ")
            handle = getattr(self, f"on_{verb.lower()}", None)
            if handle is None:
                await self.say("500 5.5.2 what?")
            elif await handle(rest):
                return

    async def on_ehlo(self, rest: str) -> None:
        offers = ["8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING"]
        offers += ["SMTPUTF8"] if self.rules.utf8 else []
        offers += ["STARTTLS"] if self.rules.tls and not self.writer.get_extra_info("ssl_object") else []
        offers += ["AUTH PLAIN LOGIN"] if self.rules.login else []
        await self.say("250-sink.test", *[f"250-{offer}" for offer in offers[:-1]], f"250 {offers[-1]}")

    async def on_starttls(self, rest: str) -> None:
        await self.say("220 2.0.0 go ahead")
        await self.writer.start_tls(self.rules.tls)

    async def on_auth(self, rest: str) -> None:
        assert self.rules.login
        user, password = self.rules.login
        self.signed_in = rest == "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        await self.say("235 2.7.0 welcome" if self.signed_in else "535 5.7.8 wrong user name or password")

    async def on_mail(self, rest: str) -> bool:
        if self.rules.most_per_connection and self.taken >= self.rules.most_per_connection:
            await self.say("421 4.7.0 too many mails on this connection")
            return True
        self.sender, _, self.options = rest.removeprefix("FROM:").partition(" ")
        if self.rules.login and not self.signed_in:
            await self.say("530 5.7.0 sign in first")
        else:
            await self.say(self.rules.mail or "250 2.1.0 ok")
        return False

    async def on_rcpt(self, rest: str) -> None:
        self.recipient = rest.removeprefix("TO:").strip("<>")
        await self.say(self.rules.rcpt.get(self.recipient, "250 2.1.5 ok"))

    async def on_data(self, rest: str) -> bool:
        if self.recipient in self.rules.drop_before_dot:
            self.writer.transport.abort()
            return True
        await self.say("354 end with a dot")
        data = await self.reader.readuntil(b"\r\n.\r\n")
        reply = self.rules.after_dot.get(self.recipient, "")
        if not reply:
            mail = Mail(self.sender.strip("<>"), self.recipient, data[:-3].replace(b"\r\n..", b"\r\n."), self.options)
            self.sink.take(mail)
            self.taken += 1
        if not reply and self.sink.taken in self.rules.stall_at:
            await self.reader.read(1)
            return True
        if self.rules.delay:
            await asyncio.sleep(self.rules.delay)
        if self.recipient in self.rules.drop_after_dot:
            self.writer.transport.abort()
            return True
        await self.say(reply or f"250 2.0.0 queued as {len(self.sink.mails)}")
        return False

    async def on_rset(self, rest: str) -> None:
        await self.say("250 2.0.0 ok")

    async def on_noop(self, rest: str) -> None:
        await self.say("250 2.0.0 ok")

    async def on_quit(self, rest: str) -> bool:
        await self.say("221 2.0.0 bye")
        return True


def _pairs(values: list[str]) -> dict[str, str]:
    return dict(value.split("=", 1) for value in values)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=2525, help="0: any free one; it is printed")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--delay", type=float, default=0, help="seconds before each 250")
    parser.add_argument("--refuse", action="append", default=[], metavar="ADDRESS=REPLY", help="reply to its RCPT")
    parser.add_argument("--refuse-after-dot", action="append", default=[], metavar="ADDRESS=REPLY")
    parser.add_argument("--stall-at", type=int, action="append", default=[], metavar="N", help="never answer the N-th mail")
    parser.add_argument("--drop-after-dot", action="append", default=[], metavar="ADDRESS")
    given = parser.parse_args()
    rules = Rules(rcpt=_pairs(given.refuse), after_dot=_pairs(given.refuse_after_dot),
                  drop_after_dot=set(given.drop_after_dot), delay=given.delay, stall_at=set(given.stall_at))
    sink = SmtpSink(rules, port=given.port, log=given.log, keep=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sink.stop())
    threading.Thread(target=lambda: sink._started.wait() and print(f"listening on {sink.url}", flush=True)).start()
    sink.run()


if __name__ == "__main__":
    main()
