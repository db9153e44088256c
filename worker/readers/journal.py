"""A keyed hash in, one more line of the erasure journal out; and the lines back: who asked to be forgotten, left, or must not be
written to, whatever a backup says.

The journal stands outside the database, so that restoring an older copy of that brings back nobody who went since.
"""

import fcntl
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from worker.errors import ConfigurationError

log = structlog.get_logger(__name__)
_HASH = re.compile(r"[0-9a-f]{64}")
_DEEDS = ("left", "returned", "suppressed")


@dataclass(frozen=True)
class Entry:
    """One line. `mailboxes` are the keyed hashes of all that are, or were before a move, the person's."""

    did: str  # erased, left, returned or suppressed
    at: datetime
    mailboxes: tuple[str, ...]
    reader: int = 0  # the number of who left or returned, by which they are found quickly
    newsletter: str = ""  # that they left or returned to
    reason: str = ""  # why the mailbox is suppressed


@dataclass(frozen=True)
class Journal:
    """What the file says, and the numbers of lines that say nothing."""

    erased: dict[str, datetime] = field(default_factory=dict)  # hash > when it was first written
    left: dict[tuple[str, str], datetime] = field(default_factory=dict)  # hash, newsletter > when; not of who returned
    leavers: set[int] = field(default_factory=set)  # the numbers of all who ever left
    suppressed: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # hash > why, and when first
    unreadable: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many wishes it holds that a database has to know."""
        return len(self.erased) + len(self.left) + len(self.suppressed)

    def add(self, entry: Entry) -> None:
        """Take in the next line: the last word of who left, and returned, counts."""
        self.leavers.update({entry.reader} if entry.did == "left" else ())
        for digest in entry.mailboxes:
            if entry.did == "erased":
                self.erased.setdefault(digest, entry.at)
            elif entry.did == "suppressed":
                self.suppressed.setdefault(digest, (entry.reason, entry.at))
            elif entry.did == "left":
                self.left[digest, entry.newsletter] = entry.at
            else:
                self.left.pop((digest, entry.newsletter), None)


def write_entry(digest: str, at: datetime) -> None:
    """Append the line of an erasure and see it on the disk; raises ConfigurationError if it could not be written whole."""
    try:
        _write([{"at": at.astimezone(UTC).isoformat(), "hash": digest}])
    except OSError as error:
        raise ConfigurationError(f"ERASURE_JOURNAL {settings.ERASURE_JOURNAL}: {error.strerror or error}; nothing was erased: "
                                 "make room there, or let this user write to it") from error


def write_after_commit(entry: Entry) -> None:
    """Append the line of who left, returned or was suppressed once this transaction commits, at once if there is none.

    Unlike an erasure's it comes second, and is only missed in the log if it cannot be written: the database holds the same, and
    nobody is kept on a list for want of a copy. The lines of one transaction are written, and seen on the disk, together.
    """
    depth = set(connection.savepoint_ids)
    for savepoints, hook, *_ in connection.run_on_commit:
        if isinstance(hook, _Batch) and savepoints == depth:
            hook.entries.append(entry)
            return
    transaction.on_commit(_Batch([entry]))


@dataclass
class _Batch:
    """The lines that one transaction leads to; called after its commit."""

    entries: list[Entry]

    def __call__(self) -> None:
        try:
            _write([_say(entry) for entry in self.entries])
        except OSError as error:
            log.error("who left or was suppressed is not in the erasure journal: make room there, or let this user write to it. "
                      "Then make a new backup of the database, as one of before would bring them back",
                      journal=str(settings.ERASURE_JOURNAL), reason=error.strerror or str(error), lines=len(self.entries))


def _say(entry: Entry) -> dict[str, Any]:
    """Return the line. It has no "hash", the mark of an erasure: earlier versions know no others, and must not take it for one."""
    said: dict[str, Any] = {"at": entry.at.astimezone(UTC).isoformat(), "did": entry.did, "mailboxes": entry.mailboxes}
    if entry.did == "suppressed":
        return {**said, "reason": entry.reason}
    return {**said, "newsletter": entry.newsletter, "reader": entry.reader}


def _write(lines: Sequence[dict[str, Any]]) -> None:
    """Append lines and see them on the disk; raises OSError, with none of them there, if they could not be written whole.

    Many processes may write at once: each takes the file's lock, and writes in one call at the end of the file. A line that a
    power cut left without its end is closed first, and what found no room is taken back, so that no line spoils another.
    """
    file: Path = settings.ERASURE_JOURNAL
    is_new = not file.exists()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _append(descriptor, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    finally:
        os.close(descriptor)
    if is_new:
        _sync_directory(file.parent)


def _append(descriptor: int, lines: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        lines = b"\n" + lines
    try:
        if os.write(descriptor, lines) != len(lines):
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
    journal = Journal()
    try:
        with file.open("rb") as lines:
            fcntl.flock(lines, fcntl.LOCK_SH)  # a line that is being written is not taken for a broken one
            for number, line in enumerate(lines, start=1):
                entry = _read_line(line)
                if entry:
                    journal.add(entry)
                elif line.strip():
                    journal.unreadable.append(number)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigurationError(f"ERASURE_JOURNAL {file}: {error.strerror or error}; who asked to be erased stands there: let "
                                 "this user read and write it") from error
    return journal


def _read_line(line: bytes) -> Entry | None:
    try:
        said = json.loads(line)
        at = datetime.fromisoformat(said["at"])
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        did = said.get("did", "erased")
        mailboxes = tuple(said["mailboxes"]) if did in _DEEDS else (said["hash"],)
        if not all(_HASH.fullmatch(digest) for digest in mailboxes):
            return None
        if mailboxes and did in ("left", "returned"):
            return Entry(did, at, mailboxes, reader=int(said["reader"]), newsletter=str(said["newsletter"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    return Entry(did, at, mailboxes, reason=str(said.get("reason", ""))[:30])


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
