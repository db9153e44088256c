"""Which stories an issue gets, in which order and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from worker.issues.choose import Candidate, choose

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def story(
    number: int, outlets: int = 1, *, weight: float = 1.0, hours: float = 0, topics: str = "press", summary: bool = True
) -> Candidate:
    return Candidate(number, frozenset(f"outlet {n}" for n in range(outlets)), weight, NOON - timedelta(hours=hours),
                     frozenset(topics.split()), summary)


@pytest.mark.parametrize(("stronger", "weaker"), [
    (story(2, outlets=4), story(1, outlets=2)),
    (story(2, weight=2.5), story(1, weight=0.5)),
    (story(2, hours=1), story(1, hours=20)),
    (story(2), story(1, summary=False)),
    (story(2, outlets=3, hours=20), story(1, outlets=1, hours=0)),
], ids=["more outlets", "a weightier feed", "newer", "has a summary", "coverage before freshness"])
def test_the_stronger_story_stands_first(stronger: Candidate, weaker: Candidate) -> None:
    placed = choose([weaker, stronger], top=5, short=5)

    assert [choice.story_id for choice in placed] == [stronger.story_id, weaker.story_id]


def test_the_lead_is_a_story_of_several_outlets_even_if_one_outlet_weighs_more() -> None:
    placed = choose([story(1, weight=3.0, topics="lab"), story(2, outlets=2, weight=0.3, hours=10)], top=5, short=5)

    assert (placed[0].story_id, placed[0].section) == (2, "lead")


def test_without_a_shared_story_the_strongest_one_leads() -> None:
    assert choose([story(1), story(2, weight=2.0)], top=5, short=5)[0].story_id == 2


def test_sections_are_filled_to_their_size_and_no_further() -> None:
    placed = choose([story(n, outlets=1 + n % 4) for n in range(1, 31)], top=3, short=4)

    assert [choice.section for choice in placed] == ["lead", *["top"] * 3, *["short"] * 4]
    assert len({choice.story_id for choice in placed}) == 8


def test_a_story_without_a_summary_is_a_short_item() -> None:
    placed = choose([story(1, outlets=5), story(2, outlets=4, summary=False), story(3)], top=2, short=2)

    assert {choice.story_id: choice.section for choice in placed} == {1: "lead", 3: "top", 2: "short"}


def test_a_topic_with_few_feeds_keeps_its_place() -> None:
    crowd = [story(n, outlets=2, weight=1.5) for n in range(1, 41)]
    lonely = story(99, weight=1.0, hours=6, topics="policy")

    placed = choose([*crowd, lonely], top=6, short=10)

    choice = next(choice for choice in placed if choice.story_id == 99)
    assert "the only story on policy" in choice.reasons


def test_reasons_are_said_in_words() -> None:
    placed = choose([story(1, outlets=5, weight=2.0), story(2, hours=7, summary=False)], top=6, short=10)

    assert placed[0].reasons == ("the strongest story of several outlets", "reported by 5 outlets",
                                 "from a feed of weight 2", "among the newest")
    assert placed[1].reasons == ("reported by one outlet", "last reported 7 h before the newest",
                                 "no summary, so one line")


def test_ties_and_the_order_of_the_candidates_do_not_change_the_issue() -> None:
    same = [story(n) for n in range(1, 25)]

    placed = choose(same, top=6, short=10)

    assert placed == choose(same[::-1], top=6, short=10)
    assert [choice.story_id for choice in placed] == list(range(1, 18))


def test_no_candidates_make_no_choice() -> None:
    assert choose([], top=6, short=10) == []


def test_a_topic_s_best_story_gets_a_place_whatever_the_others_weigh() -> None:
    crowd = [story(n, outlets=8, weight=3.0) for n in range(1, 41)]
    lonely = [story(98, weight=0.5, hours=20, topics="policy"), story(99, weight=0.4, hours=20, topics="policy")]

    placed = [choice.story_id for choice in choose([*crowd, *lonely], top=6, short=10)]

    assert len(placed) == 17
    assert 98 in placed
    assert 99 not in placed


def test_coverage_is_held_against_the_feeds_that_could_have_told_it() -> None:
    press = Candidate(1, frozenset({"a", "b"}), 1.0, NOON, frozenset({"press"}), True, feeds_on_topic=20)
    policy = Candidate(2, frozenset({"a", "b"}), 1.0, NOON, frozenset({"policy"}), True, feeds_on_topic=2)

    placed = choose([press, policy], top=5, short=5)

    assert [choice.story_id for choice in placed] == [2, 1]
    assert "reported by 2 outlets, of 2 feeds on policy" in placed[0].reasons


def test_an_update_ranks_below_news_like_it_unless_it_is_big() -> None:
    news, update = story(2, outlets=2), replace(story(1, outlets=2), update=True)
    big, small = replace(story(1, outlets=4), update=True), story(2, outlets=3)

    assert [choice.story_id for choice in choose([news, update], top=5, short=5)] == [2, 1]
    placed = choose([small, big], top=5, short=5)
    assert [choice.story_id for choice in placed] == [1, 2]
    assert "an update, and big enough to rank as news" in placed[0].reasons


def test_what_led_the_last_issues_is_pushed_down_and_told_so() -> None:
    again = replace(story(1, outlets=3), echoes=("the issue of 20 November led with it",))

    placed = choose([again, story(2, outlets=3)], top=5, short=5)

    assert [choice.story_id for choice in placed] == [2, 1]
    assert "pushed down: the issue of 20 November led with it" in placed[1].reasons


def test_copies_are_said_and_do_not_count() -> None:
    copied, reported = replace(story(1, outlets=1), copies=5), story(2, outlets=2)

    placed = choose([copied, reported], top=5, short=5)

    assert [choice.story_id for choice in placed] == [2, 1]
    assert "reported by one outlet; 5 more carry the same words" in placed[1].reasons
