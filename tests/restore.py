"""A real backup of the database under test and a real restore of it: SQLite's of the file, PostgreSQL's copy of a database."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg import sql

_numbers = count(1)


class Backup:
    """The database as it was when this was made. It must be thrown away."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "backup.sqlite3"
        self._name = f"backup_{next(_numbers)}"
        if connection.vendor == "sqlite":
            self._copy(_database(), self._file)
        else:
            self._end_others(_database())
            self._run("CREATE DATABASE {} TEMPLATE {}", self._name, _database())

    def restore(self) -> None:
        """Make the database what it was, whatever has happened in it since."""
        if connection.vendor == "sqlite":
            self._copy(self._file, _database())
        else:
            self._run("DROP DATABASE {} WITH (FORCE)", _database())
            self._run("CREATE DATABASE {} TEMPLATE {}", _database(), self._name)

    def throw_away(self) -> None:
        """Leave no copy behind."""
        if connection.vendor == "postgresql":
            self._run("DROP DATABASE {} WITH (FORCE)", self._name)
        self._file.unlink(missing_ok=True)

    def _copy(self, source: Any, target: Any) -> None:
        connections.close_all()
        with sqlite3.connect(source) as there, sqlite3.connect(target) as here:
            there.backup(here)
        there.close()
        here.close()

    def _end_others(self, name: str) -> None:
        """A database that somebody is connected to cannot be copied: a server an earlier test started may still be."""
        connections.close_all()
        with open_plainly("postgres") as plain:
            plain.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    def _run(self, statement: str, *names: Any) -> None:
        connections.close_all()
        with open_plainly("postgres") as plain:
            plain.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def _database() -> Any:
    return connection.settings_dict["NAME"]


def database_url() -> str:
    """Return the DATABASE_URL of the database under test, for a program that is to work on it."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{_database()}"
    given = connection.get_connection_params()
    return f"postgresql://{given.get('user', '')}:{given.get('password', '')}@/{_database()}?host={given.get('host', '')}"


@contextmanager
def open_plainly(name: str = "") -> Iterator[Any]:
    """Yield a connection of the driver's own, without Django: what anybody with the password or the file could open."""
    if connection.vendor == "sqlite":
        plain: Any = sqlite3.connect(_database(), isolation_level=None)
        plain.execute("PRAGMA foreign_keys = ON")
    else:
        given = {key: value for key, value in connection.get_connection_params().items()
                 if key in ("host", "port", "user", "password", "dbname")}
        plain = psycopg.connect(**{**given, **({"dbname": name} if name else {})}, autocommit=True)
    try:
        yield plain
    finally:
        plain.close()
