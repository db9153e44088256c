"""Articles come in as they are published; the story each belongs to comes out, with why, and stays the same as others arrive."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from worker.stories.copies import find_copies
from worker.stories.linkage import link
from worker.stories.similarity import Article, Reading, read_articles
from worker.stories.trees import Trees, fitted_trees
from worker.stories.vectors import Vectors, default_vectors
from worker.stories.window import Window

__all__ = ["WINDOW_HOURS", "Article", "Grouper"]

WINDOW_HOURS = 96.0
# So much of the news is decided at once; what is decided late may still move what was decided before.
_STEP_HOURS = 48.0
# What has stood together for so long stays together, so that a story does not fall apart as its first articles leave the window.
_SETTLED_HOURS = 48.0
# An outlet writes one event up once: a second piece within a day or so is mostly other news, unless the headline says not.
_SAME_OUTLET, _SAME_OUTLET_HOURS, _NEW_HEADLINE = -1.25, 30.0, 4.0

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The pairs of a window that were compared, and the log-odds that each is one event."""

    window: Window
    left: Rows
    right: Rows
    odds: Floats


class Grouper:
    """Keeps the last 96 hours of articles and groups them afresh as others arrive, so that a story may grow, and two that turn
    out to be one are joined. A story's id is kept by most of its articles: it is the id it was first given.

    `must_link` and `cannot_link` are pairs of article ids that an editor ruled on; no figure overrules them.
    """

    def __init__(
        self, *, must_link: Collection[tuple[str, str]] = (), cannot_link: Collection[tuple[str, str]] = (),
        vectors: Vectors | None = None, trees: tuple[Trees, float] | None = None,
    ) -> None:
        self._vectors = vectors or default_vectors()
        self._trees, self._threshold = trees or fitted_trees()
        self._must, self._cannot = list(must_link), list(cannot_link)
        self._window: list[Reading] = []
        self._clusters: dict[str, str] = {}
        self._reasons: dict[str, dict[str, object]] = {}
        self._copies: dict[str, str] = {}

    def add(self, article: Article) -> str:
        """The id of the story this article goes to: one already there, or a new one named after the article."""
        return self.add_many([article])[0]

    def add_many(self, articles: Sequence[Article]) -> list[str]:
        """The story id of each article, in the order given. They are decided in order of time, two days' at once; one without a
        time right behind the one before it. Stories decided before may change: see `clusters`."""
        for step in _steps(sort_by_time([one for one in articles if one.id not in self._clusters])):
            self._take(read_articles(list({one.id: one for one in step}.values()), self._vectors))
            self._group()
        return [self._clusters[article.id] for article in articles]

    def seed(self, article: Article, cluster_id: str) -> None:
        """Put back an article that was decided before."""
        self.seed_many([(article, cluster_id)])

    def seed_many(self, placed: Sequence[tuple[Article, str]]) -> None:
        """Put back many at once."""
        self._take(read_articles([article for article, _ in placed], self._vectors))
        self._clusters.update((article.id, cluster) for article, cluster in placed)

    def clusters(self) -> dict[str, str]:
        """Story id by article id, of all articles this grouper was given."""
        return dict(self._clusters)

    def copies(self) -> dict[str, str]:
        """By the id of each article that repeats another one, the id of the first that told it."""
        return dict(self._copies)

    def explain(self, article_id: str) -> dict[str, object]:
        """Why an article is in its story: `closest` (id of the article there that is most surely the same event), `names` and
        `numbers` both have, `hours` between them (or None) and `closeness` of meaning, 0 to 1. Empty for a story's first."""
        return dict(self._reasons.get(article_id, {}))

    def windows(self, articles: Sequence[Article]) -> Iterator[Window]:
        """The windows in which `add_many` would decide, for fitting."""
        for step in _steps(sort_by_time(articles)):
            self._take(read_articles(step, self._vectors))
            yield Window(self._window, self._vectors, WINDOW_HOURS)

    def _take(self, readings: Sequence[Reading]) -> None:
        """Add readings to the window and let go of those that are too old to be one event with any of them."""
        times = [one.hours for one in readings if one.hours is not None]
        # From the beginning of their step, so that one by one and all at once they meet the same others.
        earliest = min(times) // _STEP_HOURS * _STEP_HOURS - WINDOW_HOURS if times else float("-inf")
        kept = [one for one in self._window if one.hours is None or one.hours >= earliest]
        self._window = sorted([*kept, *readings], key=_order) if times else [*kept, *readings]

    def _group(self) -> None:
        if not self._window:
            return
        window = Window(self._window, self._vectors, WINDOW_HOURS)
        rows = {one.article.id: row for row, one in enumerate(self._window)}
        cannot = list(_pairs_of_rows(self._cannot, rows))
        copies = find_copies(self._window)
        pairs = _Pairs(window, window.left, window.right, self._rate(window, window.left, window.right))
        groups = link(
            len(self._window), pairs.left, pairs.right, pairs.odds, threshold=self._threshold,
            rate=lambda left, right: self._rate(window, left, right),
            must=_pairs_of_rows(_through_absent(self._must, rows), rows), cannot=cannot,
            likely=[*copies.items(), *self._settled(cannot)],
        )  # fmt: skip
        self._name(groups)
        for row, one in enumerate(self._window):
            self._copies.pop(one.article.id, None)
            if row in copies and groups[row] == groups[copies[row]]:
                self._copies[one.article.id] = self._window[copies[row]].article.id
        self._explain(groups, pairs)

    def _settled(self, cannot: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Pairs of rows that have been in one story for two days, unless an editor parted it."""
        newest = max((one.hours for one in self._window if one.hours is not None), default=0.0)
        parted = {self._clusters.get(self._window[row].article.id) for pair in cannot for row in pair}
        first: dict[str, int] = {}
        for row, one in enumerate(self._window):
            cluster = self._clusters.get(one.article.id)
            if cluster is not None and cluster not in parted and one.hours is not None and one.hours < newest - _SETTLED_HOURS:
                if cluster in first:
                    yield first[cluster], row
                first.setdefault(cluster, row)

    def _rate(self, window: Window, left: Rows, right: Rows) -> Floats:
        odds = self._trees.rate(window.compare(left, right))
        readings = window.readings
        for place, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
            if _same_outlet(readings[one], readings[other]):
                odds[place] += _NEW_HEADLINE if _is_new_headline(readings[one], readings[other]) else _SAME_OUTLET
        return odds

    def _name(self, groups: Sequence[int]) -> None:
        """Give each group the id that most of its articles had, the largest share first, and of equal ones the one that its
        earliest article had; a new one is named after its first."""
        members: dict[int, list[int]] = {}
        for row, group in enumerate(groups):
            members.setdefault(group, []).append(row)
        shares = []
        for group, rows in members.items():
            had: dict[str, list[int]] = {}
            for row in rows:
                if (key := self._window[row].article.id) in self._clusters:
                    had.setdefault(self._clusters[key], []).append(row)
            shares += [(-len(theirs), theirs[0], cluster, group) for cluster, theirs in had.items()]
        names: dict[int, str] = {}
        taken: set[str] = set()
        for _, _, cluster, group in sorted(shares):
            if group not in names and cluster not in taken:
                names[group] = cluster
                taken.add(cluster)
        used = taken | set(self._clusters.values())
        for group, rows in members.items():
            if group not in names:
                names[group] = _new_name(self._window[rows[0]].article.id, used)
                used.add(names[group])
        self._clusters.update((self._window[row].article.id, names[group]) for row, group in enumerate(groups))

    def _explain(self, groups: Sequence[int], pairs: _Pairs) -> None:
        closest: dict[int, tuple[float, int]] = {}
        for one, other, odds in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.odds.tolist(), strict=True):
            if groups[one] == groups[other]:
                closest[one] = max(closest.get(one, (-np.inf, -1)), (odds, other))
                closest[other] = max(closest.get(other, (-np.inf, -1)), (odds, one))
        for row, reading in enumerate(self._window):
            began = groups[row] == row
            found = None if began or row not in closest else self._window[closest[row][1]]
            self._reasons[reading.article.id] = _reason(reading, found) if found else {}


def sort_by_time(articles: Sequence[Article]) -> list[Article]:
    """In order of time, then of id, so that the order given does not matter; an article without a time keeps its place
    behind the one before it."""
    keyed: list[tuple[float, bool, str, int]] = []
    latest = float("-inf")
    for place, article in enumerate(articles):
        if article.published is not None:
            latest = article.published.timestamp()
        timed = article.published is not None
        keyed.append((latest, not timed, article.id if timed else "", place))
    return [articles[place] for *_, place in sorted(keyed)]


def _steps(articles: Sequence[Article]) -> Iterator[list[Article]]:
    step = float("-inf")

    def step_of(article: Article) -> float:
        nonlocal step
        if article.published is not None:
            step = article.published.timestamp() // (_STEP_HOURS * 3600)
        return step

    for _, articles_of_step in groupby(articles, key=step_of):
        yield list(articles_of_step)


def _order(reading: Reading) -> tuple[float, str]:
    return (float("-inf"), "") if reading.hours is None else (reading.hours, reading.article.id)


def _through_absent(pairs: Iterable[tuple[str, str]], present: Collection[str]) -> Iterator[tuple[str, str]]:
    """Of articles that an editor tied together in a chain, those that are there, even where a link between them is not."""
    tied: dict[str, set[str]] = {}
    for one, other in pairs:
        joined = tied.get(one, {one}) | tied.get(other, {other})
        tied.update(dict.fromkeys(joined, joined))
    for joined in {id(group): group for group in tied.values()}.values():
        here = sorted(joined & set(present))
        yield from ((here[0], other) for other in here[1:])


def _pairs_of_rows(pairs: Iterable[tuple[str, str]], rows: dict[str, int]) -> Iterator[tuple[int, int]]:
    return ((rows[one], rows[other]) for one, other in pairs if one in rows and other in rows)


def _new_name(article_id: str, used: set[str]) -> str:
    name, number = f"story-{article_id}", 1
    while name in used:
        number += 1
        name = f"story-{article_id}-{number}"
    return name


def _reason(reading: Reading, other: Reading) -> dict[str, object]:
    apart = None if reading.hours is None or other.hours is None else abs(reading.hours - other.hours)
    return {
        "closest": other.article.id,
        "names": sorted({reading.spelt.get(name, name) for name in reading.names.keys() & other.names.keys()}),
        "numbers": sorted(reading.numbers & other.numbers),
        "hours": None if apart is None else round(apart, 1),
        "closeness": round(max(0.0, float(reading.vector @ other.vector)), 3),
    }


def _same_outlet(one: Reading, other: Reading) -> bool:
    if one.article.source is None or one.article.source != other.article.source:
        return False
    return one.hours is None or other.hours is None or abs(one.hours - other.hours) <= _SAME_OUTLET_HOURS


def _is_new_headline(one: Reading, other: Reading) -> bool:
    """The same outlet's headline again with a word or two changed; another number is other news."""
    shared, either = one.title_words & other.title_words, one.title_words | other.title_words
    if len(shared) < 4 or len(shared) < 0.7 * len(either):
        return False
    return not any(sign.isdigit() for word in either - shared for sign in word)
