"""What a week's issues told in, the stories of its digest in order out, each with its reasons. Pure: no rows, no clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from worker.issues.choose import Choice

PLACE = {"lead": 2.0, "top": 1.0, "short": 0.0}  # points for the best place it had: editors let that stand
COVERAGE = 1.0  # points for each doubling of the outlets: to have led an issue weighs as much as two doublings
RETURN = 0.5  # points for each further day on which it was told again,
RETURN_MOST = 1.0  # but no more than these
_PLACED = {"lead": "led", "top": "a top story in", "short": "in brief in"}


@dataclass(frozen=True)
class Told:
    """A story as one issue told it. `story_id` is the story it lives on in; `reports` are those its words rest on.

    `update` says that its words go on from an earlier issue's.
    """

    placement_id: int
    issue_id: int
    story_id: int
    at: datetime  # when the issue went out
    day: date  # the issue's own
    section: str
    headline: str
    outlets: int
    has_summary: bool
    update: bool = False
    thread_id: int | None = None
    reports: frozenset[int] = field(default=frozenset())


@dataclass(frozen=True)
class Retold:
    """A story of the week: the latest words, and the places they take the place of, the earliest first."""

    last: Told
    earlier: tuple[Told, ...] = ()

    @property
    def all(self) -> tuple[Told, ...]:
        """Each place the story had in the week."""
        return (*self.earlier, self.last)


def join_week(told: Sequence[Told]) -> list[Retold]:
    """Return each story once, in its latest words. `told` is in the order in which readers had it.

    An update takes the place of what it goes on from: the story itself, an earlier one of its thread, or one that rests
    on the same report.
    """
    week: list[Retold] = []
    for one in told:
        replaced = [other for other in week if _replaces(one, other.last)]
        earlier = tuple(place for other in replaced for place in other.all)
        week = [other for other in week if other not in replaced]
        week.append(Retold(one, earlier))
    return week


def _replaces(one: Told, other: Told) -> bool:
    if one.story_id == other.story_id:
        return True
    if not one.update or one.issue_id == other.issue_id:  # two updates of one affair, told side by side, are both news
        return False
    return (one.thread_id is not None and one.thread_id == other.thread_id) or bool(one.reports & other.reports)


def rank_week(week: Sequence[Retold]) -> list[Retold]:
    """Return the stories, the one of most points first; ties go to what was told last, then to the smaller number."""
    newest_first = sorted(week, key=lambda story: (-story.last.at.timestamp(), story.last.story_id))
    return sorted(newest_first, key=lambda story: -score_story(story))


def score_story(story: Retold) -> float:
    """Return the points of a story of the week: its best place, its coverage, and how often it came back."""
    best = max(PLACE[told.section] for told in story.all)
    outlets = max(told.outlets for told in story.all)
    days = len({told.day for told in story.all})
    return best + COVERAGE * math.log2(1 + outlets) + min(RETURN_MOST, RETURN * (days - 1))


def choose_week(ranked: Sequence[Retold], *, top: int, short: int) -> list[Choice]:
    """Choose a lead, up to `top` top stories and up to `short` short items of `ranked`, in the order they are printed.

    What has no summary is a short item, whatever its rank, unless nothing in the week has one.
    """
    if not ranked:
        return []
    lead = next((story for story in ranked if story.last.has_summary), ranked[0])
    rest = [story for story in ranked if story is not lead]
    tops = [story for story in rest if story.last.has_summary][:top]
    shorts = [story for story in rest if story not in tops][:short]
    placed = [(lead, "lead"), *((story, "top") for story in tops), *((story, "short") for story in shorts)]
    return [Choice(story.last.story_id, section, explain_story(story)) for story, section in placed]


def explain_story(story: Retold) -> tuple[str, ...]:
    """Return where in the week the story stood and how widely it was reported, in words an editor reads."""
    best = min(story.all, key=lambda told: (-PLACE[told.section], told.at))
    reasons = [f"{_PLACED[best.section]} the issue of {best.day:%A}"]
    reasons += [f"takes the place of “{told.headline}” in the issue of {told.day:%A}, which it updates"
                for told in story.earlier if told.story_id != story.last.story_id]
    if story.last.update or len({told.day for told in story.all}) > 1:
        reasons.append(f"in the words of {story.last.day:%A}")
    outlets = max(told.outlets for told in story.all)
    reasons.append(f"reported by {outlets} outlets" if outlets > 1 else "reported by one outlet")
    if not story.last.has_summary:
        reasons.append("no summary, so one line")
    return tuple(reasons)
