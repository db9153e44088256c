"""The articles of a story come in; how much of what they agree on a sentence would add to a summary comes out."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from worker.stories.similarity import stem

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")

Pair = tuple[str, str]
Unit = TypeVar("Unit", str, Pair)


@dataclass(frozen=True)
class Telling:
    """How one article tells the story: the words of its title and of its sentences, in order."""

    title: Sequence[str]
    sentences: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Agreement:
    """How likely each word and each pair of neighbours belongs in a summary, between 0 and 1.

    What several articles say, in titles or first sentences above all, is what happened. After the concept weights of Gillick and
    Favre (2009); the figures were set by hand, see docs/summaries.md.
    """

    words: dict[str, float]
    pairs: dict[Pair, float]


@dataclass
class Said:
    """What the sentences chosen so far say."""

    words: set[str] = field(default_factory=set)
    pairs: set[Pair] = field(default_factory=set)
    length: int = 0
    worth: float = 0.0

    def add(self, tokens: Sequence[str], agreement: Agreement) -> None:
        """Take a sentence in."""
        self.worth = self._worth_with(tokens, agreement)
        self.words.update(tokens)
        self.pairs.update(pairwise(tokens))
        self.length += len(tokens)

    def share_with(self, tokens: Sequence[str], agreement: Agreement, wanted: int) -> float:
        """The share of a summary of `wanted` words that would be hit with this sentence too: what is said twice or by one
        article alone adds length and no hits (the expected F1 of words and pairs)."""
        return 2 * self._worth_with(tokens, agreement) / (self.length + len(tokens) + wanted)

    def _worth_with(self, tokens: Sequence[str], agreement: Agreement) -> float:
        words = sum(agreement.words.get(word, 0.0) for word in set(tokens) - self.words)
        pairs = sum(agreement.pairs.get(pair, 0.0) for pair in set(pairwise(tokens)) - self.pairs)
        return self.worth + (words + pairs) / 2


def read_tokens(text: str) -> list[str]:
    """The stems of all words in order, the small ones too; each character of Chinese, Japanese or Korean is one."""
    return [stem(word) for word in _TOKEN.findall(text.lower())]


def weigh(tellings: Sequence[Telling]) -> Agreement:
    """Read what the articles agree on."""
    words = _weigh([(set(one.title), [set(tokens) for tokens in one.sentences]) for one in tellings], (0.2, 0.4, 0.15, 0.25))
    pairs = _weigh(
        [(set(pairwise(one.title)), [set(pairwise(tokens)) for tokens in one.sentences]) for one in tellings],
        (0.05, 0.45, 0.15, 0.15),
    )
    return Agreement(words, pairs)


def _weigh(
    tellings: Sequence[tuple[set[Unit], list[set[Unit]]]], weights: tuple[float, float, float, float]
) -> dict[Unit, float]:
    """Weights: of being said at all, and times the share of the articles that say it (two at least), that have it in the title
    and in the first sentence."""
    anywhere = _count(title.union(*sentences) for title, sentences in tellings)
    titles = _count(title for title, _ in tellings)
    firsts = _count(sentences[0] for _, sentences in tellings if sentences)
    at_all, agreed, in_title, first = weights
    count = len(tellings)
    return {
        unit: at_all + (agreed * (n > 1) * n + in_title * titles[unit] + first * firsts[unit]) / count
        for unit, n in anywhere.items()
    }


def _count(sets: Iterable[set[Unit]]) -> Counter[Unit]:
    return Counter(unit for each in sets for unit in each)
