"""Leaving, choosing, suppression and erasure."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.confirming import confirm
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.readers.consent import find_reader
from worker.readers.disclose import disclose
from worker.readers.erase import erase
from worker.readers.hashes import email_hash
from worker.readers.leaving import leave
from worker.readers.preferences import change
from worker.readers.subscribe import sign_up
from worker.readers.suppress import is_suppressed, suppress, suppressed_among
from worker.storage.models import (
    Consent,
    Delivery,
    Issue,
    Notice,
    ProviderEvent,
    Reader,
    Subscription,
    Suppression,
    Terms,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(terms: Terms, last_link: Callable[[], str]) -> Reader:
    """Return a reader who has confirmed Daily."""
    sign_up("ada@example.com", ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    return Reader.objects.get()


def _state(newsletter: str = "daily") -> str:
    return Subscription.objects.get(newsletter=newsletter).state


def test_leaving_is_recorded_once(ada: Reader) -> None:
    assert leave(ada.pk, "daily", method="one-click", network_address="192.0.2.1", now=NOW)
    assert not leave(ada.pk, "daily", method="one-click", now=NOW)
    assert _state() == "left"
    withdrawn = Consent.objects.get(action="withdrawn")
    assert (withdrawn.purpose, withdrawn.newsletter, withdrawn.method) == ("newsletter", "daily", "one-click")


@pytest.mark.parametrize(("reader", "newsletter"), [
    (0, "daily"), (10**9, "daily"), (None, "aitrends"), (None, "nothing")])
def test_leaving_what_is_not_there_does_no_harm(ada: Reader, reader: int | None, newsletter: str) -> None:
    assert not leave(reader if reader is not None else ada.pk, newsletter, method="one-click")
    assert _state() == "confirmed"


def test_a_confirmed_reader_joins_a_further_newsletter_at_once(ada: Reader, terms: Terms) -> None:
    changes = change(ada.pk, newsletters=["daily", "aitrends"], network_address="192.0.2.1", now=NOW)
    assert changes.joined == ("aitrends",)
    assert _state("aitrends") == "confirmed"
    given = find_reader("ada@example.com").consents.filter(action="given", method="preferences")
    assert {(row.purpose, row.newsletter, row.wording_sha256) for row in given} == {
        ("newsletter", "aitrends", terms.sha256), ("terms", "", terms.sha256)}


def test_who_left_can_come_back_by_their_own_preferences(ada: Reader) -> None:
    leave(ada.pk, "daily", method="one-click", now=NOW)
    change(ada.pk, newsletters=["daily"], now=NOW)
    assert _state() == "confirmed"


def test_an_unconfirmed_reader_cannot_choose_their_way_in(terms: Terms) -> None:
    sign_up("eve@example.com", ["daily"], now=NOW)
    eve = Reader.objects.get()
    for wish in ({"newsletters": ["daily"]}, {"partners": True}, {"tracking": True}):
        with pytest.raises(ConflictError):
            change(eve.pk, **wish, now=NOW)  # type: ignore[arg-type]
    assert (_state(), Consent.objects.exclude(action="asked").count()) == ("pending", 0)


def test_partners_and_tracking_are_given_and_withdrawn_each_by_itself(ada: Reader, terms: Terms) -> None:
    assert change(ada.pk, partners=True, tracking=True, now=NOW).given == ("partners", "tracking")
    assert change(ada.pk, partners=False, now=NOW).withdrawn == ("partners",)
    assert not change(ada.pk, partners=False, tracking=True, now=NOW), "the ledger records changes, not visits"
    ada.refresh_from_db()
    assert (ada.partners, ada.tracking, _state()) == (False, True, "confirmed")
    rows = find_reader("ada@example.com").consents.filter(purpose__in=["partners", "tracking"])
    assert [(row.purpose, row.action) for row in rows] == [
        ("partners", "given"), ("tracking", "given"), ("partners", "withdrawn")]


def test_a_wish_that_cannot_be_met_changes_nothing(ada: Reader) -> None:
    with pytest.raises(BroadsheetError):
        change(ada.pk, newsletters=["weekly"], partners=True, now=NOW)
    ada.refresh_from_db()
    assert (ada.partners, _state()) == (False, "confirmed")
    with pytest.raises(NotFoundError):
        change(10**9, newsletters=[])


def test_a_suppressed_address_cannot_be_joined_again(ada: Reader) -> None:
    assert suppress("ADA@example.com", "bounce", now=NOW)
    assert not suppress("ada@example.com", "complaint", now=NOW)
    assert _state() == "suppressed"
    with pytest.raises(ConflictError):
        change(ada.pk, newsletters=["aitrends"], now=NOW)


def test_a_complaint_is_a_withdrawal_and_a_bounce_is_not(ada: Reader) -> None:
    suppress("ada@example.com", "bounce", now=NOW)
    assert not Consent.objects.filter(action="withdrawn").exists()
    Subscription.objects.update(state="confirmed")
    suppress("ada@example.com", "complaint", now=NOW)
    assert Consent.objects.get(action="withdrawn").method == "complaint"


def test_only_a_keyed_hash_is_kept(db: None, settings: Any) -> None:
    suppress("ada@example.com", "request")
    row = Suppression.objects.get()
    assert (len(row.email_hash), row.email_hash) == (64, email_hash("ADA@EXAMPLE.com"))
    settings.SECRET_KEY = "another-key-" + "9876543210" * 5
    assert email_hash("ada@example.com") != row.email_hash
    assert not is_suppressed("ada@example.com"), "without the key the hash says nothing"


def test_suppression_outlives_a_change_of_key(db: None, settings: Any) -> None:
    suppress("ada@example.com", "request")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "9876543210" * 5
    assert is_suppressed("Ada@example.com")
    assert not suppress("ada@example.com", "request")
    assert Suppression.objects.count() == 1
    assert suppressed_among(["Ada@Example.com", "bo@example.com"]) == {"Ada@Example.com"}


def test_a_thousand_addresses_are_checked_with_few_questions(db: None) -> None:
    suppress("reader500@example.com", "bounce")
    with CaptureQueriesContext(connection, ) as asked:
        found = suppressed_among([f"reader{n}@example.com" for n in range(1000)])
    assert found == {"reader500@example.com"}
    assert len(asked) <= 5, "one, with a savepoint and the planner's setting around it on PostgreSQL"


def _deliver(ada: Reader) -> Delivery:
    issue, other = (Issue.objects.create(newsletter="daily", period=period, subject="S", state="sending",
                                         window_start=NOW, window_end=NOW) for period in ("2026-11-23", "2026-11-24"))
    delivery = Delivery.objects.create(issue=issue, reader=ada, state="bounced", provider_id="msg-1",
                                       error="550 no such user ada@example.com")
    ProviderEvent.objects.create(provider="sendgrid", event_id="1", kind="bounced", delivery=delivery, at=NOW,
                                 detail="550 no such user ada@example.com")
    Delivery.objects.create(issue=other, reader=ada, state="queued")
    return delivery


def test_disclosure_names_everything_that_is_kept(ada: Reader) -> None:
    _deliver(ada)
    kept = disclose(ada.pk)
    assert (kept["email"], [row["newsletter"] for row in kept["subscriptions"]]) == ("ada@example.com", ["daily"])
    assert len(kept["consents"]) == Consent.objects.count()
    assert {row["kind"] for row in kept["letters"]} == {"confirm", "welcome"}
    assert [row["state"] for row in kept["issues"]] == ["bounced", "queued"]
    assert len(kept["reports_from_mail_systems"]) == 1


def test_erasing_leaves_nothing_that_leads_to_the_person(ada: Reader) -> None:
    delivery = _deliver(ada)
    assert erase("ADA@example.com")
    assert not Reader.objects.exists()
    assert not Subscription.objects.exists()
    assert not Consent.objects.exists()
    assert not Notice.objects.exists()
    delivery.refresh_from_db()
    assert (delivery.reader, delivery.provider_id, delivery.error) == (None, "", "")
    assert ProviderEvent.objects.get().detail == ""
    states = sorted(Delivery.objects.values_list("state", flat=True))
    assert states == ["bounced", "suppressed"], "the count still holds"
    assert list(Suppression.objects.values_list("reason", flat=True)) == ["erased"]
    assert is_suppressed("ada@example.com")


def test_erasing_who_is_not_there_says_so_and_keeps_them_out_all_the_same(db: None) -> None:
    assert not erase("not an address")
    assert not Suppression.objects.exists()
    assert not erase("nobody@example.com")
    assert is_suppressed("nobody@example.com")
