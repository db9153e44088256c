"""A folder of feed documents in; a loopback server that serves them, and a feeds.toml that names them, out."""

import os
import re
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from worker.errors import BroadsheetError
from worker.feeds.parse import Document, parse_document

SAMPLES = Path(__file__).parent / "feeds"
NEXT_DAY = Path(__file__).parent / "feeds_next_day"  # the documents that have changed a day later, under the same names
SAMPLE_EDITORIAL = Path(__file__).parent / "feeds.toml"
NOT_DOCUMENTS = {".md", ".tsv", ".csv", ".txt", ".toml", ".jsonl", ".gz", ".py"}
CONTENT_TYPES = {".json": "application/json", ".html": "text/html", ".atom": "application/atom+xml"}


class _Handler(SimpleHTTPRequestHandler):
    """Serves files with Last-Modified and 304, says nothing on the terminal, and lists no folder.

    A file that is also in `newer` is served from there, as changed, whatever the dates of the two files.
    """

    protocol_version = "HTTP/1.0"

    def __init__(self, *args: Any, newer: Path | None = None, **kwargs: Any) -> None:
        self._newer = newer
        super().__init__(*args, **kwargs)

    def translate_path(self, path: str) -> str:
        found = super().translate_path(path)
        changed = self._newer / Path(found).name if self._newer else None
        if changed is None or not changed.is_file():
            return found
        del self.headers["If-Modified-Since"]
        return str(changed)

    def guess_type(self, path: object) -> str:
        return CONTENT_TYPES.get(Path(str(path)).suffix.lower(), "application/xml")

    def log_message(self, format: str, *args: object) -> None:
        return

    def list_directory(self, path: object) -> None:
        self.send_error(404)


@contextmanager
def serve_folder(folder: Path, port: int, newer: Path | None = None) -> Iterator[str]:
    """Serve `folder` on loopback while the block runs, and in place of its files those of the same name in `newer`.

    Yields the address. Port 0, or one that is taken, gets a free one.
    """
    handler = partial(_Handler, directory=str(folder), newer=newer)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def find_documents(folder: Path) -> list[Path]:
    """Return the feed documents below `folder`, sorted; raises BroadsheetError if there are none."""
    if not folder.is_dir():
        raise BroadsheetError(f"{folder}: not a folder; give one that holds feed documents (RSS, Atom, JSON Feed)")
    found = [path for path in sorted(folder.rglob("*"))
             if path.is_file() and path.suffix.lower() not in NOT_DOCUMENTS
             and not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not found:
        raise BroadsheetError(f"{folder}: holds no feed documents (RSS, Atom, JSON Feed)")
    return found


def read_documents(paths: list[Path]) -> dict[Path, Document | None]:
    """Parse the documents by the same parser as the service; None where one cannot be read."""
    read: dict[Path, Document | None] = {}
    for path in paths:
        try:
            read[path] = parse_document(path.read_bytes(), content_type="", url="http://127.0.0.1/")
        except (BroadsheetError, OSError):
            read[path] = None
    return read


def newest_moment(documents: dict[Path, Document | None], now: datetime) -> datetime:
    """Return the latest time any entry gives that is not in the future: the moment at which the demo plays."""
    moments = [entry.published_at for document in documents.values() if document
               for entry in document.entries if entry.published_at and entry.published_at <= now]
    return max(moments, default=now)


def write_editorial(folder: Path, address: str, documents: dict[Path, Document | None]) -> str:
    """Return a feeds.toml for the documents: the samples' own one, or one made from what the documents say of themselves."""
    text = SAMPLE_EDITORIAL.read_text(encoding="utf-8")
    if folder == SAMPLES:
        return text.replace('"sample:', f'"{address}/')
    head = text[: text.index("[[feeds]]")].rstrip()
    tomllib.loads(head)
    taken: set[str] = set()
    blocks = [_describe_feed(path.relative_to(folder), address, document, taken) for path, document in documents.items()]
    return "\n\n".join([head, *blocks]) + "\n"


def _describe_feed(path: Path, address: str, document: Document | None, taken: set[str]) -> str:
    bare, whole = (re.sub(r"[^a-z0-9]+", "-", str(form).lower()).strip("-")[:70] or "feed" for form in (path.with_suffix(""), path))
    name = next(one for one in (bare, whole, f"{whole}-{len(taken)}") if one not in taken)
    taken.add(name)
    title = _outlet(document.title if document else "", path.stem) or path.stem.replace("_", " ").replace("-", " ").title()
    printable = "".join(char for char in title if char.isprintable()) or name  # a file's name may hold anything
    quoted = printable.replace("\\", "\\\\").replace('"', '\\"')
    return (f'[[feeds]]\nname = "{name}"\ntitle = "{quoted}"\nurl = "{address}/{quote(os.fsencode(path.as_posix()))}"\n'
            f'newsletters = ["aitrends", "daily"]\ntopic = "press"\ninterval = "24h"')


def _outlet(title: str, stem: str) -> str:
    """Return a feed's title as an outlet's name: of "AI | The Verge" in theverge_ai.xml, "The Verge"."""
    line = "".join(char for char in " ".join(title.split()) if char.isprintable())
    parts = [part.strip() for part in re.split(r"\s[|–—»>-]\s", line) if part.strip()]
    if not parts:
        return ""
    squeezed = [re.sub(r"[^a-z0-9]", "", part.lower()) for part in parts]
    file = re.sub(r"[^a-z0-9]", "", stem.lower())
    named = [part for part, letters in zip(parts, squeezed, strict=True) if letters and letters in file]
    return max(named, key=len, default=parts[0])[:80]
