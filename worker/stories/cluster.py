"""Articles come in one by one; each goes to the story it reports, by a score that names, numbers, words, meaning and time make."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from worker.stories.similarity import Article, Reading, read_articles
from worker.stories.vectors import Vectors, default_vectors
from worker.stories.window import Window

__all__ = ["WINDOW_HOURS", "Article", "Grouper", "Rule"]

WINDOW_HOURS = 96.0


@dataclass(frozen=True)
class Rule:
    """How the figures of `window.FIGURES` make the log-odds that two articles report one event, and when a story takes one.

    The weights were fitted by logistic regression on four labelled sets (ECB+, UCI News Aggregator, AllSides, NeuS) at once
    and rounded; those of days, outlets, a lone word and names alone were set by hand on AI news, whose times and outlets are
    unlike the sets'.
    """

    weights: tuple[float, ...] = (2.9, 1.5, 2.0, 1.25, 0.9, 0.15, 0.4, 0.8, 0.8, -0.85, -3.0, 2.0)
    bias: float = -2.4
    threshold: float = 1.3
    # Each day since the last of those closest three costs, and each after a day and a half more: a story is told while it is
    # fresh, and what comes three days later with the same names is mostly a new turn.
    per_day: float = -0.7
    per_late_day: float = -1.0
    late_days: float = 1.5
    # The closest member and the mean of the closest three count half each: one chance likeness is not enough, and in a
    # story of a hundred articles the far ones do not push the next away.
    closest: int = 3
    # A headline without a text has less to show for the same likeness.
    headline_only: float = 1.1
    same_outlet: float = -1.25
    same_outlet_hours: float = 30.0
    window_hours: float = WINDOW_HOURS
    candidates: int = 40
    clusters_read: int = 8
    members_read: int = 24


@dataclass
class _Links:
    """Pairs an editor decided, looked up from either side."""

    pairs: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "_Links":
        links = cls()
        for one, other in pairs:
            links.pairs.setdefault(one, set()).add(other)
            links.pairs.setdefault(other, set()).add(one)
        return links


class Grouper:
    """Decides, article by article, which story each belongs to. The same articles in the same order give the same stories.

    `must_link` and `cannot_link` are pairs of article ids an editor decided; they outrank every figure.
    Articles further apart than the rule's window (96 hours) never meet; one without a time meets all that are still held.
    """

    def __init__(
        self,
        *,
        must_link: Collection[tuple[str, str]] = (),
        cannot_link: Collection[tuple[str, str]] = (),
        rule: Rule | None = None,
        vectors: Vectors | None = None,
    ) -> None:
        self._rule = rule or Rule()
        self._vectors = vectors or default_vectors()
        self._window = Window(self._vectors, self._rule.window_hours)
        self._must, self._cannot = _Links.of(must_link), _Links.of(cannot_link)
        self._now = float("-inf")
        self._clusters: dict[str, str] = {}
        self._reasons: dict[str, dict[str, object]] = {}

    def add(self, article: Article) -> str:
        """The id of the story this article goes to: one already there, or a new one named after the article."""
        return self._place(read_articles([article], self._vectors)[0])

    def add_many(self, articles: Sequence[Article]) -> list[str]:
        """The story id of each article, in the order given. They are decided in order of time, one without a time
        right behind the one before it."""
        for reading in read_articles(sort_by_time(articles), self._vectors):
            self._place(reading)
        return [self._clusters[article.id] for article in articles]

    def seed(self, article: Article, cluster_id: str) -> None:
        """Put back an article that was decided before. Seeding a window in its order restores its decisions."""
        self.seed_many([(article, cluster_id)])

    def seed_many(self, placed: Sequence[tuple[Article, str]]) -> None:
        """Put back many at once."""
        readings = read_articles([article for article, _ in placed], self._vectors)
        for reading, (_, cluster) in zip(readings, placed, strict=True):
            self._keep(reading, cluster)

    def clusters(self) -> dict[str, str]:
        """Story id by article id, of all articles this grouper was given."""
        return dict(self._clusters)

    def explain(self, article_id: str) -> dict[str, object]:
        """Why an article joined its story: `closest` (id of the nearest article there), `names` and `numbers` both have,
        `hours` between them (or None) and `closeness` of meaning, 0 to 1. Empty for an article that began a story."""
        return dict(self._reasons.get(article_id, {}))

    def _place(self, reading: Reading) -> str:
        article_id = reading.article.id
        if article_id in self._clusters:
            return self._clusters[article_id]
        self._pass_time(reading)
        cluster = self._linked(article_id)
        if cluster is None and not reading.roundup:
            cluster = self._choose(reading)
        if cluster is None:
            cluster = f"story-{article_id}"
        else:
            self._reasons[article_id] = self._reason(reading, cluster)
        self._keep(reading, cluster)
        return cluster

    def _keep(self, reading: Reading, cluster: str) -> None:
        if reading.article.id in self._clusters:
            return
        self._clusters[reading.article.id] = cluster
        self._pass_time(reading)
        self._window.put(reading, cluster)

    def _pass_time(self, reading: Reading) -> None:
        """Let the window end at the newest article seen. Before deciding, so that a run that was interrupted and seeded
        again knows exactly what one that went on knows."""
        if reading.hours is not None and reading.hours > self._now:
            self._now = reading.hours
            self._window.expire(self._now)

    def _linked(self, article_id: str) -> str | None:
        """The story of the first article an editor tied this one to, directly or through others."""
        seen, queue = {article_id}, sorted(self._must.pairs.get(article_id, ()))
        while queue:
            other = queue.pop(0)
            if other in seen:
                continue
            seen.add(other)
            row = self._window.row_of.get(other)
            if row is not None:
                return self._window.clusters[row]
            queue += sorted(self._must.pairs.get(other, ()))
        return None

    def _barred(self, article_id: str) -> set[str]:
        """Stories that hold an article an editor parted from this one."""
        rows = (self._window.row_of.get(other) for other in self._cannot.pairs.get(article_id, ()))
        return {self._window.clusters[row] for row in rows if row is not None}

    def _choose(self, reading: Reading) -> str | None:
        rule, window = self._rule, self._window
        near = window.nearest(reading, rule.candidates)
        barred = self._barred(reading.article.id)
        open_ones = dict.fromkeys(window.clusters[row] for row in near if not window.readings[row].roundup)
        clusters = [cluster for cluster in open_ones if cluster not in barred][: rule.clusters_read]
        if not clusters:
            return None
        rows_of = {cluster: self._members_read(cluster, near) for cluster in clusters}
        odds = self._odds(reading, np.concatenate(list(rows_of.values())))
        best, best_score, start = None, rule.threshold, 0
        for cluster, rows in rows_of.items():
            score = self._score(reading, rows, odds[start : start + len(rows)])
            start += len(rows)
            if score > best_score:
                best, best_score = cluster, score
        return best

    def _members_read(self, cluster: str, near: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The members of a story to compare with: all of a small one, else its latest beside the nearest."""
        members = self._window.members[cluster]
        limit = self._rule.members_read
        if len(members) <= limit:
            return np.array(members)
        close = [int(row) for row in near if self._window.clusters[row] == cluster][: limit // 2]
        return np.array(sorted({*members[len(close) - limit :], *close}))

    def _odds(self, reading: Reading, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        odds: npt.NDArray[np.float64] = self._window.compare(reading, rows) @ np.array(self._rule.weights)
        return odds + self._rule.bias

    def _score(self, reading: Reading, rows: npt.NDArray[np.int64], odds: npt.NDArray[np.float64]) -> float:
        """Log-odds for a whole story: part its closest member, part all of it; certain for a copy or a changed headline."""
        others = [self._window.readings[row] for row in rows]
        if any(_is_copy(reading, other) for other in others):
            return float("inf")
        order = np.argsort(-odds, kind="stable")[: self._rule.closest]
        closest = odds[order]
        score = float(closest[0] + closest.mean()) / 2 + (self._rule.headline_only if not reading.length else 0.0)
        days = float(self._window.days_apart(reading, rows[order]).min())
        score += self._rule.per_day * days + self._rule.per_late_day * max(0.0, days - self._rule.late_days)
        same_outlet = [other for other in others if _same_outlet(reading, other, self._rule.same_outlet_hours)]
        if any(_is_new_headline(reading, other) for other in same_outlet):
            return score + 4.0
        return score + (self._rule.same_outlet if same_outlet else 0.0)

    def _reason(self, reading: Reading, cluster: str) -> dict[str, object]:
        rows = np.array(self._window.members[cluster][-100:])
        other = self._window.readings[rows[int(np.argmax(self._odds(reading, rows)))]]
        apart = None if reading.hours is None or other.hours is None else abs(reading.hours - other.hours)
        return {
            "closest": other.article.id,
            "names": sorted({reading.spelt.get(name, name) for name in reading.names.keys() & other.names.keys()}),
            "numbers": sorted(reading.numbers & other.numbers),
            "hours": None if apart is None else round(apart, 1),
            "closeness": round(max(0.0, float(reading.vector @ other.vector)), 3),
        }


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


def _is_copy(one: Reading, other: Reading) -> bool:
    return one.wire_key == other.wire_key and len(one.title_words) >= 3


def _same_outlet(one: Reading, other: Reading, hours: float) -> bool:
    if one.article.source is None or one.article.source != other.article.source:
        return False
    return one.hours is None or other.hours is None or abs(one.hours - other.hours) <= hours


def _is_new_headline(one: Reading, other: Reading) -> bool:
    """The same outlet's headline again with a word or two changed; another number is other news."""
    shared, either = one.title_words & other.title_words, one.title_words | other.title_words
    digits = {word for word in one.title_words ^ other.title_words if any(c.isdigit() for c in word)}
    return len(shared) >= 4 and len(shared) >= 0.7 * len(either) and not digits
