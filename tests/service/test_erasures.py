"""Each part that starts on a restored database lets go again of whoever the journal names, before it does anything else."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.conftest import Up, wait_until
from worker.readers.links import sign_link

EMAIL, LEAVER = "ada@example.com", "bob@example.com"


def _is_there(up: Up) -> bool:
    return up.run("readers", "show", EMAIL).returncode == 0


def _has_left(up: Up) -> bool:
    return '"state": "left"' in up.run("readers", "show", "--json", LEAVER).stdout


@pytest.fixture
def restored(up: Up, tmp_path: Path) -> Up:
    """Return a service whose journal names one reader of its database as erased and one as gone: as it is after an older backup was
    restored."""
    (tmp_path / "list.csv").write_text(f"email\n{EMAIL}\n{LEAVER}\n")
    later = {"DATABASE_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}"}  # the same home and key
    for changes in ({}, later):
        assert up.run("migrate", **changes).returncode == 0
        imported = up.run("readers", "import", str(tmp_path / "list.csv"), "--newsletter", "daily", "--consent-source", "a list",
                          **changes)
        assert imported.returncode == 0, imported.stderr
    letter = f"Subject: unsubscribe {sign_link('unsubscribe', reader=2, newsletter='daily')}\n\n"
    subprocess.run([sys.executable, "-m", "worker", "receive"], env={**up.env, **later}, input=letter, text=True, check=True)
    up.run("readers", "erase", "--yes", EMAIL, **later)
    assert _is_there(up)
    assert not _has_left(up)
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
    assert _has_left(restored)
    assert "erased again after a restore" in restored.words()
    assert "left again after a restore" in restored.words()


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
