"""Steps of the readers' room run twice at once: nobody twice, no letter twice, no consent twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from tests.confirming import confirm
from worker.readers.leaving import leave
from worker.readers.links import sign_link
from worker.readers.moving import move
from worker.readers.preferences import change
from worker.readers.subscribe import sign_up
from worker.readers.suppress import suppress
from worker.storage.models import Consent, Notice, Reader, Subscription, Suppression, Terms

pytestmark = pytest.mark.django_db(transaction=True)


def _at_once(step: Callable[[], Any], times: int = 6) -> list[Any]:
    def run() -> Any:
        try:
            return step()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return [done.result(timeout=60) for done in [pool.submit(run) for _ in range(times)]]


def test_one_reader_all_the_way(transactional_db: None, terms: Terms, last_link: Callable[[], str]) -> None:
    _at_once(lambda: sign_up("ada@example.com", ["daily", "aitrends"], tracking=True))
    reader = Reader.objects.get()
    assert (Subscription.objects.count(), Notice.objects.count()) == (2, 1)
    assert Consent.objects.filter(action="asked").count() == 4
    token = last_link()
    assert {asked.state for asked in _at_once(lambda: confirm(token))} == {"done"}
    assert Consent.objects.filter(action="given").count() == 4
    assert Notice.objects.filter(kind="welcome").count() == 1
    assert sum(_at_once(lambda: leave(reader.pk, "daily", method="one-click"))) == 1
    assert Consent.objects.filter(action="withdrawn").count() == 1
    _at_once(lambda: change(reader.pk, newsletters=["daily"], tracking=False))
    assert dict(reader.subscriptions.values_list("newsletter", "state")) == {"daily": "confirmed", "aitrends": "left"}
    assert Consent.objects.filter(action="withdrawn").count() == 3, "one newsletter before, one now, and tracking"
    _at_once(lambda: suppress("ada@example.com", "complaint"))
    assert (Suppression.objects.count(), Consent.objects.filter(action="withdrawn").count()) == (1, 4)


def test_one_address_becomes_one_reader_s(transactional_db: None, terms: Terms) -> None:
    tokens = []
    for name in ("ada", "bo"):
        reader = Reader.objects.create(email=f"{name}@example.com", email_key=f"{name}@example.com")
        notice = Notice.objects.create(kind="address", key=f"address:{name}", reader=reader, to="new@example.com",
                                       details={"open": True})
        tokens += [sign_link("address", reader=reader.pk, notice=notice.pk)] * 3
    left = list(tokens)
    states = [done.state for done in _at_once(lambda: move(left.pop(), "new@example.com"))]
    assert sorted(states) == ["done"] * 3 + ["taken"] * 3
    assert Reader.objects.filter(email="new@example.com").count() == 1
    assert Notice.objects.filter(kind="moved").count() == 1
