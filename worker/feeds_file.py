"""A change wished for at the desk in; feeds.toml with that change and all its comments, whole and valid, out."""

import fcntl
import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from django.conf import settings
from tomlkit.exceptions import TOMLKitError

from worker.editorial import Editorial, parse_editorial
from worker.errors import BroadsheetError, ConfigurationError, ConflictError, NotFoundError

Value = str | int | float | bool | list[str]
# A feed's keys in the order in which the file has them; what a key is when it is left out.
FEED_KEYS = ("name", "title", "url", "newsletters", "weight", "topic", "interval", "language")
FEED_DEFAULTS: Mapping[str, Value] = {"weight": 1.0, "topic": "press", "interval": "1h", "language": "en"}
_FEED = re.compile(r"\s*\[\[\s*feeds\s*\]\]")
_TABLE = re.compile(r"\s*\[{1,2}[^\[\]=]+\]{1,2}\s*(#.*)?$")
_EMPTY = re.compile(r"\s*(#.*)?$")


class UnwritableError(BroadsheetError):
    """The file may not be written from here. `block` is what to put there by hand."""

    def __init__(self, words: str, block: str) -> None:
        super().__init__(words)
        self.block = block


class Written(NamedTuple):
    """feeds.toml as it stands at one moment; `mark` tells it from any other state of it."""

    text: str
    mark: str


class Change(NamedTuple):
    """A change as two ways say it: what the text becomes, and what the values must then be. They must agree."""

    rewrite: Callable[[str], str]
    apply: Callable[[dict[str, Any]], None]
    block: str  # to be pasted by hand where the file cannot be written


def read_file() -> Written:
    """Return feeds.toml as it stands now; raises ConfigurationError if it cannot be read."""
    path = Path(settings.FEEDS_FILE)
    try:
        raw = path.read_bytes()
        return Written(raw.decode("utf-8"), hashlib.sha256(raw).hexdigest()[:32])
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read ({error}); see that it is there, as UTF-8 text") from error


def why_unwritable() -> str:
    """Return why this process may not replace feeds.toml, "" if it may. A file mounted by itself shows only when it is tried."""
    path = Path(settings.FEEDS_FILE)
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            return f"{place} is read-only here"
    return ""


def change_file(change: Change, *, mark: str) -> Editorial:
    """Write the change into feeds.toml and return what it says then. The services that run read it by themselves.

    `mark` is that of the file the editor saw. Raises ConflictError if it has changed since, ConfigurationError if it would
    not be valid with the change, UnwritableError if it cannot be written; then it is as it was.
    """
    path = Path(settings.FEEDS_FILE)
    with _lock():
        before = read_file()
        if before.mark != mark:
            raise ConflictError(f"{path.name} was changed meanwhile, by hand or at the desk; look at it as it is now and try again")
        text = _rewrite(change, before.text)
        known = parse_editorial(path, text)
        wanted = deepcopy(tomllib.loads(before.text))
        change.apply(wanted)
        if tomllib.loads(text) != wanted:
            raise BroadsheetError(f"{path.name} is written in a way that the desk cannot change without touching something else; "
                                  "change it by hand")
        _replace(path, text, change.block)
        return known


def add_feed(values: Mapping[str, Value]) -> Change:
    """Return the change that adds a feed after the last one."""
    block = write_block(values)

    def rewrite(text: str) -> str:
        lines = text.splitlines(keepends=True)
        end = _find_feeds(lines)[-1][1]
        if end and not lines[end - 1].endswith("\n"):
            lines[end - 1] += "\n"
        lines[end:end] = ["\n", *block.splitlines(keepends=True)]
        return "".join(lines)

    return Change(rewrite, lambda raw: raw["feeds"].append(_given(values)), block)


def edit_feed(name: str, values: Mapping[str, Value]) -> Change:
    """Return the change that gives a feed these values; its name stays. Raises NotFoundError when it is made."""
    def rewrite(text: str) -> str:
        document = tomlkit.parse(text)
        feeds = document.get("feeds", [])
        number = _index([feed.get("name") for feed in feeds], name)
        added = _set_values(feeds[number], values, FEED_DEFAULTS)
        lines = tomlkit.dumps(document).splitlines(keepends=True)
        return _insert(lines, _find_feeds(lines)[number][1], added)

    return Change(rewrite, lambda raw: _apply(_pick(raw["feeds"], name), values, FEED_DEFAULTS),
                  write_block({"name": name, **values}))


def remove_feed(name: str) -> Change:
    """Return the change that takes a feed out. Comments between feeds stay: they may be about others."""
    def rewrite(text: str) -> str:
        names = [feed.get("name") for feed in tomllib.loads(text).get("feeds", [])]
        lines = text.splitlines(keepends=True)
        start, end = _find_feeds(lines)[_index(names, name)]
        if start and end < len(lines) and not lines[end].strip() and not lines[start - 1].strip():
            end += 1  # of two empty lines one
        del lines[start:end]
        return "".join(lines)

    return Change(rewrite, lambda raw: raw["feeds"].remove(_pick(raw["feeds"], name)), f'# take out the block of name = "{name}"\n')


def edit_newsletter(key: str, values: Mapping[str, Value]) -> Change:
    """Return the change that gives a newsletter these values; its other ones stay as they are."""
    def rewrite(text: str) -> str:
        document = tomlkit.parse(text)
        added = _set_values(_find(document.get("newsletters", {}), key), values, {})
        lines = tomlkit.dumps(document).splitlines(keepends=True)
        header = re.compile(rf"\s*\[\s*newsletters\s*\.\s*[\"']?{re.escape(key)}[\"']?\s*\]")
        return _insert(lines, _find_blocks(lines, header)[0][1], added)

    return Change(rewrite, lambda raw: _apply(_find(raw["newsletters"], key), values, {}),
                  f"[newsletters.{key}]\n{_write_lines(values)}")


def write_block(values: Mapping[str, Value]) -> str:
    """Return a feed as a block of feeds.toml, without what is as when it is left out."""
    return f"[[feeds]]\n{_write_lines(_given(values))}"


def _write_lines(values: Mapping[str, Value]) -> str:
    table = tomlkit.document()
    for key, value in values.items():
        table.add(key, value)
    return tomlkit.dumps(table)


def _given(values: Mapping[str, Value]) -> dict[str, Value]:
    return {key: values[key] for key in FEED_KEYS if key in values and values[key] != FEED_DEFAULTS.get(key)}


def _set_values(table: Any, values: Mapping[str, Value], defaults: Mapping[str, Value]) -> dict[str, Value]:
    """Change what is there and different; return what is to be added: nothing whose value is that of a missing key."""
    added = {}
    for key, value in values.items():
        if key in table and table[key] != value:
            table[key] = value
        elif key not in table and value != defaults.get(key):
            added[key] = value
    return added


def _apply(table: Any, values: Mapping[str, Value], defaults: Mapping[str, Value]) -> None:
    table.update(_set_values(table, values, defaults))


def _insert(lines: list[str], place: int, values: Mapping[str, Value]) -> str:
    """Put keys that are new at the end of their block: before the comments that follow it, which tomlkit takes for a part of it."""
    if values and not lines[place - 1].endswith("\n"):
        lines[place - 1] += "\n"
    lines[place:place] = _write_lines(values).splitlines(keepends=True)
    return "".join(lines)


def _pick(feeds: Any, name: str) -> Any:
    return feeds[_index([feed.get("name") for feed in feeds], name)]


def _index(names: list[Any], name: str) -> int:
    if name not in names:
        raise NotFoundError(f"there is no feed {name!r} in feeds.toml any more")
    return names.index(name)


def _find(newsletters: Any, key: str) -> Any:
    if key not in newsletters:
        raise NotFoundError(f"there is no newsletter {key!r} in feeds.toml any more")
    return newsletters[key]


def _find_feeds(lines: list[str]) -> list[tuple[int, int]]:
    return _find_blocks(lines, _FEED)


def _find_blocks(lines: list[str], header: re.Pattern[str]) -> list[tuple[int, int]]:
    """Return where each block with such a header begins and, after its last line that is no comment, ends."""
    spans = []
    for start in (number for number, line in enumerate(lines) if header.match(line)):
        after = next((number for number in range(start + 1, len(lines)) if _TABLE.match(lines[number])), len(lines))
        spans.append((start, next(n for n in range(after - 1, start - 1, -1) if not _EMPTY.match(lines[n])) + 1))
    if not spans:
        raise BroadsheetError("feeds.toml is written in a way that the desk cannot change; change it by hand")
    return spans


def _rewrite(change: Change, text: str) -> str:
    try:
        return change.rewrite(text)
    except (TOMLKitError, tomllib.TOMLDecodeError, IndexError) as error:
        raise ConfigurationError(f"feeds.toml cannot be changed as it stands ({error}); mend it by hand first") from error


@contextmanager
def _lock() -> Iterator[None]:
    """Let one process after the other write. The lock lies in the home: where feeds.toml is, nothing else may be made."""
    home = Path(settings.BROADSHEET_HOME)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / "feeds.toml.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BroadsheetError(f"{home}: no lock can be made there ({error.strerror}); let this user write there") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str, block: str) -> None:
    """Put the text in the file's place, on the disk before it is seen, with the file's own rights."""
    draft = ""
    try:
        mode = path.stat().st_mode & 0o7777
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise UnwritableError(f"{path} cannot be written from here ({error.strerror}); nothing was changed. In a container the "
                              "file may be mounted read-only. Whoever looks after the service can put this into it:",
                              block) from error
