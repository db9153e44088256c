"""A mail server or a SendGrid of our own in, the same on a bad day out: it fails a share of what it is asked, at random by a seed.

    python -m bench.flaky smtp|sendgrid --port 2526 --log taken.log [--share 0.2] [--seed 1] [--faults drop,421] [--delay 0.2]

Whoever it takes a mail for is a line of the log. It fails only where nothing was taken and the client can know that: SMTP at MAIL,
RCPT or DATA, with 421 and hanging up, or hanging up without a word; SendGrid with 429 and 503, both with a second to wait. `451` is
there to be tried by hand: it is about the one reader, whose copy then waits by design.
"""

import argparse
import asyncio
import random
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

from tests.fakes.sendgrid_server import Answer, SendGridServer

FAULTS = {"smtp": ("drop", "421"), "sendgrid": ("429", "503")}
_ADDRESS = re.compile(rb"<([^>]*)>")


class Mood:
    """Which of the things asked fail, and how."""

    def __init__(self, share: float, seed: int, faults: tuple[str, ...]) -> None:
        self._chance, self._share, self._faults = random.Random(seed), share, faults

    def choose(self) -> str:
        """Return how the next thing fails, and where if it is a mail; or nothing."""
        if self._chance.random() >= self._share:
            return ""
        return f"{self._chance.choice(self._faults)} {self._chance.choice(('MAIL', 'RCPT', 'DATA'))}"


class Session(asyncio.Protocol):
    """One client's SMTP dialogue, with PIPELINING."""

    def __init__(self, mood: Mood, log: IO[bytes]) -> None:
        self._mood, self._log = mood, log
        self._waiting = bytearray()
        self._fault = ""
        self._to: list[bytes] = []
        self._is_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport
        self._out.write(b"220 flaky.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        searched = max(0, len(self._waiting) - 4)
        self._waiting += data
        while not self._out.is_closing():
            end = b"\r\n.\r\n" if self._is_letter else b"\r\n"
            place = self._waiting.find(end, searched)
            if place < 0:
                return
            line = bytes(self._waiting[:place])
            del self._waiting[: place + len(end)]
            searched = 0
            if self._is_letter:
                self._take()
            else:
                self._answer(line)

    def _take(self) -> None:
        self._is_letter = False
        self._log.write(b"".join(address + b"\n" for address in self._to))
        self._out.write(b"250 2.0.0 taken\r\n")

    def _answer(self, line: bytes) -> None:
        verb = line[:4].decode("ascii", "replace").upper()
        if verb == "MAIL":
            self._fault, self._to = self._mood.choose(), []
        fault, _, where = self._fault.partition(" ")
        if fault == "drop" and where == verb:
            self._out.abort()
        elif fault == "421" and where == verb:
            self._out.write(b"421 4.3.2 not now\r\n")
            self._out.close()
        elif fault == "451" and verb == "RCPT":
            self._out.write(b"451 4.2.1 later\r\n")
        elif verb == "RCPT":
            self._to += _ADDRESS.findall(line)
            self._out.write(b"250 2.1.5 ok\r\n")
        elif verb == "DATA":
            self._is_letter = bool(self._to)
            self._out.write(b"354 go on\r\n" if self._to else b"503 5.5.1 to whom?\r\n")
        elif verb == "EHLO":
            self._out.write(b"250-flaky.test\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
        elif verb == "QUIT":
            self._out.write(b"221 2.0.0 bye\r\n")
            self._out.close()
        else:
            self._out.write(b"250 2.0.0 ok\r\n")


class FlakySendGrid(SendGridServer):
    """The fake SendGrid, in a mood, and as far away as the real one."""

    def __init__(self, port: int, mood: Mood, log: IO[bytes], delay: float) -> None:
        super().__init__(port=port)
        self._mood, self._log, self._delay = mood, log, delay
        self._turn = threading.Lock()

    def judge(self, authorization: str, body: bytes) -> Answer:
        with self._turn:
            fault = self._mood.choose()
            if fault:
                headers = {"Retry-After": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)}
                words = {"errors": [{"message": "not now", "field": None, "help": None}]}
                return Answer(int(fault.split()[0]), words, headers, delay=self._delay)
            answer = super().judge(authorization, body)
            if answer.status == 202:
                readers = self.calls.pop()["personalizations"]
                self._log.write("".join(f"{reader['to'][0]['email']}\n" for reader in readers).encode())
            return replace(answer, delay=self._delay)


async def _serve_smtp(port: int, mood: Mood, log: IO[bytes]) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Session(mood, log), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(FAULTS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", help="with commas between (drop,421 or 429,503)")
    parser.add_argument("--delay", type=float, default=0, help="seconds before SendGrid's answer")
    given = parser.parse_args()
    mood = Mood(given.share, given.seed, tuple(given.faults.split(",")) if given.faults else FAULTS[given.kind])
    with given.log.open("ab", buffering=0) as log:
        if given.kind == "smtp":
            asyncio.run(_serve_smtp(given.port, mood, log))
        else:
            FlakySendGrid(given.port, mood, log, given.delay).serve()


if __name__ == "__main__":
    main()
