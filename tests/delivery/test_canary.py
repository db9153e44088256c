"""A small share goes first: the rest waits for it, and does not go if it went badly."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.breaker import resume_issue
from worker.delivery.deliver import deliver_batch, deliver_issue, status
from worker.delivery.senders import open_sender
from worker.storage.models import Delivery, Issue

pytestmark = pytest.mark.django_db
Make = Callable[..., int]


@pytest.fixture(autouse=True)
def a_tenth_goes_first(settings: Any, tmp_path: Path) -> None:
    settings.CANARY_PERCENT, settings.CANARY_MINUTES = 10, 15
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"


def test_a_tenth_spread_over_the_audience_goes_first_and_the_rest_waits_its_minutes(sending: Make) -> None:
    issue_id = sending(600)
    assert deliver_batch(issue_id, open_sender()).claimed == 60
    gone = sorted(Delivery.objects.filter(state="accepted").values_list("pk", flat=True))
    assert {later - earlier for earlier, later in pairwise(gone)} == {10}
    assert deliver_batch(issue_id, open_sender()).claimed == 0
    assert Issue.objects.get().state == "sending"
    Issue.objects.update(canary_at=Now() - timedelta(minutes=16))
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 600}


def test_if_it_goes_badly_the_rest_is_held(sending: Make, settings: Any) -> None:
    settings.CANARY_MINUTES = 0
    addresses = [f"r{n}@example.com" for n in range(600)]
    issue_id = sending(addresses)
    with SmtpSink(Rules(rcpt=dict.fromkeys(addresses, "550 5.1.2 no such domain"))) as sink:
        sender = open_sender(sink.url)
        assert deliver_issue(issue_id, sender=sender).state == "held"
        sender.close()
    assert status(issue_id)["states"] == {"queued": 540, "failed": 60}
    resume_issue(issue_id, by="approver@example.com")
    assert deliver_issue(issue_id).state == "sent"


def test_a_copy_that_is_put_off_does_not_hold_up_the_rest(sending: Make, settings: Any) -> None:
    settings.CANARY_MINUTES = 0
    issue_id = sending(600)
    first = Delivery.objects.filter(issue_id=issue_id).order_by("pk")
    late = next(row for row in first if row.pk % 10 == 0)
    assert late.reader
    with SmtpSink(Rules(rcpt={late.reader.email: "451 4.3.0 later"})) as sink:
        sender = open_sender(sink.url)
        deliver_issue(issue_id, sender=sender, seconds=2)
        sender.close()
    states = status(issue_id)["states"]
    assert states["accepted"] == 599


def test_copies_that_are_put_off_go_while_the_others_reports_are_waited_for(sending: Make) -> None:
    issue_id = sending(600)
    first = [row for row in Delivery.objects.select_related("reader").order_by("pk") if row.pk % 10 == 0]
    assert first[0].reader
    rules = Rules(rcpt={first[0].reader.email: "451 4.3.0 later"})
    with SmtpSink(rules) as sink:
        sender = open_sender(sink.url)
        assert deliver_batch(issue_id, sender).deferred == 1
        assert Issue.objects.get().canary_at, "59 say enough"
        rules.rcpt.clear()
        Delivery.objects.filter(pk=first[0].pk).update(not_before=Now() - timedelta(seconds=1))
        batch = deliver_batch(issue_id, sender)
        assert (batch.claimed, batch.accepted) == (1, 1)
        assert deliver_batch(issue_id, sender).claimed == 0
        sender.close()


def test_a_share_of_which_nothing_was_taken_says_nothing_yet(sending: Make, settings: Any) -> None:
    settings.CANARY_MINUTES = 0
    addresses = [f"r{n}@example.com" for n in range(600)]
    issue_id = sending(addresses)
    with SmtpSink(Rules(rcpt=dict.fromkeys(addresses, "451 4.3.0 later"))) as sink:
        sender = open_sender(sink.url)
        assert deliver_batch(issue_id, sender).deferred == 60
        Delivery.objects.filter(not_before__isnull=False).update(not_before=Now() - timedelta(seconds=1))
        assert deliver_batch(issue_id, sender).claimed == 60
        sender.close()
    assert Issue.objects.get().canary_at is None


@pytest.mark.parametrize(("percent", "readers"), [(10, 499), (0, 600)])
def test_a_share_that_would_say_nothing_is_none(sending: Make, settings: Any, percent: int, readers: int) -> None:
    settings.CANARY_PERCENT = percent
    issue_id = sending(readers)
    assert deliver_batch(issue_id, open_sender()).claimed == readers
