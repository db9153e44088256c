"""Calls of SendGrid's v3/mail/send in, a line for every reader whose mail was taken out; a fake that misbehaves as it is told.

    python -m tests.faults.sendgrid_server --log taken.log --calls calls.log --moods '[{"at": "call", "do": "503", "share": 0.1}]'

It judges a call as `tests/fakes/sendgrid_server.py` does. The line is "DELIVERY.<TAB>address<TAB>Unix time", written before the
call is answered; in the other file stands "begun<TAB>answered<TAB>readers" of each call. On SIGTERM it prints how often
it misbehaved in which way.

It may misbehave at call (the whole of it is there), in these ways:
    429, 500, 503  answer this; nothing has been taken
    cut            take the mails, then hang up without an answer
    lose           hang up without an answer, and take nothing
    garbage        take the mails, then answer what HTTP does not know
    odd            take the mails, then answer 200 with a page of HTML
    wait SECONDS   take the mails and answer as usual, but later
"""

import argparse
import json
import signal
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.fakes.sendgrid_server import KEY, Answer, SendGridServer
from tests.faults.moods import Moods, read_moods


class MoodyServer(SendGridServer):
    """The fake with rules."""

    def __init__(self, moods: Moods, log: Path, calls: Path, *, port: int, delay: tuple[float, float]) -> None:
        super().__init__(port=port, key=KEY, keep=False)
        self.moods, self._delay, self._random = moods, delay, Random(moods.seed)
        self._taken = log.open("ab", buffering=0)
        self._calls = calls.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._number = 0

    def judge(self, authorization: str, body: bytes) -> Answer:
        """Answer as SendGrid would, or as the rules say."""
        begun = time.time()
        with self._lock:
            answer = super().judge(authorization, body)
            if answer.status != 202:
                return answer
            self._number += 1
            deed = self.moods.meet("call", self._number)
            readers = json.loads(body)["personalizations"]
            if deed not in ("429", "500", "503", "lose"):
                now = time.time()
                lines = (f"{one['custom_args']['delivery_id']}.\t{one['to'][0]['email']}\t{now:.6f}\n" for one in readers)
                self._taken.write("".join(lines).encode())
            answer = _misbehave(deed, answer)
            answer.delay += self._random.uniform(*self._delay)
            self._calls.write(f"{begun:.6f}\t{time.time() + answer.delay:.6f}\t{len(readers)}\n".encode())
            return answer


def _misbehave(deed: str, usual: Answer) -> Answer:
    said: dict[str, Any] = {"errors": [{"message": "scripted", "field": None, "help": None}]}
    if deed.startswith("wait"):
        usual.delay = float(deed.partition(" ")[2])
        return usual
    if deed == "429":
        return Answer(429, said, {"X-RateLimit-Reset": str(int(time.time()) + 1)})
    if deed in ("500", "503"):
        return Answer(int(deed), said)
    if deed in ("cut", "lose"):
        return Answer(202, hangs_up=True)
    if deed == "garbage":
        return Answer(7, b"\x16\x03\x01")
    if deed == "odd":
        return Answer(200, b"<html><title>Welcome to this network</title></html>", {"Content-Type": "text/html"})
    return usual


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--calls", type=Path, required=True)
    parser.add_argument("--moods", default="[]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay", type=float, nargs=2, default=(0, 0), metavar=("LEAST", "MOST"), help="seconds before an answer")
    given = parser.parse_args()
    moods = read_moods(given.moods, given.seed)
    server = MoodyServer(moods, given.log, given.calls, port=given.port, delay=tuple(given.delay))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        print(server.url.rpartition(":")[2], flush=True)
        while not stop.wait(0.1):
            pass
    for what, times in sorted(moods.kept.items()):
        print(times, what, sep="\t", flush=True)


if __name__ == "__main__":
    main()
