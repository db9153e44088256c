"""A mail server that says for good that a mailbox does not exist: its reader is not written to again, and no other is lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.delivery.press import add_readers, states_of
from tests.fakes.smtp_sink import Rules, SmtpSink
from tests.wordings import PUBLISHED, join, publish, publish_first
from worker.delivery.deliver import deliver_batch
from worker.delivery.headcount import count_heads
from worker.delivery.notices import send_notices
from worker.delivery.senders import open_sender
from worker.readers.renewal import owe_notices
from worker.readers.subscribe import sign_up
from worker.readers.suppress import is_suppressed
from worker.storage.models import Consent, Notice, Reader, Subscription

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., int]
GONE, FINE = "gone@example.com", "fine@example.com"


def deliver(issue_id: int, rules: Rules) -> None:
    with SmtpSink(rules) as sink:
        sender = open_sender(sink.url)
        deliver_batch(issue_id, sender)
        sender.close()


@pytest.mark.parametrize("rules", [Rules(rcpt={GONE: "550 5.1.1 <gone@example.com>: no such user"}),
                                   Rules(after_dot={GONE: "550-5.1.1 the account\r\n550 5.1.1 does not exist"}),
                                   Rules(rcpt={GONE: "551 5.1.6 has moved"}), Rules(rcpt={GONE: "556 5.1.10 null MX"})])
def test_a_mailbox_that_does_not_exist_is_not_written_to_again(sending: Make, rules: Rules) -> None:
    issue_id = sending([FINE, GONE])
    deliver(issue_id, rules)
    assert states_of(issue_id) == {FINE: "accepted", GONE: "failed"}
    assert (is_suppressed(GONE), is_suppressed(FINE)) == (True, False)
    assert dict(Subscription.objects.values_list("reader__email", "state")) == {FINE: "confirmed", GONE: "suppressed"}
    assert not Consent.objects.exists(), "a mailbox that is gone has withdrawn nothing"
    assert count_heads("aitrends").readers == 1, "the next issue is not owed to it"


@pytest.mark.parametrize("reply", [
    "550 5.7.1 <gone@example.com>: Recipient address rejected: Access denied", "550 5.1.1 no such user (5.7.1 by policy)",
    "550 no such user", "553 5.1.2 domain not found", "553 5.1.3 bad syntax", "550 5.2.1 receiving mail at a rate that is too high",
    "552 5.2.2 mailbox full", "554 5.4.1 Access denied", "550 5.0.0 see 5.1.1", "550 5.1.13 what", "450 4.1.1 not known just now",
    "450 5.1.1 said of today"])
def test_any_other_reply_suppresses_nobody(sending: Make, reply: str) -> None:
    issue_id = sending([FINE, GONE])
    deliver(issue_id, Rules(rcpt={GONE: reply}))
    assert states_of(issue_id)[GONE] in ("failed", "queued")
    assert not is_suppressed(GONE)


def test_a_refusal_of_the_sender_is_no_word_about_readers(sending: Make) -> None:
    issue_id = sending([GONE])
    deliver(issue_id, Rules(mail="550 5.1.1 news@example.com: no such user"))
    assert not is_suppressed(GONE)


def test_a_server_that_knows_nobody_is_the_wrong_server(sending: Make) -> None:
    addresses = [f"r{number}@example.com" for number in range(10)]
    issue_id = sending(addresses)
    deliver(issue_id, Rules(rcpt=dict.fromkeys(addresses, "550 5.1.1 no such user here")))
    assert set(states_of(issue_id).values()) == {"failed"}
    assert not any(is_suppressed(address) for address in addresses)


def test_all_but_one_may_be_gone(sending: Make) -> None:
    addresses = [f"r{number}@example.com" for number in range(10)]
    issue_id = sending(addresses)
    deliver(issue_id, Rules(rcpt=dict.fromkeys(addresses[1:], "550 5.1.1 no such user here")))
    assert [address for address in addresses if not is_suppressed(address)] == addresses[:1]


def test_a_reader_who_moved_meanwhile_is_still_written_to(sending: Make) -> None:
    """The mailbox that is gone is the one that was written to."""
    issue_id = sending([GONE])
    with SmtpSink(Rules(rcpt={GONE: "550 5.1.1 no such user"})) as sink:
        sender = open_sender(sink.url)
        send = sender.send

        def move_first(copies: Any, note: Any) -> Any:
            Reader.objects.update(email=FINE, email_key=FINE)
            connection.close()  # the call's own thread has its own
            return send(copies, note)

        sender.send = move_first  # type: ignore[method-assign]
        deliver_batch(issue_id, sender)
        sender.close()
    assert (is_suppressed(GONE), is_suppressed(FINE)) == (True, False)
    assert Subscription.objects.get().state == "confirmed"


@pytest.fixture
def _first(db: None, editorial_file: Path) -> None:
    publish_first()


@pytest.mark.usefixtures("_first")
def test_a_confirmation_that_nobody_can_get_is_the_last_letter_there() -> None:
    sign_up(GONE, ["daily"])
    with SmtpSink(Rules(rcpt={GONE: "550 5.1.1 no such user"})) as sink:
        sender = open_sender(sink.url)
        assert send_notices(sender) == 0
        sender.close()
    assert (Notice.objects.get().state, is_suppressed(GONE)) == ("failed", True)


@pytest.mark.usefixtures("_first")
def test_of_a_lot_of_letters_only_the_mailbox_that_is_gone_is_given_up() -> None:
    for email in (FINE, GONE):
        join(email)
    publish()
    owe_notices(now=PUBLISHED)
    with SmtpSink(Rules(rcpt={GONE: "550 5.1.1 no such user"})) as sink:
        sender = open_sender(sink.url)
        assert send_notices(sender, now=PUBLISHED) == 1
        sender.close()
    assert (is_suppressed(GONE), is_suppressed(FINE)) == (True, False)


@pytest.mark.usefixtures("_first")
def test_a_question_to_a_mistyped_address_costs_its_reader_nothing() -> None:
    add_readers([FINE], newsletter="daily")
    Notice.objects.create(reader=Reader.objects.get(), kind="address", key="a", to=GONE, details={"open": True})
    with SmtpSink(Rules(rcpt={GONE: "550 5.1.1 no such user"})) as sink:
        sender = open_sender(sink.url)
        send_notices(sender)
        sender.close()
    assert (is_suppressed(GONE), is_suppressed(FINE)) == (True, False)
    assert Subscription.objects.get().state == "confirmed"
