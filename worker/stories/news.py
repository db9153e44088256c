"""Articles and the texts readers have had come in; what the articles say beyond them, as a summary, comes out, if they do. Pure."""

from collections.abc import Sequence

import numpy as np

from worker.stories.extract import summarise
from worker.stories.novelty import read_told, says_new
from worker.stories.similarity import Article, read_stems
from worker.stories.summary import Summary
from worker.stories.vectors import Vectors, default_vectors

_COMMON_WORDS = 5  # that two texts must share to be compared at all


def find_news(articles: Sequence[Article], told: Sequence[str]) -> Summary | None:
    """Sum up what the articles say beyond the texts `told`; None if they say nothing else.

    Articles without a sentence that can stand alone say something new if their headline does.
    """
    summary = summarise(articles, told=told)
    if summary.sentences:
        return summary
    vectors = default_vectors()
    return summary if says_new(summary.headline, read_told(told, vectors), vectors) else None


def find_alike(
    texts: Sequence[str], others: Sequence[str], least: float, vectors: Vectors | None = None
) -> list[list[int]]:
    """Return for each text the places of those `others` it may repeat, the closest first: of `least` closeness of meaning (cosine)
    and with some words in common, since two texts of three words are close in meaning to anything."""
    vectors = vectors or default_vectors()
    closeness = vectors.encode(list(texts)) @ vectors.encode(list(others)).T
    words, other_words = [read_stems(text) for text in texts], [read_stems(text) for text in others]
    near = [[int(place) for place in np.argsort(-row, kind="stable")[: int((row >= least).sum())]] for row in closeness]
    return [[place for place in places if len(words[number] & other_words[place]) >= _COMMON_WORDS]
            for number, places in enumerate(near)]
