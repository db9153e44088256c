"""Which articles become one story: hand-written cases, the editor's word, time, and a run that was interrupted."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.grouping import FLOORS, group, score
from bench.known_groups import print_known_groups
from bench.labelled import read_labelled
from tests.stories.grouping_cases import CASES, Case
from worker.stories.cluster import WINDOW_HOURS, Article, Grouper

START = datetime(2031, 3, 4, 8, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[3] / "shared"
needs_grouping = pytest.mark.skipif(not (SHARED / "grouping").is_dir(), reason="../shared/grouping not there")
needs_feeds = pytest.mark.skipif(not (SHARED / "feeds").is_dir(), reason="../shared/feeds not there")


def article(key: str, title: str, text: str = "", source: str | None = None, hours: float | None = 0.0) -> Article:
    published = None if hours is None else START + timedelta(hours=hours)
    return Article(key, title, text, source, published)


def articles_of(case: Case) -> list[Article]:
    return [article(f"{n}", *rest) for n, (_, *rest) in enumerate(case[1])]


def groups(clusters: dict[str, str]) -> set[frozenset[str]]:
    found = defaultdict(set)
    for key, cluster in clusters.items():
        found[cluster].add(key)
    return {frozenset(keys) for keys in found.values()}


def a_long_week() -> list[Article]:
    """All cases, told one after the other over some weeks."""
    told = []
    for day, case in enumerate(CASES):
        told += [
            article(f"{day}-{n}", title, text, source, day * 130 + (hours or 0))
            for n, (_, title, text, source, hours) in enumerate(case[1])
        ]
    return sorted(told, key=lambda one: (one.published, one.id))


@pytest.mark.parametrize("case", CASES, ids=[name for name, _ in CASES])
def test_a_hand_written_case_is_grouped_as_a_reader_would(case: Case) -> None:
    grouper = Grouper()
    for one in articles_of(case):
        grouper.add(one)
    wanted = {str(n): letter for n, (letter, *_) in enumerate(case[1])}
    assert groups(grouper.clusters()) == groups(wanted)


def test_one_event_is_found_among_hundreds_of_other_articles() -> None:
    """More than an article is held against in one go, and far more than it is compared with."""
    towns = [f"{first}{last}" for first in ("Ash", "Brae", "Corn", "Dun", "Elm", "Fen", "Glen", "Harr", "Ives", "Kirk")
             for last in ("bury", "combe", "dale", "field", "ford", "ham", "ley", "mere", "stow", "ton")]
    deeds = ("plants an orchard behind the library", "mends the roof of its swimming hall", "opens a market for old bicycles")
    others = [article(f"other-{n}", f"{towns[n % 100]} {deeds[n // 100]}", f"The council of {towns[n % 100]} paid for it.",
                      f"outlet-{n % 7}", n / 10) for n in range(300)]
    first = article("first", "Robot ferry Marigold runs aground off Skye", "The ferry Marigold had no crew aboard.", "one", 28)
    last = article("last", "Crewless ferry Marigold stranded near Skye", "Marigold, a robot ferry, ran aground.", "two", 29.9)
    found = Grouper().add_many([*others, first, last])
    assert found[-2] == found[-1]
    assert found.count(found[-1]) == 2


def test_the_same_articles_give_the_same_stories_again() -> None:
    assert Grouper().add_many(a_long_week()) == Grouper().add_many(a_long_week())


def test_one_by_one_ends_as_many_at_once() -> None:
    week, one_by_one, at_once = a_long_week(), Grouper(), Grouper()
    for one in week:
        one_by_one.add(one)
    at_once.add_many(week)
    assert groups(one_by_one.clusters()) == groups(at_once.clusters())


def test_many_are_taken_in_order_of_time_and_answered_in_the_order_given() -> None:
    week = a_long_week()
    backwards = dict(zip([one.id for one in reversed(week)], Grouper().add_many(week[::-1]), strict=True))
    assert groups(backwards) == groups(dict(zip([one.id for one in week], Grouper().add_many(week), strict=True)))


@pytest.mark.parametrize("stop", [1, 17, 40, 60])
def test_a_seeded_grouper_goes_on_as_if_it_had_never_stopped(stop: int) -> None:
    week = a_long_week()
    whole, before, resumed = Grouper(), Grouper(), Grouper()
    whole.add_many(week)
    before.add_many(week[:stop])
    earliest = week[stop].published - timedelta(hours=1.5 * WINDOW_HOURS)
    resumed.seed_many([(one, before.clusters()[one.id]) for one in week[:stop] if one.published >= earliest])
    resumed.add_many(week[stop:])
    assert groups({**before.clusters(), **resumed.clusters()}) == groups(whole.clusters())
    assert all(resumed.clusters().get(key, story) == story for key, story in before.clusters().items())


def test_a_seeded_story_keeps_its_id_and_takes_the_next_article() -> None:
    grouper = Grouper()
    grouper.seed(article("1", "Norvane buys Larkspur for $900M", source="Circuit"), "story:41")
    assert grouper.add(article("2", "Norvane to buy speech firm Larkspur for $900 million", source="Wire")) == "story:41"


def test_an_article_given_twice_keeps_its_story() -> None:
    grouper, one = Grouper(), article("1", "Norvane buys Larkspur for $900M")
    assert grouper.add(one) == grouper.add(one)
    assert len(grouper.clusters()) == 1


def test_articles_beyond_the_window_attract_no_more() -> None:
    grouper = Grouper()
    first = grouper.add(article("1", "Norvane buys Larkspur for $900M", "Larkspur makes speech software.", "Wire", 0))
    late = article("2", "Norvane buys Larkspur for $900M", "Larkspur makes speech software.", "Post", WINDOW_HOURS + 1)
    assert grouper.add(late) != first


def test_an_editors_merge_joins_what_the_figures_would_not() -> None:
    apart = [article("1", "Norvane opens an office in Lisbon"), article("2", "Tarn Robotics raises $240 million")]
    assert len(set(Grouper().add_many(apart))) == 2
    assert len(set(Grouper(must_link=[("2", "1")]).add_many(apart))) == 1


def test_an_editors_merge_reaches_through_others() -> None:
    three = [article("1", "Norvane opens an office"), article("2", "Rain in Ostermoor"), article("3", "A choir of robots")]
    assert len(set(Grouper(must_link=[("1", "9"), ("9", "3")]).add_many(three))) == 2


def test_an_editors_split_parts_what_the_figures_would_join() -> None:
    alike = [
        article("1", "Norvane buys Larkspur for $900M", source="Circuit"),
        article("2", "Norvane to buy speech firm Larkspur for $900 million", source="Wire"),
    ]
    assert len(set(Grouper().add_many(alike))) == 1
    assert len(set(Grouper(cannot_link=[("1", "2")]).add_many(alike))) == 2


def test_a_split_keeps_an_article_out_of_the_whole_story() -> None:
    alike = [
        article("1", "Norvane buys Larkspur for $900M", source="Circuit"),
        article("2", "Norvane to buy speech firm Larkspur for $900 million", source="Wire"),
        article("3", "Speech firm Larkspur goes to Norvane for $900 million", source="Post"),
    ]
    first, second, third = Grouper(cannot_link=[("3", "1"), ("3", "2")]).add_many(alike)
    assert first == second != third


def test_a_copy_of_two_articles_that_an_editor_parted_does_not_join_them() -> None:
    text = "A fire in a Wellmouth computer hall took banks and buses offline for six hours on Sunday, the operator said."
    grouper = Grouper(cannot_link=[("1", "2")])
    linked = Article("1", "Banks offline in Wellmouth", "", "Wire", START, url="https://wire.example/1")
    grouper.seed_many([(linked, "story:1"), (article("2", "Buses stand still as hall burns", text, "Post", 1), "story:2")])
    grouper.add(Article("3", "Hall fire", text, "Kiosk", START - timedelta(hours=1), url="https://wire.example/1"))
    assert grouper.clusters()["1"] == "story:1" != grouper.clusters()["2"] == "story:2"
    assert len(grouper.copies()) == 1


def test_a_story_says_what_joined_it() -> None:
    grouper = Grouper()
    grouper.add(article("1", "Tarn Robotics raises $240 million", "Elmwood Partners led the round.", "Ledger", 0))
    grouper.add(article("2", "Elmwood leads $240M round in Tarn Robotics", "Tarn makes robots.", "Wire", 3))
    reason = grouper.explain("2")
    assert reason["closest"] == "1"
    assert {"Tarn", "Elmwood"} <= set(reason["names"])  # type: ignore[call-overload]
    assert (reason["numbers"], reason["hours"]) == (["240000000"], 3.0)
    assert grouper.explain("1") == {}


@pytest.mark.parametrize("title", ["", "?", "…", "🤖", "的", "A" * 5000])
def test_odd_titles_are_survived(title: str) -> None:
    grouper = Grouper()
    assert grouper.add(article("1", title)) != grouper.add(article("2", "Tarn Robotics raises $240 million", ROUND_TEXT))


ROUND_TEXT = "Elmwood Partners led the round."


@needs_grouping
@pytest.mark.parametrize("name", FLOORS)
def test_labelled_news_is_grouped_well_enough(name: str) -> None:
    labelled = read_labelled(SHARED / "grouping", name)
    assert score(labelled, group(labelled.articles)).f1 >= FLOORS[name]


@needs_feeds
def test_hand_read_groups_of_real_feeds_are_whole_and_the_different_ones_apart(capsys: pytest.CaptureFixture[str]) -> None:
    print_known_groups(SHARED / "feeds")
    told = [line.split() for line in capsys.readouterr().out.splitlines() if line.endswith((": right", ": WRONG"))]
    same = [line[-1] == "right" for line in told if "same:" in line or ("same" in line[:-1] and "different" not in line)]
    different = [line[-1] == "right" for line in told if "different" in " ".join(line)]
    assert all(different)
    assert sum(same) >= 0.9 * len(same) > 0
