"""Candidate stories in, the chosen ones in order out, each with its reasons. Pure: no rows, no clock, no chance."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

COVERAGE = 2.0  # points for each doubling of the outlets: what many report comes first
WEIGHT = 0.5  # points for each unit of feed weight
FRESHNESS = 1.0  # points of the newest story; halved for each FRESHNESS_HALVES of age
FRESHNESS_HALVES = timedelta(hours=12)
SUMMARY = 1.0
CROWDING = 0.3  # points taken off for each story chosen already from the candidate's least crowded topic


@dataclass(frozen=True)
class Candidate:
    """A story that may be placed. `outlets` are independent reporters; `weight` is its weightiest feed's, 0.1 to 3."""

    story_id: int
    outlets: frozenset[str]
    weight: float
    newest: datetime
    topics: frozenset[str]
    has_summary: bool


@dataclass(frozen=True)
class Choice:
    """A story placed in `section` (lead, top, short), with the reasons in words."""

    story_id: int
    section: str
    reasons: tuple[str, ...]


def choose(candidates: Sequence[Candidate], *, top: int, short: int) -> list[Choice]:
    """Choose a lead, up to `top` top stories and up to `short` short items, in the order they are printed.

    The score adds coverage, feed weight, freshness and a summary. Topics take turns: each story chosen makes the
    next one of its topics a little dearer, so that a topic with few feeds keeps its place. Ties go to the story
    with the smaller number, so the same candidates always give the same issue.
    """
    if not candidates:
        return []
    newest = max(candidate.newest for candidate in candidates)
    scores = {candidate.story_id: score_candidate(candidate, newest) for candidate in candidates}
    ranked = sorted(candidates, key=lambda candidate: (-scores[candidate.story_id], candidate.story_id))
    lead = find_lead(ranked)
    rest = _take_turns([candidate for candidate in ranked if candidate is not lead], scores, lead, top + short)
    # Only what has a summary may stand among the top stories; what has none is a short item, whatever its score.
    tops = sorted((c for c in rest if c.has_summary), key=lambda c: (-scores[c.story_id], c.story_id))[:top]
    shorts = [candidate for candidate in rest if candidate not in tops]
    shorts = sorted(shorts, key=lambda c: (-scores[c.story_id], c.story_id))[:short]
    shared = Counter(topic for candidate in (lead, *tops, *shorts) for topic in candidate.topics)
    placed = [(lead, "lead"), *((c, "top") for c in tops), *((c, "short") for c in shorts)]
    return [Choice(c.story_id, section, explain_choice(c, section, newest, shared)) for c, section in placed]


def score_candidate(candidate: Candidate, newest: datetime) -> float:
    """Return the candidate's points; `newest` is the time of the newest report of all candidates."""
    coverage = COVERAGE * math.log2(1 + len(candidate.outlets))
    freshness = FRESHNESS * math.exp2(-((newest - candidate.newest) / FRESHNESS_HALVES))
    return coverage + WEIGHT * candidate.weight + freshness + (SUMMARY if candidate.has_summary else 0.0)


def find_lead(ranked: Sequence[Candidate]) -> Candidate:
    """Return the best story of several outlets with a summary; failing that of several outlets; failing that any."""
    for wanted in (_is_shared_and_summed, _is_shared, _has_summary):
        for candidate in ranked:
            if wanted(candidate):
                return candidate
    return ranked[0]


def _is_shared(candidate: Candidate) -> bool:
    return len(candidate.outlets) > 1


def _has_summary(candidate: Candidate) -> bool:
    return candidate.has_summary


def _is_shared_and_summed(candidate: Candidate) -> bool:
    return _is_shared(candidate) and candidate.has_summary


def _take_turns(
    ranked: Iterable[Candidate], scores: dict[int, float], lead: Candidate, count: int
) -> list[Candidate]:
    """Return `count` of `ranked`, one at a time, each time the dearest after its topics' crowding."""
    left = list(ranked)
    chosen: list[Candidate] = []
    crowd = Counter(lead.topics)

    def standing(candidate: Candidate) -> tuple[float, int]:
        crowding = min((crowd[topic] for topic in candidate.topics), default=0)
        return -scores[candidate.story_id] + CROWDING * crowding, candidate.story_id

    while left and len(chosen) < count:
        best = min(left, key=standing)
        left.remove(best)
        chosen.append(best)
        crowd.update(best.topics)
    return chosen


def explain_choice(candidate: Candidate, section: str, newest: datetime, shared: Counter[str]) -> tuple[str, ...]:
    """Return why `candidate` stands in `section`, in words an editor reads; `shared` counts the issue's topics."""
    outlets = len(candidate.outlets)
    reasons = [f"reported by {outlets} outlets" if outlets > 1 else "reported by one outlet"]
    if section == "lead":
        reasons.insert(0, "the strongest story of several outlets" if outlets > 1 else "the strongest story there is")
    if candidate.weight >= 1.5:
        reasons.append(f"from a feed of weight {candidate.weight:g}")
    hours = round((newest - candidate.newest) / timedelta(hours=1))
    reasons.append("among the newest" if hours < 1 else f"last reported {hours} h before the newest")
    reasons.extend(f"the only story on {topic}" for topic in sorted(candidate.topics) if shared[topic] == 1)
    if not candidate.has_summary:
        reasons.append("no summary, so one line")
    return tuple(reasons)
