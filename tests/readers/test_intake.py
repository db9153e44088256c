"""Sign-ups that come at once are counted and stored together: none is lost or stored twice, and a bad one is its sender's alone."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.backends.utils import CursorWrapper

from worker.readers import intake, shield
from worker.readers.shield import Verdict
from worker.storage.models import AuditEntry, SignUp
from worker.web.unavailable import is_unavailable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_counted(settings: Any) -> None:
    """Begin with nothing counted, in this process."""
    settings.REDIS_URL = ""
    shield._make_counts.cache_clear()


def _take(email: str, network_address: str = "192.0.2.1") -> Verdict:
    try:
        return intake.take_in(email, ["daily"], topics=[], partners=False, tracking=False, shown={}, form="site",
                              network_address=network_address, form_age=60)
    finally:
        connections.close_all()


@contextmanager
def gathered(*sent: tuple[str, ...]) -> Iterator[list[Future[Verdict]]]:
    """Send sign-ups that all wait while an earlier one, first@example.com, is on its way to the disk."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(sent) + 1) as pool:
        judge, begun = intake.judge, Event()

        def judge_late(visits: Any) -> None:
            begun.set()
            while len(visits) == 1 and len(intake._visitors._waiting) < len(sent):
                time.sleep(0.01)
            judge(visits)

        patch.setattr(intake, "judge", judge_late)
        first = pool.submit(_take, "first@example.com", "192.0.2.99")
        assert begun.wait(30)
        asked = [pool.submit(_take, *one) for one in sent]
        yield asked
        assert first.result(timeout=30) is Verdict.TAKEN


def test_a_crowd_is_stored_once_each(transactional_db: None, settings: Any) -> None:
    settings.SIGNUP_NETWORK_LIMIT = 200
    emails = [f"{number}@example.com" for number in range(120)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(_take, emails)) == {Verdict.TAKEN}
    assert sorted(SignUp.objects.values_list("email", flat=True)) == sorted(emails)


def test_a_crowd_is_held_to_its_networks_limit_and_to_that_of_all(transactional_db: None, settings: Any) -> None:
    """Who is turned away for the network's sake takes nobody's place, in one crowd with others."""
    settings.SIGNUP_NETWORK_LIMIT, settings.SIGNUP_TOTAL_LIMIT = 3, 5
    crowd = [(f"{number}@example.com", "192.0.2.1") for number in range(7)]
    others = [("other@example.com", "192.0.2.2"), ("last@example.com", "192.0.2.3"), ("over@example.com", "192.0.2.4")]
    with gathered(*crowd, *others) as asked:
        verdicts = [one.result(timeout=30) for one in asked]
    assert sorted(verdict.value for verdict in verdicts) == ["all full"] * 2 + ["network full"] * 4 + ["taken"] * 4
    assert SignUp.objects.count() == 5
    assert AuditEntry.objects.filter(actor="sign-up").count() == 1


def test_one_that_cannot_be_stored_loses_no_other(transactional_db: None) -> None:
    with gathered(("a@example.com",), ("\udcff@example.com",), ("b@example.com",)) as asked:
        assert [type(one.exception(timeout=30)) for one in asked] == [type(None), UnicodeEncodeError, type(None)]
    assert sorted(SignUp.objects.values_list("email", flat=True)) == ["a@example.com", "b@example.com", "first@example.com"]
    _take("c@example.com")
    assert SignUp.objects.count() == 4


def test_a_database_that_fails_is_told_to_everyone(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the disk is full, or the server ends in the middle; to each in words of its own, with the driver's behind them."""
    execute = CursorWrapper.execute

    def fail(cursor: Any, sql: str, params: Any = None) -> Any:
        if "a@example.com" in str(params):
            raise OperationalError("disk I/O error") from sqlite3.OperationalError("disk I/O error")
        return execute(cursor, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", fail)
    with gathered(("a@example.com",), ("b@example.com",), ("c@example.com",)) as asked:
        errors = [one.exception(timeout=30) for one in asked]
    assert [str(error) for error in errors] == ["disk I/O error"] * 3
    assert len({id(error) for error in errors}) == 3, "what one thread does to its error is not seen in another's"
    assert all(is_unavailable(error) and isinstance(error.__cause__, sqlite3.Error) for error in errors)
    monkeypatch.undo()
    assert [row.email for row in SignUp.objects.all()] == ["first@example.com"]


class OddError(Exception):
    """One that cannot be made anew from its `args`."""

    def __init__(self, part: str, *, why: str) -> None:
        super().__init__(f"{part}: {why}")
        self.why = why


@pytest.mark.parametrize("error", [ValueError("a setting nobody can use"), OddError("threads", why="none to be had")])
def test_who_cannot_be_counted_is_not_let_in(transactional_db: None, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: Any) -> None:
        raise error

    with gathered(("a@example.com",), ("b@example.com",)) as asked:
        monkeypatch.setattr(shield._Counts, "add", lambda self, visits: fail(visits) if len(visits) > 1 else [1])
        told = [one.exception(timeout=30) for one in asked]
    assert [(type(one), str(one), vars(one)) for one in told] == [(type(error), str(error), vars(error))] * 2
    assert [row.email for row in SignUp.objects.all()] == ["first@example.com"]
