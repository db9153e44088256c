"""A keyed hash in, one more line of the erasure journal out; and the lines back: who asked to be forgotten, whatever a backup says.

The journal stands outside the database, so that restoring an older copy of that does not bring back who was erased since.
"""

import fcntl
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from worker.errors import ConfigurationError

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Journal:
    """What the file says: each hash with the moment it was first written, and the numbers of lines that say nothing."""

    entries: dict[str, datetime]
    unreadable: tuple[int, ...]


def write_entry(digest: str, at: datetime) -> None:
    """Append a line and see it on the disk; raises ConfigurationError if it could not be written whole.

    Many processes may write at once: each takes the file's lock, and writes in one call at the end of the file. A line that a
    power cut left without its end is closed first, and one that found no room is taken back, so that no line spoils another.
    """
    line = json.dumps({"at": at.astimezone(UTC).isoformat(), "hash": digest}).encode() + b"\n"
    file: Path = settings.ERASURE_JOURNAL
    try:
        is_new = not file.exists()
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append(descriptor, line)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_directory(file.parent)
    except OSError as error:
        raise ConfigurationError(f"ERASURE_JOURNAL {file}: {error.strerror or error}; nothing was erased: make room there, or "
                                 "let this user write to it") from error


def _append(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError(None, "there was no room for a whole line")
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _sync_directory(folder: Path) -> None:
    """A new file is only there after a power cut if its directory's entry has reached the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_entries() -> Journal:
    """Return what the journal holds; no file holds nothing. Raises ConfigurationError if it is there and cannot be read."""
    file: Path = settings.ERASURE_JOURNAL
    entries: dict[str, datetime] = {}
    unreadable: list[int] = []
    try:
        with file.open("rb") as lines:
            fcntl.flock(lines, fcntl.LOCK_SH)  # a line that is being written is not taken for a broken one
            for number, line in enumerate(lines, start=1):
                entry = _read_line(line)
                if entry:
                    entries.setdefault(*entry)
                elif line.strip():
                    unreadable.append(number)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigurationError(f"ERASURE_JOURNAL {file}: {error.strerror or error}; who asked to be erased stands there: let "
                                 "this user read and write it") from error
    return Journal(entries, tuple(unreadable))


def _read_line(line: bytes) -> tuple[str, datetime] | None:
    try:
        said = json.loads(line)
        digest, at = said["hash"], datetime.fromisoformat(said["at"])
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    if not isinstance(digest, str) or not _HASH.fullmatch(digest):
        return None
    return digest, at


def why_not_writable() -> str:
    """Return why an erasure could not be written down, "" if it could; writes nothing."""
    file: Path = settings.ERASURE_JOURNAL
    try:
        if file.exists():
            with file.open("ab"):
                return ""
        folder = next(parent for parent in file.parents if parent.exists())
    except OSError as error:
        return error.strerror or str(error)
    if not folder.is_dir():
        return f"{folder} is not a directory"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written to"
