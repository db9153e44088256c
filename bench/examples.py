"""Labelled news in, examples to learn grouping from out: the figures of pairs of articles, and whether each is one event."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.ai_pairs import read_pairs
from bench.known_groups import link_of, read_feeds, read_groups
from bench.labelled import Labelled
from tests.stories.grouping_cases import CASES
from tests.stories.test_hard_cases import HARD_CASES, at
from worker.demo.documents import find_documents, read_documents
from worker.feeds.read import identify
from worker.stories.cluster import WINDOW_HOURS, Article, Grouper
from worker.stories.similarity import Reading, read_articles
from worker.stories.vectors import default_vectors
from worker.stories.window import FIGURES, Window

# How much each part counts, the large sets being 1. Headlines alone (uci) and the crowded subjects of neus are the hardest.
SET_WEIGHTS = {"allsides": 1.0, "ecbplus": 1.0, "uci": 2.5, "neus": 2.5}
SMALL_WEIGHT, AI_WEIGHT, KNOWN_WEIGHT, CASES_WEIGHT, DEMO_WEIGHT = 0.6, 0.6, 0.1, 0.5, 0.3
LATE_WEIGHT, UNJUDGED_WEIGHT = 5.0, 0.1  # of a pair of AI news, a judged one being 1
RANDOM_PAIRS = 20  # of each article, beside those it is likely to be compared with
SMALL_WINDOWS = 600  # of each set
AI_SMALL_WINDOWS = 30  # of each step
NEWS_TIMES = 0.3  # the share of a set's pairs that are given the times of AI news
EVERY_CASE = CASES + HARD_CASES
ROOT = Path(__file__).resolve().parents[1]
DEMO_FOLDERS = (ROOT / "worker" / "demo" / "feeds", ROOT / "worker" / "demo" / "feeds_next_day")
DEMO_LABELS = ROOT / "tests" / "demo" / "stories.tsv"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Examples:
    """`figures` of shape (pairs, len(FIGURES)), whether each pair is one event, and how much it counts."""

    figures: Floats
    same: npt.NDArray[np.bool_]
    weight: Floats


def examples_of(labelled: Labelled, keep: Callable[[str], bool] = lambda _story: True) -> Examples:
    """The pairs of a set whose stories are both kept; a pair weighs less the larger its stories are, as in B-cubed."""
    sizes = Counter(labelled.story.values())
    found = []
    for window in Grouper().windows(labelled.articles):
        left, right = _with_random_pairs(window)
        stories = np.array([labelled.story[one.article.id] for one in window.readings])
        kept = np.array([keep(story) for story in stories], dtype=bool)
        used = kept[left] & kept[right]
        left, right = left[used], right[used]
        size = np.array([sizes[story] for story in stories], dtype=float)
        weight = 1 / np.sqrt(size[left] * size[right])
        found.append(Examples(window.compare(left, right).T, stories[left] == stories[right], weight))
    return _joined(found, SET_WEIGHTS[labelled.name])


def small_windows(labelled: Labelled, keep: Callable[[str], bool] = lambda _story: True) -> Examples:
    """Pairs as they look in a window of a dozen articles, as a young paper has: an article, at most two others of its story, those
    of other stories that are most like it, and itself again with other names and numbers, which is another event."""
    chance = np.random.default_rng(0)
    articles = [one for one in labelled.articles if keep(labelled.story[one.id])]
    whole = Window(read_articles(articles, default_vectors()), default_vectors(), WINDOW_HOURS)
    near = _neighbours(whole)
    found = []
    for row in chance.permutation(len(articles))[:SMALL_WINDOWS].tolist():
        story = labelled.story[articles[row].id]
        mates = [one for one in near[row] if labelled.story[articles[one].id] == story][:2]
        others = [one for one in near[row] if labelled.story[articles[one].id] != story]
        window = _small_window(whole, [*mates, *others], row, chance, twin=bool(chance.random() < 0.5))
        stories = np.array([labelled.story.get(one.article.id, one.article.id) for one in window.readings])
        figures = window.compare(window.left, window.right).T
        found.append(Examples(figures, stories[window.left] == stories[window.right], np.ones(len(figures))))
    return _joined(found, SMALL_WEIGHT)


def ai_examples(feeds: Path) -> Examples:
    """The judged pairs of AI news, each as often as it stood in a window."""
    pairs, archives = read_pairs(feeds)
    labels = {frozenset((pair.one, pair.other)): pair.label != "different" for pair in pairs}
    found = []
    for articles in archives:
        for window in Grouper().windows(articles):
            found += [_judged(window, labels), *_judged_small(window, labels), _unjudged(window)]
    return _joined(found, AI_WEIGHT)


def known_examples(feeds: Path) -> Examples:
    """The pairs of the groups that were read by hand, each as often as it stood in a window."""
    labels = {frozenset(pair): kind.startswith("same") for (_, kind), links in read_groups(feeds).items()
              for pair in combinations(links, 2)}  # fmt: skip
    found = []
    for window in Grouper().windows(read_feeds(feeds)):
        found += [_judged(window, labels), *_judged_small(window, labels)]
    return _joined(found, KNOWN_WEIGHT)


def _judged(window: Window, labels: dict[frozenset[str], bool]) -> Examples:
    """The pairs of the window that were judged. One told again a day or more later counts more: there are few of them."""
    links = [link_of(one.article.id) for one in window.readings]
    judged = [labels.get(frozenset((links[one], links[other]))) for one, other in
              zip(window.left.tolist(), window.right.tolist(), strict=True)]
    used = np.array([label is not None for label in judged], dtype=bool)
    same = np.array([label for label in judged if label is not None], dtype=bool)
    figures = window.compare(window.left[used], window.right[used]).T
    late = figures[:, FIGURES.index("days")] > 1
    return Examples(figures, same, np.where(same & late, LATE_WEIGHT, 1.0))


def _unjudged(window: Window) -> Examples:
    """Pairs of the window that are not much alike, as examples of different events, which nearly all of them are."""
    figures = window.compare(window.left, window.right).T
    likeness = figures[:, FIGURES.index("likeness")]
    rows = np.flatnonzero((likeness > 0.2) & (likeness < 0.4))
    rows = np.random.default_rng(0).permutation(rows)[: len(window.readings)]
    return Examples(figures[rows], np.zeros(len(rows), dtype=bool), np.full(len(rows), UNJUDGED_WEIGHT))


def _judged_small(window: Window, labels: dict[frozenset[str], bool]) -> Iterator[Examples]:
    chance = np.random.default_rng(len(window.readings))
    near = _neighbours(window)
    known = {link for pair in labels for link in pair}
    rows = [row for row, one in enumerate(window.readings) if link_of(one.article.id) in known]
    for row in chance.permutation(rows)[:AI_SMALL_WINDOWS]:
        yield _judged(_small_window(window, near[row], int(row), chance), labels)


def _neighbours(window: Window) -> dict[int, list[int]]:
    """By row, its likest rows, the likest first."""
    likeness = window.compare(window.left, window.right)[FIGURES.index("likeness")]
    near: dict[int, list[int]] = {row: [] for row in range(len(window.readings))}
    for place in np.argsort(-likeness, kind="stable"):
        near[int(window.left[place])].append(int(window.right[place]))
        near[int(window.right[place])].append(int(window.left[place]))
    return near


def _small_window(
    window: Window, near: list[int], row: int, chance: np.random.Generator, *, twin: bool = False
) -> Window:
    """Up to ten of an article's likest, and up to ten others; with `twin` also itself under other names."""
    rows = {row, *near[: int(chance.integers(1, 11))]}
    rows |= {int(other) for other in chance.integers(0, len(window.readings), int(chance.integers(0, 11)))}
    readings = [window.readings[one] for one in sorted(rows)]
    if twin:
        other = window.readings[int(chance.integers(0, len(window.readings)))]
        readings += read_articles([_twin(window.readings[row], other, chance)], default_vectors())
    return Window(readings, default_vectors(), WINDOW_HOURS)


def _twin(reading: Reading, other: Reading, chance: np.random.Generator) -> Article:
    """The article as it would read of somebody else: another one's names for its own, other digits in its numbers."""
    names = dict(zip(sorted(reading.spelt.values()), cycle(sorted(other.spelt.values()) or ["Norvane"]), strict=False))

    def told(text: str) -> str:
        for name, instead in names.items():
            text = re.sub(rf"\b{re.escape(name)}\b", instead, text)
        return re.sub(r"\d", lambda _digit: str(chance.integers(1, 10)), text)

    article = reading.article
    return replace(article, id=f"{article.id} of others", title=told(article.title), summary=told(article.summary[:1000]))


def with_times_of(news: Examples, part: Examples) -> Examples:
    """Some of the pairs with times drawn from AI news: the sets' own are made up, or a crawler's."""
    chance, column = np.random.default_rng(0), FIGURES.index("days")
    figures = part.figures.copy()
    if len(np.unique(figures[:, column])) > 1:
        drawn = chance.random(len(figures)) < NEWS_TIMES
        for same in (True, False):
            rows = np.flatnonzero(drawn & (part.same == same))
            figures[rows, column] = chance.choice(news.figures[news.same == same, column], len(rows))
    return Examples(figures, part.same, part.weight)


def case_examples() -> Examples:
    """The pairs of the hand-written cases of tests/stories, each in a window of its own."""
    found = []
    for _, rows in EVERY_CASE:
        articles = [Article(str(n), title, text, source, at(hours)) for n, (_, title, text, source, hours) in enumerate(rows)]
        window = Window(read_articles(articles, default_vectors()), default_vectors(), WINDOW_HOURS)
        letters = np.array([letter for letter, *_ in rows])
        figures = window.compare(window.left, window.right).T
        found.append(Examples(figures, letters[window.left] == letters[window.right], np.full(len(figures), 1 / len(rows))))
    return _joined(found, CASES_WEIGHT)


def _with_random_pairs(window: Window) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    count = len(window.readings)
    one = np.repeat(np.arange(count), RANDOM_PAIRS)
    other = np.random.default_rng(0).integers(0, count, len(one))
    keys = np.minimum(one, other) * count + np.maximum(one, other)
    keys = np.union1d(keys[one != other], window.left * count + window.right)
    return keys // count, keys % count


def demo_examples() -> Examples:
    """The pairs of the sample feeds whose stories were labelled by hand."""
    with DEMO_LABELS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["story"] not in ("-", "roundup")]
    labels = {identify(*key, ""): row["story"] for row in rows for key in ((row["id"], ""), ("", row["id"]))}
    articles = [
        Article(entry.identity, entry.title, entry.summary, path.stem, entry.published_at)
        for folder in DEMO_FOLDERS for path, document in read_documents(find_documents(folder)).items() if document
        for entry in document.entries
    ]  # fmt: skip
    found = []
    for window in Grouper().windows(articles):
        stories = np.array([labels.get(one.article.id, "") for one in window.readings])
        used = (stories[window.left] != "") & (stories[window.right] != "")
        left, right = window.left[used], window.right[used]
        found.append(Examples(window.compare(left, right).T, stories[left] == stories[right], np.ones(len(left))))
    return _joined(found, DEMO_WEIGHT)


def _joined(parts: Sequence[Examples], weight: float) -> Examples:
    joined = [np.concatenate([getattr(one, field) for one in parts]) for field in ("figures", "same", "weight")]
    return Examples(joined[0], joined[1], joined[2] / joined[2].sum() * weight)
