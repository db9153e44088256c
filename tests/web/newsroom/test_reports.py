"""What came of what went out: the figures of `broadsheet status`, what was measured, and a CSV no spreadsheet runs anything of."""

import csv
import io
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.delivery.press import HTML, build_issue
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.figures import read_figures
from worker.delivery.standing import count_copies
from worker.press.measure import list_links
from worker.storage.models import Delivery, Issue, Measurement, Placement, ProviderEvent, Reader, Story, Subscription
from worker.web.newsroom.reports import draw_columns

LINKS = HTML.replace("<h1>", '<a href="https://one.example/story">1</a><a href="https://two.example/story">2</a><h1>')


@pytest.fixture
def sent(editorial_file: Path, db: None) -> Issue:
    """An issue that went to ten readers, three of whom agreed to be measured."""
    number = build_issue(10, html=LINKS, subject="=cmd|' /C calc'!A0")
    start_issue(number, by="x")
    freeze_audience(number)
    copies = list(Delivery.objects.filter(issue=number).order_by("pk"))
    for copy, state in zip(copies, ("delivered",) * 5 + ("accepted", "bounced", "uncertain", "failed", "suppressed"), strict=True):
        Delivery.objects.filter(pk=copy.pk).update(state=state)
    Reader.objects.filter(pk__in=[copy.reader_id for copy in copies[:3]]).update(tracking=True)
    Measurement.objects.bulk_create([Measurement(delivery=copies[0], link=-1), Measurement(delivery=copies[1], link=-1),
                                     Measurement(delivery=copies[0], link=0), Measurement(delivery=copies[0], link=1),
                                     Measurement(delivery=copies[2], link=0), Measurement(delivery=copies[2], link=99)])
    Issue.objects.filter(pk=number).update(state="sent", sent_at=timezone.now())
    return Issue.objects.get(pk=number)


def test_the_figures_are_those_of_status_and_sum_to_the_audience(sent: Issue, desk: Client) -> None:
    figures = read_figures(sent)
    assert figures.states == count_copies(sent.pk)
    assert (figures.audience, figures.got, figures.others) == (10, 6, 2)
    assert figures.got + figures.states["bounced"] + figures.states["uncertain"] + figures.others == figures.audience
    page = desk.get("/desk/reports/").text
    for name, count in (("Audience", 10), ("Accepted", 1), ("Delivered", 5), ("Bounced", 1), ("Uncertain", 1), ("Other", 2)):
        assert f'data-label="{name}">{count}</td>' in page


def test_what_was_measured_says_of_how_many(sent: Issue, desk: Client) -> None:
    page = desk.get("/desk/reports/").text
    assert "2 of 3 (67\xa0%)" in page
    assert "counted only for readers who agreed to be measured" in page
    Reader.objects.update(tracking=False)
    page = desk.get("/desk/reports/").text
    assert 'data-label="Opened">not measured<' in page


def test_who_left_after_it_is_counted_until_the_next_issue(sent: Issue) -> None:
    start = sent.started_at
    assert start is not None
    rows = list(Subscription.objects.order_by("reader_id"))
    for row, left in zip(rows, (timedelta(hours=1), timedelta(hours=30), timedelta(days=8), -timedelta(hours=1)), strict=False):
        Subscription.objects.filter(pk=row.pk).update(state="left", left_at=start + left)
    stranger = Reader.objects.create(email="s@example.com", email_key="s@example.com")
    Subscription.objects.create(reader=stranger, newsletter="aitrends", state="left", left_at=start + timedelta(hours=1))
    assert read_figures(sent).left == 2, "of those who got it, within seven days"
    Issue.objects.create(newsletter="aitrends", period="2026-11-24", subject="Next", state="sent",
                         started_at=start + timedelta(days=1), window_start=start, window_end=start)
    assert read_figures(sent).left == 1


def test_complaints_are_counted(sent: Issue, desk: Client) -> None:
    copy = Delivery.objects.filter(issue=sent).first()
    ProviderEvent.objects.create(provider="sendgrid", event_id="1", kind="complained", delivery=copy, at=timezone.now())
    ProviderEvent.objects.create(provider="sendgrid", event_id="2", kind="delivered", delivery=copy, at=timezone.now())
    assert read_figures(sent).complaints == 1
    assert '<td class="number" data-label="Complaints">1</td>' in desk.get("/desk/reports/").text


def test_what_was_followed_most_names_the_story(sent: Issue, desk: Client) -> None:
    story = Story.objects.create(first_at=timezone.now(), last_at=timezone.now())
    Placement.objects.create(issue=sent, story=story, section="lead", position=0, headline="<b>Bridge</b> opens",
                             sources=[{"outlet": "First Outlet", "title": "t", "url": list_links(LINKS)[0]}])
    page = desk.get(f"/desk/reports/{sent.pk}/").text
    clicked = desk.get(f"/desk/reports/{sent.pk}/").context["clicked"]
    assert [(one.link, one.readers) for one, _ in clicked] == [("https://one.example/story", 2), ("https://two.example/story", 1)]
    assert "&lt;b&gt;Bridge&lt;/b&gt; opens" in page
    assert "(not a story’s)" in unescape(page)


def test_the_csv_says_the_same_and_starts_no_formula(sent: Issue, desk: Client) -> None:
    answer: Any = desk.get("/desk/reports/export/?newsletter=aitrends")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="reports-aitrends-')
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert row["subject"] == "'=cmd|' /C calc'!A0"
    assert (row["audience"], row["delivered"], row["failed"], row["queued"]) == ("10", "5", "1", "0")
    assert (row["measured"], row["opened"], row["clicked"]) == ("3", "2", "2")
    assert desk.get("/desk/reports/export/?newsletter=nobody").status_code == 404


def test_a_newsletter_shows_its_own(sent: Issue, desk: Client) -> None:
    assert f"/desk/reports/{sent.pk}/" in desk.get("/desk/reports/?newsletter=aitrends").text
    assert "No issue has gone out yet." in desk.get("/desk/reports/?newsletter=daily").text
    assert desk.get("/desk/reports/?newsletter=nobody").status_code == 404


def test_an_issue_that_has_not_gone_out_has_no_figures(issue: Issue, desk: Client) -> None:
    answer = desk.get(f"/desk/reports/{issue.pk}/")
    assert answer.status_code == 404
    assert "has not gone out" in answer.text


def test_the_picture_is_as_high_as_the_largest_audience(sent: Issue) -> None:
    column, = draw_columns([read_figures(sent)])
    assert (column.got, column.rest) == (60.0, 40.0)
    assert draw_columns([]) == []
