"""A `broadsheet up` to look at from outside: started as a person would, ended when the test is."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port


def wait_until(is_so: Callable[[], object], seconds: float = 120) -> bool:
    """Tell whether `is_so` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return bool(is_so())


def programs_of(home: str) -> dict[int, str]:
    """Return {process id: command} of everything that was started for this home, orphans too (/proc, so Linux only)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                names_it = f"BROADSHEET_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0")
                if names_it or (entry / "cwd").readlink().is_relative_to(home):  # Valkey writes over its environment
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


@dataclass
class Up:
    """One `broadsheet up`."""

    env: dict[str, str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> str:
        return self.env["BROADSHEET_HOME"]

    def start(self) -> "Up":
        """Start it, and wait until its banner says that it is running."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "worker", "up", "--port", str(self.port)], env=self.env,
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        process = self.process
        assert wait_until(lambda: self.words().count("Broadsheet is running") or process.poll() is not None), self.words()
        assert process.poll() is None, self.words()
        return self

    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> int:
        """Return the status of a GET, or 0 if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run another `broadsheet` command in the same home."""
        return subprocess.run([sys.executable, "-m", "worker", *arguments], env={**self.env, **changes}, timeout=180,
                              capture_output=True, text=True)


@pytest.fixture
def up(service_environment: dict[str, str], empty_database_url: str, tmp_path: Path) -> Iterator[Up]:
    """Return a service that is not started yet, on an empty database; what of it still runs after the test is killed."""
    if not Path("/proc").is_dir():
        pytest.skip("processes are looked up in /proc")
    service = Up({**service_environment, "DATABASE_URL": empty_database_url}, free_port(), tmp_path / "up.log")
    yield service
    if service.process and service.process.poll() is None:
        service.process.kill()  # quicker than asking, and it takes its parts along
        service.process.wait()
    wait_until(lambda: not programs_of(service.home), 15)
    for number in programs_of(service.home):
        os.kill(number, signal.SIGKILL)
