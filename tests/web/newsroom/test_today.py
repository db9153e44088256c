"""The desk's first page: what today's issue lacks, why there is none, and how yesterday's went."""

from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from worker import editorial
from worker.issues.timetable import deadline, local_day
from worker.storage.models import Delivery, Feed, Issue, Measurement, Placement, Reader, Subscription
from worker.web.newsroom import today
from worker.web.newsroom.today import explain_none, find_missing, say_next_draft

SUNDAY = datetime(2026, 11, 29, 12, tzinfo=UTC)


def read(desk: Client) -> str:
    answer = desk.get("/desk/")
    assert answer.status_code == 200
    return unescape(answer.text)


def test_why_there_is_no_issue_is_said_by_the_newsletters_own_clock(editorial_file: Path) -> None:
    aitrends = editorial.load().newsletters["aitrends"]
    assert explain_none(aitrends, SUNDAY) == "No issue today: it does not appear on Sundays."
    assert say_next_draft(aitrends, SUNDAY, is_drafted=False) == "The next is drafted Mon 30 Nov, 05:30 London."
    early = datetime(2026, 7, 1, 1, 30, tzinfo=UTC)  # half past two in London's summer
    assert explain_none(aitrends, early) == "None yet: drafts at 05:30 London, in about 3 hours."
    assert explain_none(aitrends, early + timedelta(hours=4)).startswith("None, though it was due at 05:30 London: ")
    monday = datetime(2026, 11, 30, 6, tzinfo=UTC)
    assert say_next_draft(aitrends, monday, is_drafted=True) == "The next is drafted Tue 1 Dec, 05:30 London."


def test_todays_draft_with_its_deadline_and_what_is_missing(issue: Issue, desk: Client, readers: None) -> None:
    page = read(desk)
    newsletter = editorial.load().newsletters["aitrends"]
    assert f"approve by {today.say_local(deadline(newsletter, issue.drafted_at), newsletter)}" in page
    assert " left" in page
    assert "3 stories · 2 readers" in page
    assert "<li>an approval</li>" in page
    assert "No issue today" not in page.partition("Daily</h2>")[0]


def test_what_stands_against_approval_is_counted_and_the_first_said(issue: Issue, desk: Client) -> None:
    Placement.objects.filter(pk=issue.placements.first().pk).update(headline="Mayor Quentin Zorbly spends 917 million")
    missing = find_missing(issue, editorial.load().newsletters["aitrends"])
    assert "against it, first evidence: “Mayor Quentin Zorbly spends 917 million” says " in missing[0]
    assert missing[1:] == ["1 sentence or headline that no source bears out", "an approval"]
    assert missing[0] in read(desk)
    Placement.objects.update(dropped=True)
    assert "first stories: the issue prints no story" in find_missing(issue, editorial.load().newsletters["aitrends"])[0]


def test_an_older_draft_that_waits_is_not_beside_words_that_there_is_none(issue: Issue, desk: Client) -> None:
    Issue.objects.update(period="2026-09-17")
    page = read(desk).partition("Daily</h2>")[0]
    assert "Still waiting, from Thursday, 17 September" in page
    assert "No issue today" not in page
    assert "None" not in page
    assert "The next is drafted " in page
    assert "an approval</li>" in page


def test_yesterdays_figures_beside_those_of_a_week_before(issue: Issue, desk: Client, readers: None) -> None:
    newsletter = editorial.load().newsletters["aitrends"]
    yesterday = local_day(newsletter, timezone.now()) - timedelta(days=1)
    at = timezone.now() - timedelta(days=1)
    one, two = Reader.objects.order_by("pk")
    Issue.objects.filter(pk=issue.pk).update(period=yesterday.isoformat(), started_at=at, state="sent")
    before = Issue.objects.create(newsletter="aitrends", period=(yesterday - timedelta(days=7)).isoformat(), state="sent",
                                  subject="x", started_at=at - timedelta(days=7), window_start=at, window_end=at)
    first = Delivery.objects.create(issue=issue, reader=one, state="delivered")
    Delivery.objects.create(issue=issue, reader=two, state="bounced")
    Delivery.objects.create(issue=before, reader=one, state="bounced")
    Reader.objects.filter(pk=one.pk).update(tracking=True)
    Measurement.objects.create(delivery=first, link=-1)
    noon = datetime.combine(yesterday, datetime.min.time(), tzinfo=UTC) + timedelta(hours=12)
    Subscription.objects.filter(reader=two).update(confirmed_at=noon - timedelta(days=7))
    Subscription.objects.filter(reader=one).update(left_at=noon, state="left", confirmed_at=noon - timedelta(days=60))
    page = read(desk)
    assert f'/desk/reports/{issue.pk}/">{yesterday}<' in page
    for words in ('Delivered</dt><dd>1 <span class="change">▲ 1 on a week before',
                  'Bounced</dt><dd>1 <span class="change">as a week before', "Opened</dt><dd>1 of 1 measured",
                  'Left</dt><dd>1 <span class="change">▲ 1 on a week before',
                  'New readers</dt><dd>0 <span class="change">▼ 1 on a week before'):
        assert words in page


def test_feeds_that_are_unwell_are_said_in_one_line(issue: Issue, desk: Client) -> None:
    Feed.objects.filter(name="second-outlet").update(state="failing", failures=4, error="<b>503</b>")
    page = desk.get("/desk/").text
    assert "2 of 3 answer; worst is" in page
    assert "&lt;b&gt;503&lt;/b&gt; (4 times in a row)" in page
    Feed.objects.update(paused_at=timezone.now())
    assert "worst is" not in desk.get("/desk/").text, "a paused feed troubles nobody"


def test_older_issues_come_by_page(issue: Issue, desk: Client) -> None:
    at = timezone.now() - timedelta(days=40)
    Issue.objects.bulk_create([Issue(newsletter="aitrends", period=f"2025-01-{n + 1:02}", subject=f"Old {n}", state="sent",
                                     drafted_at=at, window_start=at, window_end=at) for n in range(25)])
    assert "Page 1 of 2" in read(desk)
    assert "Old 0<" in unescape(desk.get("/desk/?page=2").text)
    assert desk.get("/desk/?page=nonsense").status_code == 200


def test_the_page_costs_the_same_however_much_there_is(issue: Issue, desk: Client, readers: None) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(desk)
        return len(queries)

    at = timezone.now() - timedelta(days=40)
    old = [Issue(newsletter="aitrends", period=f"2025-02-{n + 1:02}", subject="Old", state="sent", drafted_at=at, started_at=at,
                 window_start=at, window_end=at) for n in range(18)]
    old.pop().save()
    read(desk)
    few = count()
    Issue.objects.bulk_create(old)
    Feed.objects.bulk_create([Feed(name=f"more-{n}", state="failing") for n in range(40)])
    assert count() <= few
    assert few < 60
