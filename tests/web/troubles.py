"""Two ways in which a database cannot answer, done for real: it is gone, or another program holds what we must write to."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from django.db import connection


@contextmanager
def database_gone() -> Iterator[None]:
    """Take the database away: an address where none answers."""
    given = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update({"NAME": "/nonexistent/gone.sqlite3"} if connection.vendor == "sqlite" else
                                    {"HOST": "127.0.0.1", "PORT": "1"})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(given)


@contextmanager
def database_locked() -> Iterator[None]:
    """Let another connection's transaction hold every table against writing, for longer than we wait. Reading goes on."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    else:
        tables = ", ".join(f'"{name}"' for name in connection.introspection.table_names())
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
            other.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE")  # as SQLite's one writer does
            yield
    connection.close()
