"""The rules that decide about a row or an issue, as tables of cases."""

from datetime import UTC, datetime

import pytest

from worker.delivery.breaker import Counts, judge
from worker.delivery.ledger import Ready, end_attempt, plan_retry
from worker.delivery.message import Sheet, freeze_template, make_copy
from worker.delivery.senders import Kind, Outcome

TEMPLATE = freeze_template(Sheet("s", "h", "t", "n", "n@example.com", is_notice=True), number=1,
    at=datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize(("attempts", "asked", "least", "most"), [
    (1, None, 0.15, 0.25), (2, None, 0.3, 0.5), (6, None, 4.8, 8), (16, None, 4915, 8192), (1, 0.0, 0.15, 0.25),
    (1, 300.0, 300, 375), (5, 5.0, 5, 7), (16, 1.0, 4915, 8192),
])
def test_waits_grow_and_are_spread(attempts: int, asked: float | None, least: float, most: float) -> None:
    waits = [plan_retry(attempts, asked, chance) for chance in (0.0, 0.5, 1.0)]
    assert all(wait and least <= wait <= most for wait in waits)
    assert len(set(waits)) == 3


@pytest.mark.parametrize("attempts", [17, 18])
def test_after_seventeen_attempts_it_is_given_up(attempts: int) -> None:
    assert plan_retry(attempts, None, 0.5) is None
    assert plan_retry(attempts, 30.0, 0.5) is None


@pytest.mark.parametrize(("kind", "state", "counts"), [
    (Kind.ACCEPTED, "accepted", True), (Kind.REFUSED, "failed", True), (Kind.UNCERTAIN, "uncertain", True),
    (Kind.DEFERRED, "queued", True), (Kind.POLICY, "queued", False), (Kind.UNSENT, "queued", False)])
def test_each_outcome_has_its_state(kind: Kind, state: str, counts: bool) -> None:
    ready = Ready(1, 0, make_copy(TEMPLATE, "delivery_id", 1, "reader@example.com"))
    end = end_attempt(ready, Outcome(kind, detail="about READER@example.com"), chance=0.5)
    assert (end.state, end.attempted) == (state, counts)
    assert "eader@example.com" not in end.error


@pytest.mark.parametrize(("counts", "held"), [
    (Counts(0, 0, 0), False), (Counts(0, 49, 0), False), (Counts(45, 5, 0), False), (Counts(44, 6, 0), True),
    (Counts(900, 100, 0), False),
    (Counts(899, 101, 0), True), (Counts(5000, 0, 10), False), (Counts(30, 0, 25), False), (Counts(60, 0, 40),
    True), (Counts(4960, 0, 40), False),
    (Counts(996, 0, 0, complaints=4), False), (Counts(1000, 0, 0, complaints=5), True), (Counts(10_000, 0, 0,
    complaints=20), False),
])
def test_an_issue_is_held_when_too_much_goes_wrong(counts: Counts, held: bool) -> None:
    assert bool(judge(counts, lost_together=10)) is held


def test_lost_answers_are_measured_by_what_one_fault_takes() -> None:
    assert judge(Counts(0, 0, 2500), lost_together=1000) is None
    assert judge(Counts(0, 0, 3001), lost_together=1000)
