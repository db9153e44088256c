"""The settings of one machine in, its processes out: started in milliseconds, started again when they end, killed by whoever likes.

What is killed are real processes. They are forked from one that has loaded everything and is connected to nothing, as a start from
nothing takes a second on a small machine, and two hundred starts take minutes.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from tests.faults.databases import ROOT


class Worker(Protocol):
    """A process that delivers."""

    pid: int
    status: int | None  # as of subprocess: None while it lives, -9 when it was killed

    def wait(self, seconds: float) -> bool:
        """Say whether it has ended within that time."""
        ...


class Machine(Protocol):
    """Starts workers."""

    def start(self, what: str, issue_id: int) -> Worker: ...


class Child:
    """A worker that was forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.ended = threading.Event()

    def wait(self, seconds: float) -> bool:
        return self.ended.wait(seconds)


class Nursery:
    """A machine: everything that `tests.fakes.run_delivery serve` starts has its settings, among them BROADSHEET_HOME."""

    def __init__(self, environment: Mapping[str, str], log: Path, modules: Sequence[str] = ()) -> None:
        self.log = log
        self._children: dict[int, Child] = {}
        self._pids: queue.Queue[int] = queue.Queue()
        self._asking = threading.Lock()
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fakes.run_delivery", "serve", *modules], env=dict(environment), cwd=ROOT,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.process.stdout
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"no worker can be started: {self.words()}")
        self._listener = threading.Thread(target=self._listen, args=[self.process.stdout], daemon=True)
        self._listener.start()

    def start(self, what: str, issue_id: int) -> Child:
        """Have a child do this with the issue."""
        assert self.process.stdin
        with self._asking:
            self.process.stdin.write(f"{what} {issue_id}\n")
            self.process.stdin.flush()
            return self._children[self._pids.get(timeout=30)]

    def do(self, what: str, number: int, *, seconds: float = 120) -> None:
        """Have it done, and raise if it did not go well."""
        child = self.start(what, number)
        if not child.wait(seconds) or child.status:
            raise RuntimeError(f"{what} {number} ended with {child.status}: {self.words()[-2000:]}")

    def words(self) -> str:
        """Return what its children had to say."""
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        """End it and its children."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(10)

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            match line.split():
                case ["ended", pid, status]:
                    child = self._children[int(pid)]
                    child.status = int(status)
                    child.ended.set()
                case [pid]:
                    self._children[int(pid)] = Child(int(pid))
                    self._pids.put(int(pid))
        lines.close()


class Program:
    """A worker that is a command of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid, self._process = process.pid, process

    @property
    def status(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.status is not None


class CommandLine:
    """A machine on which a person, or a timetable, types `broadsheet deliver ISSUE --inline` whenever it has ended."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.environment, self.log = environment, log
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, what: str, issue_id: int) -> Program:
        """Start the command."""
        with self.log.open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "worker", what, str(issue_id), "--inline"], env=self.environment,
                                       cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._started.append(process)
        return Program(process)

    def words(self) -> str:
        """Return what the commands said."""
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        """End what still runs."""
        for process in self._started:
            process.kill()
            process.wait()


class Crew:
    """Workers on one issue, a place for each: whoever ends before the issue does is followed by another."""

    def __init__(self, machines: Sequence[Machine], issue_id: int, is_over: Callable[[], bool], *, what: str = "deliver",
                 pause: float = 0.2) -> None:
        self.machines, self.issue_id, self.what, self._pause = machines, issue_id, what, pause
        self.ended_badly = 0  # by themselves
        self._is_over = is_over
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.workers: list[Worker] = [machine.start(what, issue_id) for machine in machines]
        self._again_at = [0.0] * len(machines)
        self._watch = threading.Thread(target=self._look_after, daemon=True)
        self._watch.start()

    def kill(self, place: int) -> float:
        """Kill the worker at this place if it lives, and start the next; return the moment."""
        with self._lock:
            worker = self.workers[place]
            at = time.time()
            if worker.status is None:
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait(10)
            if not self._is_over():
                self.workers[place] = self.machines[place].start(self.what, self.issue_id)
            return at

    def kill_all(self) -> None:
        """Kill all of them before the first is followed by another."""
        with self._lock:
            for worker in self.workers:
                if worker.status is None:
                    os.kill(worker.pid, signal.SIGKILL)
            for worker in self.workers:
                worker.wait(10)

    def signal(self, place: int, number: int) -> None:
        """Send the worker at this place a signal."""
        if self.workers[place].status is None:
            os.kill(self.workers[place].pid, number)

    def leave(self, seconds: float) -> bool:
        """Start nobody any more; say whether all have ended in that time. Who has not is killed."""
        self._stop.set()
        self._watch.join(30)
        until = time.monotonic() + seconds
        for worker in self.workers:
            worker.wait(max(0.0, until - time.monotonic()))
        ended = all(worker.status is not None for worker in self.workers)
        if not ended:
            self.kill_all()
        return ended

    def _look_after(self) -> None:
        while not self._stop.wait(0.01):
            with self._lock:
                for place, worker in enumerate(self.workers):
                    if worker.status is None:
                        self._again_at[place] = 0.0
                    elif not self._again_at[place]:
                        self.ended_badly += worker.status > 0
                        self._again_at[place] = time.monotonic() + (self._pause if worker.status >= 0 else 0)
                    elif time.monotonic() >= self._again_at[place] and not self._is_over():
                        self._again_at[place] = 0.0
                        self.workers[place] = self.machines[place].start(self.what, self.issue_id)
