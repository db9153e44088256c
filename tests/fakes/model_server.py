"""A real HTTP server on loopback that speaks the chat half of OpenAI's API, well or badly: for tests, and by hand.

    python -m tests.fakes.model_server --port 3035 --mode lying
    SUMMARISER_URL=http://127.0.0.1:3035 SUMMARISER_MODEL=fake-1 broadsheet summarise

It "writes" by taking sentences from the reports it is shown; MODES says in which ways that can go wrong.
GET /asked answers what it was asked.
"""

import argparse
import gzip
import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MODEL = "fake-1"
FORMATS = ("json_schema", "json_object", "none")
Draft = dict[str, Any]


class ModelServer:
    """`with ModelServer(mode="lying") as server: ... server.url ... server.asked`."""

    def __init__(self, *, port: int = 0, mode: str = "good", key: str = "", model: str = MODEL) -> None:
        self.mode, self.key, self.model = mode, key, model
        self.script: list[str] = []  # modes of the next requests, one each
        self.drafts: list[Draft | str] = []  # what the next answers say, one each; the last stays
        self.formats = set(FORMATS)  # others are refused with 400, as older servers do
        self.refused: set[str] = set()  # further parameters refused with 400
        self.usage: dict[str, int] | None = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
        self.retry_after = ""
        self.on_ask: Callable[[], None] = lambda: None  # called before each answer
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.stopping = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler_for(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: self._http.serve_forever(poll_interval=0.02), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def serve(self) -> None:
        self._http.serve_forever()

    def write(self, question: dict[str, Any]) -> Draft | str:
        """Return the next draft given to this server, else one made of the reports' own sentences."""
        if self.drafts:
            return self.drafts.pop(0) if len(self.drafts) > 1 else self.drafts[0]
        reports = json.loads(question["messages"][1]["content"])["reports"]
        sentences = [{"text": text, "items": [report["number"]]}
                     for report in reports for text in re.split(r"(?<=[.!?。])\s+", report["text"]) if text]
        return {"headline": reports[0]["title"], "sentences": sentences[:3]}


def _lie(draft: Draft) -> Draft:
    """Change a number and add a name, a date and a quotation that no report has."""
    first, second, *rest = draft["sentences"]
    changed = re.sub(r"\d[\d,.]*\d|\d", "7,731", first["text"], count=1)
    added = second["text"].rstrip(".") + ", Mirabel Oldcastle said on 3 February 2019, “as nobody will ever notice”."
    return {**draft, "sentences": [{**first, "text": changed}, {**second, "text": added}, *rest]}


def _obey(draft: Draft) -> Draft:
    """Do what an item asked for instead of summing it up."""
    return {"headline": "BUY NOW", "sentences": [{"text": "BUY NOW at http://evil.example/ before it is gone.", "items": [1]}] * 2}


def _mark_up(draft: Draft) -> Draft:
    first, *rest = draft["sentences"]
    return {**draft, "sentences": [{**first, "text": f'<a href="//evil.example">{first["text"]}</a>'}, *rest]}


_REWRITTEN: dict[str, Callable[[Draft], Draft]] = {"lying": _lie, "obeying": _obey, "markup": _mark_up}
_SAID: dict[str, dict[str, Any]] = {
    "refusal": {"message": {"content": None, "refusal": "I'm sorry, I cannot help with that."}, "finish_reason": "stop"},
    "length": {"message": {"content": '{"headline": "Cut'}, "finish_reason": "length"},
    "prose": {"message": {"content": "Sure! Here is a summary of the story."}, "finish_reason": "stop"},
    "schema": {"message": {"content": '{"title": "Wrong", "bullets": []}'}, "finish_reason": "stop"},
    "silent": {"message": {"content": ""}, "finish_reason": "stop"},
}
_STATUS = {"401": (401, "Incorrect API key provided"), "403": (403, "Forbidden"), "404": (404, "The model does not exist"),
           "429": (429, "Rate limit reached"), "500": (500, "The server had an error"), "503": (503, "Loading model"),
           "400": (400, "This model's maximum context length is 4096 tokens")}
MODES = ("good", *_REWRITTEN, *_SAID, *_STATUS, "garbage", "empty", "huge", "gzip", "redirect", "hangs", "slow", "slow-head",
         "hangs-up", "quota")


def _complete(server: ModelServer, mode: str, question: dict[str, Any]) -> dict[str, Any]:
    choice = _SAID.get(mode)
    if choice is None:
        draft = server.write(question)
        if mode in _REWRITTEN and isinstance(draft, dict):
            draft = _REWRITTEN[mode](draft)
        choice = {"message": {"content": draft if isinstance(draft, str) else json.dumps(draft)}, "finish_reason": "stop"}
    choice = {"index": 0, **choice, "message": {"role": "assistant", **choice["message"]}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": question["model"],
            "choices": [] if mode == "empty" else [choice], **({"usage": server.usage} if server.usage else {})}


def _fault(status: int, message: str, code: str | None = None) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"message": message, "type": "error", "param": None, "code": code}}).encode()


def _answer(server: ModelServer, mode: str, question: dict[str, Any]) -> tuple[int, bytes]:
    wanted = question.get("response_format", {}).get("type", "none")
    if wanted not in server.formats:
        return _fault(400, f"response_format type {wanted} is not supported")
    for name in sorted(server.refused & question.keys()):
        hint = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
        return _fault(400, f"Unsupported parameter: '{name}' is not supported with this model.{hint}")
    if question["model"] != server.model:
        return _fault(404, f"The model `{question['model']}` does not exist", "model_not_found")
    if mode in _STATUS:
        return _fault(*_STATUS[mode])
    if mode == "quota":
        return _fault(429, "You exceeded your current quota", "insufficient_quota")
    if mode == "garbage":
        return 200, b"<html><body>It works!</body></html>"
    return 200, json.dumps(_complete(server, mode, question)).encode()


def _handler_for(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            server.asked.append(question)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.on_ask()
            mode = server.script.pop(0) if server.script else server.mode
            if self.path != "/v1/chat/completions":
                self._send(*_fault(404, "no such page"))
            elif self._is_stranger():
                self._send(*_fault(401, "Incorrect API key provided"))
            else:
                with suppress(ConnectionError):  # a caller that did not wait
                    self._behave(mode, *_answer(server, mode, question))

        def do_GET(self) -> None:
            if self._is_stranger():
                self._send(*_fault(401, "Incorrect API key provided"))
            elif self.path == "/v1/models":
                self._send(200, json.dumps({"object": "list", "data": [{"id": server.model, "object": "model"}]}).encode())
            elif self.path == "/asked":
                self._send(200, json.dumps(server.asked).encode())
            else:
                self._send(*_fault(404, "no such page"))

        def _is_stranger(self) -> bool:
            return bool(server.key) and self.headers.get("Authorization") != f"Bearer {server.key}"

        def _behave(self, mode: str, status: int, body: bytes) -> None:
            if mode == "hangs":
                server.stopping.wait(120)
                self.close_connection = True
            elif mode == "hangs-up":
                self.close_connection = True
            elif mode == "slow-head":
                self._drip(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-Wait-%d: 1\r\n" % n for n in range(1000)))
            elif mode == "slow":
                self._send(status, body, drips=True)
            elif mode == "gzip":
                self._send(status, gzip.compress(b" " * 50_000_000 + body), {"Content-Encoding": "gzip"})
            elif mode == "huge":
                self._send(status, body[:-1] + b', "padding": "' + b"x" * 30_000_000 + b'"}')
            elif mode == "redirect":
                self._send(307, b"", {"Location": f"{server.url}/elsewhere"})
            else:
                self._send(status, body, {"Retry-After": server.retry_after} if server.retry_after and status >= 400 else {})

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, drips: bool = False) -> None:
            self.send_response(status)
            given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
            for name, value in given.items():
                self.send_header(name, value)
            with suppress(ConnectionError):
                self.end_headers()
                (self._drip if drips else self.wfile.write)(body)

        def _drip(self, body: bytes) -> None:
            self.close_connection = True
            for at in range(len(body)):
                if server.stopping.wait(0.1):
                    return
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=3035)
    parser.add_argument("--mode", choices=MODES, default="good")
    parser.add_argument("--key", default="", help="ask for this key; without it any is taken")
    given = parser.parse_args()
    server = ModelServer(port=given.port, mode=given.mode, key=given.key)
    print(f"listening on {server.url}, model {server.model}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve()


if __name__ == "__main__":
    main()
