"""An approved issue, its audience and the ledger: who gets a copy, who does not, and what each row says afterwards."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from tests.delivery.press import add_readers, make_due, states_of
from tests.fakes.smtp_sink import Rules, SmtpSink
from tests.readers.everything import columns_with
from worker.delivery import recheck
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.breaker import hold_issue, resume_issue
from worker.delivery.deliver import cancel_issue, deliver_batch, deliver_issue, finish_issue, settle_expired, status
from worker.delivery.headcount import count_heads
from worker.delivery.ledger import Lease
from worker.delivery.senders import open_sender
from worker.delivery.settle import NOT_SENT
from worker.errors import BroadsheetError, ConflictError, NotFoundError, TransientError
from worker.readers.erase import erase
from worker.readers.leaving import leave
from worker.readers.suppress import suppress
from worker.storage import bulk
from worker.storage.models import AuditEntry, Delivery, DeliveryState, Edition, Issue, Reader, SubscriptionState

pytestmark = pytest.mark.django_db
Make = Callable[..., int]


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


def state_of(issue_id: int) -> str:
    return Issue.objects.values_list("state", flat=True).get(pk=issue_id)


def test_every_confirmed_reader_gets_one_copy_and_the_issue_is_sent(make_issue: Make, box: Path) -> None:
    issue_id = make_issue(25)
    add_readers(["pending@example.com"], state=SubscriptionState.PENDING)
    add_readers(["left@example.com"], state=SubscriptionState.LEFT)
    add_readers(["other@example.com"], newsletter="daily")
    assert count_heads("aitrends").readers == 25
    start_issue(issue_id, by="approver@example.com")
    seen: list[tuple[int, int]] = []
    run = deliver_issue(issue_id, on_progress=lambda done, audience: seen.append((done, audience)))
    assert run.finished
    assert state_of(issue_id) == "sent"
    assert status(issue_id) == {"issue": issue_id, "audience": 25, "states": {"accepted": 25}}
    assert len(list(box.iterdir())) == 25
    assert seen[-1] == (25, 25)
    assert AuditEntry.objects.filter(action="start", actor="approver@example.com", subject=f"issue {issue_id}").exists()


def test_doing_it_all_again_sends_nobody_anything_twice(make_issue: Make, box: Path) -> None:
    issue_id = make_issue(3)
    start_issue(issue_id, by="x")
    start_issue(issue_id, by="x")
    assert freeze_audience(issue_id) == freeze_audience(issue_id) == 3
    deliver_issue(issue_id)
    for file in box.iterdir():
        file.unlink()
    deliver_issue(issue_id)
    assert list(box.iterdir()) == []
    assert AuditEntry.objects.filter(action="start").count() == 1


def test_readers_who_come_after_the_start_wait_for_the_next_issue(sending: Make, box: Path) -> None:
    issue_id = sending(2)
    add_readers(["late@example.com"])
    assert freeze_audience(issue_id) == 2
    deliver_issue(issue_id)
    assert "late@example.com" not in states_of(issue_id)


def test_an_issue_without_readers_is_sent_to_nobody(sending: Make, box: Path) -> None:
    issue_id = sending(0)
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {}


def test_readers_who_left_were_suppressed_or_erased_since_get_nothing(sending: Make, box: Path) -> None:
    issue_id = sending(["stays@example.com", "leaves@example.com", "bounced@example.com", "erased@example.com",
        "bad address@example.com"])
    leave(Reader.objects.get(email="leaves@example.com").pk, "aitrends", method="one-click")
    suppress("Bounced@example.com", "bounce")
    erase("erased@example.com")
    deliver_issue(issue_id)
    assert states_of(issue_id) == {"stays@example.com": "accepted", "leaves@example.com": "cancelled",
                                   "bounced@example.com": "suppressed", "bad address@example.com": "failed"}
    assert status(issue_id) == {"issue": issue_id, "audience": 5,
                                "states": {"accepted": 1, "failed": 1, "cancelled": 1, "suppressed": 2}}
    assert len(list(box.iterdir())) == 1


@pytest.mark.parametrize("state", ["draft", "rejected", "cancelled", "held", "sent"])
def test_only_an_approved_issue_starts(make_issue: Make, state: str) -> None:
    issue_id = make_issue(1)
    Issue.objects.filter(pk=issue_id).update(state=state)
    with pytest.raises(ConflictError):
        start_issue(issue_id, by="x")
    with pytest.raises(ConflictError):
        freeze_audience(issue_id)


def test_unknown_issue_is_named() -> None:
    sender = open_sender("maildir:/nowhere")
    for call in (lambda: start_issue(99, by="x"), lambda: freeze_audience(99), lambda: deliver_batch(99, sender),
                 lambda: status(99), lambda: cancel_issue(99, by="x")):
        with pytest.raises(NotFoundError, match="99"):
            call()


def test_an_edition_that_was_changed_after_approval_does_not_start(make_issue: Make) -> None:
    issue_id = make_issue(1)
    Edition.objects.update(html=F("text"))
    with pytest.raises(BroadsheetError, match="approved"):
        start_issue(issue_id, by="x")
    assert state_of(issue_id) == "approved"


def test_an_edition_that_is_changed_while_it_is_sent_stops_at_the_next_batch(sending: Make, box: Path) -> None:
    issue_id = sending(4)
    sender = open_sender()
    deliver_batch(issue_id, sender, limit=2)
    Edition.objects.update(subject="Another subject")
    with pytest.raises(BroadsheetError, match="approved"):
        deliver_batch(issue_id, sender, limit=2)
    assert state_of(issue_id) == "held"
    assert len(list(box.iterdir())) == 2


def test_who_it_comes_from_is_what_was_approved(sending: Make, box: Path) -> None:
    issue_id = sending(1)
    Edition.objects.update(from_name="The Desk", from_email="desk@example.org", list_title="Trends")  # feeds.toml has changed since
    deliver_issue(issue_id)
    (mail,) = (file.read_text() for file in box.iterdir())
    assert 'From: "The Desk" <desk@example.org>' in mail
    assert 'List-Id: "Trends" <aitrends.example.org>' in mail


def test_batches_take_turns_until_nothing_is_open(sending: Make, box: Path) -> None:
    issue_id = sending(5)
    sender = open_sender()
    first = deliver_batch(issue_id, sender, limit=3)
    assert (first.claimed, first.accepted, first.open) == (3, 3, True)
    assert not finish_issue(issue_id)
    second = deliver_batch(issue_id, sender, limit=3)
    assert (second.claimed, second.accepted, second.open) == (2, 2, False)
    assert finish_issue(issue_id)
    assert not finish_issue(issue_id)


def test_rows_another_worker_has_claimed_are_left_to_it(sending: Make, box: Path) -> None:
    issue_id = sending(4)
    other = Lease(Delivery)
    assert len(other.claim(Delivery.objects.filter(issue_id=issue_id), 3)) == 3
    assert deliver_batch(issue_id, open_sender()).claimed == 1
    assert deliver_batch(issue_id, open_sender()).claimed == 0
    other.release()
    assert deliver_batch(issue_id, open_sender()).claimed == 3


def test_rows_of_a_worker_that_died_before_its_call_are_claimed_again(sending: Make, box: Path) -> None:
    issue_id = sending(2)
    bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), "gone", limit=2, seconds=60)
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
    assert deliver_batch(issue_id, open_sender()).accepted == 2


def test_rows_of_a_worker_that_died_in_its_call_become_uncertain_and_stay(sending: Make, box: Path) -> None:
    issue_id = sending(3)
    ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), "gone", limit=2, seconds=60)
    bulk.mark_attempting(Delivery, ids, "gone", 60)
    assert settle_expired() == 0  # its lease still runs
    Delivery.objects.filter(pk__in=ids).update(leased_until=timezone.now() - timedelta(seconds=5))
    assert settle_expired() == 2
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 1, "uncertain": 2}


def test_a_late_worker_whose_lease_was_taken_changes_nothing(sending: Make) -> None:
    issue_id = sending(1)
    (row_id,) = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), "late", limit=1, seconds=60)
    bulk.mark_attempting(Delivery, [row_id], "late", 60)
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
    settle_expired()
    assert bulk.record_endings(Delivery, "late", [bulk.Ending(row_id, DeliveryState.ACCEPTED)]) == 0
    assert bulk.mark_attempting(Delivery, [row_id], "late", 60) == 0
    assert list(states_of(issue_id).values()) == ["uncertain"]


@pytest.mark.parametrize(("erased", "kept"), [(False, ("m1", "said ada@example.com")), (True, ("", ""))])
def test_an_answer_that_comes_after_its_reader_was_erased_is_counted_and_not_kept(
        sending: Make, erased: bool, kept: tuple[str, str]) -> None:
    issue_id = sending(1)
    (row_id,) = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), "own", limit=1, seconds=60)
    bulk.mark_attempting(Delivery, [row_id], "own", 60)
    if erased:
        erase(Reader.objects.get().email)
    assert bulk.record_endings(Delivery, "own", [bulk.Ending(row_id, DeliveryState.FAILED, "m1", "said ada@example.com")]) == 1
    row = Delivery.objects.get()
    assert (row.state, (row.provider_id, row.error)) == ("failed", kept)


def test_cancel_stops_what_is_queued_and_keeps_what_is_sent(sending: Make, box: Path) -> None:
    issue_id = sending(5)
    deliver_batch(issue_id, open_sender(), limit=2)
    assert cancel_issue(issue_id, by="approver@example.com", note="wrong headline") == 3
    assert cancel_issue(issue_id, by="approver@example.com") == 0
    assert deliver_issue(issue_id).state == "cancelled"
    assert status(issue_id)["states"] == {"accepted": 2, "cancelled": 3}
    assert Issue.objects.get(pk=issue_id).note == "wrong headline"
    assert len(list(box.iterdir())) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("stop", "left"), [(cancel_issue, "cancelled"), (hold_issue, "queued")])
def test_stopping_in_the_middle_takes_effect_within_one_call(
    sending: Make, box: Path, stop: Callable[..., object], left: str
) -> None:
    issue_id = sending(30)
    sender = open_sender()
    sender.batch_size = 10
    send = sender.send

    def stop_after_first(copies: Any, note: Any) -> Any:
        outcomes = send(copies, note)
        stop(issue_id, by="approver@example.com", note="stop")
        connection.close()  # the call's own thread has its own
        return outcomes

    sender.send = stop_after_first  # type: ignore[method-assign]
    deliver_batch(issue_id, sender)
    assert status(issue_id)["states"] == {"accepted": 10, left: 20}


def test_a_sent_issue_cannot_be_cancelled(sending: Make, box: Path) -> None:
    issue_id = sending(1)
    deliver_issue(issue_id)
    with pytest.raises(ConflictError):
        cancel_issue(issue_id, by="x")


def test_hold_and_resume(sending: Make, box: Path) -> None:
    issue_id = sending(3)
    assert hold_issue(issue_id, "somebody saw a mistake", by="approver@example.com")
    assert deliver_issue(issue_id).state == "held"
    assert status(issue_id)["states"] == {"queued": 3}
    resume_issue(issue_id, by="approver@example.com")
    assert Issue.objects.get(pk=issue_id).note == ""
    assert deliver_issue(issue_id).state == "sent"


def test_an_issue_held_before_it_was_started_does_not_resume_into_sending(make_issue: Make) -> None:
    issue_id = make_issue(1)
    Issue.objects.update(state="held")
    with pytest.raises(ConflictError):
        resume_issue(issue_id, by="x")


def test_deferred_copies_wait_longer_each_time_and_are_given_up_after_seventeen(sending: Make) -> None:
    issue_id = sending(["busy@example.com", "fine@example.com"])
    waits: list[float] = []
    with SmtpSink(Rules(rcpt={"busy@example.com": "450 4.2.1 mailbox busy"})) as sink:
        sender = open_sender(sink.url)
        assert deliver_batch(issue_id, sender).deferred == 1
        for _ in range(16):
            row = Delivery.objects.get(reader__email="busy@example.com")
            assert row.not_before
            waits.append((row.not_before - row.updated_at).total_seconds())
            if waits[-1] > 60:
                assert deliver_batch(issue_id, sender).claimed == 0, "it is not its time yet"
            make_due(issue_id)
            deliver_batch(issue_id, sender)
        sender.close()
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] > 3000
    row = Delivery.objects.get(reader__email="busy@example.com")
    assert (row.state, row.attempts) == ("failed", 17)
    assert "mailbox busy" in row.error
    assert len(sink.mails) == 1
    assert finish_issue(issue_id)


def test_a_copy_of_an_issue_that_was_held_for_days_is_tried_again_like_any_other(sending: Make) -> None:
    issue_id = sending(["busy@example.com"])
    Issue.objects.update(started_at=timezone.now() - timedelta(days=3))
    with SmtpSink(Rules(rcpt={"busy@example.com": "451 later"})) as sink:
        deliver_batch(issue_id, open_sender(sink.url))
    assert list(states_of(issue_id).values()) == ["queued"]


def test_a_sender_that_cannot_be_reached_attempts_nothing(sending: Make) -> None:
    issue_id = sending(3)
    with SmtpSink() as sink:
        url = sink.url
    with pytest.raises(TransientError, match=r"127\.0\.0\.1"):
        deliver_issue(issue_id, sender=open_sender(url))
    assert list(Delivery.objects.values_list("state", "attempts", "lease_token")) == [("queued", 0, "")] * 3
    assert state_of(issue_id) == "sending"


def test_refusals_beyond_the_limit_hold_the_issue_and_an_editor_lets_it_go_on(sending: Make) -> None:
    addresses = [f"r{n}@example.com" for n in range(100)]
    issue_id = sending(addresses)
    refuse = dict.fromkeys(addresses[:12], "550 5.1.1 no such mailbox")
    with SmtpSink(Rules(rcpt=refuse)) as sink:
        sender = open_sender(sink.url)
        deliver_batch(issue_id, sender, limit=60)
        assert state_of(issue_id) == "held"
        assert "12 of 60" in Issue.objects.get(pk=issue_id).note
        assert deliver_batch(issue_id, sender).claimed == 0
        resume_issue(issue_id, by="approver@example.com")
        assert deliver_issue(issue_id, sender=sender).state == "sent"
        sender.close()
    assert status(issue_id)["states"] == {"accepted": 88, "failed": 12}


@pytest.mark.parametrize(("state", "words"), [("uncertain", bulk.CRASHED), ("failed", NOT_SENT), ("failed", bulk.POISON)])
def test_what_a_crash_or_an_editor_left_is_not_held_against_the_next_hop(
        sending: Make, box: Path, state: str, words: str) -> None:
    issue_id = sending(100)
    first = Delivery.objects.order_by("pk")[60].pk
    Delivery.objects.filter(pk__lt=first).update(state=state, error=words)
    assert deliver_issue(issue_id).state == "sent"


def test_one_copy_that_cannot_be_made_keeps_no_other_from_its_reader(
        sending: Make, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issue_id = sending(5)
    first = Reader.objects.order_by("pk")[0].pk
    monkeypatch.setattr(recheck.CopyLinks, "preferences", lambda _, reader_id: f"https://example.org/{1 // (reader_id - first)}/")
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 4, "failed": 1}
    assert "could not be made" in Delivery.objects.get(state="failed").error


def test_a_fault_that_is_about_all_copies_costs_nobody_theirs(sending: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    issue_id = sending(5)
    monkeypatch.setattr(recheck.CopyLinks, "preferences", lambda self, reader_id: str(1 // 0))
    with pytest.raises(ZeroDivisionError):
        deliver_issue(issue_id)
    assert set(states_of(issue_id).values()) == {"queued"}


def test_a_policy_refusal_holds_the_issue_and_blames_no_reader(sending: Make) -> None:
    issue_id = sending(15)
    with SmtpSink(Rules(rcpt={"reader2@example.com": "550 5.7.1 your host is on a list"})) as sink:
        deliver_batch(issue_id, open_sender(f"{sink.url}?connections=1"))
    assert state_of(issue_id) == "held"
    assert "5.7.1" in Issue.objects.get(pk=issue_id).note
    assert status(issue_id)["states"] == {"queued": 13, "accepted": 2}
    assert Delivery.objects.get(reader__email="reader2@example.com").attempts == 0


@pytest.mark.parametrize("words", [
    "<Ada.L@example.com>: Recipient address rejected: Access denied",
    "ada.l: Access denied. See <https://example.net/?to=ada.l%40example.com>",
    "bounce+ada.l=example.com@relay.example: Access denied", "forwarded to <a.lovelace@example.net>: Access denied"])
def test_what_is_noted_of_a_whole_issue_names_no_reader(sending: Make, words: str) -> None:
    issue_id = sending(["ada.l@example.com"])
    with SmtpSink(Rules(rcpt={"ada.l@example.com": f"554 5.7.1 {words}"})) as sink:
        deliver_batch(issue_id, open_sender(sink.url))
    assert state_of(issue_id) == "held"
    erase("ada.l@example.com")
    assert columns_with("ada.l") == set()
    note = Issue.objects.get(pk=issue_id).note
    assert "554 5.7.1" in note
    assert "Access denied" in note
    assert "@" not in note
    assert note == AuditEntry.objects.get(action="hold").detail["note"]


@pytest.mark.parametrize("local", ["5", "7", "1"])
def test_the_code_of_a_refusal_is_kept_whoever_it_is_about(sending: Make, local: str) -> None:
    issue_id = sending([f"{local}@example.com"])
    with SmtpSink(Rules(rcpt={f"{local}@example.com": "554 5.7.1 go away."})) as sink:
        deliver_batch(issue_id, open_sender(sink.url))
    assert "554 5.7.1 go away." in Issue.objects.get(pk=issue_id).note


def test_no_address_is_left_in_the_words_of_a_refusal(sending: Make) -> None:
    issue_id = sending(["gone@example.com"])
    with SmtpSink(Rules(rcpt={"gone@example.com": "550 5.1.1 <gone@Example.com>: no such mailbox"})) as sink:
        deliver_batch(issue_id, open_sender(sink.url))
    assert Delivery.objects.get().error == "550 5.1.1 <(address)>: no such mailbox"


def test_a_batch_inside_a_transaction_is_refused(sending: Make, box: Path) -> None:
    """The commit before the call would not be one, and a crash would send twice."""
    from django.db import transaction

    issue_id = sending(1)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        deliver_batch(issue_id, open_sender())
    assert not box.exists()
