"""Programs that must not outlive this one: commands come in, processes that are watched and ended together go out."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

import structlog

from worker.errors import BroadsheetError

log = structlog.get_logger(__name__)

READY_SECONDS = 90.0  # how long the parts may take until the service is ready
QUICK_SECONDS = 30.0  # a part that lived for less died quickly,
QUICK_DEATHS = 5  # and this many of those in a row end the service
FIRST_PAUSE_SECONDS = 0.5  # before it is started again; doubled each time

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: nothing may be imported after a fork
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def start_program(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None,
                  output: IO[bytes] | None = None, keep: Sequence[int] = (), user: str | None = None,
                  last_signal: int = signal.SIGTERM) -> subprocess.Popen[bytes]:
    """Start `command` away from the terminal's signals; on Linux it gets `last_signal` if this process is killed.

    What it writes goes to `output`, or where this one's goes; the descriptors in `keep` stay open in it. Call this
    from the main thread: the kernel gives the signal when the *thread* that started the program ends (prctl(2)).
    """
    parent = os.getpid()

    def tie_to_parent() -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, last_signal)
            if os.getppid() != parent:  # killed before the line above took effect
                os._exit(1)

    return subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                            pass_fds=keep, user=user, start_new_session=True, preexec_fn=tie_to_parent)


def end_program(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Ask a program to end, wait up to `seconds`, then kill it and whatever it started and left behind."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    # The group of its session is there as long as one member is (macOS says "permission" of a group of zombies).
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Part:
    """One program of the service, and how it fares."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    patience: float  # seconds it may take to end
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    start_again_at: float | None = None


@dataclass
class Supervisor:
    """Keeps parts running until told to stop, or until one of them will not run."""

    parts: list[Part]
    stop: Event
    when_ready: Callable[[], bool]  # called until it says that the service is ready
    begun_at: float = field(default_factory=time.monotonic)

    def run(self) -> int:
        """Start the parts in order and watch them; returns the exit status when all have ended."""
        is_ready = False
        try:
            for part in self.parts:
                if not self.stop.is_set():
                    self._start(part)
            while not self.stop.wait(0.25):
                for part in self.parts:
                    self._look_after(part)
                is_ready = is_ready or self.when_ready()
                if not is_ready and time.monotonic() > self.begun_at + READY_SECONDS:
                    raise BroadsheetError(f"not ready after {READY_SECONDS:.0f} s; the lines above say why")
        except BroadsheetError as error:
            log.error("ending", reason=str(error))
            return 1
        finally:
            self._end_all()
        return 0

    def _start(self, part: Part) -> None:
        part.start_again_at, part.started_at = None, time.monotonic()
        try:
            part.process = part.start()
        except (BroadsheetError, OSError) as error:
            self._bury(part, str(error))

    def _look_after(self, part: Part) -> None:
        if part.start_again_at is not None:
            if time.monotonic() >= part.start_again_at:
                self._start(part)
        elif part.process and part.process.poll() is not None:
            status = part.process.returncode
            end_program(part.process, seconds=0)  # what it left behind must not stand in the way of the next one
            self._bury(part, f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}")

    def _bury(self, part: Part, cause: str) -> None:
        part.process = None
        lived = time.monotonic() - part.started_at
        part.quick_deaths = part.quick_deaths + 1 if lived < QUICK_SECONDS else 1
        if part.quick_deaths >= QUICK_DEATHS:
            raise BroadsheetError(f"{part.name} ended {part.quick_deaths} times soon after its start ({cause})")
        pause = FIRST_PAUSE_SECONDS * 2 ** (part.quick_deaths - 1)
        part.start_again_at = time.monotonic() + pause
        log.warning(f"{part.name} ended ({cause}); starting it again in {pause:g} s")

    def _end_all(self) -> None:
        for part in reversed(self.parts):
            if part.process:
                end_program(part.process, seconds=part.patience)
