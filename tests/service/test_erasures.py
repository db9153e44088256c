"""Each part that starts on a restored database erases again whoever the journal names, before it does anything else."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.conftest import Up, wait_until

EMAIL = "ada@example.com"


def _is_there(up: Up) -> bool:
    return up.run("readers", "show", EMAIL).returncode == 0


@pytest.fixture
def restored(up: Up, tmp_path: Path) -> Up:
    """Return a service whose database has a reader whom its journal names: as it is after an older backup was restored."""
    assert up.run("migrate").returncode == 0
    (tmp_path / "list.csv").write_text(f"email\n{EMAIL}\n")
    imported = up.run("readers", "import", str(tmp_path / "list.csv"), "--newsletter", "daily", "--consent-source", "a list")
    assert imported.returncode == 0, imported.stderr
    up.run("readers", "erase", "--yes", EMAIL, DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}")  # the same home and key
    assert _is_there(up)
    return up


@contextmanager
def _part(up: Up, *command: str, **changes: str) -> Iterator[None]:
    with up.log.open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "worker", *command], env={**up.env, **changes}, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_up(restored: Up) -> None:
    restored.start()
    assert not _is_there(restored)
    assert "erased again after a restore" in restored.words()


def test_the_web_alone(restored: Up) -> None:
    with _part(restored, "web", "--port", str(restored.port)):
        assert wait_until(lambda: restored.get("/healthz") == 200), restored.words()
        assert not _is_there(restored)


def test_the_workers_alone(restored: Up, redis_url: str) -> None:
    with _part(restored, "worker", REDIS_URL=redis_url):
        assert wait_until(lambda: "erased again after a restore" in restored.words()), restored.words()
        assert not _is_there(restored)


def test_the_web_starts_before_its_database_does(up: Up, tmp_path: Path) -> None:
    """A container of the web may be up first; then the timetable looks at the journal."""
    up.run("readers", "erase", "--yes", EMAIL, DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    with _part(up, "web", "--port", str(up.port)):
        assert wait_until(lambda: up.get("/healthz") == 200), up.words()
        assert "the erasure journal was not looked at" in up.words()


def test_a_journal_that_cannot_be_read_stops_the_start_in_a_line(up: Up, tmp_path: Path) -> None:
    ended = up.run("web", ERASURE_JOURNAL=str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(f"broadsheet: ERASURE_JOURNAL {tmp_path}: Is a directory")
