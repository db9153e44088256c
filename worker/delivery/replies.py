"""What a call is told as it goes in, a file that outlives the process out; and from the files of processes that are gone, the
ledger's rows.

A durable commit for each mail would cost more than the mail. A line appended to a file costs a few microseconds, and is there
after `kill -9`, as it has left the process. So of a process that ends in the middle of a call the next one knows which copies it
had begun, which answers it had had, and which copies it had never reached: those go back to the queue. It lives in
`BROADSHEET_HOME/replies`, a file for each lease, whose lock the kernel lets go of however its process ends.

A process that lives may only seem to be gone: it was stalled, or the database's clock jumped. Before what it has not begun is taken
from it a second file, named `.shut`, is laid beside its own, and only then is its own read. It looks for that one after each line
that says "begun" and before the mail goes: so either the line is read, or the mail does not go, whatever any clock says.

A line may be lost with the whole machine, before the disk had it. So after a restart of the machine (another boot id) the answers
that are there still count, but nothing is taken for never reached.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from json.encoder import encode_basestring_ascii as _quote
from pathlib import Path

import structlog
from django.conf import settings

from worker.errors import TransientError
from worker.storage import bulk
from worker.storage.models import Alarm, Delivery, Notice

log = structlog.get_logger(__name__)
Model = type[Delivery] | type[Notice] | type[Alarm]
_MODELS: dict[str, Model] = {"delivery": Delivery, "notice": Notice, "alarm": Alarm}
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Replies:
    """The file of one lease. It is there while rows are claimed: that they are free again is seen from its lock."""

    def __init__(self, model: Model, token: str) -> None:
        self.path = _path(model, token)
        self._shut = _shut(self.path)
        self._file = -1
        self._is_broken = False  # a line may be cut short: what followed it could not be read, so nothing more is begun

    def open(self) -> None:
        """Make the file, unless it is there; raises TransientError if that cannot be done."""
        if self._file >= 0:
            return
        try:
            self._file = _create(self.path)
        except OSError as error:
            raise self._explain(error) from error

    def begin(self, row_ids: Sequence[int]) -> None:
        """Keep that these copies may be handed over from now on; raises TransientError if that cannot be written, or if they may
        have been given to another worker."""
        try:
            if self._is_broken:
                raise OSError(None, "a line of it is broken")
            self._write(f"[\"begun\",{','.join(map(str, row_ids))}]\n")
        except OSError as error:
            raise self._explain(error) from error
        if os.access(self._shut, os.F_OK):  # the order matters: see above
            raise TransientError("the lease on these copies was over before they were begun: they are left to another worker")

    def _explain(self, error: OSError) -> TransientError:
        return TransientError(f"BROADSHEET_HOME: {self.path} cannot be written ({error.strerror or error}), and nothing is sent "
                              "that is not noted there: make room, or let this user write to it")

    def end(self, endings: Sequence[bulk.Ending]) -> None:
        """Keep how attempts ended. If there is no room for that, the process itself still knows."""
        try:
            self._write("".join(map(_say, endings)))
        except OSError as error:
            log.error("an answer could not be noted", file=str(self.path), reason=error.strerror or str(error))

    def close(self, *, keep: bool) -> None:
        """Let go of the file, if it is open; `keep` it for whoever looks next if the ledger does not hold yet what is in it."""
        if self._file < 0:
            return
        if not keep:
            _remove(self.path)
        os.close(self._file)
        self._file = -1

    def _write(self, lines: str) -> None:
        whole = lines.encode()
        try:
            if os.write(self._file, whole) != len(whole):  # in one call, so that threads need not wait for each other
                raise OSError(None, "there was no room for a whole line")
        except OSError:
            self._is_broken = True
            raise


def _say(ending: bulk.Ending) -> str:
    """Return the line of an ending: JSON, put together by hand as there are two for each mail."""
    return (f'["ended",{ending.row_id},"{ending.state}",{_quote(ending.provider_id)},{_quote(ending.error)},{ending.wait},'
            f'{"true" if ending.attempted else "false"}]\n')


def _path(model: Model, token: str) -> Path:
    home: Path = settings.BROADSHEET_HOME
    return home / "replies" / f"{model._meta.model_name}-{token}.jsonl"


def _shut(path: Path) -> Path:
    """Return the name of the file that says of another that nothing more may be begun in it."""
    return path.with_suffix(".shut")


def _remove(path: Path) -> None:
    """In this order: nobody may find the one without the other."""
    path.unlink(missing_ok=True)
    _shut(path).unlink(missing_ok=True)


def _create(path: Path) -> int:
    """Return a new file that is locked before anybody can find it under its name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    file = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, json.dumps(["boot", _boot()]).encode() + b"\n")
        draft.rename(path)
    except BaseException:
        os.close(file)
        draft.unlink(missing_ok=True)
        raise
    return file


def _boot() -> str:
    """Return what tells one start of this machine from another; "" where nothing does."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


@dataclass
class Noted:
    """What a file holds."""

    boot: str = ""
    begun: set[int] = field(default_factory=set)
    endings: dict[int, bulk.Ending] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Say whether every line that was written is there: the machine has run all the time since."""
        return bool(self.boot) and self.boot == _boot()


def fold_replies() -> int:
    """Write into the ledger what processes that are gone had been told, give back what they had not reached, and call the rest
    uncertain, without waiting for their leases; return how many files there were. Any number of processes may do so at once."""
    folded = 0
    for path in _list_files():
        with _open_left(path) as file:
            if file is None:
                continue
            model, token = _MODELS[path.name.partition("-")[0]], path.stem.partition("-")[2]
            noted = _read(file)
            bulk.record_endings(model, token, noted.endings.values(), late=True)
            bulk.give_up(model, token, noted.begun, is_whole=noted.is_whole)
            _remove(path)
            folded += 1
    return folded


def fold_living(model: Model, tokens: Iterable[str]) -> None:
    """Write into the ledger what processes of this machine have been told that seem to be stalled, and take back what they had not
    begun when their leases ended; these are their tokens."""
    for path, token in ((_path(model, token), token) for token in tokens):
        try:
            with path.open("rb") as file:
                _shut(path).touch(mode=0o600)
                noted = _read(file)
            if not path.exists():  # it was just done
                _shut(path).unlink(missing_ok=True)
        except FileNotFoundError:  # it is another machine's
            continue
        except OSError as error:  # its copies are uncertain then, until it says how they ended
            _complain(path, error)
            continue
        bulk.record_endings(model, token, noted.endings.values())
        bulk.give_up(model, token, noted.begun, is_whole=noted.is_whole, lives=True)


def _list_files() -> list[Path]:
    home: Path = settings.BROADSHEET_HOME
    return sorted(path for model in _MODELS for path in (home / "replies").glob(f"{model}-*.jsonl"))


@contextmanager
def _open_left(path: Path) -> Iterator[BufferedIOBase | None]:
    """Open a file whose process is gone; None if it lives, or somebody else was quicker."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    except OSError as error:  # as if another user runs a worker here: the others' files are read all the same
        _complain(path, error)
        yield None
        return
    with file:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            return
        yield None


def _complain(path: Path, error: OSError) -> None:
    log.error("what a worker was told cannot be read: let this user read it", file=str(path), reason=error.strerror or str(error))


def _read(file: BufferedIOBase) -> Noted:
    """Return what a file holds; a line that broke off says nothing."""
    noted = Noted()
    for line in file:
        try:
            kind, *words = json.loads(line)
            if kind == "boot":
                noted.boot = str(words[0])
            elif kind == "begun":
                noted.begun.update(words)
            elif kind == "ended":
                ending = bulk.Ending(*words)
                noted.endings[ending.row_id] = ending
        except (ValueError, TypeError, IndexError):
            continue
    return noted
