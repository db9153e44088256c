"""Who gets an issue: the same answer at the desk, when the audience is fixed, and before the mail is handed over."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.editions import add_reader
from tests.delivery.press import states_of
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.deliver import deliver_issue
from worker.delivery.headcount import count_heads
from worker.storage.models import Delivery, Issue, Reader, Subscription, Terms

pytestmark = pytest.mark.django_db
Make = Callable[..., int]
TODAY = timezone.now().date()
DAY = timedelta(days=1)


def publish(kind: str, *, material: bool, effective: date) -> None:
    Terms.objects.create(kind=kind, version=f"{kind[:4]} {effective}", title="t", wording="w", sha256="0" * 64, material=material,
                         effective=effective)


def set_reader(**values: Any) -> Callable[[], object]:
    return lambda: Reader.objects.filter(email="her@example.com").update(**values)


def set_place(**values: Any) -> Callable[[], object]:
    return lambda: Subscription.objects.filter(reader__email="her@example.com").update(**values)


def publish_terms(**values: Any) -> Callable[[], object]:
    return lambda: publish(**{"kind": "newsletter", "material": True, "effective": TODAY, **values})


def both(*changes: Callable[[], object]) -> Callable[[], object]:
    return lambda: [change() for change in changes]


OUT: list[tuple[Callable[[], object], str]] = [
    (set_place(state="left"), "the reader left before the copy's turn"),
    (set_place(newsletter="daily"), "the reader left before the copy's turn"),
    (set_place(frequency="weekly"), "the reader chose the weekly digest instead of the issues before the copy's turn"),
    (set_reader(paused_until=timezone.now() + DAY), "the reader paused the newsletter before the copy's turn"),
    (both(publish_terms(effective=TODAY - 90 * DAY), publish_terms(), set_reader(terms_since=TODAY - DAY)),
     "the reader has not agreed to the terms that are in force now"),
    (both(publish_terms(effective=TODAY - 30 * DAY), publish_terms(effective=TODAY - 3 * DAY),
          set_reader(terms_since=TODAY - 20 * DAY)), "the reader has not agreed to the terms that are in force now"),
]
IN: list[Callable[[], object]] = [
    set_reader(paused_until=timezone.now() - timedelta(minutes=1)),
    both(publish_terms(effective=TODAY - 90 * DAY), publish_terms(), set_reader(terms_since=TODAY)),
    both(publish_terms(effective=TODAY + DAY), set_reader(terms_since=TODAY - 9 * DAY)),
    both(publish_terms(material=False), set_reader(terms_since=TODAY - 9 * DAY)),
    both(publish_terms(kind="privacy"), publish_terms(kind="partners"), set_reader(terms_since=TODAY - 9 * DAY)),
    set_reader(terms_since=TODAY - 900 * DAY),
    both(publish_terms(), set_reader(terms_since=TODAY - DAY)),  # the first wording of all changes nothing for anybody
]


@pytest.fixture
def issue_id(make_issue: Make, settings: Any, tmp_path: Path) -> int:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    number = make_issue(["other@example.com"])
    add_reader("her@example.com")
    start_issue(number, by="x")
    return number


@pytest.mark.parametrize(("change", "why"), OUT)
def test_who_is_not_to_get_it_is_not_counted_not_frozen_and_stopped_at_the_last_moment(
    issue_id: int, change: Callable[[], object], why: str
) -> None:
    freeze_audience(issue_id)
    change()
    assert count_heads("aitrends").readers == 1
    deliver_issue(issue_id)
    assert states_of(issue_id) == {"her@example.com": "cancelled", "other@example.com": "accepted"}
    assert Delivery.objects.get(reader__email="her@example.com").error == why


@pytest.mark.parametrize("change", [change for change, _ in OUT])
def test_who_is_not_to_get_it_is_not_in_the_audience(issue_id: int, change: Callable[[], object]) -> None:
    change()
    assert count_heads("aitrends").readers == freeze_audience(issue_id) == 1
    deliver_issue(issue_id)
    assert states_of(issue_id) == {"other@example.com": "accepted"}


@pytest.mark.parametrize("change", IN)
def test_who_is_to_get_it_does(issue_id: int, change: Callable[[], object]) -> None:
    change()
    assert count_heads("aitrends").readers == freeze_audience(issue_id) == 2
    deliver_issue(issue_id)
    assert set(states_of(issue_id).values()) == {"accepted"}


def test_a_digest_goes_to_those_who_chose_it_and_to_nobody_else(issue_id: int) -> None:
    set_place(frequency="weekly")()
    Issue.objects.filter(pk=issue_id).update(digest=True)
    assert count_heads("aitrends", digest=True).readers == freeze_audience(issue_id) == 1
    deliver_issue(issue_id)
    assert states_of(issue_id) == {"her@example.com": "accepted"}


def test_who_goes_back_to_every_issue_after_the_digest_was_frozen_is_told_so(issue_id: int) -> None:
    set_place(frequency="weekly")()
    Issue.objects.filter(pk=issue_id).update(digest=True)
    freeze_audience(issue_id)
    set_place(frequency="every")()
    deliver_issue(issue_id)
    assert Delivery.objects.get().error == "the reader chose the issues instead of the weekly digest before the copy's turn"
