"""All deliveries on one page: what goes, what waits, what went, each with its copies summing to its audience."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests.delivery.press import build_issue
from worker.delivery.audience import freeze_audience, start_issue
from worker.storage.models import Delivery, Issue


@pytest.fixture
def number(editorial_file: Path, db: None) -> int:
    issue = build_issue(8)
    start_issue(issue, by="x")
    freeze_audience(issue)
    return issue


def test_what_is_on_its_way_asks_again_and_says_what_it_saw(number: int, desk: Client) -> None:
    page = desk.get("/desk/deliveries/").text
    assert f"?seen-{number}=" in page
    assert 'hx-trigger="load delay:1s, every 2s"' in page
    assert "8 queued" in page
    pane = desk.get("/desk/deliveries/", headers={"HX-Request": "true"}).text
    assert pane.startswith('<div id="sends"')


def test_states_sum_to_the_audience_and_uncertain_ones_are_settled_from_here(
        number: int, desk: Client, editors_desk: Client) -> None:
    rows = list(Delivery.objects.filter(issue=number))
    Delivery.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(state="uncertain")
    Delivery.objects.filter(pk__in=[row.pk for row in rows[3:]]).update(state="accepted")
    Issue.objects.filter(pk=number).update(state="sent", sent_at=timezone.now())
    send, = desk.get("/desk/deliveries/").context["done"]
    assert sum(part.count for part in send.slices) == send.standing.audience == 8
    assert "Settle 3 uncertain" in desk.get("/desk/deliveries/").text
    assert "Settle 3 uncertain" not in editors_desk.get("/desk/deliveries/").text
    assert "hx-get" not in desk.get("/desk/deliveries/").text, "what is still asks no more"


def test_what_waits_for_its_hour_or_a_decision_is_there_too(number: int, desk: Client) -> None:
    Issue.objects.filter(pk=number).update(state="held", note="too many came back")
    assert "too many came back" in desk.get("/desk/deliveries/").text
    Issue.objects.filter(pk=number).update(state="approved", started_at=None, note="")
    Delivery.objects.all().delete()
    assert "nobody has said when it is to go" in desk.get("/desk/deliveries/").text


@pytest.mark.parametrize("seen", ["", "x", "1:2,,", "9" * 3000])
def test_whatever_stands_in_the_address_is_passed_over(number: int, desk: Client, seen: str) -> None:
    assert desk.get("/desk/deliveries/", {f"seen-{number}": seen}).status_code == 200
