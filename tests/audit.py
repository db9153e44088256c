"""The audit log's guards, out of the way for a moment: to empty it between tests, and to let time pass over its entries."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

import django.db


def _guards() -> tuple[Sequence[str], Sequence[str]]:
    """Return the statements that take the guards away and that put them back."""
    migration = import_module("worker.storage.migrations.0012_approval")
    vendor = django.db.connection.vendor
    return migration.UNGUARD[vendor], migration.GUARDS[vendor]


def open_log(statements: Sequence[str]) -> list[str]:
    """Return the statements with the log open around them."""
    away, back = _guards()
    return [f"{one.strip().rstrip(';')};" for one in (*away, *statements, *back)]


@contextmanager
def time_machine() -> Iterator[None]:
    """Let the entries be changed: what a test makes of them is what a log from another time, or an older backup, holds."""
    away, back = _guards()
    with django.db.connection.cursor() as cursor:
        for statement in away:
            cursor.execute(statement)
        yield
        for statement in back:
            cursor.execute(statement)
