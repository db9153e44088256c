"""A file with a number of seconds in, a process whose wall clock is wrong by them out, from then on and whenever they change.

Python's own clock is shifted, and on SQLite the database's, which is a part of the process. Waiting goes by another clock, as it
does in a process whose machine's clock is moved.
"""

import datetime as datetimes
import re
import sqlite3
import struct
import time
from collections.abc import Callable
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

_SECONDS = struct.Struct("d")
_REAL = datetimes.datetime
_SQLITE_NOW = "%Y-%m-%d %H:%M:%f"  # the one form in which SQLite is asked for the time
_SECONDS_LATER = re.compile(r"([+-]?[\d.]+(?:e[+-]?\d+)?) seconds")


def set_clock(file: Path, seconds: float) -> None:
    """Make the clock of every process that reads this file wrong by so much."""
    with open(file, "r+b" if file.exists() else "wb") as clock:  # written over, as the processes have mapped it
        clock.write(_SECONDS.pack(seconds))


def go_wrong(file: str) -> None:
    """Let this process's clock be wrong by what the file says. Before Django is imported: it keeps the class of its dates."""
    with open(file, "rb") as clock:
        seen = mmap(clock.fileno(), _SECONDS.size, access=ACCESS_READ)

    def wrong_by() -> float:
        return float(_SECONDS.unpack(seen[:])[0])

    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + wrong_by()
    time.time_ns = lambda: real_time_ns() + int(wrong_by() * 1e9)
    datetimes.datetime = _shift_dates(wrong_by)  # type: ignore[misc]
    real_connect = sqlite3.connect

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = real_connect(*args, **options)
        connection.create_function("strftime", -1, _shift_sqlite(wrong_by), deterministic=True)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connect


def _shift_dates(wrong_by: Callable[[], float]) -> type[datetimes.datetime]:
    class AsPlain(type):
        def __instancecheck__(cls, one: object) -> bool:
            return isinstance(one, _REAL)

        def __subclasscheck__(cls, one: type) -> bool:
            return issubclass(one, _REAL)

    class Shifted(_REAL, metaclass=AsPlain):  # what it makes are plain dates: nobody need know of it
        def __new__(cls, *args: Any, **options: Any) -> Any:
            return _REAL(*args, **options)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _REAL.now(tz) + datetimes.timedelta(seconds=wrong_by())

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetimes.UTC).replace(tzinfo=None)

    Shifted.__name__ = Shifted.__qualname__ = "datetime"
    return Shifted


def _shift_sqlite(wrong_by: Callable[[], float]) -> Callable[..., str | None]:
    def strftime(form: str, when: str, *later: str | None) -> str | None:
        found = [_SECONDS_LATER.fullmatch(one or "") for one in later]
        if None in later:
            return None
        if form != _SQLITE_NOW or when.lower() != "now" or None in found:
            raise ValueError(f"strftime{form, when, *later}: only the time as it is asked for by the ledger can be shifted")
        seconds = sum(float(one[1]) for one in found if one)
        now = _REAL.now(datetimes.UTC) + datetimes.timedelta(seconds=wrong_by() + seconds)
        return f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03}"

    return strftime
