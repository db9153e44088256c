"""Programs for measuring in, servers on loopback out that are ended by their own id: the fakes, and Postfix's sink and source.

Postfix's programs come from PATH, or from Debian's package, unpacked into a cache of the user and not installed.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.figures import BrokenError, Cost, SkippedError
from tests.ports import free_port
from worker.programs import end_program, start_program

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path.home() / ".cache" / "broadsheet-bench"
SENDER, RECIPIENT = "a@example.com", "b@example.com"


@contextmanager
def run_server(command: Sequence[str], port: int, *, folder: Path, env: dict[str, str] | None = None) -> Iterator[None]:
    """Run a server that listens on this port of 127.0.0.1 until the block is left, however it is left."""
    with (folder / f"server-{port}.log").open("wb") as log:
        process = start_program(command, env=env, cwd=ROOT, output=log)
    try:
        _wait(process, port, Path(log.name))
        yield
    finally:
        end_program(process, seconds=10)


@contextmanager
def run_fake(module: str, *arguments: str, folder: Path) -> Iterator[int]:
    """Run a server of ours in a process of its own; yield its port."""
    port = free_port()
    with run_server([sys.executable, "-m", module, "--port", str(port), *arguments], port, folder=folder):
        yield port


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    words = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
    raise BrokenError(f"a server does not start on port {port}: {words[0]}")


class Postfix:
    """Postfix's two programs for measuring. Raises SkippedError if they cannot be had."""

    def __init__(self) -> None:
        self.env = dict(os.environ)
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        source, sink = shutil.which("smtp-source", path=path), shutil.which("smtp-sink", path=path)
        if source and sink:
            self.source, self.sink = source, sink
            return
        folder = _unpack_postfix()
        self.source, self.sink = (str(folder / "usr/sbin" / name) for name in ("smtp-source", "smtp-sink"))
        self.env["LD_LIBRARY_PATH"] = str(folder / "usr/lib/postfix")

    @contextmanager
    def run_sink(self, folder: Path) -> Iterator[int]:
        """Run a server that takes every mail and forgets it; yield its port."""
        port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with run_server([self.sink, *user, f"127.0.0.1:{port}", "100"], port, folder=folder, env=self.env):
            yield port

    def send(self, port: int, mails: int, size: int, sessions: int = 16) -> Cost:
        """Let smtp-source send so many mails of this size over sessions kept open."""
        begun = time.perf_counter()
        process = subprocess.Popen(
            [self.source, "-s", str(sessions), "-m", str(mails), "-l", str(size), "-d", "-f", SENDER, "-t", RECIPIENT,
             f"127.0.0.1:{port}"], env=self.env, stdout=subprocess.DEVNULL)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise BrokenError(f"smtp-source ends with status {process.returncode}")
        return Cost(time.perf_counter() - begun, used.ru_utime, used.ru_stime)


def _unpack_postfix() -> Path:
    kept = CACHE / "postfix"
    if (kept / "usr/sbin/smtp-source").is_file():
        return kept
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise SkippedError("smtp-source is not here, and this is no Debian whose postfix package could be unpacked")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        fetched = subprocess.run(["apt-get", "download", "postfix"], cwd=folder, capture_output=True, text=True, timeout=300)
        package = next(Path(folder).glob("postfix_*.deb"), None)
        if fetched.returncode or not package:
            words = fetched.stderr.strip().splitlines()[-1:] or ["no package came"]
            raise SkippedError(f"smtp-source is not here, and Debian's postfix package cannot be fetched: {words[0]}; "
                               "apt-get install postfix, or apt-get update and try again")
        unpacked = Path(folder) / "unpacked"
        subprocess.run(["dpkg", "-x", package.name, "unpacked"], cwd=folder, check=True, capture_output=True, timeout=60)
        unpacked.rename(kept)
    return kept
