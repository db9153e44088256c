"""Summarised stories in, one draft per newsletter and period out; drafts past their deadline are held."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from worker import editorial
from worker.editorial import Editorial
from worker.errors import BroadsheetError
from worker.issues import candidates, timetable
from worker.issues.choose import Choice, choose, rank
from worker.issues.subject import compose_preheader, compose_subject
from worker.issues.wording import clean_line
from worker.storage.models import AuditEntry, Issue, IssueState, Kind, PartnerBlock, Placement, Story, Waiver
from worker.stories.memory import Memory, recall

TIMETABLE = "timetable"  # who acts when no editor does
MOST_SENTENCES = 3


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
    newest = find_newest(newsletter, period)
    if newest is not None and not again:
        return newest
    try:
        draft = compose_again(newest, now) if newest else _compose(paper, newsletter, period, now, window_start)
    except BroadsheetError:
        # A draft made by somebody else this moment has taken the stories: then it is the one asked for.
        same = find_newest(newsletter, period) if newest is None else None
        if same is None:
            raise
        return same
    return save_draft(*draft, by, blocks=list(newest.partner_blocks.all()) if newest else ())


def issue_due(newsletter: str, now: datetime | None = None) -> bool:
    """Return whether today is one of the newsletter's days, its time to draft has passed, and there is no issue yet."""
    now = now or timezone.now()
    settings = editorial.load().newsletter(newsletter)
    day = timetable.local_day(settings, now)
    if editorial.WEEKDAYS[day.weekday()] not in settings.days or now < timetable.draft_moment(settings, day):
        return False
    return find_newest(newsletter, day.isoformat()) is None


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


def find_newest(newsletter: str, period: str, *, digest: bool = False) -> Issue | None:
    """Return the newest issue, or digest, of the period."""
    issues = Issue.objects.filter(newsletter=newsletter, period=period, digest=digest)
    return issues.order_by("-edition_number").first()


def _compose(
    paper: Editorial, newsletter: str, period: str, now: datetime, window_start: datetime | None
) -> tuple[Issue, list[Placement]]:
    """Return the period's first issue and its placements, not yet saved."""
    settings = paper.newsletter(newsletter)
    last_end = candidates.find_last_end(newsletter, now)
    begin = window_start or timetable.window_begin(settings, now, last_end)
    stories = candidates.find_stories(paper, newsletter, begin, now, late_after=None if window_start else last_end)
    memories = recall(newsletter, list(stories.values()), now=now)
    news = [story for story in stories.values() if memories[story.pk].kind != "had"]
    echoes = candidates.find_echoes(newsletter, news, now)
    ranked = rank([candidates.as_candidate(story, paper, newsletter, memories[story.pk], echoes[story.pk]) for story in news])
    repeats = candidates.find_repeats([stories[candidate.story_id] for candidate in ranked], paper)
    choices = choose([candidate for candidate in ranked if candidate.story_id not in repeats],
                     top=settings.top_stories, short=settings.short_items)
    if not choices:
        raise BroadsheetError(
            f"{newsletter}: there are no stories to print since {begin.astimezone(UTC):%Y-%m-%d %H:%M} UTC that its "
            "readers have not had; gather, group and summarise first, then draft again")
    placements = [place_story(choice, position, stories[choice.story_id], memories[choice.story_id], paper)
                  for position, choice in enumerate(choices)]
    headlines = [placement.headline for placement in placements]
    issue = Issue(
        newsletter=newsletter, period=period, drafted_at=now, window_start=begin, window_end=now,
        subject=compose_subject(settings, headlines[0], period), preheader=compose_preheader(headlines))
    why = {number: f"says the same as “{clean_line(other.headline)}”" for number, other in repeats.items()}
    why |= {number: memory.why for number, memory in memories.items() if memory.kind == "had"}
    issue.left_out = _list_left_out([candidate.story_id for candidate in ranked], choices, stories, why)
    return issue, placements


def _list_left_out(
    ranked: Sequence[int], choices: Sequence[Choice], stories: Mapping[int, Story], why: Mapping[int, str]
) -> list[dict[str, object]]:
    """Return what the issue passes over and why: first what it had no room for, the best first, then what readers have had."""
    placed = {choice.story_id for choice in choices}
    order = [*(number for number in ranked if number not in placed), *(number for number in stories if number not in ranked)]
    return [{"story": number, "headline": clean_line(stories[number].headline),
             "reason": why.get(number, f"ranked below: number {ranked.index(number) + 1} of {len(ranked)}" if number in ranked
                               else "")}
            for number in order]


def place_story(choice: Choice, position: int, story: Story, memory: Memory, paper: Editorial) -> Placement:
    """Return the story placed in its own words; an update says what is new first, from the reports that came since."""
    placement = Placement(
        story=story, section=choice.section, position=position, headline=clean_line(story.headline), reasons=list(choice.reasons),
        summary=story.summary, sentences=story.sentences, sources=candidates.list_sources(story, paper, memory.fresh),
        topics=candidates.read_topics(story, paper))
    if memory.kind == "update" and memory.news is not None:
        placement.kind, placement.since = Kind.UPDATE, memory.since
        placement.reasons = [memory.why, *choice.reasons]
        placement.headline = clean_line(memory.news.headline)[:500]
        placement.sentences = _say_news_first(memory, story)
        placement.summary = " ".join(sentence["text"] for sentence in placement.sentences)
    return placement


def _say_news_first(memory: Memory, story: Story) -> list[dict[str, Any]]:
    """Return what is new, then a sentence of what it is about, from the story's own summary."""
    news = [sentence.as_row() for sentence in memory.news.sentences] if memory.news else []
    said = {sentence["text"] for sentence in news}
    context = [sentence for sentence in story.sentences if sentence["text"] not in said][:1]
    return [*news[: MOST_SENTENCES - len(context)], *context]


def compose_again(newest: Issue, now: datetime) -> tuple[Issue, list[Placement]]:
    """Return one more issue of `newest`'s period with the stories it prints, an editor's words included."""
    issue = Issue(
        newsletter=newest.newsletter, period=newest.period, digest=newest.digest, edition_number=newest.edition_number + 1,
        drafted_at=now, window_start=newest.window_start, window_end=newest.window_end, subject=newest.subject,
        preheader=newest.preheader, tops=newest.tops, left_out=newest.left_out)
    placements = list(newest.placements.filter(dropped=False))
    if not placements:
        raise BroadsheetError(f"issue {newest.pk} prints no story, so there is nothing to make another issue from")
    for position, placement in enumerate(placements):
        placement.pk, placement.position, placement.reasons = None, position, [f"printed in issue {newest.pk}"]
    return issue, placements


def save_draft(
    issue: Issue, placements: Sequence[Placement], by: str, *, blocks: Sequence[PartnerBlock] = (), waivers: Sequence[Waiver] = ()
) -> Issue:
    """Save all of it, with copies of the partner blocks, or return the issue that someone else saved meanwhile."""
    try:
        with transaction.atomic():
            issue.save(force_insert=True)
            for placement in placements:
                placement.issue = issue
            Placement.objects.bulk_create(placements)
            for block in blocks:
                block.pk, block.issue = None, issue
            PartnerBlock.objects.bulk_create(blocks)
            Waiver.objects.bulk_create(waivers)
            AuditEntry.objects.create(actor=by[:254], action="draft", subject=f"issue {issue.pk}", detail={
                "window": [issue.window_start.isoformat(), issue.window_end.isoformat()],
                "reasons": {str(placement.story_id): placement.reasons for placement in placements}})
    except IntegrityError:
        same = Issue.objects.filter(newsletter=issue.newsletter, period=issue.period, digest=issue.digest,
                                    edition_number=issue.edition_number).first()
        if same is None:
            raise
        return same
    return issue
