"""What the digest of a week makes of what its issues told: each story once, ranked by its place and its coverage."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from worker.issues.week import Retold, Told, choose_week, join_week, rank_week

MONDAY = date(2026, 11, 23)


def told(story: int, day: int = 0, section: str = "top", outlets: int = 1, **given: Any) -> Told:
    """A story as the issue of the day (0 is Monday) told it."""
    at = datetime(2026, 11, 23, 7, tzinfo=UTC) + timedelta(days=day)
    return Told(placement_id=100 * day + story, issue_id=day, story_id=story, at=at, day=MONDAY + timedelta(days=day),
                section=section, headline=f"Story {story}", outlets=outlets, **{"has_summary": True, **given})


def stories(week: list[Retold]) -> list[tuple[int, int]]:
    return [(one.last.story_id, one.last.issue_id) for one in week]


def test_a_story_told_twice_is_there_once_in_its_latest_words() -> None:
    assert stories(join_week([told(1), told(2), told(1, 2)])) == [(2, 0), (1, 2)]


@pytest.mark.parametrize(("first", "update", "left"), [
    (told(1, thread_id=7), told(2, 2, update=True, thread_id=7), [(2, 2)]),
    (told(1, thread_id=7), told(2, 2, update=False, thread_id=7), [(1, 0), (2, 2)]),  # of one affair, but news
    (told(1, thread_id=7), told(2, 2, update=True, thread_id=8), [(1, 0), (2, 2)]),
    (told(1), told(2, 2, update=True), [(1, 0), (2, 2)]),  # no thread is no common thread
    (told(1, reports=frozenset({5, 6})), told(2, 2, update=True, reports=frozenset({6, 9})), [(2, 2)]),
    (told(1, thread_id=7), told(2, 0, update=True, thread_id=7), [(1, 0), (2, 0)]),  # side by side in one issue
])
def test_an_update_takes_the_place_of_what_it_goes_on_from(first: Told, update: Told, left: list[tuple[int, int]]) -> None:
    assert stories(join_week([first, update])) == left


def test_a_chain_of_updates_leaves_the_last_and_remembers_the_others() -> None:
    chain = [told(1, 0, thread_id=7), told(2, 1, update=True, thread_id=7), told(3, 3, update=True, thread_id=7)]

    week = join_week(chain)

    assert stories(week) == [(3, 3)]
    assert [one.story_id for one in week[0].earlier] == [1, 2]


@pytest.mark.parametrize(("stronger", "weaker"), [
    ([told(2, 1, "lead")], [told(1, 1, "top")]),
    ([told(2, 1, "top")], [told(1, 1, "short")]),
    ([told(2, 1, outlets=5)], [told(1, 1, outlets=2)]),
    ([told(2, 1, "top", outlets=7)], [told(1, 1, "lead", outlets=1)]),  # six more outlets outweigh one editor's lead
    ([told(2, 1), told(2, 3)], [told(1, 3)]),  # came back on another day
    ([told(2, 0, "lead"), told(2, 3, "short")], [told(1, 3, "top")]),  # what led once is ranked as a lead
    ([told(2, 4)], [told(1, 3)]),  # at a draw, what was told last
    ([told(1, 3)], [told(2, 3)]),
])
def test_place_coverage_and_coming_back_decide(stronger: list[Told], weaker: list[Told]) -> None:
    ranked = rank_week(join_week(sorted([*weaker, *stronger], key=lambda one: one.at)))

    assert ranked[0].last.story_id == stronger[0].story_id
    assert len(ranked) == 2


def test_the_order_in_which_they_are_given_decides_nothing() -> None:
    week = join_week([told(1, 0, "lead"), told(2, 1, "lead"), told(3, 1), told(4, 1)])

    assert rank_week(week) == rank_week(list(reversed(week)))


def test_there_is_room_for_a_lead_the_top_and_the_short() -> None:
    ranked = rank_week(join_week([told(number, number) for number in range(1, 7)]))

    placed = [(one.story_id, one.section) for one in choose_week(ranked, top=2, short=2)]

    assert placed == [(6, "lead"), (5, "top"), (4, "top"), (3, "short"), (2, "short")]
    assert choose_week([], top=2, short=2) == []


def test_what_has_no_summary_is_one_line_and_leads_only_if_nothing_has_one() -> None:
    bare = told(1, 1, "lead", outlets=9, has_summary=False)

    assert [(one.story_id, one.section) for one in choose_week(rank_week(join_week([bare, told(2)])), top=2, short=2)] == [
        (2, "lead"), (1, "short")]
    assert choose_week(join_week([bare]), top=2, short=2)[0].section == "lead"


def test_the_reasons_say_where_it_stood_and_what_it_replaces() -> None:
    week = join_week([told(1, 1, "lead", outlets=3, thread_id=7), told(2, 3, "short", outlets=2, thread_id=7, update=True),
                      told(3, 4, "short", has_summary=False)])

    reasons = {one.story_id: one.reasons for one in choose_week(rank_week(week), top=5, short=5)}

    assert reasons == {
        2: ("led the issue of Tuesday", "takes the place of “Story 1” in the issue of Tuesday, which it updates",
            "in the words of Thursday", "reported by 3 outlets"),
        3: ("in brief in the issue of Friday", "reported by one outlet", "no summary, so one line")}
