"""The articles of one story come in; a headline and two or three of their own sentences come out, each with where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.stories.evidence import trace
from worker.stories.headline import choose_headline
from worker.stories.sentences import (
    drop_dateline,
    is_chatty,
    is_quotable,
    leans_back,
    length_in_words,
    split_sentences,
    tidy,
)
from worker.stories.similarity import Article, split_words, stem
from worker.stories.summary import Passage, Sentence, Summary
from worker.stories.vectors import Vectors, default_vectors

__all__ = ["Article", "Sentence", "Summary", "summarise"]

_MOST_SENTENCES = 3
_MOST_WORDS = 90
_ENOUGH_WORDS = 40
_REDUNDANCY = 0.9
_READ_PER_ARTICLE = 12
_READ_IN_ALL = 60


@dataclass(frozen=True, eq=False)
class _Candidate:
    text: str
    article: Article
    order: int
    position: int
    words: frozenset[str]


def summarise(articles: Sequence[Article], *, vectors: Vectors | None = None) -> Summary:
    """Sum up a story from all its sources, word for word. Raises ValueError without any article."""
    if not articles:
        raise ValueError("a story has at least one article")
    vectors = vectors or default_vectors()
    candidates = _candidates(articles)
    titles = vectors.encode([tidy(article.title) for article in articles])
    rows = vectors.encode([candidate.text for candidate in candidates])
    centre = _unit(titles.sum(axis=0) + _lead_weighted(candidates, rows, titles.shape[1]))
    headline = choose_headline(articles, titles, centre)
    chosen = _choose(candidates, rows, centre, _unit(titles.sum(axis=0)), headline)
    return Summary(headline, tuple(_with_evidence(candidate, articles) for candidate in _order(chosen)))


def _candidates(articles: Sequence[Article]) -> list[_Candidate]:
    found: list[_Candidate] = []
    seen: set[str] = set()
    for order, article in enumerate(articles):
        for position, raw in enumerate(split_sentences(tidy(article.summary))[:_READ_PER_ARTICLE]):
            text = drop_dateline(raw)
            if text in seen or not is_quotable(text) or text.rstrip(".") == tidy(article.title).rstrip("."):
                continue
            seen.add(text)
            found.append(_Candidate(text, article, order, position, frozenset(map(stem, split_words(text)))))
    return sorted(found, key=lambda candidate: (candidate.position, candidate.order))[:_READ_IN_ALL]


def _lead_weighted(
    candidates: list[_Candidate], rows: npt.NDArray[np.float32], width: int
) -> npt.NDArray[np.float32]:
    """Where the texts lie, their first sentences counting most: an article says first what happened."""
    if not candidates:
        return np.zeros(width, dtype=np.float32)
    weights = np.array([1 / (1 + candidate.position) for candidate in candidates], dtype=np.float32)
    total: npt.NDArray[np.float32] = weights @ rows
    return total


def _choose(
    candidates: list[_Candidate],
    rows: npt.NDArray[np.float32],
    centre: npt.NDArray[np.float32],
    about: npt.NDArray[np.float32],
    headline: str,
) -> list[_Candidate]:
    """Greedy by worth less what was said already (maximal marginal relevance, Carbonell and Goldstein 1998)."""
    if not candidates:
        return []
    position = np.array([1 / (1 + candidate.position) for candidate in candidates])
    leaning = np.array([leans_back(candidate.text) for candidate in candidates])
    chatty = np.array([is_chatty(candidate.text) for candidate in candidates])
    worth = rows @ centre + 0.4 * (rows @ about) + 0.35 * position - 0.35 * leaning - 0.3 * chatty
    worth -= [0.5 if _repeats(candidate, headline) else 0.0 for candidate in candidates]
    chosen: list[int] = []
    words = 0
    while len(chosen) < _MOST_SENTENCES:
        gain = worth - (_REDUNDANCY * (rows @ rows[chosen].T).max(axis=1) if chosen else 0.0)
        open_places = [i for i in range(len(candidates)) if _fits(i, chosen, candidates, leaning, words)]
        if not open_places or (words >= _ENOUGH_WORDS and max(gain[i] for i in open_places) < 0.2):
            break
        best = max(open_places, key=lambda i: (gain[i], -i))
        chosen.append(best)
        words += length_in_words(candidates[best].text)
    return [candidates[i] for i in chosen]


def _fits(i: int, chosen: list[int], candidates: list[_Candidate], leaning: npt.NDArray[np.bool_], words: int) -> bool:
    """Not said yet, not too long with the rest, and not leaning on a sentence that is not there."""
    candidate = candidates[i]
    if i in chosen or (chosen and words + length_in_words(candidate.text) > _MOST_WORDS):
        return False
    if any(_says_the_same(candidate, candidates[j]) for j in chosen):
        return False
    before = [candidates[j] for j in chosen if candidates[j].article is candidate.article]
    return not leaning[i] or any(other.position == candidate.position - 1 for other in before)


def _says_the_same(one: _Candidate, other: _Candidate) -> bool:
    return len(one.words & other.words) >= 0.6 * max(1, min(len(one.words), len(other.words)))


def _repeats(candidate: _Candidate, headline: str) -> bool:
    title = frozenset(map(stem, split_words(headline)))
    return bool(title) and len(title & candidate.words) >= 0.85 * len(candidate.words)


def _order(chosen: list[_Candidate]) -> list[_Candidate]:
    """The best sentence's article first, each article's sentences together and as they stood."""
    articles = list(dict.fromkeys(candidate.order for candidate in chosen))
    return sorted(chosen, key=lambda candidate: (articles.index(candidate.order), candidate.position))


def _with_evidence(candidate: _Candidate, articles: Sequence[Article]) -> Sentence:
    found = trace(candidate.text, [candidate.article, *articles])
    if found is None:  # cannot be: a candidate is a stretch of its article
        raise AssertionError(f"not in its source: {candidate.text!r}")
    return Sentence(candidate.text, (Passage(*found),))


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector
