"""Sign-up and confirmation: twice, once each, and with the exact wording on record."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.confirming import confirm
from worker.errors import BroadsheetError
from worker.readers.confirm import read_confirmation
from worker.readers.consent import evidence
from worker.readers.erase import erase
from worker.readers.hashes import email_hash
from worker.readers.leaving import leave
from worker.readers.links import BadLinkError, sign_link
from worker.readers.subscribe import sign_up
from worker.readers.suppress import suppress
from worker.readers.terms import current_terms
from worker.storage.models import Consent, Notice, Reader, Subscription, Suppression, Terms

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def _states() -> dict[str, str]:
    return {row.newsletter: row.state for row in Subscription.objects.all()}


def _letters(kind: str) -> int:
    return Notice.objects.filter(kind=kind).count()


def test_a_sign_up_waits_for_its_confirmation(terms: Terms) -> None:
    sign_up("Ada@example.com", ["aitrends", "daily"], partners=True, network_address="192.0.2.7", now=NOW)
    assert _states() == {"aitrends": "pending", "daily": "pending"}
    reader = Reader.objects.get()
    assert not reader.partners
    assert not reader.tracking
    asked = Consent.objects.filter(action="asked")
    assert {(row.purpose, row.newsletter) for row in asked} == {
        ("newsletter", "aitrends"), ("newsletter", "daily"), ("terms", ""), ("partners", "")}
    assert {(row.version, row.wording_sha256, row.network_address) for row in asked.exclude(purpose="partners")} == {
        (terms.version, terms.sha256, "192.0.2.7")}
    assert asked.get(purpose="partners").wording_sha256 == current_terms("partners").sha256
    assert not Consent.objects.exclude(action="asked").exists()


def test_one_letter_asks_about_everything_of_one_sign_up(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["aitrends", "daily"], partners=True, tracking=True, now=NOW)
    assert _letters("confirm") == 1
    done = confirm(last_link(), network_address="2001:db8::1", now=NOW + timedelta(hours=1))
    assert (done.state, done.newsletters) == ("done", ("aitrends", "daily"))
    assert _states() == {"aitrends": "confirmed", "daily": "confirmed"}
    reader = Reader.objects.get()
    assert reader.partners
    assert reader.tracking
    given = Consent.objects.filter(action="given")
    assert {row.purpose for row in given} == {"newsletter", "terms", "partners", "tracking"}
    assert {(row.purpose, row.wording_sha256) for row in given} == {
        ("newsletter", terms.sha256), ("terms", terms.sha256),
        *((kind, current_terms(kind).sha256) for kind in ("partners", "tracking"))}
    assert {row.network_address for row in given} == {"2001:db8::1"}
    assert _letters("welcome") == 1


def test_the_letter_holds_no_text_the_visitor_typed(terms: Terms) -> None:
    sign_up("zzzz.injected@example.com", ["daily"], now=NOW)
    assert "zzzz" not in repr(Notice.objects.get().details)


def test_a_repeat_on_the_same_day_owes_no_second_letter(terms: Terms) -> None:
    for hour in range(3):
        sign_up("ada@example.com", ["daily"], now=NOW + timedelta(hours=hour))
        sign_up("ADA@Example.COM", ["daily"], now=NOW + timedelta(hours=hour))
    assert (_letters("confirm"), Reader.objects.count()) == (1, 1)
    assert Consent.objects.count() == 2, "the ledger does not grow with letters that are not owed"
    sign_up("ada@example.com", ["daily"], now=NOW + timedelta(days=1))
    assert _letters("confirm") == 2


def test_a_further_newsletter_on_the_same_day_widens_the_letter_there_is(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    sign_up("ada@example.com", ["aitrends", "daily"], tracking=True, now=NOW)
    sign_up("ada@example.com", ["aitrends"], now=NOW)
    assert _letters("confirm") == 1
    assert read_confirmation(last_link()).newsletters == ("aitrends", "daily"), "its page names all of it"
    assert not confirm(last_link(), now=NOW).tracking, "a box ticked by whoever came later is not the first one's"
    assert _states() == {"aitrends": "confirmed", "daily": "confirmed"}


@pytest.mark.parametrize("newsletters", [["daily"], ["aitrends"]])
def test_a_strangers_ticks_are_not_the_owners(terms: Terms, last_link: Callable[[], str], newsletters: list[str]) -> None:
    sign_up("ada@example.com", ["daily"], partners=True, tracking=True, topics="labs", now=NOW)
    sign_up("ada@example.com", newsletters, now=NOW + timedelta(hours=1))
    done = confirm(last_link(), now=NOW + timedelta(hours=2))
    assert (done.partners, done.tracking, done.topics) == (False, False, "")
    assert {row.purpose for row in Consent.objects.filter(action="given")} == {"newsletter", "terms"}


def test_a_confirmed_reader_who_signs_up_again_gets_no_mail(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    rows = Consent.objects.count()
    sign_up("ada@example.com", ["daily"], tracking=True, now=NOW + timedelta(days=3))
    assert (_letters("confirm"), Consent.objects.count(), _states()) == (1, rows, {"daily": "confirmed"})


def test_looking_at_the_page_confirms_nothing(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    assert read_confirmation(last_link()).state == "open"
    assert _states() == {"daily": "pending"}


def test_the_button_may_be_pressed_twice(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    token = last_link()
    confirm(token, now=NOW)
    rows = Consent.objects.count()
    assert confirm(token, now=NOW).state == "done"
    assert (Consent.objects.count(), _letters("welcome")) == (rows, 1)


def test_a_used_link_never_brings_back_who_has_left(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    old = last_link()
    confirm(old, now=NOW)
    leave(Reader.objects.get().pk, "daily", method="one-click", now=NOW)
    assert confirm(old, now=NOW).state == "stale"
    assert _states() == {"daily": "left"}
    sign_up("ada@example.com", ["daily"], now=NOW)
    assert confirm(old, now=NOW).state == "stale", "not even while a new sign-up is waiting"
    assert _states() == {"daily": "pending"}
    assert confirm(last_link(), now=NOW).state == "done"
    assert _states() == {"daily": "confirmed"}


def test_a_link_never_used_dies_when_the_reader_leaves(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    leave(Reader.objects.get().pk, "daily", method="one-click", now=NOW)
    old = last_link()
    assert confirm(old, now=NOW).state == "stale"
    assert _states() == {"daily": "left"}
    sign_up("ada@example.com", ["daily"], now=NOW)
    assert (confirm(old, now=NOW).state, _letters("confirm")) == ("stale", 1), "one letter a day that nobody answered"
    sign_up("ada@example.com", ["daily"], now=NOW + timedelta(days=1))
    assert _letters("confirm") == 2, "who comes back gets a new link"
    assert confirm(old, now=NOW).state == "stale"
    assert confirm(last_link(), now=NOW).state == "done"


def test_a_suppression_that_came_between_sign_up_and_letter_holds(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    Suppression.objects.create(email_hash=email_hash("ada@example.com"), reason="bounce")
    assert confirm(last_link(), now=NOW).state == "stale"
    assert _states() == {"daily": "pending"}


@pytest.mark.parametrize("reason", ["bounce", "complaint", "request", "erased"])
def test_a_suppressed_address_leaves_no_trace_of_its_sign_up(terms: Terms, reason: str) -> None:
    suppress("ada@example.com", reason, now=NOW)
    sign_up("Ada@example.com", ["daily"], partners=True, now=NOW)
    assert not Reader.objects.exists()
    assert not Notice.objects.exists()
    assert not Consent.objects.exists()


def test_suppression_beats_a_link_that_is_still_open(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    suppress("ada@example.com", "complaint", now=NOW)
    assert confirm(last_link(), now=NOW).state == "stale"
    assert _states() == {"daily": "suppressed"}
    sign_up("ada@example.com", ["daily"], now=NOW + timedelta(days=2))
    assert (_states(), _letters("confirm")) == ({"daily": "suppressed"}, 1)


def test_the_link_of_an_erased_reader_is_nobodys(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    token = last_link()
    erase("ada@example.com")
    with pytest.raises(BadLinkError):
        confirm(token)


def test_a_welcome_letter_is_not_confirmed_like_a_confirmation(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    welcome = Notice.objects.get(kind="welcome")
    with pytest.raises(BadLinkError):
        confirm(sign_link("confirm", notice=welcome.pk), now=NOW)


def test_the_version_shown_is_the_version_recorded(terms: Terms, last_link: Callable[[], str]) -> None:
    newer = Terms.objects.create(kind="newsletter", version="2.0", title="Terms", wording="new", sha256="2" * 64,
                                 effective=NOW.date())
    sign_up("ada@example.com", ["daily"], wordings={"newsletter": terms}, now=NOW)
    confirm(last_link(), now=NOW)
    assert {row.version for row in Consent.objects.all()} == {terms.version}
    sign_up("bo@example.com", ["daily"], now=NOW)
    assert {row["version"] for row in evidence("bo@example.com")["consents"]} == {newer.version}


def test_evidence_has_the_shape_the_command_prints(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("Ada@example.com", ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    shown: Any = evidence("ADA@EXAMPLE.COM")
    assert shown["email"] == "Ada@example.com"
    assert shown["subscriptions"] == [{"newsletter": "daily", "state": "confirmed", "frequency": "every"}]
    assert {"purpose": "terms", "action": "given", "at": "2026-11-23T10:00:00+00:00", "version": terms.version,
            "wording_sha256": terms.sha256}.items() <= shown["consents"][-1].items()


@pytest.mark.parametrize(("email", "newsletters"), [
    ("nobody", ["daily"]), ("ada@example.com", []), ("ada@example.com", ["weekly"]),
    ("ada@example.com", ["daily", "<b>"])])
def test_a_sign_up_that_will_not_do_writes_nothing(terms: Terms, email: str, newsletters: list[str]) -> None:
    with pytest.raises(BroadsheetError):
        sign_up(email, newsletters, now=NOW)
    assert not Reader.objects.exists()


def test_without_published_terms_nobody_can_sign_up(editorial_file: Path) -> None:
    with pytest.raises(BroadsheetError, match="terms publish"):
        sign_up("ada@example.com", ["daily"], now=NOW)
