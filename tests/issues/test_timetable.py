"""When an issue is due, what news it covers and when it is too late."""

from datetime import UTC, datetime

import pytest

from tests.issues.paper import NOW, make_story
from worker import editorial
from worker.issues import timetable
from worker.issues.draft import draft_issue, hold_overdue, issue_due
from worker.issues.edit import reject, reopen
from worker.storage.models import AuditEntry, Editor, Issue, IssueState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


def at(day: int, clock: str, month: int = 11) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2026, month, day, int(hour), int(minute), tzinfo=UTC)


@pytest.mark.parametrize(("newsletter", "moment", "due"), [
    ("aitrends", at(23, "05:29"), False),
    ("aitrends", at(23, "05:30"), True),
    ("aitrends", at(22, "12:00"), False),  # a Sunday
    ("daily", at(22, "12:00"), True),
    ("aitrends", at(14, "04:29", month=7), False),  # London is at UTC+1 in summer
    ("aitrends", at(14, "04:30", month=7), True),
])
def test_an_issue_is_due_from_its_hour_on_its_days(newsletter: str, moment: datetime, due: bool) -> None:
    assert issue_due(newsletter, moment) is due


def test_an_issue_that_is_there_is_not_due_again() -> None:
    make_story("News")
    issue = draft_issue("aitrends", now=NOW)

    assert not issue_due("aitrends", NOW)

    issue.state = IssueState.REJECTED
    issue.save()
    assert not issue_due("aitrends", NOW)


@pytest.mark.parametrize(("moment", "last", "begin"), [
    (at(24, "05:30"), None, at(23, "05:30")),
    (at(23, "05:30"), None, at(20, "05:30")),  # Monday reaches back to Friday's draft
    (at(24, "15:00"), None, at(23, "05:30")),
    (at(24, "05:30"), at(23, "07:15"), at(23, "07:15")),
    (at(24, "05:30"), at(2, "05:30"), at(20, "05:30")),  # four days at most
])
def test_the_window_begins_where_the_last_issue_ended(
    moment: datetime, last: datetime | None, begin: datetime
) -> None:
    assert timetable.window_begin(editorial.load().newsletter("aitrends"), moment, last) == begin


@pytest.mark.parametrize(("moment", "last", "begin"), [
    (at(29, "06:00"), None, at(22, "06:00")),
    (at(29, "09:30"), None, at(22, "06:00")),  # drafted late, but for the same week
    (at(29, "05:00"), None, at(22, "05:00")),
    (at(29, "06:00"), at(22, "06:01"), at(22, "06:01")),
    (at(29, "06:00"), at(20, "18:00"), at(20, "18:00")),  # the last one was drafted early by hand
    (at(29, "06:00"), at(15, "06:00"), at(22, "06:00")),  # older news is no news
    (at(29, "06:00", month=3), None, at(22, "06:00", month=3)),  # the day on which London's clocks go forward
])
def test_the_week_of_a_digest_begins_where_the_last_one_s_ended(
    moment: datetime, last: datetime | None, begin: datetime
) -> None:
    assert timetable.digest_begin(editorial.load().newsletter("daily"), moment, last) == begin


def test_a_draft_nobody_approved_in_time_is_held_and_says_why() -> None:
    make_story("News")
    issue = draft_issue("aitrends", now=NOW)

    assert hold_overdue(now=at(23, "09:00")) == []
    assert hold_overdue(now=at(23, "09:01")) == [issue.pk]
    assert hold_overdue(now=at(23, "09:02")) == []

    issue.refresh_from_db()
    assert issue.state == IssueState.HELD
    assert "not approved by 2026-11-23 09:00 UTC" in issue.note
    assert AuditEntry.objects.filter(action="hold", subject=f"issue {issue.pk}", actor="timetable").count() == 1


def test_a_draft_made_after_the_deadline_has_until_the_next_one() -> None:
    make_story("News", at=at(23, "14:00"))
    issue = draft_issue("aitrends", now=at(23, "15:00"))

    assert hold_overdue(now=at(23, "23:00")) == []
    assert hold_overdue(now=at(24, "09:01")) == [issue.pk]


def test_only_drafts_are_held(editor: Editor) -> None:
    make_story("News")
    issue = draft_issue("aitrends", now=NOW)
    reject(issue.pk, editor=editor, revision=1, note="thin")

    assert hold_overdue(now=at(25, "12:00")) == []


def test_an_editor_may_open_a_held_issue_again(editor: Editor) -> None:
    make_story("News")
    issue = draft_issue("aitrends", now=NOW)
    hold_overdue(now=at(23, "09:01"))
    issue.refresh_from_db()

    reopened = reopen(issue.pk, editor=editor, revision=issue.revision)

    assert (reopened.state, reopened.note) == (IssueState.DRAFT, "")
    assert hold_overdue(now=reopened.drafted_at) == []


def test_the_news_of_an_issue_that_never_went_out_is_news_still() -> None:
    make_story("Monday's news")
    draft_issue("aitrends", now=NOW)
    hold_overdue(now=at(23, "09:01"))

    tuesday = draft_issue("aitrends", now=at(24, "05:30"))

    assert tuesday.subject == "Monday's news"
    assert Issue.objects.get(period="2026-11-23").state == IssueState.HELD
