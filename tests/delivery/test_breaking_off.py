"""Work that is broken off: a call its worker is taken from, a commit whose answer is lost, an issue cancelled meanwhile."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from tests.delivery.press import states_of
from tests.delivery.senders.test_smtp import copies
from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery import flight
from worker.delivery.deliver import cancel_issue, deliver_batch, deliver_issue, settle_expired, status
from worker.delivery.fence import take_turn
from worker.delivery.ledger import Call, Lease, Ready
from worker.delivery.message import Copy
from worker.delivery.senders import Kind, Outcome, open_sender
from worker.delivery.senders.base import Note
from worker.errors import TransientError
from worker.storage import bulk
from worker.storage.models import Delivery, Issue

Make = Callable[..., int]


class EndedError(BaseException):
    """What a signal raises in the middle of the work."""


@pytest.fixture
def end_soon() -> Iterator[None]:
    """Raise EndedError in this thread after a moment, as Celery's time limits and cold shutdown do."""

    def end(number: int, frame: object) -> None:
        raise EndedError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


class Listener:
    """The note of a call, which only listens."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: dict[int, Kind] = {}

    def begin(self, places: Sequence[int]) -> None:
        self.begun += places

    def end(self, places: Sequence[int], outcome: Outcome) -> None:
        self.ended |= dict.fromkeys(places, outcome.kind)

    def is_over(self) -> bool:
        return False


def test_a_call_that_is_broken_off_ends_what_it_has_begun_and_begins_nothing_more(end_soon: None) -> None:
    note, addresses = Listener(), [f"r{number}@example.com" for number in range(200)]
    with SmtpSink(Rules(delay=0.2)) as sink:
        sender = open_sender(f"{sink.url}?connections=4")
        with pytest.raises(EndedError):
            sender.send(copies(*addresses), note)
        begun = len(note.begun)
        assert 0 < begun < 100
        assert note.ended == dict.fromkeys(note.begun, Kind.ACCEPTED)
        assert [outcome.kind for outcome in sender.send(copies("last@example.com"))] == [Kind.ACCEPTED]
        sender.close()
    assert len(note.begun) == begun
    assert len(sink.mails) == begun + 1


@pytest.mark.django_db
def test_a_call_that_is_settled_begins_nothing_more(sending: Make) -> None:
    """Its sender's threads may still be at work."""
    issue_id = sending(2)
    lease = Lease(Delivery)
    ids = lease.claim(Delivery.objects.filter(issue_id=issue_id), 2)
    bulk.mark_attempting(Delivery, ids, lease.token, 60)
    call = Call(lease, [Ready(row_id, 0, copy) for row_id, copy in zip(ids, copies("a@example.com", "b@example.com"), strict=True)],
                since=0)
    call._begin_by = call._stop_at = float("inf")
    call.begin([0])
    call.settle()
    with pytest.raises(TransientError, match="over"):
        call.begin([1])
    lease.release()
    assert sorted(states_of(issue_id).values()) == ["queued", "uncertain"]


def test_a_connection_thread_that_fails_leaves_its_mail_uncertain_only_if_it_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    note = Listener()
    with SmtpSink() as sink:
        sender = open_sender(f"{sink.url}?connections=1")
        monkeypatch.setattr("worker.delivery.senders.smtp_session.Session.write_mail", lambda *_: 1 // 0)
        outcomes = sender.send(copies("a@example.com", "b@example.com", "c@example.com"), note)
        sender.close()
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds[0] is Kind.UNCERTAIN
    assert set(kinds[1:]) == {Kind.UNSENT}
    assert note.begun == [0]


def test_a_machine_that_gives_no_threads_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpSink() as sink:
        sender = open_sender(sink.url)
        with monkeypatch.context() as patch:
            patch.setattr("worker.delivery.senders.smtp.threading", SimpleNamespace(**{**vars(threading), "Thread": Refusing}))
            with pytest.raises(TransientError, match="can't start"):
                sender.send(copies("a@example.com"))
        assert [outcome.kind for outcome in sender.send(copies("a@example.com"))] == [Kind.ACCEPTED]
        sender.close()
    assert len(sink.mails) == 1


class Refusing(threading.Thread):
    """A thread that cannot be started."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


@pytest.mark.django_db(transaction=True)
def test_rows_whose_marking_was_committed_unheard_go_out_all_the_same(sending: Make, tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    issue_id = sending(3)
    begin_call = flight.begin_call

    def lose_the_answer(*given: Any, **more: Any) -> Any:
        begin_call(*given, **more)
        raise OperationalError("server closed the connection unexpectedly")

    sender = open_sender(f"maildir:{tmp_path / 'box'}")
    with monkeypatch.context() as patch:
        patch.setattr(flight, "begin_call", lose_the_answer)
        with pytest.raises(OperationalError):
            deliver_batch(issue_id, sender)
    assert set(states_of(issue_id).values()) == {"attempting"}
    assert deliver_issue(issue_id, sender=sender).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 3}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_what_a_call_gives_back_after_a_cancel_is_cancelled_too(sending: Make) -> None:
    issue_id = sending(10)
    with SmtpSink() as sink:
        sender = open_sender(sink.url)
        send = sender.send

        def cancel_meanwhile(given: Sequence[Copy], note: Note) -> Sequence[Outcome]:
            cancel_issue(issue_id, by="approver@example.com")
            connection.close()
            outcomes = send(given[:4], note)
            return [*outcomes, *[Outcome(Kind.UNSENT)] * 6]

        sender.send = cancel_meanwhile  # type: ignore[method-assign]
        assert deliver_issue(issue_id, sender=sender).state == "cancelled"
        sender.close()
    assert status(issue_id)["states"] == {"accepted": 4, "cancelled": 6}


@pytest.mark.django_db(transaction=True)
def test_the_sweep_cancels_what_nobody_else_does(sending: Make) -> None:
    issue_id = sending(3)
    cancel_issue(issue_id, by="approver@example.com")
    Delivery.objects.update(state="queued")
    settle_expired()
    assert set(states_of(issue_id).values()) == {"cancelled"}


@pytest.mark.django_db(transaction=True)
def test_a_cancel_and_a_call_that_is_being_marked_do_not_wait_for_each_other(sending: Make) -> None:
    issue_id = sending(5)
    has_rows, errors = threading.Event(), list[BaseException]()

    def cancel() -> None:
        has_rows.wait(10)
        try:
            cancel_issue(issue_id, by="approver@example.com")
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    editor = threading.Thread(target=cancel)
    editor.start()
    with transaction.atomic():
        ids = list(Delivery.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
        has_rows.set()
        editor.join(1)  # it has cancelled the issue by now, or waits for us
        take_turn(issue_id)
        Delivery.objects.filter(pk__in=ids[:2]).update(error="")
    editor.join(30)
    assert errors == []
    assert Issue.objects.get().state == "cancelled"
    assert set(states_of(issue_id).values()) == {"cancelled"}


@pytest.mark.django_db
def test_rows_whose_workers_ended_go_after_all_others(sending: Make) -> None:
    issue_id = sending(6)
    first = list(Delivery.objects.filter(issue_id=issue_id).order_by("pk").values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=first[:3]).update(claims=3)
    rows = Delivery.objects.filter(issue_id=issue_id)
    claimed = [bulk.claim_rows(rows, f"{number:032}", limit=3, seconds=60) for number in range(3)]
    assert claimed == [first[3:], first[:1], first[1:2]]


@pytest.mark.parametrize(("claims", "limit", "most"), [
    (0, 10_000, 10_000), (1, 10_000, 10_000), (2, 10_000, 1000), (3, 10_000, 100), (4, 10_000, 1), (6, 10_000, 1), (3, 20, 1)])
def test_rows_whose_workers_ended_are_claimed_fewer_at_a_time(claims: int, limit: int, most: int) -> None:
    found = [(row_id, claims) for row_id in range(limit)]
    assert len(bulk._choose(found, limit)) == most
    if claims > 1:
        assert bulk._choose([(-1, 1), *found], limit) == [-1]
    assert bulk._choose([], limit) == []
