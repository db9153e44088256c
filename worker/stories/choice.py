"""Rated sentences of a story come in; the two or three that together tell it come out, in the order to read them."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from worker.stories.agreement import Agreement, Said
from worker.stories.entities import read_numbers
from worker.stories.sentences import length_in_words
from worker.stories.similarity import Article, background, read_stems
from worker.stories.standalone import find_unexplained, is_addressing, is_dated, is_vague, leans_back, leans_on_context
from worker.stories.vectors import default_vectors

_MOST_SENTENCES = 3
_MOST_WORDS = 100
_ENOUGH_WORDS = 25
# What a sentence is worth as news (0 to 2) beside the share of the agreed it adds (0 to 1).
_WORTH = 0.1
# A sentence must bring this share of its own, by how rare its words are, beyond those chosen before; and more of it the closer
# in meaning it comes to one of them, since the same said in other words is the same.
_OWN_SHARE = 0.5
_OWN_SHARE_AT_LEAST, _OWN_SHARE_PER_LIKENESS = 0.3, 0.5
# Two sentences with the same number mostly say the same of it; a third sentence is worth having for what no first sentence says.
_OWN_SHARE_OF_LEAD = 0.1
_OWN_SHARE_OF_NUMBER = 0.15
_OWN_SHARE_OF_HEADLINE = 0.25


_UNTELLING = re.compile(r"\d|(?:19|20)\d\d")
Row = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One sentence: where it stands (`position` in the article, `order` of the article), its words, and how it is rated."""

    text: str
    article: Article
    order: int
    position: int
    words: frozenset[str]
    tokens: tuple[str, ...]
    row: Row
    worth: float = 0.0

    def rated(self, worth: float) -> "Candidate":
        """With its worth as news, less what makes it read badly out of its article."""
        faults = 0.35 * self.leans + 0.3 * is_addressing(self.text) + 0.3 * is_dated(self.text) + 0.3 * is_vague(self.text)
        return replace(self, worth=worth - faults)

    @cached_property
    def leans(self) -> bool:
        """Needs the sentence before it."""
        return leans_back(self.text)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Those that tell something: not a single digit, not a year."""
        return frozenset(number for number in read_numbers(self.text) if not _UNTELLING.fullmatch(number))

    @cached_property
    def unexplained(self) -> frozenset[str]:
        """Surnames that its article explains in an earlier sentence."""
        return find_unexplained(self.text, self.article.summary)

    @cached_property
    def length(self) -> int:
        """In words."""
        return length_in_words(self.text)


def choose(candidates: Sequence[Candidate], headline: str, agreement: Agreement, wanted: int) -> list[Candidate]:
    """The sentences that together say most of what the sources agree on, in about `wanted` words; each stands on its own or on
    the ones before it. Never what the headline or another sentence says already."""
    title = read_stems(headline)
    open_ones = [one for one in candidates if _own_share(one.words, title) >= _OWN_SHARE_OF_HEADLINE]
    chosen: list[Candidate] = []
    said, share = Said(), 0.0
    while len(chosen) < _MOST_SENTENCES:
        rated = {one: said.share_with(one.tokens, agreement, wanted) for one in open_ones if _fits(one, chosen, headline)}
        if not rated:
            break
        best = max(rated, key=lambda one: (rated[one] + _WORTH * one.worth, -one.position, -one.order))
        if rated[best] < share and sum(one.length for one in chosen) >= _ENOUGH_WORDS:
            break
        share = rated[best]
        said.add(best.tokens, agreement)
        chosen.append(best)
    return _order(chosen)


def _fits(one: Candidate, chosen: Sequence[Candidate], headline: str) -> bool:
    """Not said yet, not too long with the rest, and not leaning on a sentence that is not there."""
    if any(one is other for other in chosen):
        return False
    if chosen and sum(other.length for other in chosen) + one.length > _MOST_WORDS:
        return False
    if one.leans and not any(other.article is one.article and other.position == one.position - 1 for other in chosen):
        return False
    if (not chosen and leans_on_context(one.text)) or (len(chosen) == _MOST_SENTENCES - 1 and is_vague(one.text)):
        return False
    known = " ".join([headline, *(other.text for other in chosen)]) if one.unexplained else ""
    return all(name in known for name in one.unexplained) and not _is_told(one, chosen)


def _is_told(one: Candidate, chosen: Sequence[Candidate]) -> bool:
    """Whether the chosen say it already, or it says again what one of them does."""
    if chosen and _own_share(one.words, frozenset().union(*(other.words for other in chosen))) < _OWN_SHARE:
        return True
    return any(_repeats(one, other, last=len(chosen) == _MOST_SENTENCES - 1) for other in chosen)


def _repeats(one: Candidate, other: Candidate, *, last: bool) -> bool:
    own = min(_own_share(one.words, other.words), _own_share(other.words, one.words))
    needed = _OWN_SHARE_AT_LEAST + _OWN_SHARE_PER_LIKENESS * float(one.row @ other.row)
    if last and one.position == other.position == 0:
        needed += _OWN_SHARE_OF_LEAD
    if one.numbers & other.numbers:
        needed += _OWN_SHARE_OF_NUMBER
    return own < needed


def _own_share(words: frozenset[str], told: frozenset[str]) -> float:
    """How much of what the words say is not in `told`, each weighing by its rarity, between 0 and 1."""
    weights = {word: _rarity(word) for word in words}
    total = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word not in told) / total if total else 0.0


@lru_cache(maxsize=50_000)
def _rarity(word: str) -> float:
    return -math.log(max(background(word, default_vectors()), 1e-4))


def _order(chosen: Sequence[Candidate]) -> list[Candidate]:
    """The article that says best what happened first, each article's sentences together and as they stood."""
    best: dict[int, float] = {}
    for one in chosen:
        best[one.order] = max(best.get(one.order, -math.inf), one.worth)
    return sorted(chosen, key=lambda one: (-best[one.order], one.order, one.position))
