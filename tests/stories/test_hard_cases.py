"""The hard cases of grouping, each a few articles and the stories an editor would make of them."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.grouping_cases import Case
from tests.stories.grouping_cases_copies import COPY_CASES, CopyCase
from tests.stories.grouping_cases_events import EVENT_CASES
from tests.stories.grouping_cases_forms import FORM_CASES
from tests.stories.grouping_cases_turns import TURN_CASES
from worker.stories.cluster import Article, Grouper

START = datetime(2031, 3, 4, 8, tzinfo=UTC)
HARD_CASES = EVENT_CASES + FORM_CASES + TURN_CASES
SHUFFLED = (
    "ten outlets, one event, a day and a half",
    "one keynote, three products, two outlets each",
    "two coaches dismissed",
)
MANY_OUTLETS = [case for case in HARD_CASES if case[0] in SHUFFLED]


def at(hours: float | None) -> datetime | None:
    return None if hours is None else START + timedelta(hours=hours)


def articles_of(case: Case) -> list[Article]:
    return [
        Article(f"{n}", title, text, source, at(hours)) for n, (_, title, text, source, hours) in enumerate(case[1])
    ]


def copies_of(case: CopyCase) -> list[Article]:
    return [
        Article(f"{n}", title, text, source, at(hours), url=url)
        for n, (_, _, url, title, text, source, hours) in enumerate(case[1])
    ]


def groups(clusters: dict[str, str]) -> set[frozenset[str]]:
    found = defaultdict(set)
    for key, cluster in clusters.items():
        found[cluster].add(key)
    return {frozenset(keys) for keys in found.values()}


def wanted(case: Case | CopyCase) -> set[frozenset[str]]:
    return groups({f"{n}": row[0] for n, row in enumerate(case[1])})


def grouped(articles: list[Article]) -> Grouper:
    grouper = Grouper()
    for article in articles:
        grouper.add(article)
    return grouper


@pytest.mark.parametrize("case", HARD_CASES, ids=[name for name, _ in HARD_CASES])
def test_a_hard_case_is_grouped_as_an_editor_would(case: Case) -> None:
    assert groups(grouped(articles_of(case)).clusters()) == wanted(case)


@pytest.mark.parametrize("case", COPY_CASES, ids=[name for name, _ in COPY_CASES])
def test_copies_are_in_the_story_of_their_original_and_known_as_copies(case: CopyCase) -> None:
    grouper = grouped(copies_of(case))
    assert groups(grouper.clusters()) == wanted(case)
    assert grouper.copies() == {f"{n}": f"{row[1]}" for n, row in enumerate(case[1]) if row[1] is not None}


@pytest.mark.parametrize("case", MANY_OUTLETS, ids=[name for name, _ in MANY_OUTLETS])
@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_feeds_are_fetched_does_not_change_the_stories(case: Case, seed: int) -> None:
    shuffled = articles_of(case)
    random.Random(seed).shuffle(shuffled)
    assert groups(grouped(shuffled).clusters()) == wanted(case)


@pytest.mark.parametrize("case", HARD_CASES, ids=[name for name, _ in HARD_CASES])
def test_a_story_keeps_its_id_while_others_arrive(case: Case) -> None:
    grouper = Grouper()
    opened: dict[str, str] = {}
    for article in articles_of(case):
        story = grouper.add(article)
        assert grouper.clusters()[article.id] == story
        if story not in opened.values():
            opened[article.id] = story
        assert {key: grouper.clusters()[key] for key in opened} == opened


def test_an_article_fetched_again_changes_nothing() -> None:
    articles = articles_of(HARD_CASES[0])
    once, twice = grouped(articles), grouped(articles + articles[::-1])
    assert once.clusters() == twice.clusters()
