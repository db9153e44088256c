"""Whom an issue goes to, counted by one statement: those who get it, and those who do not and why."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.delivery.editions import add_offer, draft_for_topics
from tests.delivery.press import add_readers
from tests.wordings import join, publish, publish_first
from worker.delivery.audience import find_audience
from worker.delivery.headcount import Headcount, count_for, count_heads, read_headcount, say_headcount
from worker.press.approve import approve_issue
from worker.press.render import render_proof
from worker.readers.agree import asked_since
from worker.readers.suppress import suppress
from worker.storage.models import Editor, Reader, Subscription
from worker.storage.models.readers import today

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def crowd(db: None) -> None:
    """Ten confirmed readers, of whom one paused, two are suppressed and one is weekly; and some who never get it."""
    add_readers([f"r{n}@example.com" for n in range(10)])
    Reader.objects.filter(email__in=["r0@example.com", "r1@example.com"]).update(partners=True)
    Reader.objects.filter(email="r9@example.com").update(paused_until=timezone.now() + timedelta(days=3))
    Reader.objects.filter(email="r8@example.com").update(paused_until=timezone.now() - timedelta(days=3))
    suppress("r7@example.com", "bounce")
    suppress("r5@example.com", "complaint")
    Subscription.objects.filter(reader__email="r6@example.com").update(frequency="weekly")
    add_readers(["left@example.com"], state="left")
    add_readers(["pending@example.com"], state="pending")
    Subscription.objects.filter(state="pending").update(confirmed_at=None)
    suppress("pending@example.com", "request")
    add_readers(["other@example.com"], newsletter="daily")


def test_everybody_is_counted_once_and_only_by_what_is_true_of_them(crowd: None) -> None:
    found = count_heads("aitrends")
    assert found == Headcount(readers=6, suppressed=2, paused=1, asked=0, without_partners=4)
    assert found.readers == find_audience("aitrends").count()
    assert count_heads("aitrends", digest=True) == Headcount(readers=1, without_partners=1)
    assert found.say(partners=True) == "6; 2 suppressed; 1 paused; 4 without partner blocks"
    assert found.say(partners=False) == "6; 2 suppressed; 1 paused"
    assert Headcount(12_410, 38, without_partners=212).say(partners=True) == "12,410; 38 suppressed; 212 without partner blocks"


def test_who_has_yet_to_agree_is_counted_by_itself(crowd: None) -> None:
    publish_first()
    publish(effective=today() - timedelta(days=2))
    assert asked_since() > date.min
    for name in ("first@example.com", "second@example.com"):
        join(name)
    found = count_heads("aitrends")
    assert found.readers == find_audience("aitrends").count() == 6
    assert found.asked == 2
    assert "2 yet to agree to the terms" in found.say(partners=False)


def test_it_is_one_statement_and_a_minute_s_worth_of_looking_is_another_none(crowd: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        read_headcount("aitrends")
    assert sum("storage_subscription" in one["sql"] for one in queries) == 1
    Subscription.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        assert read_headcount("aitrends").readers == 6, "up to a minute old"
    assert not queries
    assert count_heads("aitrends").readers == 0


def test_an_approval_counts_afresh_and_keeps_it(editorial_file: Path, approver: Editor, crowd: None) -> None:
    issue = draft_for_topics(editorial_file)
    read_headcount("aitrends")
    add_readers(["new@example.com"])
    assert "without_partners" not in count_for(issue)
    add_offer(issue, approver)
    issue.refresh_from_db()
    edition = approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256, headcount=count_for(issue))
    edition.refresh_from_db()
    assert edition.headcount["readers"] == 7
    assert say_headcount(edition) == "7; 2 suppressed; 1 paused; 5 without partner blocks"
