"""The articles of one story come in; a headline and two or three of their own sentences come out, each with where it stands."""

from collections.abc import Sequence

import numpy as np

from worker.stories.agreement import Telling, read_tokens, weigh
from worker.stories.choice import Candidate, choose
from worker.stories.evidence import trace
from worker.stories.headline import choose_headline
from worker.stories.novelty import read_told, says_new
from worker.stories.sentences import drop_lead_in, is_quotable, length_in_words, split_sentences, tidy
from worker.stories.similarity import Article, read_stems
from worker.stories.standalone import is_chatty
from worker.stories.summary import Passage, Sentence, Summary
from worker.stories.vectors import Matrix, Vectors, default_vectors

__all__ = ["Article", "Sentence", "Summary", "summarise"]

# What is read of a story: whoever tells it, and however long, the news stands at the top.
_ARTICLES = 30
_CHARACTERS = 6000
_TITLE_CHARACTERS = 300
_SENTENCES_PER_ARTICLE = 12
_SENTENCES = 60
# A summary is as long as its sources allow: four words for ten of theirs, within bounds. Human summaries of two or three short
# pieces have as many (bench/summaries.py: r = .5).
_WORDS_PER_WORD = 0.55
_FEWEST_WORDS, _MOST_WORDS = 36, 120


def summarise(articles: Sequence[Article], *, told: Sequence[str] = (), vectors: Vectors | None = None) -> Summary:
    """Sum up a story from all its sources, word for word. Raises ValueError without any article.

    `told` are headlines and sentences that readers have had: then only what goes beyond them is said, which may be nothing.
    """
    if not articles:
        raise ValueError("a story has at least one article")
    vectors = vectors or default_vectors()
    known = read_told([text[:_CHARACTERS] for text in told], vectors) if any(map(str.strip, told)) else None
    articles = [_trim(article) for article in articles[:_ARTICLES]]
    titles = vectors.encode([article.title for article in articles])
    candidates = _read_candidates(articles, vectors)
    rows = np.array([candidate.row for candidate in candidates], dtype=np.float32).reshape(len(candidates), titles.shape[1])
    about = _unit(titles.sum(axis=0))
    centre = _unit(titles.sum(axis=0) + _lead_weighted(candidates, rows, titles.shape[1]))
    fresh = [known is None or says_new(article.title, known, vectors) for article in articles]
    headline = choose_headline(articles, titles, centre, fresh)
    likeness = rows @ centre + 0.4 * (rows @ about) + 0.5 * _agreement(candidates, rows, articles, titles)
    candidates = [_with_worth(one, float(worth)) for one, worth in zip(candidates, likeness, strict=True)]
    if known is not None:
        candidates = [one for one in candidates if says_new(one.text, known, vectors)]
    chosen = choose(candidates, headline, weigh(_tellings(articles)), _wanted_words(articles))
    return Summary(headline, tuple(_with_evidence(candidate, articles) for candidate in chosen))


def _trim(article: Article) -> Article:
    title, text = tidy(article.title[:_TITLE_CHARACTERS]), tidy(article.summary[:_CHARACTERS])
    return Article(article.id, title, text, article.source, article.published)


def _read_candidates(articles: Sequence[Article], vectors: Vectors) -> list[Candidate]:
    found: list[tuple[int, int, str]] = []
    seen: set[str] = set()
    for order, article in enumerate(articles):
        for position, raw in enumerate(split_sentences(article.summary)[:_SENTENCES_PER_ARTICLE]):
            text = drop_lead_in(raw)
            if text in seen or not is_quotable(text) or is_chatty(text) or text.rstrip(".") == article.title.rstrip("."):
                continue
            seen.add(text)
            found.append((position, order, text))
    found = sorted(found)[:_SENTENCES]
    rows = vectors.encode([text for *_, text in found])
    return [
        Candidate(text, articles[order], order, position, read_stems(text), tuple(read_tokens(text)), row)
        for (position, order, text), row in zip(found, rows, strict=True)
    ]


def _with_worth(candidate: Candidate, likeness: float) -> Candidate:
    return candidate.rated(likeness + 0.35 / (1 + candidate.position))


def _tellings(articles: Sequence[Article]) -> list[Telling]:
    return [
        Telling(
            read_tokens(article.title),
            [read_tokens(sentence) for sentence in split_sentences(article.summary)[:_SENTENCES_PER_ARTICLE]],
        )
        for article in articles
    ]


def _wanted_words(articles: Sequence[Article]) -> int:
    read = sum(length_in_words(article.summary) for article in articles)
    return int(min(max(_WORDS_PER_WORD * read, _FEWEST_WORDS), _MOST_WORDS))


def _lead_weighted(candidates: Sequence[Candidate], rows: Matrix, width: int) -> Matrix:
    """Where the texts lie, their first sentences counting most: an article says first what happened."""
    if not candidates:
        return np.zeros(width, dtype=np.float32)
    weights = np.array([1 / (1 + candidate.position) for candidate in candidates], dtype=np.float32)
    total: Matrix = weights @ rows
    return total


def _agreement(candidates: Sequence[Candidate], rows: Matrix, articles: Sequence[Article], titles: Matrix) -> Matrix:
    """Per candidate, how close the other articles come to saying it: the mean of their closest sentence or title (after LexRank,
    Erkan and Radev 2004)."""
    if not candidates or len(articles) < 2:
        return np.full(len(candidates), 0.5, dtype=np.float32)
    orders = np.array([candidate.order for candidate in candidates])
    alike, closest = rows @ rows.T, rows @ titles.T
    for order in set(orders.tolist()):
        closest[:, order] = np.maximum(closest[:, order], alike[:, orders == order].max(axis=1))
    closest[np.arange(len(orders)), orders] = 0.0
    mean: Matrix = closest.sum(axis=1) / (len(articles) - 1)
    return mean


def _with_evidence(candidate: Candidate, articles: Sequence[Article]) -> Sentence:
    found = trace(candidate.text, [candidate.article, *articles])
    if found is None:  # cannot be: a candidate is a stretch of its article
        raise AssertionError(f"not in its source: {candidate.text!r}")
    return Sentence(candidate.text, (Passage(*found),))


def _unit(vector: Matrix) -> Matrix:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector
