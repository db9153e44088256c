"""Copies in, files in a maildir out: the sender that needs no server, for trying things and for tests.

A maildir is three directories; a message is written to `tmp` and renamed into `new`, so that a reader of the maildir
never sees half a message (https://cr.yp.to/proto/maildir.html). The file's name is made from the Message-ID alone: an
attempt repeated by hand overwrites its own file, so a copy cannot lie there twice.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from worker.delivery.message import Copy
from worker.delivery.senders.base import UNKEPT, Kind, Note, Outcome, describe_fault
from worker.errors import BroadsheetError, TransientError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM}


def open_maildir(url: str) -> "MaildirSender":
    """Return the sender for `maildir:DIR`; raises BroadsheetError if there is no DIR."""
    directory = url.partition(":")[2]
    if not directory or directory.startswith("//"):
        raise BroadsheetError(f"SENDER_URL {url!r}: give maildir: and a directory, e.g. maildir:/var/mail/broadsheet")
    return MaildirSender(Path(directory).expanduser())


class MaildirSender:
    """Writes one file per copy, owner-readable only: a mail holds its reader's own links."""

    name = "maildir"
    batch_size = 250
    calls_at_once = lost_together = 1
    one_letter = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._is_ready = False

    def send(self, copies: Sequence[Copy], note: Note = UNKEPT) -> list[Outcome]:
        """Write the copies; raises TransientError if the maildir cannot be written at all."""
        self._make_ready()
        outcomes: list[Outcome] = []
        for place, copy in enumerate(copies):
            if note.is_over():
                break
            try:
                note.begin([place])
                self._write(copy)
            except (OSError, TransientError) as error:  # the rename did not happen: nothing lies in `new`
                fault = self._explain(error) if isinstance(error, OSError) else str(error)
                if not outcomes:
                    raise TransientError(fault) from error
                note.end([place], Outcome(Kind.UNSENT, detail=fault))
                break
            outcomes.append(Outcome(Kind.ACCEPTED))
            note.end([place], outcomes[-1])
        return outcomes + [Outcome(Kind.UNSENT)] * (len(copies) - len(outcomes))

    def check(self) -> str:
        """Say where the mail goes; raises BroadsheetError if it cannot be written there."""
        self._make_ready()
        if not os.access(self.directory / "new", os.W_OK):
            raise BroadsheetError(self._explain(PermissionError(errno.EACCES, "")))
        return f"mail is written to the maildir {self.directory} and goes no further"

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, copy: Copy) -> None:
        name = f"{copy.message_id}.broadsheet"
        draft = self.directory / "tmp" / f"{name}.{os.getpid()}"
        with open(draft, "wb", opener=_open_private) as file:
            file.write(copy.message().replace(b"\r\n", b"\n"))  # stored mail has the system's own line ends
        draft.replace(self.directory / "new" / name)

    def _make_ready(self) -> None:
        if self._is_ready:
            return
        try:
            for part in ("tmp", "new", "cur"):
                (self.directory / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TransientError(self._explain(error)) from error
        self._is_ready = True

    def _explain(self, error: OSError) -> str:
        advice = "make room there" if error.errno in _FULL else "name a directory this user may write in SENDER_URL"
        return f"maildir {self.directory}: cannot be written ({describe_fault(error)}); {advice}"


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
