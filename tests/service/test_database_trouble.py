"""The service while its database cannot answer, and after it: its web server is asked over HTTP, as readers and programs ask."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import httpx
import psycopg
import pytest

from tests.service.conftest import Up, wait_until

PATIENCE = 20  # seconds that somebody waits for a page; workers would wait 30 for the database


@pytest.fixture
def site(up: Up) -> Iterator[httpx.Client]:
    """Return a client of the web server by itself, as `broadsheet web` starts it, with no word of how long it is to wait."""
    del up.env["DATABASE_WAIT_SECONDS"]
    for command in (["migrate"], ["terms", "publish"]):
        assert up.run(*command).returncode == 0
    with up.log.open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "worker", "web", "--port", str(up.port)], env=up.env,
                                   stdout=log, stderr=log)
    try:
        assert wait_until(lambda: up.get("/readyz") == 200), up.words()
        with httpx.Client(base_url=f"http://127.0.0.1:{up.port}", timeout=PATIENCE) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def trouble(up: Up) -> Callable[[], AbstractContextManager[None]]:
    """Return what keeps the database from taking what is sent: on SQLite another writer, on PostgreSQL an operator at work."""
    url = up.env["DATABASE_URL"]

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def closed() -> Iterator[None]:
        name = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(url.replace(f"/{name}?", "/postgres?"), autocommit=True) as operator:
            operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
            operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return locked if url.startswith("sqlite") else closed


def test_a_sign_up_is_told_to_come_back_and_works_afterwards(
        site: httpx.Client, trouble: Callable[[], AbstractContextManager[None]], up: Up) -> None:
    offer = site.get("/subscribe/", headers={"Accept": "application/json"}).json()
    form = {"email": "ada@example.com", "newsletters": "daily", "agree": "on", "shown": offer["shown"]}
    with trouble():
        page = site.post("/subscribe/", data=form)
        program = site.post("/subscribe/", json={**form, "newsletters": ["daily"], "agree": True})
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in (page, program)] == [(503, "120")] * 2
    assert "nothing was changed" in page.text
    assert "nothing was changed" in program.json()["errors"]["busy"][0]
    assert site.post("/subscribe/", data=form).status_code == 303
    assert "the database cannot answer" in up.words()
    assert "ada@example.com" not in up.words()


def test_a_service_whose_server_is_gone_ends_without_asking_it(trouble: Callable[[], AbstractContextManager[None]], up: Up) -> None:
    """It has no file of its own to fold; SQLite's is there, and another program may hold it."""
    up.start()
    with trouble():
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(40) == 0
    assert "not closed cleanly" not in up.words()
