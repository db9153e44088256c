"""The stories of an issue in, those that its readers have had before, or that sound like one they have had, out."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from worker.issues.wording import clean_line
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.reading import Reading, place, quote
from worker.storage.models import Issue, IssueState, Kind, Placement
from worker.stories.memory import find_carried, find_survivor, items_of, trace_merged, went_out
from worker.stories.similarity import read_stems

ALIKE = 0.6  # of the words in either of two headlines, those in both; two outlets on one event share 0.27 (median)
LEAST_SHARED = 4  # words, lest “Chips fall” be “Chips rise”
DAYS_BACK = timedelta(days=14)


def check_repeats(reading: Reading) -> Iterator[Finding]:
    """Yield what readers have had, which blocks, and what only reads like it, which does not.

    Nobody gets the same news twice, but another issue of the period was asked for by hand and may repeat it. An update goes
    beyond what its story said up to the issue it follows; that one must have gone out. A digest is held against earlier
    digests alone, since repeating the week's issues is what it is for; and its stories against each other.
    """
    issue, live = reading.issue, reading.live
    what = "digest" if issue.digest else "issue"
    lives_in = trace_merged(p.story_id for p in live)
    carried = find_carried(issue.newsletter, digest=issue.digest).exclude(issue__period=issue.period)
    out = list(carried.filter(story__in=lives_in).exclude(issue__state=IssueState.DRAFT).select_related("issue"))
    since = {p.story_id: p.since for p in live if p.kind == Kind.UPDATE and p.since}
    by_story = {p.story_id: p for p in live}
    faults = [Fault(f"{quote(by_story[story])} was in the {what} of {p.issue.period} already", "Drop it.", place(by_story[story]))
              for p in out if (story := lives_in[p.story_id]) not in since or p.issue.window_end > since[story].window_end]
    faults += [Fault(f"{quote(p)} is an update, but the {what} of {p.since.period} did not go out", "Send that first, or drop it.",
                     place(p)) for p in live if p.story_id in since and p.since and not went_out(p.since)]
    faults += _find_told_twice(live) if issue.digest else []
    yield from judge("repeats", faults, "no story that readers have had")
    had = {lives_in[p.story_id] for p in out}
    new = [p for p in live if p.kind != Kind.UPDATE and p.story_id not in had]
    alike = list(_find_alike(issue, new))
    yield from judge("like headlines", alike, "none that reads like one of the last two weeks", blocking=False)


def _find_told_twice(live: Sequence[Placement]) -> Iterator[Fault]:
    """A week has a story's first words and its later ones; two places that rest on one report are one story told twice."""
    first: dict[tuple[str, int], Placement] = {}
    for placement in live:
        told = {("story", find_survivor(placement.story).pk), *(("report", item) for item in items_of(placement))}
        twin = next((first[key] for key in sorted(told) if key in first), None)
        if twin is not None:
            yield Fault(f"{quote(placement)} and {quote(twin)} tell the same story", "Drop one of them.", place(placement))
        first |= {key: first.get(key, placement) for key in told}


def _find_alike(issue: Issue, new: list[Placement]) -> Iterator[Fault]:
    """Two outlets' words for one event share few; what shares most is one event, or one headline written twice."""
    try:
        since = (date.fromisoformat(issue.period) - DAYS_BACK).isoformat()
    except ValueError:  # a period that is no day
        return
    told = find_carried(issue.newsletter, digest=issue.digest).filter(issue__period__gte=since, issue__period__lt=issue.period)
    rows = told.exclude(issue__state=IssueState.DRAFT).order_by("-issue__period", "pk").values_list("headline", "issue__period")
    read = [(read_stems(headline), clean_line(headline), f"the issue of {period}") for headline, period in rows[:400]]
    for placement in new:
        words = read_stems(clean_line(placement.headline))
        twin = next((one for one in read if are_alike(words, one[0])), None)
        if twin is not None:
            yield Fault(f"{quote(placement)} reads like “{twin[1]}” in {twin[2]}", "Drop it if it is the same news, or say in the "
                        "headline what is new.", place(placement))
        read.append((words, clean_line(placement.headline), "this issue"))


def are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two headlines are the same but for a few words."""
    shared = len(one & other)
    return shared >= LEAST_SHARED and shared / len(one | other) >= ALIKE
