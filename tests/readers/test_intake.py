"""Sign-ups that come at once share a commit: none is lost, none is stored twice, and a bad one is its own sender's alone."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from worker.readers import intake
from worker.storage.models import SignUp

pytestmark = pytest.mark.django_db(transaction=True)


def _take(email: str) -> None:
    try:
        intake.take_in(email, ["daily"], topics=[], partners=False, tracking=False, shown={}, form="site", network_address=None)
    finally:
        connections.close_all()


def test_a_crowd_is_stored_once_each(transactional_db: None) -> None:
    emails = [f"{number}@example.com" for number in range(120)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_take, emails))
    assert sorted(SignUp.objects.values_list("email", flat=True)) == sorted(emails)


def test_one_that_cannot_be_stored_loses_no_other(transactional_db: None) -> None:
    with ThreadPoolExecutor(3) as pool:
        with intake._writing:  # as while another row is on its way to the disk
            asked: list[Future[Any]] = [pool.submit(_take, f"{name}@example.com") for name in ("a", "\udcff", "b")]
            while len(intake._gathered) < 3:
                time.sleep(0.01)
        assert [type(one.exception(timeout=30)) for one in asked] == [type(None), UnicodeEncodeError, type(None)]
    assert sorted(SignUp.objects.values_list("email", flat=True)) == ["a@example.com", "b@example.com"]
    _take("c@example.com")
    assert SignUp.objects.count() == 3


def test_a_commit_that_fails_is_told_to_everyone_it_was_for(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the disk is full: the rows were accepted, and are not there."""
    def fail(_: object) -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", fail)
    with ThreadPoolExecutor(3) as pool:
        with intake._writing:
            asked = [pool.submit(_take, f"{number}@example.com") for number in range(3)]
            while len(intake._gathered) < 3:
                time.sleep(0.01)
        assert [type(one.exception(timeout=30)) for one in asked] == [OperationalError] * 3
    monkeypatch.undo()
    assert SignUp.objects.count() == 0
