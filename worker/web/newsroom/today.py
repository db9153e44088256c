"""A newsletter in; where its issue of today stands, what it still lacks, and how yesterday's went, out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from worker.delivery.gate import read_gate
from worker.delivery.headcount import read_headcount
from worker.delivery.measuring import Measured, count_measured
from worker.delivery.standing import count_copies, say_time
from worker.editorial import WEEKDAYS, Newsletter
from worker.errors import BroadsheetError
from worker.issues.evidence import find_placements, read_evidence, read_story_articles
from worker.issues.timetable import deadline, draft_moment, local_day
from worker.storage.models import Issue, IssueState, Placement, Section, Subscription

OPEN_STATES = (IssueState.DRAFT, IssueState.APPROVED, IssueState.HELD, IssueState.SENDING)
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Line:
    """One issue that is today's, or waits from before. `missing` is what keeps a draft from going out, in words."""

    issue: Issue
    stories: int
    readers: int
    deadline: str = ""
    left: str = ""
    missing: Sequence[str] = ()
    from_before: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of yesterday; `change` is against the same day a week before, "" where there is nothing to compare."""

    name: str
    value: str
    change: str = ""


@dataclass(frozen=True)
class Paper:
    """A newsletter's card."""

    key: str
    newsletter: Newsletter
    readers: int
    weekly: int
    lines: Sequence[Line]
    is_drafted: bool
    why_none: str
    next_draft: str
    figures: Sequence[Figure] = field(default_factory=list)
    yesterday: Sequence[Issue] = ()


def read_paper(key: str, newsletter: Newsletter, issues: Sequence[Issue], now: datetime) -> Paper:
    """Return a newsletter's card. `issues`: those of its that are open, or of today, yesterday or a week before yesterday,
    each with `stories` (`find_issues`)."""
    today = local_day(newsletter, now)
    own = [issue for issue in issues if issue.newsletter == key]
    of_today = [issue for issue in own if issue.period == today.isoformat()]
    before = [issue for issue in own if issue.state in OPEN_STATES and issue not in of_today]
    readers = read_headcount(key).readers
    weekly = read_headcount(key, digest=True).readers if newsletter.digest_on else 0
    # Of a day with several issues the newest counts; those before it stand in the list of all issues unless they are open.
    shown = [issue for issue in of_today if issue.state in OPEN_STATES or issue is newest_of(of_today, issue.digest)]
    lines = [_make_line(issue, newsletter, weekly if issue.digest else readers, now, is_today=issue in of_today)
             for issue in (*shown, *before)]
    is_drafted = any(not issue.digest for issue in of_today)
    return Paper(
        key=key, newsletter=newsletter, readers=readers, weekly=weekly, lines=lines, is_drafted=is_drafted,
        why_none="" if is_drafted or before else explain_none(newsletter, now),
        next_draft="" if is_drafted and not before else say_next_draft(newsletter, now, is_drafted=is_drafted),
        figures=_read_figures(key, newsletter, own, today),
        yesterday=[issue for issue in own if issue.period == (today - timedelta(days=1)).isoformat() and issue.started_at])


def find_issues(newsletters: Mapping[str, Newsletter], now: datetime) -> list[Issue]:
    """Return the issues that the cards of all newsletters are made from, newest first, in one query."""
    days = {local_day(newsletter, now) - timedelta(days=back) for newsletter in newsletters.values() for back in (0, 1, 8)}
    wanted = Q(state__in=OPEN_STATES) | Q(period__in=[day.isoformat() for day in days])
    live = Count("placements", filter=Q(placements__dropped=False))
    return list(Issue.objects.filter(wanted, newsletter__in=list(newsletters)).annotate(stories=live)
                .order_by("-drafted_at", "-pk")[:200])


def newest_of(issues: Sequence[Issue], digest: bool) -> Issue | None:
    """Return the newest of a day's issues, or digests. Pure."""
    return max((issue for issue in issues if issue.digest == digest), key=lambda issue: issue.edition_number, default=None)


def _make_line(issue: Issue, newsletter: Newsletter, audience: int, now: datetime, *, is_today: bool) -> Line:
    readers = sum(count_copies(issue.pk).values()) if issue.started_at else audience
    before = "" if is_today else f"Still waiting, from {date.fromisoformat(issue.period):%A, %-d %B}"
    stories: int = getattr(issue, "stories", 0)
    if issue.state != IssueState.DRAFT:
        return Line(issue, stories, readers, from_before=before, missing=_explain_state(issue, newsletter))
    ends = deadline(newsletter, issue.drafted_at)
    left = f"{say_time((ends - now).total_seconds())} left" if ends > now else "passed"
    missing = find_missing(issue, newsletter)
    return Line(issue, stories, readers, say_local(ends, newsletter), left, missing, before)


def _explain_state(issue: Issue, newsletter: Newsletter) -> list[str]:
    if issue.state == IssueState.HELD:
        return [f"Held: {issue.note or 'nobody said why.'}"]
    if issue.state == IssueState.APPROVED:
        return [f"approved; it starts by itself {say_local(issue.send_at, newsletter)}" if issue.send_at
                else "approved, and nobody has said when it is to go"]
    return []


def find_missing(issue: Issue, newsletter: Newsletter) -> list[str]:
    """Return what keeps a draft from going out, in words; its approval is always among it."""
    missing = []
    try:
        _, findings = read_gate(issue)
    except BroadsheetError as error:
        missing.append(f"its proof cannot be made: {error}")
    else:
        faults = [finding for finding in findings if finding.blocking and not finding.ok]
        if faults:
            missing.append(f"{len(faults)} finding{'s' * (len(faults) != 1)} against it, first "
                           f"{faults[0].check}: {faults[0].message}")
        if any(finding.check == "evidence" for finding in faults) and (count := count_unsupported(issue)):
            missing.append(f"{count} sentence{'s' * (count != 1)} or headline{'s' * (count != 1)} that no source bears out")
    return [*missing, "the approval of two people" if newsletter.four_eyes else "an approval"]


def count_unsupported(issue: Issue) -> int:
    """Count the headlines and sentences that stand against approval, as preflight does."""
    live = [placement for placement in find_placements(issue) if not placement.dropped]
    articles = read_story_articles([placement.story_id for placement in live])

    def blocks(placement: Placement) -> int:
        checked = read_evidence(placement, articles.get(placement.story_id, ()))
        return sum(one.blocks for one in checked if one.part == "headline" or placement.section != Section.SHORT)

    return sum(map(blocks, live))


def explain_none(newsletter: Newsletter, now: datetime) -> str:
    """Say why there is no issue of today, or none yet. Pure."""
    today = local_day(newsletter, now)
    if WEEKDAYS[today.weekday()] not in newsletter.days:
        return f"No issue today: it does not appear on {today:%A}s."
    due = draft_moment(newsletter, today)
    if now < due:
        return f"None yet: drafts at {newsletter.draft_at} {say_zone(newsletter)}, in {say_time((due - now).total_seconds())}."
    return (f"None, though it was due at {newsletter.draft_at} {say_zone(newsletter)}: there has been nothing to print that "
            "readers have not had, or no worker runs. “Draft now” says which.")


def say_next_draft(newsletter: Newsletter, now: datetime, *, is_drafted: bool) -> str:
    """Say when the next issue is drafted. Pure."""
    today = local_day(newsletter, now)
    for ahead in range(8):
        day = today + timedelta(days=ahead)
        due = draft_moment(newsletter, day)
        if WEEKDAYS[day.weekday()] in newsletter.days and due > now and not (ahead == 0 and is_drafted):
            return f"The next is drafted {say_local(due, newsletter)}."
    return ""


def say_zone(newsletter: Newsletter) -> str:
    """Return the newsletter's time zone as people call it. Pure."""
    return newsletter.timezone.rpartition("/")[2].replace("_", " ")


def say_local(at: datetime, newsletter: Newsletter) -> str:
    """Return a moment as the clocks where the newsletter appears show it. Pure."""
    return f"{at.astimezone(ZoneInfo(newsletter.timezone)):%a %-d %b, %H:%M} {say_zone(newsletter)}"


def _read_figures(key: str, newsletter: Newsletter, issues: Sequence[Issue], today: date) -> list[Figure]:
    """Yesterday's, and a week before it where there are any. Left and new are counted by the newsletter's own days."""
    yesterday = today - timedelta(days=1)
    now, then = (_sum_copies([one for one in issues if one.period == day.isoformat() and one.started_at and not one.digest])
                 for day in (yesterday, yesterday - WEEK))
    moves = _count_moves(key, newsletter, yesterday)
    figures = []
    if now is not None:
        figures += [Figure(name.capitalize(), f"{now[0].get(name, 0):,}",
                           _compare(now[0].get(name, 0), then[0].get(name, 0) if then else None))
                    for name in ("accepted", "delivered", "bounced")]
        if now[1].agreed:
            figures.append(Figure("Opened", f"{now[1].opened:,} of {now[1].agreed:,} measured"))
    known = then is not None or any(moves[name, 1] for name in ("left", "new"))
    return figures + [Figure(words, f"{moves[name, 0]:,}", _compare(moves[name, 0], moves[name, 1] if known else None))
                      for name, words in (("left", "Left"), ("new", "New readers"))]


def _sum_copies(issues: Sequence[Issue]) -> tuple[dict[str, int], Measured] | None:
    if not issues:
        return None
    states: dict[str, int] = {}
    agreed = opened = followed = 0
    for issue in issues:
        for state, count in count_copies(issue.pk).items():
            states[state] = states.get(state, 0) + count
        if measured := count_measured(issue.pk):
            agreed, opened, followed = agreed + measured.agreed, opened + measured.opened, followed + measured.followed
    return states, Measured(agreed, opened, followed)


def _count_moves(key: str, newsletter: Newsletter, yesterday: date) -> dict[tuple[str, int], int]:
    """Return who left and who confirmed, yesterday (0) and a week before (1), in one query."""
    zone = ZoneInfo(newsletter.timezone)
    counts = {}
    for back, day in enumerate((yesterday, yesterday - WEEK)):
        begin, end = (datetime.combine(one, time(), tzinfo=zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
        for name, column in (("left", "left_at"), ("new", "confirmed_at")):
            counts[f"{name}_{back}"] = Count("pk", filter=Q(**{f"{column}__gte": begin, f"{column}__lt": end}))
    found = Subscription.objects.filter(newsletter=key).aggregate(**counts)
    return {(name, back): found[f"{name}_{back}"] for name in ("left", "new") for back in (0, 1)}


def _compare(value: int, before: int | None) -> str:
    if before is None:
        return ""
    return "as a week before" if value == before else f"{'▲' if value > before else '▼'} {abs(value - before):,} on a week before"
