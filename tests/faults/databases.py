"""A DATABASE_URL in; what the ledger says, asked past the program under test, and a server that can be struck down, out."""

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, cast

import psycopg

from tests.faults.accounts import Row
from tests.postgres import PostgresServer, start_postgres
from worker.programs import start_program

ROOT = Path(__file__).resolve().parents[2]
_NO_ANSWER = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)
_numbers = count(1)


class Database:
    """One database, looked at from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kind = "SQLite" if url.startswith("sqlite") else "PostgreSQL"

    def ask(self, question: str, values: Sequence[object] = (), *, changes: bool = False) -> list[tuple[Any, ...]]:
        """Return the rows of a query, with ? for each value.

        SQLite's file is opened to be read only, if nothing is to be changed: whoever can write, and is the last to leave, folds the
        log into the file, and that is for the program under test to do."""
        if self.kind == "SQLite":
            file = f"file:{self.url.removeprefix('sqlite:///')}?mode={'rw' if changes else 'ro'}"
            with closing(sqlite3.connect(file, uri=True, timeout=30, isolation_level=None)) as connection:
                return connection.execute(question, values).fetchall()
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as server:
            answer = server.execute(cast(Any, question.replace("?", "%s")), values)
            return answer.fetchall() if answer.description else []

    def state_of(self, issue_id: int) -> tuple[str, str] | None:
        """Return the issue's state and the note that says why; None while the database cannot say."""
        try:
            return cast(tuple[str, str], self.ask("SELECT state, note FROM storage_issue WHERE id = ?", [issue_id])[0])
        except _NO_ANSWER:
            return None

    def newest_issue(self) -> int:
        """Return the number of the issue that was made last."""
        return int(self.ask("SELECT max(id) FROM storage_issue")[0][0])

    def read_rows(self, issue_id: int) -> list[Row]:
        """Return the issue's ledger."""
        return [Row(*row) for row in self.ask(
            "SELECT post.id, reader.email, post.state FROM storage_delivery post "
            "JOIN storage_reader reader ON reader.id = post.reader_id WHERE post.issue_id = ?", [issue_id])]

    def count_expired(self, issue_id: int) -> int:
        """Return how many copies are marked as being attempted by workers whose lease has run out."""
        now = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if self.kind == "SQLite" else "now()"
        return int(self.ask("SELECT count(*) FROM storage_delivery WHERE issue_id = ? AND state = 'attempting' "
                            f"AND leased_until < {now}", [issue_id])[0][0])

    def most_lost_together(self, issue_id: int) -> int:
        """Return how many uncertain copies one worker left at most; what it had in hand goes by one token."""
        found = self.ask("SELECT count(*) FROM storage_delivery WHERE issue_id = ? AND state = 'uncertain' AND lease_token <> '' "
                         "GROUP BY lease_token ORDER BY 1 DESC LIMIT 1", [issue_id])
        return int(found[0][0]) if found else 0

    def cut_waits_short(self, issue_id: int) -> None:
        """Let the minutes be over for which copies that were refused for the moment wait."""
        try:
            if self.ask("SELECT 1 FROM storage_delivery WHERE issue_id = ? AND state = 'queued' AND not_before IS NOT NULL LIMIT 1",
                        [issue_id]):
                self.ask("UPDATE storage_delivery SET not_before = NULL WHERE issue_id = ? AND state = 'queued'", [issue_id],
                         changes=True)
        except _NO_ANSWER:
            return


class Databases:
    """Makes databases that have their tables, each a copy of one that was migrated."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, templates: Mapping[str, str] | None = None,
                 server: PostgresServer | None = None) -> None:
        self._folder, self._environment = folder, environment
        self._templates = dict(templates or {})  # kind > DATABASE_URL
        self._server, self._is_ours = server, server is None

    def make(self, kind: str, folder: Path) -> Database:
        """Return a new database; one of SQLite lies in `folder`."""
        if kind == "SQLite":
            file = folder / "broadsheet.sqlite3"
            shutil.copyfile(self._template(kind).removeprefix("sqlite:///"), file)
            return Database(f"sqlite:///{file}")
        return Database(self.server.new_database(self._template(kind).partition("@/")[2].partition("?")[0]))

    @property
    def server(self) -> PostgresServer:
        """A PostgreSQL whose commits wait for the disk, as in production; started when it is first wanted."""
        if self._server is None:
            self._server = start_postgres(self._folder / "pg", durable=True)
        return self._server

    def stop(self) -> None:
        """End the server, if one was started here."""
        if self._server and self._is_ours:
            self._server.stop()

    def _template(self, kind: str) -> str:
        if kind not in self._templates:
            url = f"sqlite:///{self._folder / 'template.sqlite3'}" if kind == "SQLite" else self.server.new_database()
            migrate(url, self._environment)
            self._templates[kind] = url
        return self._templates[kind]


def migrate(url: str, environment: Mapping[str, str]) -> None:
    """Give a database its tables."""
    subprocess.run([sys.executable, "-m", "worker", "migrate"], check=True, capture_output=True, cwd=ROOT,
                   env={**environment, "DATABASE_URL": url})


def strike_down(server: PostgresServer, *, seconds: float = 0) -> None:
    """End every process of the server at once, as `pg_ctl stop -m immediate` does, and start it again after `seconds`.

    What was committed is in its log; what was not is gone, and so are all connections."""
    process = server.process
    process.send_signal(signal.SIGQUIT)
    process.wait(30)
    time.sleep(seconds)
    owner = pwd.getpwuid(server.directory.stat().st_uid)
    user = owner.pw_name if owner.pw_uid != os.geteuid() else None  # it refuses to run as root
    with open(server.directory / "log", "ab") as log:
        server.process = start_program(cast(Sequence[str], process.args), user=user, cwd=server.directory, output=log,
                                       last_signal=signal.SIGINT)
    for _ in range(600):
        try:
            psycopg.connect(server.url()).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not come back; its log says why: " + str(server.directory / "log"))
