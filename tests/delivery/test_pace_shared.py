"""How fast mail may go: what all workers on all machines share of it in the database, and what a send does by it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from tests.audit import time_machine
from tests.conftest import KIND
from tests.delivery.press import gmail, states_of
from worker.delivery import pace
from worker.delivery.deliver import deliver_batch, deliver_issue
from worker.delivery.pace import (
    Admitted,
    admit,
    give_back,
    name_provider,
    rest_until,
    why_waiting,
)
from worker.delivery.senders import open_sender
from worker.errors import TransientError
from worker.storage.models import AuditEntry, Delivery, Issue, Pace
from worker.values import read_rates


@pytest.fixture
def limit(settings: Any) -> Callable[..., None]:
    def set_limits(rates: str = "", today: int | None = None) -> None:
        settings.SEND_RATES = read_rates(rates)
        day = datetime.now(UTC).date()
        settings.WARM_UP = {day + timedelta(days=ahead): today for ahead in (-1, 0, 1)} if today else {}

    return set_limits


Limit = Callable[..., None]


@pytest.mark.django_db
@pytest.mark.parametrize("rates", ["", "outlook.com=1/h, yahoo.com=1/h"])
def test_where_there_is_no_limit_nothing_is_asked(rates: str, limit: Limit, django_assert_num_queries: Any) -> None:
    limit(rates)
    with django_assert_num_queries(0):
        assert admit(gmail(3)) == Admitted([0, 1, 2])
        assert admit([]) == Admitted()


@pytest.mark.django_db
def test_all_ask_the_same_bucket(limit: Limit) -> None:
    limit("googlemail.com=2/h, outlook.com=1/h")
    assert admit([(1, "a@gmail.com"), (2, "b@hotmail.de"), (3, "c@example.org")]).go == [1, 2, 3]
    again = admit([(4, "d@googlemail.com"), (5, "e@live.com"), (6, "f@example.org")])
    assert again.go == [6]
    assert set(again.waits) == {4, 5}
    assert all(400 < wait <= 900 for wait in again.waits.values())
    assert again.pause == 0


@pytest.mark.django_db
def test_of_two_rates_for_one_provider_the_slower_holds(limit: Limit) -> None:
    limit("gmail.com=100/s, googlemail.com=1/h")
    assert admit(gmail(5)).go == [0]
    limit("googlemail.com=1/h, gmail.com=100/s")
    assert admit(gmail(5)).go == []


@pytest.mark.django_db
def test_the_clock_is_the_databases(limit: Limit) -> None:
    limit("gmail.com=1/min")
    Pace.objects.create(key="gmail.com", free_at=Now() + timedelta(seconds=40), queue_until=Now() + timedelta(seconds=100))
    assert 100 < admit(gmail(1)).waits[0] <= 160.25
    Pace.objects.update(free_at=Now() - timedelta(seconds=1))
    assert admit(gmail(2)).go == [0]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_has_taken_nothing(limit: Limit) -> None:
    limit("gmail.com=1/h", today=3)

    def fail() -> None:
        with transaction.atomic():
            assert admit(gmail(3)).go == [0]
            raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            fail()
    assert admit(gmail(3)).go == [0]
    assert Pace.objects.get(key="warm-up").begun_today == 1


@pytest.mark.django_db
def test_a_warm_up_counts_the_day_and_says_so(limit: Limit) -> None:
    limit(today=5)
    assert admit(gmail(3)) == Admitted([0, 1, 2])
    assert why_waiting() == ""
    rest = admit(gmail(3))
    assert rest.go == [0, 1]
    assert 0 < rest.pause <= 86_400
    assert why_waiting() == "warm-up: 5 of 5 copies of today are out; it goes on at 00:00 UTC"
    give_back(2)
    assert why_waiting() == ""
    assert admit(gmail(3)).go == [0, 1]
    Pace.objects.update(day=datetime.now(UTC).date() - timedelta(days=1))
    assert why_waiting() == ""
    give_back(2)  # of another day: nothing
    assert admit(gmail(9)).go == [0, 1, 2, 3, 4]


@pytest.mark.django_db
def test_giving_back_more_than_was_taken_makes_no_room(limit: Limit) -> None:
    limit(today=5)
    admit(gmail(2))
    give_back(100)
    assert len(admit(gmail(9)).go) == 5


@pytest.mark.django_db
@pytest.mark.parametrize("shift", [-1, 1])
def test_before_its_first_day_and_after_its_last_there_is_no_limit(shift: int, limit: Limit, settings: Any) -> None:
    limit("*=100/s")
    settings.WARM_UP = {datetime.now(UTC).date() + timedelta(days=shift): 1}
    assert len(admit(gmail(9)).go) == 9
    settings.WARM_UP = {datetime.now(UTC).date() + timedelta(days=300 * shift): 1}
    assert len(admit(gmail(9)).go) == 9


@pytest.mark.django_db
def test_who_watches_is_told_what_is_waited_for(limit: Limit) -> None:
    limit("outlook.com=5/s, gmail.com=20/min")
    assert why_waiting() == ""
    admit(gmail(1))
    assert why_waiting() == ""  # nobody had to wait
    admit([(1, "a@outlook.com"), *gmail(100)])
    assert why_waiting() == "copies to gmail.com wait for their turn (at most 20/min)"
    Pace.objects.update(queue_until=Now() - timedelta(seconds=30))
    assert why_waiting() == ""
    limit("gmail.com=20/min, *=1/min")
    Pace.objects.all().delete()
    assert admit(gmail(2)).pause == 59.5
    assert why_waiting() == "copies wait for their turn (at most 1/min in all)"


@pytest.mark.django_db
def test_who_finds_an_issue_standing_still_can_ask_whether_that_was_meant(limit: Limit, settings: Any) -> None:
    limit(today=2)
    today = datetime.now(UTC).date()
    assert rest_until() is None
    admit(gmail(1))
    assert rest_until() is None
    admit(gmail(5))
    assert rest_until() == datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    yesterday = today - timedelta(days=1)
    Pace.objects.update(day=yesterday)
    assert rest_until() == datetime(today.year, today.month, today.day, tzinfo=UTC)
    settings.WARM_UP = {}
    assert rest_until() is None
    limit("*=1/h")
    admit(gmail(2))
    ends = rest_until()
    assert ends
    assert timedelta(minutes=50) < ends - datetime.now(UTC) < timedelta(minutes=61)


@pytest.mark.django_db
def test_what_may_not_go_yet_is_put_off_without_an_attempt(
    limit: Limit, sending: Callable[..., int], settings: Any, tmp_path: Path
) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    limit("gmail.com=1/h")
    issue_id = sending(["a@gmail.com", "b@gmail.com", "c@example.org", "d@googlemail.com"])
    batch = deliver_batch(issue_id, open_sender())
    assert (batch.accepted, batch.pause, batch.open) == (2, 0, True)
    assert states_of(issue_id) == {
        "a@gmail.com": "accepted", "b@gmail.com": "queued", "c@example.org": "accepted", "d@googlemail.com": "queued"}
    waiting = Delivery.objects.filter(state="queued", attempts=0, lease_token="", not_before__gt=Now() + timedelta(minutes=5))
    assert waiting.count() == 2
    assert deliver_batch(issue_id, open_sender()).claimed == 0


@pytest.mark.django_db
def test_when_the_day_is_over_the_others_stay_as_they_are(
    limit: Limit, sending: Callable[..., int], settings: Any, tmp_path: Path
) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    limit(today=2)
    issue_id = sending(5)
    batch = deliver_batch(issue_id, open_sender())
    assert (batch.accepted, batch.open) == (2, True)
    assert batch.pause > 0
    assert Delivery.objects.filter(state="queued", attempts=0, lease_token="", not_before=None).count() == 3
    limit(today=4)
    assert deliver_batch(issue_id, open_sender()).accepted == 2
    limit()
    assert deliver_batch(issue_id, open_sender()).accepted == 1


@pytest.mark.django_db(transaction=True)
def test_an_issue_that_waits_for_the_next_day_is_not_taken_for_one_that_was_forgotten(
    limit: Limit, sending: Callable[..., int], settings: Any, tmp_path: Path
) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    limit(today=2)
    issue_id = sending(5)
    deliver_issue(issue_id, seconds=1)
    long_ago = Now() - timedelta(hours=20)
    Issue.objects.update(started_at=long_ago)
    Delivery.objects.update(updated_at=long_ago)
    with time_machine():
        AuditEntry.objects.update(at=long_ago)
    run = deliver_issue(issue_id, seconds=1)
    assert (run.state, run.states, run.finished) == ("sending", {"accepted": 2, "queued": 3}, True)


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_not_there_costs_nothing_of_the_day(limit: Limit, sending: Callable[..., int], settings: Any) -> None:
    settings.SENDER_URL = "smtp://127.0.0.1:9"
    limit(today=7)
    issue_id = sending(5)
    with pytest.raises(TransientError):
        deliver_issue(issue_id, seconds=1)
    assert Pace.objects.get(key=pace.WARM_UP).begun_today == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_take_no_more_than_one(limit: Limit) -> None:
    """Both begin at the same moment, when no row is there yet."""
    domains = [f"firm{number}.example" for number in range(20)]
    limit(",".join(f"{domain}=1/h" for domain in domains) + ",*=1000/s", today=40)
    ready = threading.Barrier(2)
    done: list[str] = []
    errors: list[Exception] = []

    def work(order: Sequence[str]) -> None:
        copies = list(enumerate(f"reader@{domain}" for domain in order))
        try:
            ready.wait()
            for _ in range(10):
                with transaction.atomic():
                    go = admit(copies).go
                done.extend(copies[number][1] for number in go)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    orders = ([*domains, "other.example"], ["other.example", *reversed(domains)])
    threads = [threading.Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    went = Counter(name_provider(address) for address in done)
    assert {went[domain] for domain in domains} == {1}
    assert went["other.example"] == 20
    assert len(done) == 40 == Pace.objects.get(key=pace.WARM_UP).begun_today


if KIND == "postgres":  # on SQLite one writer waits for the other as a whole

    @pytest.mark.django_db(transaction=True)
    def test_who_waits_for_a_row_holds_none_that_comes_after_it(limit: Limit) -> None:
        """All take the rows in one order, whatever theirs is: or two could each hold what the other waits for."""
        copies = [(number, f"reader@{name}.example") for number, name in enumerate("cba")]
        limit("a.example=1/h, b.example=1/h, c.example=1/h")
        admit(copies)

        def work() -> None:
            try:
                admit(copies)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        with transaction.atomic():
            Pace.objects.select_for_update().get(key="b.example")
            thread.start()
            for _ in range(3000):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
                    if cursor.fetchone():
                        break
                time.sleep(0.01)
            free = set(Pace.objects.select_for_update(skip_locked=True).values_list("key", flat=True))
        thread.join()
        assert free == {"b.example", "c.example"}
