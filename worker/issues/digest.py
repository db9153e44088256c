"""A week's issues that went out in, the draft of its digest out: for readers who want one mail a week instead of each issue.

A digest repeats on purpose. It counts for nothing in what the readers of every issue have had, and their issues for nothing in
what its own have (`stories.memory.find_carried`); but no digest tells again what an earlier one told.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from worker import editorial
from worker.editorial import Newsletter
from worker.errors import BroadsheetError
from worker.issues import timetable
from worker.issues.candidates import UNTOLD
from worker.issues.choose import Choice
from worker.issues.draft import TIMETABLE, compose_again, find_newest, place_story, save_draft
from worker.issues.subject import compose_preheader, compose_subject
from worker.issues.week import Retold, Told, choose_week, join_week, rank_week
from worker.issues.wording import clean_line
from worker.storage.models import Issue, Kind, Placement, Section, Story, Waiver
from worker.stories.memory import Memory, find_carried, find_survivor, items_of, say_day, trace_merged

# What a digest takes over from the issue that told a story: an editor let it stand.
_WORDS = ("headline", "summary", "sentences", "sources", "sources_left_out", "topics", "edited_by_id")


@dataclass(frozen=True)
class _Had:
    """Which earlier digest was the last to tell a story, by its number, or a story of a thread, by the thread's."""

    stories: Mapping[int, Issue]
    threads: Mapping[int, Issue]

    def since(self, story_id: int, thread_id: int | None) -> Issue | None:
        """Return the digest that an update of the story goes on from."""
        return self.stories.get(story_id) or (self.threads.get(thread_id) if thread_id is not None else None)


def draft_digest(newsletter: str, *, now: datetime | None = None, again: bool = False, by: str = TIMETABLE) -> Issue:
    """Return today's digest of `newsletter`, drafted now if it is not there yet.

    It gathers the issues that went out since the last digest, or in seven days. `again` makes another one of the day from
    the newest one's stories in their present words. `by` is written into the audit log. Called twice at once, both calls
    return the same digest. Raises BroadsheetError if there is no such newsletter, it has no digest, or there is nothing
    to gather.
    """
    now = now or timezone.now()
    settings = editorial.load().newsletter(newsletter)
    if settings.digest_on is None:
        raise BroadsheetError(f'{newsletter} has no weekly digest; give it a day in feeds.toml, such as digest_on = "sun"')
    period = timetable.local_day(settings, now).isoformat()
    newest = find_newest(newsletter, period, digest=True)
    if newest is not None:
        return save_draft(*compose_again(newest, now), by, blocks=list(newest.partner_blocks.all())) if again else newest
    issue, placements, waivers = _compose(settings, newsletter, period, now)
    return save_draft(issue, placements, by, waivers=waivers)


def digest_due(newsletter: str, now: datetime | None = None) -> bool:
    """Return whether today is the day of the newsletter's digest, its time to draft has passed, and there is none yet."""
    now = now or timezone.now()
    settings = editorial.load().newsletter(newsletter)
    day = timetable.local_day(settings, now)
    if editorial.WEEKDAYS[day.weekday()] != settings.digest_on or now < timetable.draft_moment(settings, day):
        return False
    return find_newest(newsletter, day.isoformat(), digest=True) is None


def word_again(issue: Issue, story: Story, reasons: tuple[str, ...], *, as_told: bool) -> Placement:
    """Return a story as the digest would place it now: in the words its week's issues told last, or in the machine's own."""
    week = _read_week(issue.newsletter, issue.window_start, issue.window_end)
    told = week.filter(story__in=list(trace_merged([story.pk]))).last()
    words = place_story(Choice(story.pk, Section.SHORT, reasons), 0, story, Memory(issue.newsletter, "new", ""), editorial.load())
    if told is not None and as_told:
        _copy_words(told, words)
    if told is not None and told.kind == Kind.UPDATE:
        _set_since(words, _read_had(issue.newsletter, issue.period, [story]).since(story.pk, story.thread_id))
    return words


def _compose(settings: Newsletter, newsletter: str, period: str, now: datetime) -> tuple[Issue, list[Placement], list[Waiver]]:
    """Return the period's first digest, its placements and their waivers, not yet saved."""
    digests = Issue.objects.filter(newsletter=newsletter, digest=True, window_end__lte=now).exclude(UNTOLD)
    begin = timetable.digest_begin(settings, now, digests.aggregate(end=Max("window_end"))["end"])
    places = {place.pk: place for place in _read_week(newsletter, begin, now).prefetch_related("waivers")}
    stories = {place.pk: find_survivor(place.story) for place in places.values()}
    week = join_week([_as_told(place, stories[place.pk]) for place in places.values()])
    had = _read_had(newsletter, period, list(stories.values()))
    ranked = rank_week([one for one in week if one.last.update or one.last.story_id not in had.stories])
    choices = choose_week(ranked, top=settings.top_stories, short=settings.short_items)
    if not choices:
        raise BroadsheetError(
            f"{newsletter}: no issue has gone out since {begin.astimezone(UTC):%Y-%m-%d %H:%M} UTC with a story that a digest "
            "could tell; send an issue first, then draft the digest")
    last = {one.last.story_id: places[one.last.placement_id] for one in ranked}
    placements = [_place(choice, position, last[choice.story_id], stories[last[choice.story_id].pk], had)
                  for position, choice in enumerate(choices)]
    headlines = [placement.headline for placement in placements]
    issue = Issue(
        newsletter=newsletter, period=period, digest=True, drafted_at=now, window_start=begin, window_end=now,
        subject=compose_subject(settings, headlines[0], period, digest=True),
        preheader=compose_preheader(headlines),
        left_out=list(_list_left_out(week, ranked, {choice.story_id for choice in choices}, had)))
    waivers = [Waiver(placement=placement, text=one.text, doubts=one.doubts, reason=one.reason, made_by_id=one.made_by_id,
                      made_at=one.made_at) for placement in placements for one in last[placement.story_id].waivers.all()
               if one.withdrawn is None]
    return issue, placements, waivers


def _read_week(newsletter: str, begin: datetime, end: datetime) -> QuerySet[Placement]:
    """What the ordinary issues printed that went out in (begin, end], in the order in which readers had it."""
    places = Placement.objects.filter(
        issue__newsletter=newsletter, issue__digest=False, issue__started_at__gt=begin, issue__started_at__lte=end, dropped=False)
    return places.select_related("issue", "story__merged_into").order_by("issue__started_at", "issue_id", "position", "pk")


def _as_told(place: Placement, story: Story) -> Told:
    issue = place.issue
    return Told(
        placement_id=place.pk, issue_id=issue.pk, story_id=story.pk, at=issue.started_at or issue.drafted_at,
        day=date.fromisoformat(issue.period), section=place.section, headline=clean_line(place.headline),
        outlets=len(place.sources), has_summary=bool(place.summary), update=place.kind == Kind.UPDATE,
        thread_id=story.thread_id, reports=frozenset(items_of(place)))


def _read_had(newsletter: str, period: str, stories: Collection[Story]) -> _Had:
    """What digests of other days told of the stories and of their threads."""
    lives_in = trace_merged(story.pk for story in stories)
    threads = {story.thread_id for story in stories if story.thread_id is not None}
    told = find_carried(newsletter, digest=True).filter(Q(story__in=lives_in) | Q(story__thread__in=threads))
    rows = list(told.exclude(issue__period=period).select_related("issue", "story").order_by("issue__window_end", "issue_id"))
    return _Had({lives_in[row.story_id]: row.issue for row in rows if row.story_id in lives_in},
                {row.story.thread_id: row.issue for row in rows if row.story.thread_id is not None})


def _place(choice: Choice, position: int, told: Placement, story: Story, had: _Had) -> Placement:
    """Return the story placed in the words that were printed; news to whoever has had no digest with it, else an update."""
    placement = Placement(story=story, section=choice.section, position=position, kind=Kind.NEW, reasons=list(choice.reasons))
    _copy_words(told, placement)
    if told.kind == Kind.UPDATE:
        _set_since(placement, had.since(story.pk, story.thread_id))
    return placement


def _copy_words(told: Placement, words: Placement) -> None:
    for name in _WORDS:
        setattr(words, name, getattr(told, name))


def _set_since(words: Placement, since: Issue | None) -> None:
    if since is not None:
        words.kind, words.since = Kind.UPDATE, since
        words.reasons = [f"first told in {say_day(since)}", *words.reasons]


def _list_left_out(
    week: Sequence[Retold], ranked: Sequence[Retold], placed: Collection[int], had: _Had
) -> Iterator[dict[str, object]]:
    """Yield what the digest passes over and why: what it had no room for, what was updated, what an earlier digest told."""
    for number, one in enumerate(ranked, 1):
        if one.last.story_id not in placed:
            yield _leave_out(one.last, f"ranked below: number {number} of {len(ranked)}")
    for one in ranked:
        for told in {told.story_id: told for told in one.earlier if told.story_id != one.last.story_id}.values():
            yield _leave_out(told, f"updated in the issue of {one.last.day:%A} by “{one.last.headline}”")
    for one in week:
        if one not in ranked:
            yield _leave_out(one.last, f"{say_day(had.stories[one.last.story_id])} told it")


def _leave_out(told: Told, reason: str) -> dict[str, object]:
    return {"story": told.story_id, "headline": told.headline, "reason": reason}
