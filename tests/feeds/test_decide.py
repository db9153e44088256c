"""Which entries are news, and when a feed is asked again."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.feeds.decide import choose_fresh, next_interval, retry_delay
from worker.feeds.document import Entry

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
RECENT = timedelta(hours=96)


def entry(name: str, days_ago: float | None) -> Entry:
    return Entry(name, title=name, published_at=None if days_ago is None else NOW - timedelta(days=days_ago))


def names(entries: list[Entry], known: set[str], first_seen: datetime | None) -> list[str]:
    return [one.identity for one in choose_fresh(entries, known, now=NOW, first_seen=first_seen, recent=RECENT)]


def test_the_first_fetch_takes_what_is_recent() -> None:
    entries = [entry("ahead", -1), entry("new", 1), entry("edge", 4), entry("old", 4.1)]
    assert names(entries, set(), None) == ["ahead", "new", "edge"]


def test_a_later_fetch_takes_late_entries_but_not_what_was_there_before() -> None:
    entries = [entry("new", 0), entry("late", 20), entry("archive", 31)]
    assert names(entries, set(), NOW - timedelta(days=60)) == ["new", "late"]
    assert names(entries, set(), NOW - timedelta(days=10)) == ["new"]  # "late" was in the first document


def test_known_entries_are_not_fresh() -> None:
    assert names([entry("a", 0), entry("b", 0)], {"a"}, NOW) == ["b"]


def test_undated_entries_are_news_at_the_top_only() -> None:
    document = [entry(f"e{n}", None) for n in range(50)]
    first = names(document, set(), None)
    assert first == [f"e{n}" for n in range(20)]
    assert names([entry("newer", None), *document], set(first), NOW) == ["newer"]


def test_a_short_undated_feed_may_put_its_news_anywhere() -> None:
    assert names([entry("a", None), entry("b", None)], {"a"}, NOW) == ["b"]


@pytest.mark.parametrize(("current", "configured", "has_news", "seconds"), [
    (3600, 3600, False, 5400), (5400, 3600, True, 3600), (80_000, 3600, False, 86_400), (86_400, 3600, False, 86_400),
    (300, 3600, False, 3600), (86_400, 86_400, False, 86_400),
])
def test_quiet_feeds_are_asked_less_often(current: int, configured: int, has_news: bool, seconds: int) -> None:
    assert next_interval(current, configured, has_news=has_news) == seconds


@pytest.mark.parametrize(("failures", "retry_after", "seconds"), [
    (1, None, 3600), (2, None, 7200), (3, None, 14_400), (50, None, 86_400),
    (1, 10, 3600), (1, 90_000, 90_000), (1, 10**9, 7 * 86_400),
])
def test_failing_feeds_are_asked_less_often_and_servers_heeded(
        failures: int, retry_after: int | None, seconds: int) -> None:
    assert retry_delay(3600, failures, retry_after) == seconds
