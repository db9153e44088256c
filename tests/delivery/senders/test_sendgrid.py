"""SendGrid over HTTP: every reader once and in order, and what each answer makes of them."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.delivery.press import HTML, TEXT, make_due
from tests.fakes.sendgrid_server import KEY, Answer, SendGridServer
from worker.delivery.deliver import deliver_batch, deliver_issue, status
from worker.delivery.message import Copy, Sheet, freeze_template, make_copy
from worker.delivery.senders import Kind, Outcome, SenderRefusedError, check, open_sender
from worker.errors import BroadsheetError, TransientError
from worker.press.proof import PREFERENCES_MARK, UNSUBSCRIBE_MARK
from worker.storage.models import Delivery, Issue

Make = Callable[..., int]


@pytest.fixture
def server(settings: Any) -> Iterator[SendGridServer]:
    with SendGridServer() as running:
        settings.SENDER_URL = "sendgrid:"
        settings.SENDGRID_API_KEY = KEY
        settings.SENDGRID_HOST = running.url
        yield running


def copies(count: int) -> list[Copy]:
    sheet = Sheet("Größe\r\nBcc: x", HTML, TEXT, "AI “Trends”", "news@example.com", list_title="Trends", list_key="aitrends",
                  feedback="a:b:issue:broadsheet")
    template = freeze_template(sheet, number=3, at=datetime(2026, 11, 23, tzinfo=UTC))
    return [make_copy(template, "delivery_id", 100 + n, f"r{n}@example.com", unsubscribe_url=f"https://n.example/u/{n}/",
                      preferences_url=f"https://n.example/p/{n}/") for n in range(count)]


def kinds(outcomes: Any) -> list[Kind]:
    return [outcome.kind for outcome in outcomes]


def test_one_call_carries_each_reader_with_their_own_links_in_order(server: SendGridServer) -> None:
    outcomes = open_sender().send(copies(5))
    assert outcomes == [Outcome(Kind.ACCEPTED, provider_id="fake.1")] * 5
    (call,) = server.calls
    assert [one["to"] for one in call["personalizations"]] == [[{"email": f"r{n}@example.com"}] for n in range(5)]
    third = call["personalizations"][3]
    assert third["substitutions"] == {UNSUBSCRIBE_MARK: "https://n.example/u/3/", PREFERENCES_MARK: "https://n.example/p/3/"}
    assert third["headers"]["List-Unsubscribe"] == "<https://n.example/u/3/>"
    assert third["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert third["headers"]["Message-ID"].startswith("<103.3.")
    assert third["custom_args"] == {"delivery_id": "103"}
    assert call["from"] == {"email": "news@example.com", "name": "AI “Trends”"}
    assert call["subject"] == "Größe  Bcc: x"
    assert [part["type"] for part in call["content"]] == ["text/plain", "text/html"]
    assert UNSUBSCRIBE_MARK in call["content"][1]["value"]
    assert call["headers"]["List-Id"].endswith("<aitrends.example.com>")
    assert not any(setting["enable"] for setting in call["tracking_settings"].values())


@pytest.mark.django_db
def test_2500_readers_take_three_calls_and_each_is_named_once_in_order(sending: Make, server: SendGridServer) -> None:
    issue_id = sending(2500)
    assert deliver_batch(issue_id, open_sender(), limit=5000).accepted == 2500
    assert server.sizes == [1000, 1000, 500]
    assert [one["to"] for one in server.received] == [f"reader{n}@example.com" for n in range(2500)]
    rows = dict(Delivery.objects.values_list("reader__email", "pk"))
    assert all(rows[one["to"]] == int(one["delivery_id"]) for one in server.received)
    assert set(Delivery.objects.values_list("provider_id", flat=True)) == {"fake.1", "fake.2", "fake.3"}


@pytest.mark.django_db
def test_the_second_way_to_leave_goes_along(sending: Make, server: SendGridServer, settings: Any) -> None:
    settings.LEAVE_MAILTO = "leave@news.example.org"
    deliver_batch(sending(2), open_sender())
    (call,) = server.calls
    for one in call["personalizations"]:
        found = re.fullmatch(r"<http://\S+/unsubscribe/(\S+)/>, <mailto:leave@news\.example\.org\?subject=unsubscribe%20(\S+)>",
                             one["headers"]["List-Unsubscribe"])
        assert found
        assert found[1] == found[2]
        assert one["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.django_db
def test_429_puts_off_as_long_as_sendgrid_asks(sending: Make, server: SendGridServer) -> None:
    issue_id = sending(3)
    server.script = [Answer(429, headers={"X-RateLimit-Reset": str(int(time.time()) + 600)})]
    batch = deliver_batch(issue_id, open_sender())
    assert (batch.deferred, batch.open) == (3, True)
    assert 500 < batch.pause <= 600
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}, "it handled nothing, so it is no attempt"
    assert deliver_batch(issue_id, open_sender()).claimed == 0
    make_due(issue_id)
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 3}


@pytest.mark.parametrize("answer", [
    Answer(500), Answer(504), Answer(502, b"<html>bad gateway</html>"), Answer(202, takes=True, hangs_up=True),
        Answer(200, {}, takes=True)])
def test_an_answer_that_leaves_open_what_happened_is_uncertain(server: SendGridServer, answer: Answer) -> None:
    server.script = [answer]
    assert kinds(open_sender().send(copies(3))) == [Kind.UNCERTAIN] * 3


def test_an_answer_that_comes_too_late_is_uncertain(server: SendGridServer) -> None:
    server.script = [Answer(202, takes=True, delay=1.5)]
    sender = open_sender()
    sender._api.client.timeout = 0.3  # type: ignore[attr-defined]
    assert kinds(sender.send(copies(2))) == [Kind.UNCERTAIN] * 2
    assert len(server.received) == 2


def test_there_is_a_time_limit_on_every_call(server: SendGridServer) -> None:
    assert open_sender()._api.client.mail.send.timeout == 20  # type: ignore[attr-defined]


def test_no_server_there_means_nothing_was_sent(settings: Any) -> None:
    with SendGridServer() as gone:
        settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = KEY, gone.url
    with pytest.raises(TransientError, match="cannot be reached"):
        open_sender("sendgrid:").send(copies(2))
    with pytest.raises(TransientError, match="cannot be reached"):
        check("sendgrid:")


def test_one_address_sendgrid_refuses_does_not_hold_up_the_others(server: SendGridServer) -> None:
    server.refused = {"r3@example.com", "r7@example.com"}
    outcomes = open_sender().send(copies(10))
    assert [n for n, outcome in enumerate(outcomes) if outcome.kind is Kind.REFUSED] == [3, 7]
    assert "valid address" in outcomes[3].detail
    assert [one["to"] for one in server.received] == [f"r{n}@example.com" for n in range(10) if n not in (3, 7)]


def test_an_address_refused_without_a_name_is_found_by_halving(server: SendGridServer) -> None:
    server.poison = {"r5@example.com", "r40@example.com"}
    outcomes = open_sender().send(copies(64))
    assert [n for n, outcome in enumerate(outcomes) if outcome.kind is Kind.REFUSED] == [5, 40]
    assert sorted(one["to"] for one in server.received) == sorted(f"r{n}@example.com" for n in range(64) if n not in (5, 40))
    assert server.requests < 30


def test_a_letter_sendgrid_refuses_is_no_readers_fault(server: SendGridServer) -> None:
    server.script = [Answer(400, {"errors": [{"message": "The from address is not verified", "field": "from.email"}]})]
    outcomes = open_sender().send(copies(3))
    assert kinds(outcomes) == [Kind.POLICY] * 3
    assert "not verified" in outcomes[0].detail
    assert server.requests == 1


@pytest.mark.django_db
def test_a_key_sendgrid_refuses_holds_the_issue_and_names_the_setting(sending: Make, server: SendGridServer, settings: Any) -> None:
    issue_id = sending(3)
    settings.SENDGRID_API_KEY = "SG.wrong"
    with pytest.raises(SenderRefusedError, match="SENDGRID_API_KEY"):
        deliver_issue(issue_id)
    issue = Issue.objects.get()
    assert issue.state == "held"
    assert "SENDGRID_API_KEY" in issue.note
    assert "SG.wrong" not in issue.note
    assert set(Delivery.objects.values_list("state", "attempts")) == {("queued", 0)}


@pytest.mark.django_db
def test_an_outage_does_not_use_up_the_whole_audience(sending: Make, server: SendGridServer) -> None:
    issue_id = sending(60)
    sender = open_sender()
    sender.batch_size = sender.lost_together = 5
    server.script = [Answer(500)] * 60
    for _ in range(20):
        make_due(issue_id)
        if not deliver_batch(issue_id, sender).claimed:
            break
    assert Issue.objects.get().state == "held"
    assert status(issue_id)["states"]["queued"] > 0


def test_check_asks_what_the_key_may_do(server: SendGridServer, settings: Any) -> None:
    assert server.url in check()
    settings.SENDGRID_API_KEY = "SG.wrong"
    with pytest.raises(SenderRefusedError, match="SENDGRID_API_KEY"):
        check()


@pytest.mark.parametrize(("name", "value"), [
    ("SENDGRID_API_KEY", ""), ("SENDGRID_API_KEY", "SG.a\nb"), ("SENDGRID_API_KEY", "SG.é"), ("SENDGRID_HOST",
    "api.sendgrid.com"), ("SENDGRID_HOST", "ftp://x")])
def test_a_missing_or_wrong_setting_is_one_clear_line(settings: Any, name: str, value: str) -> None:
    settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = KEY, "https://api.sendgrid.com"
    setattr(settings, name, value)
    with pytest.raises(BroadsheetError, match=name) as refusal:
        open_sender("sendgrid:")
    assert "\n" not in str(refusal.value)


def test_two_senders_do_not_share_anything(server: SendGridServer) -> None:
    done: list[list[Kind]] = []
    threads = [threading.Thread(target=lambda: done.append(kinds(open_sender().send(copies(50))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [[Kind.ACCEPTED] * 50] * 4
