"""What is kept for its time goes when that is over, and not a day before; the rest stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.sessions.models import Session
from django.db import connections
from structlog.testing import LogCapture

from tests.confirming import confirm
from worker.delivery import measuring
from worker.delivery.events import Event, apply_events
from worker.readers import retention
from worker.readers.leaving import leave
from worker.readers.retention import retain
from worker.readers.subscribe import sign_up
from worker.readers.suppress import is_suppressed, suppress
from worker.storage import networks
from worker.storage.models import (
    Consent,
    Delivery,
    Departure,
    ImportRun,
    Issue,
    Measurement,
    Notice,
    ProviderEvent,
    Reader,
    Removal,
    SignUp,
    Subscription,
    Terms,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def _after(days: int, **more: float) -> datetime:
    return NOW + timedelta(days=days, **more)


def _touched(now: datetime) -> dict[str, int]:
    return {name: count for name, count in retain(now=now).counts.items() if count}


@pytest.fixture
def sent(db: None) -> Delivery:
    """Return a delivery to a reader who confirmed."""
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com", created_at=NOW)
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed", asked_at=NOW, confirmed_at=NOW)
    issue = Issue.objects.create(newsletter="daily", period="2026-11-23", subject="S", state="sent", window_start=NOW,
                                 window_end=NOW, started_at=NOW)
    return Delivery.objects.create(issue=issue, reader=reader, state="failed", error="554 no", provider_id="m1", updated_at=NOW)


# -- sign-ups -----------------------------------------------------------------------------------------------------
def test_a_reader_who_never_confirmed_goes_after_thirty_days_and_may_come_again(terms: Terms) -> None:
    sign_up("ada@example.com", ["daily", "aitrends"], now=NOW)
    number = Reader.objects.get().pk
    assert _touched(_after(30, hours=-1)) == {}
    assert _touched(_after(30, hours=1)) == {"readers never confirmed": 1}
    assert not Reader.objects.exists()
    assert not Consent.objects.exists()
    assert not Notice.objects.exists()
    assert (Removal.objects.get().reader_number, Removal.objects.get().reason) == (number, "unconfirmed")
    assert not is_suppressed("ada@example.com")
    sign_up("ada@example.com", ["daily"], now=_after(31))
    assert Subscription.objects.get().state == "pending"


def test_who_asked_again_lately_is_kept(terms: Terms) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    sign_up("ada@example.com", ["daily"], now=_after(20))
    assert _touched(_after(35)) == {}
    assert _touched(_after(51)) == {"readers never confirmed": 1}


def test_whose_confirmation_came_back_is_never_confirmed_too(terms: Terms) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    suppress("ada@example.com", "bounce", now=NOW)
    assert _touched(_after(31)) == {"readers never confirmed": 1}
    assert is_suppressed("ada@example.com"), "the hash stays"


def test_only_the_unconfirmed_newsletter_of_a_reader_who_has_others_goes(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    sign_up("ada@example.com", ["aitrends"], now=NOW)
    ledger = Consent.objects.count()
    assert _touched(_after(31)) == {"subscriptions never confirmed": 1}
    assert dict(Subscription.objects.values_list("newsletter", "state")) == {"daily": "confirmed"}
    assert Consent.objects.count() == ledger, "of a reader who stays no row of the ledger goes"


def test_who_left_and_asked_to_come_back_without_confirming_has_left(terms: Terms, last_link: Callable[[], str]) -> None:
    sign_up("ada@example.com", ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    leave(Reader.objects.get().pk, "daily", method="one-click", now=NOW)
    sign_up("ada@example.com", ["daily"], now=_after(1))
    assert _touched(_after(32)) == {"subscriptions never confirmed": 1}
    row = Subscription.objects.get()
    assert (row.state, row.left_at) == ("left", NOW)
    assert confirm(last_link(), now=_after(33)).state == "stale"


def test_readers_who_have_left_stay_as_evidence(sent: Delivery) -> None:
    assert sent.reader
    leave(sent.reader.pk, "daily", method="one-click", now=NOW)
    assert "readers never confirmed" not in _touched(_after(3000))
    assert Reader.objects.get().subscriptions.get().state == "left"


def test_sign_ups_that_nobody_decides_are_told_of_and_go_in_the_end(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    told = LogCapture()
    monkeypatch.setattr("worker.readers.retention.log", structlog.wrap_logger(None, processors=[told]))
    SignUp.objects.create(email="ada@example.com", newsletters=["daily"], shown={}, form="site", at=NOW)
    assert _touched(_after(0, hours=23)) == {}
    assert "sign-ups wait" not in str(told.entries)
    assert _touched(_after(2)) == {}
    said = str(told.entries)
    assert "sign-ups wait" in said
    assert "ada" not in said
    assert _touched(_after(31)) == {"sign-ups never decided": 1}


# -- the ledger's network addresses -------------------------------------------------------------------------------
_SHORT = {
    "192.0.2.77": "192.0.2.0", "10.20.30.0": "10.20.30.0", "203.0.113.255": "203.0.113.0",
    "2001:db8:1:2::3": "2001:db8:1::", "2001:db8:0:1::5": "2001:db8::", "2001:db8:1:2::": "2001:db8:1::",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1::", "2001:db8::1": "2001:db8::", "::1": "::", "fd00:a:b:c::1": "fd00:a:b::"}


@pytest.fixture
def ledger(sent: Delivery) -> list[Consent]:
    """Return a ledger with a row of each kind of network address, and one without."""
    return [Consent.objects.create(reader=sent.reader, purpose="terms", action="given", method="form", at=NOW, network_address=one)
            for one in [*_SHORT, None]]


@pytest.mark.parametrize("slice_", [1, 4, 10_000])
def test_network_addresses_are_shortened_after_their_time(ledger: list[Consent], monkeypatch: pytest.MonkeyPatch,
                                                          slice_: int) -> None:
    monkeypatch.setattr(networks, "SLICE", slice_)
    young = Consent.objects.create(reader=ledger[0].reader, purpose="terms", action="given", method="form", at=_after(2),
                                   network_address="192.0.2.99")
    assert "network addresses shortened" not in _touched(_after(90))
    changed = sum(whole != short for whole, short in _SHORT.items())
    assert _touched(_after(91))["network addresses shortened"] == changed
    assert [row.network_address for row in Consent.objects.order_by("pk")] == [*_SHORT.values(), None, young.network_address]
    assert "network addresses shortened" not in _touched(_after(91)), "a second run finds nothing to do"


def test_the_time_is_a_setting(ledger: list[Consent], settings: Any) -> None:
    settings.KEEP_NETWORK_DAYS = 7
    assert "network addresses shortened" in _touched(_after(8))


# -- what mail systems said, and what was measured ----------------------------------------------------------------
def test_words_and_measurements_go_after_their_time(sent: Delivery) -> None:
    ProviderEvent.objects.create(provider="sendgrid", event_id="1", kind="bounced", delivery=sent, at=NOW, detail="554 no")
    Measurement.objects.create(delivery=sent, link=0, at=NOW)
    Notice.objects.create(reader=sent.reader, kind="welcome", key="w", state="failed", error="554", created_at=NOW, updated_at=NOW)
    Departure.objects.create(newsletter="daily", reason="other", words="Goodbye", at=NOW, key="k")
    ImportRun.objects.create(sha256="a" * 64, name="list-of-ada.csv", newsletter="daily", source="x", started_at=NOW)
    assert _touched(_after(395)) == {}
    assert _touched(_after(397)) == {
        "issues' traces": 3, "words of mail systems, letters": 1, "words of who left": 1, "names of imported files": 1}
    sent.refresh_from_db()
    assert (sent.state, sent.error, sent.provider_id) == ("failed", "", ""), "how it ended is still counted"
    assert (ProviderEvent.objects.get().kind, ProviderEvent.objects.get().detail) == ("bounced", "")
    assert (Departure.objects.get().reason, Departure.objects.get().words) == ("other", "")
    assert ImportRun.objects.get().name == ""
    assert _touched(_after(397)) == {}


def test_what_is_still_under_way_keeps_its_words(sent: Delivery) -> None:
    Delivery.objects.update(state="queued")
    other = Reader.objects.create(email="bo@example.com", email_key="bo@example.com")
    Delivery.objects.create(issue=sent.issue, reader=other, state="accepted", provider_id="m2", updated_at=NOW)
    assert _touched(_after(4000))["issues' traces"] == 1, "the copy that went out"
    Delivery.objects.update(state="failed")
    assert _touched(_after(4000))["issues' traces"] == 1


@pytest.mark.parametrize("span", [1, 2, 5000])
def test_the_traces_of_every_copy_go_and_no_other_issues(sent: Delivery, monkeypatch: pytest.MonkeyPatch, span: int) -> None:
    monkeypatch.setattr(retention, "SPAN", span)
    young = Issue.objects.create(newsletter="daily", period="2026-12-23", subject="S", state="sent", window_start=NOW,
                                 window_end=NOW, started_at=_after(30))
    for number in range(5):
        reader = Reader.objects.create(email=f"{number}@example.com", email_key=f"{number}@example.com")
        for issue in (sent.issue, young):
            Delivery.objects.create(issue=issue, reader=reader, state="accepted", provider_id="m", updated_at=NOW)
    assert _touched(_after(397))["issues' traces"] == 6
    assert Delivery.objects.exclude(provider_id="").count() == Delivery.objects.filter(issue=young).count() == 5


def test_what_comes_in_after_the_traces_are_gone_is_not_taken_down(sent: Delivery) -> None:
    Reader.objects.update(tracking=True)
    retain(now=_after(397))
    measuring.record(sent.pk, 0)
    assert apply_events([Event("bounced", sent.pk, "e1", NOW, "554 no")]) == 1
    assert not Measurement.objects.exists()
    assert ProviderEvent.objects.get().detail == ""


def test_letters_about_a_change_of_address_go_with_the_addresses_in_them(sent: Delivery) -> None:
    letters = [("address", "accepted"), ("moved", "failed"), ("address", "queued"), ("welcome", "accepted")]
    for number, (kind, state) in enumerate(letters):
        Notice.objects.create(reader=sent.reader, kind=kind, key=str(number), to="new@example.com", state=state, created_at=NOW,
                              details={"old": "old@example.com"})
    assert _touched(_after(29)) == {}
    assert _touched(_after(31)) == {"letters about a change of address": 2}
    assert list(Notice.objects.order_by("key").values_list("kind", "state")) == [("address", "queued"), ("welcome", "accepted")]


# -- the newsroom's doors -----------------------------------------------------------------------------------------
def test_sign_in_attempts_and_sessions_go(db: None) -> None:
    for model in (AccessAttempt, AccessLog, AccessFailureLog):
        given = {"failures_since_start": 1} if model is AccessAttempt else {}
        model.objects.create(username="x@example.com", ip_address="192.0.2.1", user_agent="", http_accept="", path_info="", **given)
        model.objects.update(attempt_time=NOW)
    Session.objects.create(session_key="old", session_data="", expire_date=_after(14))
    Session.objects.create(session_key="young", session_data="", expire_date=_after(800))
    assert _touched(_after(13)) == {}
    assert _touched(_after(15)) == {"sessions": 1}
    assert _touched(_after(397)) == {"sign-in attempts": 3}
    assert Session.objects.get().session_key == "young"


# -- how it runs --------------------------------------------------------------------------------------------------
def test_many_are_done_in_batches(terms: Terms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(7):
        sign_up(f"reader{number}@example.com", ["daily"], now=NOW)
        Departure.objects.create(newsletter="daily", reason="other", words="Goodbye", at=NOW, key=str(number))
    done = retain(now=_after(500))
    assert done.finished
    assert (done.counts["readers never confirmed"], done.counts["words of who left"]) == (7, 7)


def test_a_run_that_may_not_take_long_is_gone_on_with_by_the_next(terms: Terms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        sign_up(f"reader{number}@example.com", ["daily"], now=NOW)
    runs = [retain(now=_after(31), seconds=-1) for _ in range(2)]
    assert [run.counts["readers never confirmed"] for run in runs] == [2, 2]
    assert not any(run.finished for run in runs)
    assert retain(now=_after(31)).finished
    assert not Reader.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_twice_at_once_does_no_harm(transactional_db: None, terms: Terms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 5)
    for number in range(30):
        sign_up(f"reader{number}@example.com", ["daily"], now=NOW)

    def run() -> int:
        try:
            return retain(now=_after(120)).counts["readers never confirmed"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        counts = [done.result(timeout=60) for done in [pool.submit(run) for _ in range(3)]]
    assert sum(counts) + retain(now=_after(120)).counts["readers never confirmed"] == 30
    assert (Reader.objects.count(), Removal.objects.count()) == (0, 30)
