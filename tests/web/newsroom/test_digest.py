"""The weekly digest at the desk: asked for on the front page, read, approved and sent to those who get one mail a week."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests.issues.paper import offer_digest
from worker.delivery.audience import freeze_audience
from worker.issues.draft import draft_issue
from worker.storage.models import Delivery, Frequency, Issue, Reader, Story, Subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def week(make_story: Callable[..., Story], editorial_file: Path) -> Issue:
    """AITrends with a digest, and an issue that went out an hour ago."""
    offer_digest(editorial_file, newsletter="aitrends")
    for headline in ("Harbour bridge opens", "Ferry fleet goes electric"):
        make_story(headline, text=f"{headline}, the council said on Monday.")
    issue = draft_issue("aitrends")
    Issue.objects.filter(pk=issue.pk).update(state="sent", started_at=timezone.now(), sent_at=timezone.now())
    return issue


@pytest.fixture
def weekly(readers: None) -> None:
    """Make one of three readers want every issue, the others one mail a week."""
    third = Reader.objects.create(email="three@example.com", email_key="three@example.com")
    Subscription.objects.create(reader=third, newsletter="aitrends", state="confirmed", confirmed_at=timezone.now())
    Subscription.objects.exclude(reader__email="one@example.com").update(frequency=Frequency.WEEKLY)


def draft(desk: Client, **words: str) -> str:
    return desk.post("/desk/draft/aitrends/", {"digest": "1", **words}, follow=True).text


def test_the_front_page_offers_it_where_there_is_a_day_for_it(week: Issue, desk: Client, weekly: None) -> None:
    page = desk.get("/desk/").text
    assert page.count("Draft the week’s digest") == 1, "Daily has none"
    assert "2 readers of the weekly digest · drafted Sun 05:30" in page


def test_it_is_drafted_listed_with_a_tag_and_read_beside_its_proof(week: Issue, desk: Client, weekly: None) -> None:
    page = draft(desk)
    digest = Issue.objects.get(digest=True)
    assert '<span class="tag">Weekly digest</span>' in page
    assert "<dt>Weekly readers</dt><dd>2</dd>" in page
    assert "Approve and send to 2 weekly readers<" in page
    assert "Here because: led the issue of" in page
    assert "The week to" in desk.get(f"/desk/issues/{digest.pk}/proof.txt").text
    front = desk.get("/desk/").text
    assert front.count("Weekly digest</span>") == 1, "the issue has no such tag"
    assert f"AITrends {digest.slug}" in front
    assert "· 2 readers" in front


def test_an_ordinary_issue_says_nothing_of_weeks(week: Issue, desk: Client) -> None:
    page = desk.get(f"/desk/issues/{week.pk}/").text
    assert "Weekly" not in page
    assert "weekly" not in page


def test_it_is_approved_as_read_and_goes_on_its_way(week: Issue, desk: Client, weekly: None) -> None:
    draft(desk)
    digest = Issue.objects.get(digest=True)
    proof = desk.get(f"/desk/issues/{digest.pk}/").context["sheet"].proof.sha256
    page = desk.post(f"/desk/issues/{digest.pk}/approve/", {"proof_sha256": proof, "send": "now"}, follow=True).text
    assert "On its way" in page
    assert "The next digest prints it" in page
    assert Issue.objects.get(pk=digest.pk).state == "sending"
    assert freeze_audience(digest.pk) == 2
    assert set(Delivery.objects.values_list("issue", "reader__email")) == {
        (digest.pk, "two@example.com"), (digest.pk, "three@example.com")}


def test_another_digest_of_the_day_is_a_digest(week: Issue, desk: Client) -> None:
    draft(desk)
    first = Issue.objects.get(digest=True)
    Issue.objects.filter(pk=first.pk).update(state="rejected")
    page = desk.get(f"/desk/issues/{first.pk}/").text
    assert "Draft another digest from the same stories" in page
    assert '<input type="hidden" name="digest" value="1">' in page
    draft(desk, again="1")
    assert Issue.objects.filter(digest=True).count() == 2
    assert Issue.objects.filter(digest=False).count() == 1


def test_why_there_is_none_is_said_on_the_front_page(week: Issue, desk: Client) -> None:
    assert "No draft: daily has no weekly digest; give it a day" in desk.post(
        "/desk/draft/daily/", {"digest": "1"}, follow=True).text
    Issue.objects.update(started_at=timezone.now() - timedelta(days=8))
    assert "No draft: aitrends: no issue has gone out since" in draft(desk)
