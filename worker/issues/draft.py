"""Summarised stories in, one draft per newsletter and period out; drafts past their deadline are held."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from worker import editorial
from worker.editorial import Editorial
from worker.errors import BroadsheetError
from worker.issues import candidates, timetable
from worker.issues.choose import Choice, choose
from worker.issues.subject import compose_preheader, compose_subject
from worker.issues.wording import clean_line
from worker.storage.models import AuditEntry, Issue, IssueState, Placement, Story

TIMETABLE = "timetable"  # who acts when no editor does


def draft_issue(
    newsletter: str, *, now: datetime | None = None, again: bool = False, window_start: datetime | None = None,
    by: str = TIMETABLE,
) -> Issue:
    """Return this period's issue of `newsletter`, drafted now if it is not there yet.

    The period is the day it is where the newsletter appears. `again` makes one more issue of the period, from the
    newest one's stories in their present words. `window_start` says where the news begins (default: where the last
    issue's ended). `by` is written into the audit log. Called twice at once, both calls return the same issue. Raises
    BroadsheetError if there is no such newsletter, or nothing to print.
    """
    now = now or timezone.now()
    paper = editorial.load()
    period = timetable.local_day(paper.newsletter(newsletter), now).isoformat()
    newest = _find_newest(newsletter, period)
    if newest is not None and not again:
        return newest
    try:
        draft = _compose_again(newest, now) if newest else _compose(paper, newsletter, period, now, window_start)
    except BroadsheetError:
        # A draft made by somebody else this moment has taken the stories: then it is the one asked for.
        same = _find_newest(newsletter, period) if newest is None else None
        if same is None:
            raise
        return same
    return _save(*draft, by)


def issue_due(newsletter: str, now: datetime | None = None) -> bool:
    """Return whether today is one of the newsletter's days, its time to draft has passed, and there is no issue yet."""
    now = now or timezone.now()
    settings = editorial.load().newsletter(newsletter)
    day = timetable.local_day(settings, now)
    if editorial.WEEKDAYS[day.weekday()] not in settings.days or now < timetable.draft_moment(settings, day):
        return False
    return _find_newest(newsletter, day.isoformat()) is None


def hold_overdue(*, now: datetime | None = None) -> list[int]:
    """Hold every draft whose `send_by` has passed unapproved; returns their numbers. Held issues are never sent.

    An editor may open one again (`edit.reopen`). Drafts of a newsletter that is no longer in feeds.toml stay.
    """
    now = now or timezone.now()
    newsletters = editorial.load().newsletters
    drafts = Issue.objects.filter(state=IssueState.DRAFT, newsletter__in=list(newsletters)).order_by("id")
    limits = [(issue, timetable.deadline(newsletters[issue.newsletter], issue.drafted_at)) for issue in drafts]
    return [issue.pk for issue, send_by in limits if send_by < now and _hold(issue, send_by)]


@transaction.atomic
def _hold(issue: Issue, send_by: datetime) -> bool:
    """Hold `issue` unless someone approved, rejected or reopened it meanwhile; returns whether it is held."""
    note = f"not approved by {send_by:%Y-%m-%d %H:%M} UTC, so it was not sent; open it again to send it late"
    still = Issue.objects.filter(pk=issue.pk, state=IssueState.DRAFT, drafted_at=issue.drafted_at)
    if not still.update(state=IssueState.HELD, note=note, revision=F("revision") + 1):
        return False
    AuditEntry.objects.create(actor=TIMETABLE, action="hold", subject=f"issue {issue.pk}", detail={"note": note})
    return True


def _find_newest(newsletter: str, period: str) -> Issue | None:
    return Issue.objects.filter(newsletter=newsletter, period=period).order_by("-edition_number").first()


def _compose(
    paper: Editorial, newsletter: str, period: str, now: datetime, window_start: datetime | None
) -> tuple[Issue, list[Placement], dict[str, list[str]]]:
    """Return the period's first issue and its placements, not yet saved, and why each story was chosen."""
    settings = paper.newsletter(newsletter)
    last_end = candidates.find_last_end(newsletter, now)
    begin = window_start or timetable.window_begin(settings, now, last_end)
    stories = candidates.find_stories(paper, newsletter, begin, now, late_after=None if window_start else last_end)
    choices = choose([candidates.as_candidate(story, paper, newsletter) for story in stories.values()],
                     top=settings.top_stories, short=settings.short_items)
    if not choices:
        raise BroadsheetError(
            f"{newsletter}: there are no stories to print since {begin.astimezone(UTC):%Y-%m-%d %H:%M} UTC that its "
            "readers have not had; gather, group and summarise first, then draft again")
    placements = [_place(choice, position, stories[choice.story_id], paper) for position, choice in enumerate(choices)]
    headlines = [placement.headline for placement in placements]
    issue = Issue(
        newsletter=newsletter, period=period, drafted_at=now, window_start=begin, window_end=now,
        subject=compose_subject(settings, headlines[0], period), preheader=compose_preheader(headlines))
    return issue, placements, {str(choice.story_id): list(choice.reasons) for choice in choices}


def _place(choice: Choice, position: int, story: Story, paper: Editorial) -> Placement:
    return Placement(
        story=story, section=choice.section, position=position, headline=clean_line(story.headline),
        summary=story.summary, sentences=story.sentences, sources=candidates.list_sources(story, paper))


def _compose_again(newest: Issue, now: datetime) -> tuple[Issue, list[Placement], dict[str, list[str]]]:
    """Return one more issue of `newest`'s period with the stories it prints, an editor's words included."""
    issue = Issue(
        newsletter=newest.newsletter, period=newest.period, edition_number=newest.edition_number + 1, drafted_at=now,
        window_start=newest.window_start, window_end=newest.window_end, subject=newest.subject,
        preheader=newest.preheader)
    placements = list(newest.placements.filter(dropped=False))
    if not placements:
        raise BroadsheetError(f"issue {newest.pk} prints no story, so there is nothing to make another issue from")
    for position, placement in enumerate(placements):
        placement.pk, placement.position = None, position
    return issue, placements, {str(p.story_id): [f"printed in issue {newest.pk}"] for p in placements}


def _save(issue: Issue, placements: Sequence[Placement], reasons: dict[str, list[str]], by: str) -> Issue:
    """Save all of it, or return the issue that someone else saved for the same period meanwhile."""
    try:
        with transaction.atomic():
            issue.save(force_insert=True)
            for placement in placements:
                placement.issue = issue
            Placement.objects.bulk_create(placements)
            AuditEntry.objects.create(actor=by[:254], action="draft", subject=f"issue {issue.pk}", detail={
                "window": [issue.window_start.isoformat(), issue.window_end.isoformat()], "reasons": reasons})
    except IntegrityError:
        same = Issue.objects.filter(
            newsletter=issue.newsletter, period=issue.period, edition_number=issue.edition_number).first()
        if same is None:
            raise
        return same
    return issue


def read_reasons(issue_id: int) -> dict[int, list[str]]:
    """Return why each story was chosen for the issue, by the story's number: drafting wrote it into the audit log."""
    entry = AuditEntry.objects.filter(subject=f"issue {issue_id}", action="draft").order_by("id").first()
    return {int(story): reasons for story, reasons in entry.detail["reasons"].items()} if entry else {}
