"""The hand-judged pairs of AI news: what the file holds, and how a grouping is scored against it."""

from pathlib import Path

import pytest

from bench.ai_pairs import LABELS, SPLITS, Pair, measure, read_pairs
from bench.known_groups import link_of

FEEDS = Path(__file__).resolve().parents[3] / "shared" / "feeds"
needs_feeds = pytest.mark.skipif(not (FEEDS / "json").is_dir(), reason="../shared/feeds/json not there")

JUDGED = [
    Pair("a", "b", "same", "dev", ""),
    Pair("a", "c", "same", "dev", ""),
    Pair("a", "d", "different", "dev", ""),
    Pair("d", "e", "different", "dev", ""),
    Pair("a", "f", "copy", "dev", ""),
]


def test_a_grouping_that_is_right_scores_full_marks() -> None:
    figures = measure(JUDGED, [{"a": "1", "b": "1", "c": "1", "f": "1", "d": "2", "e": "3"}])
    assert (figures.recall, figures.copies, figures.precision, figures.joined, figures.different) == (1, 1, 1, 0, 2)


def test_one_story_for_all_finds_every_pair_and_is_mostly_wrong() -> None:
    figures = measure(JUDGED, [dict.fromkeys("abcdef", "1")])
    assert (figures.recall, figures.precision, figures.joined) == (1, 0.6, 2)


def test_a_story_for_each_finds_nothing() -> None:
    figures = measure(JUDGED, [{key: key for key in "abcdef"}])
    assert (figures.recall, figures.copies, figures.joined) == (0, 0, 0)


def test_a_pair_counts_where_both_its_articles_are() -> None:
    assert measure(JUDGED, [{"a": "1", "b": "1"}, {"d": "1"}]).pairs == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://www.ledger.example/a/",
        "http://ledger.example/a?utm_source=rss&utm_medium=x",
        "https://ledger.example/a#top",
    ],
)
def test_links_to_one_page_are_one(url: str) -> None:
    assert link_of(url) == "ledger.example/a"


def test_links_to_two_pages_stay_two() -> None:
    assert link_of("https://board.example/item?id=1") != link_of("https://board.example/item?id=2")


@needs_feeds
def test_every_pair_is_in_an_archive_once_with_a_label_and_a_split() -> None:
    pairs, archives = read_pairs(FEEDS)
    held = [{article.id for article in articles} for articles in archives]
    assert len({frozenset((pair.one, pair.other)) for pair in pairs}) == len(pairs) >= 300
    assert {pair.label for pair in pairs} == set(LABELS)
    assert {pair.split for pair in pairs} == set(SPLITS)
    assert [pair for pair in pairs if not any(pair.one in ids and pair.other in ids for ids in held)] == []
