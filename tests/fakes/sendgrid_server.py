"""A real HTTP server on loopback that speaks SendGrid's v3/mail/send as its reference describes it: for tests, and by hand.

    python -m tests.fakes.sendgrid_server --port 3025
    SENDER_URL=sendgrid: SENDGRID_API_KEY=SG.test SENDGRID_HOST=http://127.0.0.1:3025 broadsheet ...

GET /received answers what was taken: [{"to", "delivery_id", "call"}].
"""

import argparse
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

KEY = "SG.test"
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")
_RESERVED = {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
             "subject", "reply-to", "cc", "bcc"}


@dataclass
class Answer:
    """What a scripted call is answered with. `takes`: the mails are taken whatever the answer says."""

    status: int
    body: Any = field(default_factory=lambda: {"errors": [{"message": "scripted", "field": None, "help": None}]})
    headers: dict[str, str] = field(default_factory=dict)
    takes: bool = False
    hangs_up: bool = False  # no answer at all
    delay: float = 0


class SendGridServer:
    """`with SendGridServer() as server: ... server.url ... server.calls`."""

    def __init__(self, *, port: int = 0, key: str = KEY, keep: bool = True) -> None:
        self.key = key
        self.calls: list[dict[str, Any]] = []  # the bodies that were taken
        self.requests = 0
        self.script: list[Answer | None] = []  # for the next calls, one each; None: treat as usual
        self.refused: set[str] = set()  # addresses answered with a 400 that names their place
        self.poison: set[str] = set()  # addresses answered with a 400 that names nothing
        self.sizes: list[int] = []
        self.keep = keep
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler_for(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: self._http.serve_forever(poll_interval=0.02), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def serve(self) -> None:
        self._http.serve_forever()

    @property
    def received(self) -> list[dict[str, Any]]:
        """Every reader of every call that was taken, in order."""
        return [{"to": one["to"][0]["email"], "call": number, **one.get("custom_args", {})}
                for number, call in enumerate(self.calls) for one in call["personalizations"]]

    def judge(self, authorization: str, body: bytes) -> Answer:
        """Answer one call as SendGrid would."""
        self.requests += 1
        scripted = self.script.pop(0) if self.script else None
        if scripted and not scripted.takes:
            return scripted
        if authorization != f"Bearer {self.key}":
            return _refuse(401, "", "The provided authorization grant is invalid, expired, or revoked")
        try:
            call = json.loads(body)
        except ValueError:
            return _refuse(400, "", "Bad Request")
        fault = self._find_fault(call)
        if fault:
            return _refuse(400, *fault)
        self.sizes.append(len(call["personalizations"]))
        if self.keep:
            self.calls.append(call)
        return scripted or Answer(202, b"", {"X-Message-Id": f"fake.{self.requests}"})

    def _find_fault(self, call: dict[str, Any]) -> tuple[str, str] | None:
        readers = call.get("personalizations") or []
        if not readers:
            return "personalizations", "You must have at least one personalization."
        if len(readers) > 1000:
            return "personalizations", "The personalization block is limited to 1000 personalizations per API request."
        for name in ("from", "subject", "content"):
            if not call.get(name):
                return name, f"The {name} is required."
        if not _EMAIL.fullmatch(call["from"].get("email", "")):
            return "from.email", "The from email does not contain a valid address."
        if [part.get("type") for part in call["content"]] not in (["text/plain", "text/html"], ["text/html"], ["text/plain"]):
            return "content", "The text/plain content must come first, then text/html."
        return self._find_reader_fault(readers)

    def _find_reader_fault(self, readers: list[dict[str, Any]]) -> tuple[str, str] | None:
        addresses = Counter(person.get("email", "").lower() for one in readers for person in one.get("to", []))
        twice = next((email for email, count in addresses.items() if count > 1), None)
        if twice:
            return "personalizations", "Each unique email address in the personalizations array should only be included once."
        for index, one in enumerate(readers):
            to = one.get("to") or []
            if not to:
                return f"personalizations.{index}.to", "The to array is required for all personalization objects."
            if not all(_EMAIL.fullmatch(person.get("email", "")) for person in to) or to[0]["email"] in self.refused:
                return f"personalizations.{index}.to.0.email", "Does not contain a valid address."
            if sum(len(key) + len(value) for key, value in one.get("substitutions", {}).items()) > 10_000:
                return f"personalizations.{index}.substitutions", "Substitutions may not exceed 10000 bytes."
            bad = [name for name in one.get("headers", {}) if name.lower() in _RESERVED]
            if bad or not all(isinstance(value, str) and value.isprintable() for value in one.get("headers", {}).values()):
                return f"personalizations.{index}.headers", "The headers hold a reserved or unprintable one."
            if to[0]["email"] in self.poison:
                return "", "Bad Request"
        return None


def _refuse(status: int, where: str, message: str) -> Answer:
    return Answer(status, {"errors": [{"message": message, "field": where or None, "help": None}]})


def _handler_for(server: SendGridServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != "/v3/mail/send" or self.headers.get("Content-Type") != "application/json":
                self._answer(_refuse(404, "", "not found"))
                return
            self._answer(server.judge(self.headers.get("Authorization", ""), body))

        def do_GET(self) -> None:
            pages: dict[str, Callable[[], Any]] = {"/received": lambda: server.received}
            if self.path == "/v3/scopes":
                known = self.headers.get("Authorization") == f"Bearer {server.key}"
                self._answer(Answer(200, {"scopes": ["mail.send"]}) if known else _refuse(401, "", "authorization required"))
            elif self.path in pages:
                self._answer(Answer(200, pages[self.path]()))
            else:
                self._answer(_refuse(404, "", "not found"))

        def _answer(self, answer: Answer) -> None:
            time.sleep(answer.delay)
            if answer.hangs_up:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # a caller that did not wait
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=3025)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--forget", action="store_true", help="keep no mail, for measuring")
    given = parser.parse_args()
    server = SendGridServer(port=given.port, key=given.key, keep=not given.forget)
    print(f"listening on {server.url}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve()


if __name__ == "__main__":
    main()
