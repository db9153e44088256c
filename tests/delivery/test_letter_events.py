"""What a provider reports of letters counts as it does of issues: for the address that was written to, and for nobody else."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.readers.everything import columns_with
from worker.delivery.events import apply_events, parse_sendgrid_events
from worker.readers.erase import erase
from worker.readers.hashes import email_hash
from worker.readers.retention import retain
from worker.readers.suppress import is_suppressed
from worker.storage.models import Consent, FormerAddress, Notice, ProviderEvent, Reader, Subscription

AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
ADA, ELSEWHERE = "ada@example.com", "elsewhere@example.org"
SPAM, GONE = {"event": "spamreport"}, {"event": "bounce", "type": "bounce", "status": "5.1.1"}
_numbers = itertools.count()
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Reader:
    """Return a reader of Daily who has asked for AITrends and not confirmed it."""
    reader = Reader.objects.create(email=ADA, email_key=ADA)
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed", confirmed_at=AT)
    Subscription.objects.create(reader=reader, newsletter="aitrends", state="pending")
    return reader


def send(reader: Reader, kind: str = "confirm", **more: Any) -> Notice:
    return Notice.objects.create(reader=reader, kind=kind, key=f"letter {next(_numbers)}", state="accepted", **more)


def report(letter: Notice, what: dict[str, str], email: str = "", event_id: str = "") -> int:
    """Take in one of SendGrid's events about a letter, as it posts them; return how many were new."""
    event = {"notice_id": str(letter.pk), "sg_event_id": event_id or f"e{next(_numbers)}", "timestamp": AT.timestamp(), **what}
    return apply_events(parse_sendgrid_events(json.loads(json.dumps([event | ({"email": email} if email else {})]))))


def states() -> dict[str, str]:
    return dict(Subscription.objects.values_list("newsletter", "state"))


@pytest.mark.parametrize("email", [ADA, ""])
@pytest.mark.parametrize("kind", ["confirm", "welcome", "terms"])
def test_a_letter_that_comes_back_for_good_means_never_again(ada: Reader, kind: str, email: str) -> None:
    letter = send(ada, kind)
    assert report(letter, GONE | {"reason": f"550 <{ADA}> unknown"}, email) == 1
    letter.refresh_from_db()
    assert (letter.state, is_suppressed(ADA)) == ("bounced", True)
    assert letter.error.startswith("5.1.1 550")
    assert states() == {"daily": "suppressed", "aitrends": "suppressed"}
    assert not Consent.objects.exists(), "a mailbox that is gone has withdrawn nothing"


def test_a_letter_marked_as_unwanted_ends_everything_and_the_ledger_says_so(ada: Reader) -> None:
    letter = send(ada)
    assert report(letter, SPAM, ADA) == 1
    letter.refresh_from_db()
    assert (letter.state, is_suppressed(ADA)) == ("delivered", True)
    assert states() == {"daily": "left", "aitrends": "left"}
    assert set(Consent.objects.values_list("action", "method")) == {("withdrawn", "complaint")}


def test_who_leaves_at_the_provider_by_a_letter_leaves(ada: Reader) -> None:
    report(send(ada, "terms"), {"event": "unsubscribe"}, ADA)
    assert states() == {"daily": "left", "aitrends": "left"}
    assert not is_suppressed(ADA)


@pytest.mark.parametrize(("what", "state"), [
    ({"event": "bounce", "type": "blocked"}, "bounced"), ({"event": "bounce", "status": "4.2.2"}, "bounced"),
    ({"event": "delivered"}, "delivered"), ({"event": "deferred"}, "accepted"),
    ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, "failed")])
def test_what_is_not_the_addresss_fault_suppresses_nobody(ada: Reader, what: dict[str, str], state: str) -> None:
    letter = send(ada)
    assert report(letter, what, ADA) == 1
    letter.refresh_from_db()
    assert (letter.state, is_suppressed(ADA)) == (state, False)
    assert states() == {"daily": "confirmed", "aitrends": "pending"}


@pytest.mark.parametrize(("reason", "withdrawn"), [("Bounced Address", []), ("Spam Reporting Address", ["daily"])])
def test_what_the_provider_no_longer_tries_is_not_tried_again(ada: Reader, reason: str, withdrawn: list[str]) -> None:
    letter = send(ada)
    report(letter, {"event": "dropped", "reason": reason}, ADA)
    letter.refresh_from_db()
    assert (letter.state, letter.error, is_suppressed(ADA)) == ("failed", reason, True)
    assert list(Consent.objects.values_list("newsletter", flat=True)) == withdrawn


def test_an_event_about_a_letter_counts_once(ada: Reader) -> None:
    letter = send(ada)
    assert [report(letter, SPAM, ADA, "same") for _ in range(2)] == [1, 0]
    assert Consent.objects.count() == 2
    assert (report(letter, GONE, ADA), report(letter, {"event": "delivered"}, ADA)) == (1, 1)
    letter.refresh_from_db()
    assert letter.state == "bounced", "out of order"


def test_no_letter_is_taken_for_a_delivery_or_for_one_that_is_not_there(ada: Reader) -> None:
    letter = send(ada)
    Notice.objects.filter(pk=letter.pk).delete()
    assert report(letter, GONE, ADA) == 0
    assert not is_suppressed(ADA)
    assert not ProviderEvent.objects.exists()


# -- letters that did not go to the reader's address of today -----------------------------------------------------------
@pytest.mark.parametrize("email", [ELSEWHERE, ""])
@pytest.mark.parametrize("what", [SPAM, GONE, {"event": "unsubscribe"}])
@pytest.mark.parametrize("kind", ["address", "moved"])
def test_what_becomes_of_a_letter_to_another_address_is_no_word_of_the_readers(ada: Reader, kind: str, what: dict[str, str],
                                                                             email: str) -> None:
    """A question to an address that was mistyped, or word to one that was given up."""
    FormerAddress.objects.create(reader=ada, email_hash=email_hash(ELSEWHERE))
    assert report(send(ada, kind, to=ELSEWHERE), what, email) == 1
    assert (is_suppressed(ELSEWHERE), is_suppressed(ADA)) == (what["event"] != "unsubscribe", False)
    assert states() == {"daily": "confirmed", "aitrends": "pending"}


def test_who_reads_at_the_other_address_is_heard(ada: Reader) -> None:
    there = Reader.objects.create(email=ELSEWHERE, email_key=ELSEWHERE)
    Subscription.objects.create(reader=there, newsletter="daily", state="confirmed")
    report(send(ada, "address", to=ELSEWHERE), SPAM, ELSEWHERE)
    assert Subscription.objects.get(reader=there).state == "left"
    assert Subscription.objects.get(reader=ada, newsletter="daily").state == "confirmed"


@pytest.mark.parametrize(("what", "state"), [(GONE, "confirmed"), (SPAM, "left")])
def test_a_letter_of_before_a_move_speaks_of_the_old_mailbox(ada: Reader, what: dict[str, str], state: str) -> None:
    letter = send(ada, "welcome")
    Reader.objects.update(email="new@example.org", email_key="new@example.org")
    FormerAddress.objects.create(reader=ada, email_hash=email_hash(ADA))
    report(letter, what, ADA)
    letter.refresh_from_db()
    assert letter.state != "accepted"
    assert (is_suppressed(ADA), is_suppressed("new@example.org")) == (True, False)
    assert states()["daily"] == state


@pytest.mark.parametrize("to", ["", ELSEWHERE])
def test_an_event_about_somebody_else_leaves_the_letters_reader_alone(ada: Reader, to: str) -> None:
    """After a restored backup its number was given out again: the provider names who it wrote to."""
    lost = Reader.objects.create(email="lost@example.org", email_key="lost@example.org")
    Subscription.objects.create(reader=lost, newsletter="third", state="confirmed")
    letter = send(ada, to=to)
    assert [report(letter, what, "Lost@example.org") for what in (SPAM, GONE)] == [1, 1]
    letter.refresh_from_db()
    assert (letter.state, letter.error) == ("accepted", "")
    assert states() == {"daily": "confirmed", "aitrends": "pending", "third": "left"}
    assert [is_suppressed(one) for one in ("lost@example.org", ADA, ELSEWHERE)] == [True, False, False]


def test_a_lost_letter_to_the_reader_is_not_taken_for_the_one_that_has_its_number(ada: Reader) -> None:
    letter = send(ada, "address", to=ELSEWHERE)
    report(letter, GONE, ADA)
    letter.refresh_from_db()
    assert letter.state == "accepted"
    assert (is_suppressed(ADA), is_suppressed(ELSEWHERE)) == (True, False)


# -- what is kept of it ------------------------------------------------------------------------------------------------------
def test_of_a_letters_event_nothing_outlives_the_letter(ada: Reader) -> None:
    letter = send(ada)
    report(letter, GONE | {"reason": f"no such user ada, try ada.b@example.com or {ADA}"}, ADA)
    assert columns_with("no such user") == {"storage_notice.error"}
    assert set(ProviderEvent.objects.values_list("kind", "delivery", "detail")) == {("bounced", None, "")}
    assert erase(ADA)
    assert columns_with("no such user") == columns_with("ada.b@") == set()
    assert report(letter, SPAM, ADA) == 0
    assert not Reader.objects.exists()


def test_the_words_go_with_those_of_other_letters(ada: Reader) -> None:
    letter = send(ada, "welcome")
    report(letter, GONE | {"reason": "no such user"}, ADA)
    retain(now=datetime.now(UTC) + timedelta(days=397))
    letter.refresh_from_db()
    assert (letter.state, letter.error) == ("bounced", "")
