"""A disk that fills up while mail goes out, and is made room on again."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.accounts import SMTP_IN_FLIGHT
from tests.faults.crews import CommandLine
from tests.faults.stage import Result
from tests.faults.suite import Suite, fault, wait_until

SIZE = "32m"
FULL_SECONDS = 6.0


@fault("disk-full", "the disk under BROADSHEET_HOME (with SQLite the database too) fills up, and is made room on again")
def fill_the_disk(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """Mail goes out by the command itself, started again whenever it ends: what it says is what a person would read."""
    label, readers = "disk full", 600 if suite.short else 4000
    folder = suite.folder / f"small-disk-{kind}"
    with _small_disk(folder) as missing:
        if missing:
            yield label, Result(skipped=missing)
            return
        with suite.stage(kind, disk=folder) as stage:
            stage.serve_smtp((), "--rate", "300")
            send = stage.send(readers)
            machine = CommandLine({**stage.environment, "BROADSHEET_HOME": str(stage.homes[0])}, stage.folder / "words.log")
            try:
                crew = send.crew(machines=[machine])
                if not send.wait_for(readers // 3):
                    raise RuntimeError(f"nothing was sent: {machine.words()}")
                with send.down():
                    ballast = _fill(folder)
                    time.sleep(FULL_SECONDS / 2 if suite.short else FULL_SECONDS)
                    ballast.unlink()
                result = send.end(SMTP_IN_FLIGHT * (1 + crew.ended_badly), hits=f"{crew.ended_badly} starts in vain")
            finally:
                machine.close()
            result.faults += _read_words(machine.words())
            yield label, result


def _fill(folder: Path) -> Path:
    """Leave no room at all on the disk of this folder."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return ballast


def _read_words(words: str) -> list[str]:
    """Return what is wrong with what the commands said: each may say in a line that there is no room."""
    lines = [line for line in words.splitlines() if line.startswith("broadsheet: ")]
    faults = ["a traceback instead of one clear line"] if "Traceback" in words else []
    odd = [line for line in lines if not re.search(r"disk is full|disk I/O error|No space left|make room", line)]
    return faults + [f"a line that does not say so: {line}" for line in odd[:1]]


def why_no_small_disk(folder: Path) -> str:
    """Return why this folder, which is made, cannot be given a small disk of its own; "" if it has one now."""
    folder.mkdir()
    if os.geteuid() != 0:
        return "only root can mount a small disk"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "tmpfs", str(folder)],
                          capture_output=True, text=True)
    return f"no small disk can be mounted here: {' '.join(done.stderr.split())}" if done.returncode else ""


def take_away(folder: Path) -> None:
    """Unmount it, once nobody is there any more."""
    wait_until(lambda: subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0, 20)


@contextmanager
def _small_disk(folder: Path) -> Iterator[str]:
    """Give the folder a small disk of its own; yield why that cannot be done, or ""."""
    missing = why_no_small_disk(folder)
    try:
        yield missing
    finally:
        if not missing:
            take_away(folder)
