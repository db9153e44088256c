"""Candidate stories in, the chosen ones in order out, each with its reasons. Pure: no rows, no clock, no chance."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

COVERAGE = 2.0  # points for each doubling of the outlets: what many report comes first
REACH = 1.0  # points for being in every feed on the topic: two of the two on policy count like ten of the ten of the press
WEIGHT = 0.5  # points for each unit of feed weight
FRESHNESS = 1.0  # points of the newest story; halved for each FRESHNESS_HALVES of age
FRESHNESS_HALVES = timedelta(hours=12)
SUMMARY = 1.0
UPDATE = 1.0  # points taken off an update, unless BIG_UPDATE outlets report it: readers have had the event
BIG_UPDATE = 3
ECHO = 0.8  # points taken off for each recent issue that led with the same affair or the same name
CROWDING = 0.3  # points taken off for each story chosen already from the candidate's least crowded topic,
CROWDING_MOST = 0.9  # but no more than these: a day of one topic's news is not printed for its weaker stories
NO_SUBJECT = frozenset({"aggregator", "newsletter"})  # topics that say who writes, not what about: owed no place


@dataclass(frozen=True)
class Candidate:
    """A story that may be placed. `outlets` are independent reporters; `weight` is its weightiest feed's, 0.1 to 3.

    `feeds_on_topic` counts the newsletter's feeds on the story's topics; `echoes` says in words which recent issues led with the
    same; an update's outlets are those that reported since.
    """

    story_id: int
    outlets: frozenset[str]
    weight: float
    newest: datetime
    topics: frozenset[str]
    has_summary: bool
    feeds_on_topic: int = 0
    update: bool = False
    echoes: tuple[str, ...] = ()
    copies: int = 0  # outlets that carry another's words: said, not counted


@dataclass(frozen=True)
class Choice:
    """A story placed in `section` (lead, top, short), with the reasons in words."""

    story_id: int
    section: str
    reasons: tuple[str, ...]


def choose(candidates: Sequence[Candidate], *, top: int, short: int) -> list[Choice]:
    """Choose a lead, up to `top` top stories and up to `short` short items, in the order they are printed.

    The score adds coverage, reach on the topic, feed weight, freshness and a summary, and takes off for an update and for what the
    last issues led with. Topics take turns: each story chosen makes the next one of its topics a little dearer, and a topic
    without any has its best story put in for the last one of a topic that has several. Ties go to the story with the smaller
    number, so the same candidates always give the same issue.
    """
    if not candidates:
        return []
    newest = max(candidate.newest for candidate in candidates)
    ranked = rank(candidates)
    scores = {candidate.story_id: score_candidate(candidate, newest) for candidate in candidates}
    lead = find_lead(ranked)
    rest = _take_turns([candidate for candidate in ranked if candidate is not lead], scores, lead, top + short)
    rest = _seat_absent_topics(rest, ranked, lead)
    # Only what has a summary may stand among the top stories; what has none is a short item, whatever its score.
    tops = sorted((c for c in rest if c.has_summary), key=lambda c: (-scores[c.story_id], c.story_id))[:top]
    shorts = [candidate for candidate in rest if candidate not in tops]
    shorts = sorted(shorts, key=lambda c: (-scores[c.story_id], c.story_id))[:short]
    shared = Counter(topic for candidate in (lead, *tops, *shorts) for topic in candidate.topics)
    placed = [(lead, "lead"), *((c, "top") for c in tops), *((c, "short") for c in shorts)]
    return [Choice(c.story_id, section, explain_choice(c, section, newest, shared)) for c, section in placed]


def rank(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, the one of most points first; ties in order of their numbers."""
    newest = max((candidate.newest for candidate in candidates), default=None)
    if newest is None:
        return []
    return sorted(candidates, key=lambda candidate: (-score_candidate(candidate, newest), candidate.story_id))


def score_candidate(candidate: Candidate, newest: datetime) -> float:
    """Return the candidate's points; `newest` is the time of the newest report of all candidates."""
    outlets = len(candidate.outlets)
    points = COVERAGE * math.log2(1 + outlets)
    points += REACH * min(1.0, outlets / (1 + candidate.feeds_on_topic)) if candidate.feeds_on_topic else 0.0
    points += WEIGHT * candidate.weight
    points += FRESHNESS * math.exp2(-((newest - candidate.newest) / FRESHNESS_HALVES))
    points += SUMMARY if candidate.has_summary else 0.0
    points -= UPDATE if candidate.update and outlets < BIG_UPDATE else 0.0
    return points - ECHO * len(candidate.echoes)


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
        return -scores[candidate.story_id] + min(CROWDING_MOST, CROWDING * crowding), candidate.story_id

    while left and len(chosen) < count:
        best = min(left, key=standing)
        left.remove(best)
        chosen.append(best)
        crowd.update(best.topics)
    return chosen


def _seat_absent_topics(chosen: Sequence[Candidate], ranked: Sequence[Candidate], lead: Candidate) -> list[Candidate]:
    """Put the best story of each topic that has none in the place of the last one whose topics are all there twice."""
    seated = list(chosen)
    for best in ranked:
        shown = Counter(topic for candidate in (lead, *seated) for topic in candidate.topics)
        if best is lead or best in seated or any(shown[topic] for topic in best.topics) or best.topics <= NO_SUBJECT:
            continue
        spare = [candidate for candidate in reversed(ranked) if candidate in seated
                 and all(shown[topic] > 1 for topic in candidate.topics)]
        if spare:
            seated[seated.index(spare[0])] = best
    return seated


def explain_choice(candidate: Candidate, section: str, newest: datetime, shared: Counter[str]) -> tuple[str, ...]:
    """Return why `candidate` stands in `section`, in words an editor reads; `shared` counts the issue's topics."""
    outlets = len(candidate.outlets)
    reasons = [_say_coverage(candidate)]
    if section == "lead":
        reasons.insert(0, "the strongest story of several outlets" if outlets > 1 else "the strongest story there is")
    if candidate.update:
        reasons.append("an update, and big enough to rank as news" if outlets >= BIG_UPDATE
                       else "an update, so below new stories like it")
    if candidate.weight >= 1.5:
        reasons.append(f"from a feed of weight {candidate.weight:g}")
    hours = round((newest - candidate.newest) / timedelta(hours=1))
    reasons.append("among the newest" if hours < 1 else f"last reported {hours} h before the newest")
    reasons.extend(f"the only story on {topic}" for topic in sorted(candidate.topics) if shared[topic] == 1)
    reasons.extend(f"pushed down: {echo}" for echo in candidate.echoes)
    if not candidate.has_summary:
        reasons.append("no summary, so one line")
    return tuple(reasons)


def _say_coverage(candidate: Candidate) -> str:
    outlets = len(candidate.outlets)
    said = f"reported by {outlets} outlets" if outlets > 1 else "reported by one outlet"
    said += " since" if candidate.update else ""
    few = 1 < candidate.feeds_on_topic <= 2 * outlets
    said += f", of {candidate.feeds_on_topic} feeds on {', '.join(sorted(candidate.topics))}" if few else ""
    copies = candidate.copies
    return said + (f"; {copies} more carr{'y' if copies > 1 else 'ies'} the same words" if copies else "")
