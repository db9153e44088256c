"""A real HTTP server on loopback for feeds: serves a folder, and misbehaves on request. By hand:

    python -m tests.fakes.feed_server DIR [PORT]

serves DIR with ETag, Last-Modified and 304. In tests, `FeedServer` also holds bodies and scripted answers by path.
"""

import email.utils
import gzip
import hashlib
import mimetypes
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

Behaviour = Callable[["Handler"], None]


@dataclass
class Asked:
    """One request as the server received it. Header names are in small letters."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes = b""


class Handler(BaseHTTPRequestHandler):
    """Answers from the server's scripted behaviours, else from its bodies, else from its folder."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    feeds: "FeedServer"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.feeds.asked.append(Asked(self.path, headers, self.command, body))
        with self.feeds.counting:
            self.feeds.open_now += 1
            self.feeds.most_at_once = max(self.feeds.most_at_once, self.feeds.open_now)
        try:
            if behaviour := self.feeds.behaviours.get(path):
                behaviour(self)
            else:
                self._serve(path)
        except (BrokenPipeError, ConnectionResetError):  # the client has had enough
            self.close_connection = True
        finally:
            with self.feeds.counting:
                self.feeds.open_now -= 1

    def _serve(self, path: str) -> None:
        body = self.feeds.bodies.get(path)
        file = self.feeds.folder / path.lstrip("/") if self.feeds.folder else None
        modified = self.feeds.started
        if body is None and file and file.is_file() and self.feeds.folder in file.resolve().parents:
            body, modified = file.read_bytes(), file.stat().st_mtime
        if body is None:
            self.answer(404, b"not here", {"Content-Type": "text/plain"})
            return
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        kept = {"ETag": tag, "Last-Modified": email.utils.formatdate(modified, usegmt=True)}
        if self.headers.get("If-None-Match") == tag:
            self.answer(304, b"", kept)
            return
        self.answer(200, body, {**kept, "Content-Type": self.feeds.types.get(path) or guess_type(path)})

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Send a whole answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if self.feeds.is_talkative:
            super().log_message(format, *args)


def guess_type(path: str) -> str:
    """Return the media type a web server would give a feed file by its name."""
    kinds = {".xml": "application/xml", ".rss": "application/rss+xml", ".atom": "application/atom+xml",
             ".rdf": "application/rdf+xml", ".json": "application/feed+json"}
    return kinds.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: what breaks here is what a test asked for."""


class FeedServer:
    """The server, in a thread of this process, on a free port of 127.0.0.1. Use it with `with`."""

    def __init__(self, folder: Path | None = None, port: int = 0, *, is_talkative: bool = False) -> None:
        self.folder = folder.resolve() if folder else None
        self.bodies: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[Asked] = []
        self.counting = threading.Lock()
        self.open_now = self.most_at_once = 0
        self.started = time.time()
        self.is_talkative = is_talkative
        self._server = _Server(("127.0.0.1", port), type("BoundHandler", (Handler,), {"feeds": self}))
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="feed-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        """Serve in the calling thread until Ctrl-C."""
        self._server.serve_forever()


# -- behaviours ---------------------------------------------------------------------------------------------------
def redirect(to: str, status: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return lambda handler: handler.answer(status, b"", {"Location": to})


def refuse(status: int, retry_after: str = "") -> Behaviour:
    """Answer a status (410, 429, 503 …), with Retry-After if one is given."""
    return lambda handler: handler.answer(status, b"no", {"Retry-After": retry_after} if retry_after else {})


def send(body: bytes, content_type: str = "application/xml", **headers: str) -> Behaviour:
    """Answer 200 with this body; header names are given with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer(200, body, {"Content-Type": content_type, **named})


def drip(body: bytes, pause: float = 0.1) -> Behaviour:
    """Send the headers at once and then a byte at a time."""
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for byte in body:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(pause)
    return answer


def drip_headers(pause: float = 0.1) -> Behaviour:
    """Send headers for ever, a byte at a time."""
    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(pause)
    return answer


def compress(body: bytes, content_type: str = "application/xml") -> Behaviour:
    """Answer with gzip."""
    return send(gzip.compress(body), content_type, Content_Encoding="gzip")


def bomb(megabytes: int) -> Behaviour:
    """Answer with gzip that inflates to so many megabytes of zeros."""
    return send(gzip.compress(bytes(megabytes * 1_000_000)), Content_Encoding="gzip")


def endless() -> Behaviour:
    """Answer without a length and never stop."""
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while True:
            handler.wfile.write(b"<!-- more -->" * 5000)
    return answer


def reset() -> Behaviour:
    """Break the connection off with a TCP reset."""
    def answer(handler: Handler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True
    return answer


def main(arguments: list[str]) -> None:
    """Serve a folder by hand."""
    if not arguments or not Path(arguments[0]).is_dir():
        sys.exit(__doc__)
    server = FeedServer(Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0, is_talkative=True)
    print(f"serving {arguments[0]} at {server.url}; Ctrl-C ends it")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
