"""How a send stands: counts that sum to the audience, a rate told from two looks, and why nothing moves."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.audience import start_issue
from worker.delivery.breaker import hold_issue
from worker.delivery.deliver import deliver_batch, deliver_issue
from worker.delivery.ledger import Lease
from worker.delivery.pace import admit
from worker.delivery.senders import open_sender
from worker.delivery.standing import (
    Look,
    Standing,
    find_rate,
    has_stalled,
    read_standing,
    say_moment,
    say_rate,
    say_time,
    thin_out,
)
from worker.errors import NotFoundError
from worker.storage import bulk
from worker.storage.models import Delivery, DeliveryState, Issue

Make = Callable[..., int]
NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
# (seconds ago, copies settled): what was seen before a look that finds 1,000 settled, and the rate that says
RATES = [
    ([], None),
    ([(10, 500)], 50),
    ([(0.2, 990)], None),  # too short a time to tell from
    ([(60, 400), (30, 700), (2, 980)], 10),  # the last minute, not the last two seconds
    ([(300, 100), (40, 600)], 10),  # what is older than a minute does not count while there is something newer
    ([(300, 100)], 3),  # but is better than nothing
    ([(5000, 0)], None),  # not if it was another day
    ([(20, 1000)], 0),
    ([(30, 1200), (10, 900)], 10),  # some were queued again in between
    ([(-5, 900)], None),  # from a page of another clock
]
SAID = [
    (say_rate, 0, "none"), (say_rate, 2004.4, "2,004 a second"), (say_rate, 1, "1 a second"), (say_rate, 0.5, "30 a minute"),
    (say_rate, 1 / 600, "6 a hour"),
    (say_time, 0, "less than a minute"), (say_time, 59, "less than a minute"), (say_time, 60, "about a minute"),
    (say_time, 61, "about 2 minutes"), (say_time, 3600, "about 60 minutes"), (say_time, 3 * 3600, "about 3 hours"),
    (say_time, 3 * 86400, "about 3 days"),
]


@pytest.mark.parametrize(("seen", "rate"), RATES)
def test_the_rate_is_that_of_the_last_minute(seen: list[tuple[float, int]], rate: float | None) -> None:
    new = Look(100_000, 1000)
    found = find_rate(thin_out([Look(new.at - ago, settled) for ago, settled in seen], new), new)
    assert found == (None if rate is None else pytest.approx(rate))


def test_looks_taken_for_an_hour_stay_few() -> None:
    kept: list[Look] = []
    for second in range(3600):
        new = Look(1000 + second, second * 20)
        kept = [*thin_out(kept, new), new]
        if second > 5:
            assert find_rate(kept[:-1], new) == 20
    assert len(kept) < 20


def test_a_send_that_stalls_is_noticed_long_before_its_rate_is_nothing() -> None:
    new = Look(100_000, 1000)
    assert has_stalled([Look(new.at - 40, 200), Look(new.at - 10, 1000)], new)
    assert not has_stalled([Look(new.at - 40, 200), Look(new.at - 5, 1000)], new), "answers may take some seconds"
    assert not has_stalled([Look(new.at - 40, 200), Look(new.at - 10, 999)], new)


@pytest.mark.parametrize(("say", "value", "words"), SAID)
def test_figures_in_words(say: Callable[[float], str], value: float, words: str) -> None:
    assert say(value) == words


def test_a_moment_is_said_with_its_day_unless_that_is_today() -> None:
    assert say_moment(NOON, NOON - timedelta(hours=3)) == "12:00 UTC"
    assert say_moment(NOON, NOON - timedelta(hours=30)) == "12:00 UTC on 1 December"


def test_percent_is_a_hundred_only_at_the_end() -> None:
    def stand(accepted: int, queued: int) -> Standing:
        return Standing(1, "sending", NOON, {"accepted": accepted, "queued": queued}, (), 10.0)

    assert (stand(999_999, 1).percent, stand(10, 0).percent, stand(0, 0).percent) == (99, 100, 0)
    assert (stand(0, 600).left, stand(10, 0).left) == ("about a minute", "")


def settle_some(issue_id: int, count: int, state: str = DeliveryState.ACCEPTED) -> None:
    rows = Delivery.objects.filter(issue_id=issue_id, state=DeliveryState.QUEUED).order_by("pk").values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(rows[:count])).update(state=state, updated_at=timezone.now())


@pytest.mark.django_db
def test_the_states_sum_to_the_audience_and_two_looks_tell_the_rest(sending: Make) -> None:
    issue_id = sending(40)
    settle_some(issue_id, 10)
    first = read_standing(issue_id)
    assert (first.audience, first.settled, first.percent, first.speed, first.left) == (40, 10, 25, "", "")
    settle_some(issue_id, 17)
    settle_some(issue_id, 3, DeliveryState.FAILED)
    half_a_minute_later = [Look(look.at - 30, look.settled) for look in first.looks]
    now = read_standing(issue_id, half_a_minute_later)
    assert now.states == {"accepted": 27, "queued": 10, "failed": 3}
    assert (now.speed, now.left, now.reason) == ("40 a minute", "less than a minute", "")


@pytest.mark.django_db
def test_every_reader_is_counted_while_they_are_being_sent_to(sending: Make, tmp_path: Path, settings: Any) -> None:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    issue_id = sending(60)
    seen: list[Standing] = []
    deliver_issue(issue_id, on_progress=lambda *_: seen.append(read_standing(issue_id, is_attended=True)))
    assert {standing.audience for standing in seen} == {60}
    assert {standing.reason for standing in seen} == {""}
    last = read_standing(issue_id)
    assert (last.state, last.settled, last.is_moving, last.speed, last.reason) == ("sent", 60, False, "", "")


@pytest.mark.django_db
def test_why_nothing_moves(make_issue: Make, sending: Make) -> None:
    unstarted = make_issue(["early@example.com"], period="2026-11-20")
    assert (read_standing(unstarted).reason, read_standing(unstarted).audience) == ("", 0)
    start_issue(unstarted, by="x")
    assert "audience is being counted" in read_standing(unstarted).reason
    assert read_standing(unstarted).is_unattended

    issue_id = sending(3)
    waiting = read_standing(issue_id)
    assert waiting.reason.startswith("Waiting for a worker")
    assert waiting.is_unattended
    assert read_standing(issue_id, is_attended=True).reason == ""

    lease = Lease(Delivery)
    bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), lease.token, limit=10, seconds=60)
    held_up = read_standing(issue_id)
    assert "A worker has copies in hand" in held_up.reason
    assert not held_up.is_unattended
    lease.release()

    hold_issue(issue_id, "paused by chief@example.com: wrong date", by="chief@example.com")
    held = read_standing(issue_id)
    assert held.reason.startswith("Held since ")
    assert held.reason.endswith("UTC: paused by chief@example.com: wrong date.")
    assert (held.is_moving, held.is_unattended) == (False, False)


@pytest.mark.django_db
def test_what_the_next_hop_put_off_is_said_with_its_hour(sending: Make) -> None:
    issue_id = sending(["ada@example.com", "busy@example.com"])
    Delivery.objects.update(attempts=12)  # the next try is not in a moment
    with SmtpSink(Rules(rcpt={"busy@example.com": "450 4.2.1 mailbox busy"})) as sink, closing(open_sender(sink.url)) as sender:
        deliver_batch(issue_id, sender)
    now = read_standing(issue_id)
    assert now.states == {"accepted": 1, "queued": 1}
    next_try = Delivery.objects.get(state="queued").not_before
    assert next_try
    words = f"What is left was put off and waits for another try; the next is at {say_moment(next_try, timezone.now())}."
    assert (now.reason, now.is_unattended) == (words, False)
    stalled = read_standing(issue_id, [Look(now.at.timestamp() - 50, 0), Look(now.at.timestamp() - 10, 1)])
    assert (stalled.speed, stalled.left, stalled.reason) == ("1 a minute", "", words)


@pytest.mark.django_db
def test_what_the_engine_notes_of_a_send_under_way_is_shown(sending: Make) -> None:
    issue_id = sending(3)
    Issue.objects.filter(pk=issue_id).update(note="a first share goes ahead of the rest")
    assert read_standing(issue_id).reason == "A first share goes ahead of the rest."


@pytest.mark.django_db
def test_the_share_that_goes_first_is_told_of(sending: Make, settings: Any) -> None:
    settings.CANARY_MINUTES = 30
    issue_id = sending(3)
    Issue.objects.filter(pk=issue_id).update(canary_at=None)
    assert read_standing(issue_id, is_attended=True).reason == "A small share goes first, and the rest if that goes well."
    out_at = timezone.now()
    Issue.objects.filter(pk=issue_id).update(canary_at=out_at)
    watched = read_standing(issue_id)
    rest_at = say_moment(out_at + timedelta(minutes=30), timezone.now())
    assert watched.reason == f"The share that goes first is out; the rest follows at {rest_at} if it goes well."
    assert not watched.is_unattended
    Issue.objects.filter(pk=issue_id).update(canary_at=out_at - timedelta(minutes=31))
    assert read_standing(issue_id).reason.startswith("Waiting for a worker")


@pytest.mark.django_db
def test_limits_of_our_own_are_named(sending: Make, settings: Any) -> None:
    settings.WARM_UP = {timezone.now().astimezone(UTC).date(): 1}
    issue_id = sending(3)
    admit([(1, "ada@example.com")])
    assert read_standing(issue_id).reason.startswith("Held back on purpose: warm-up: 1 of 1 copies of today are out")


@pytest.mark.django_db
def test_an_unknown_issue_is_named() -> None:
    with pytest.raises(NotFoundError, match="there is no issue 77"):
        read_standing(77)
