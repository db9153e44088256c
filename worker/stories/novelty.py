"""Texts that readers have had come in; whether a sentence says more than they did comes out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worker.stories.entities import read_mentions, read_numbers
from worker.stories.sentences import split_sentences, tidy
from worker.stories.similarity import read_stems, stem
from worker.stories.vectors import Matrix, Vectors

_FRESH = 0.6  # share of a sentence's words that were not told: then it says something else
_FRESH_WITH_FACT = 0.4  # the same, when it holds a name or a quotation that was not told
_FRESH_WITH_NUMBER = 0.2  # the same, when it holds a number that was not told
_SAME_MEANING = 0.86  # cosine with a sentence told before: a paraphrase, whatever its words
_QUOTED = re.compile(r"[“\"]([^”\"]{12,})[”\"]")
# Small numbers and years turn up in any telling.
_UNTELLING = re.compile(r"\d|(?:19|20)\d\d")


@dataclass(frozen=True)
class Told:
    """What readers have had, made ready for comparing."""

    words: frozenset[str]
    numbers: frozenset[str]
    text: str
    rows: Matrix


def read_told(texts: Sequence[str], vectors: Vectors) -> Told:
    """Read headlines, summaries and reports that readers were given."""
    whole = "\n".join(tidy(text) for text in texts)
    sentences = [sentence for text in texts for sentence in split_sentences(tidy(text))]
    return Told(read_stems(whole), read_numbers(whole), whole.lower(), vectors.encode(sentences or [""]))


def says_new(sentence: str, told: Told, vectors: Vectors) -> bool:
    """Whether a sentence goes beyond what was told: with a number, name or quotation that was not in it, or in mostly other words
    and another meaning. The same in other words is not new."""
    words = read_stems(sentence)
    if not words:
        return False
    fresh = len(words - told.words) / len(words)
    numbers = {number for number in read_numbers(sentence) - told.numbers if not _UNTELLING.fullmatch(number)}
    if numbers and fresh >= _FRESH_WITH_NUMBER:
        return True
    if fresh < (_FRESH_WITH_FACT if _new_names(sentence, told, vectors) or _new_quotations(sentence, told) else _FRESH):
        return False
    row = vectors.encode([sentence])[0]
    return float(np.max(told.rows @ row, initial=0.0)) < _SAME_MEANING


def _new_names(sentence: str, told: Told, vectors: Vectors) -> bool:
    names = read_mentions("", sentence, vectors.commonness).names
    return any(
        surety > 0.9 and name not in told.text and stem(name) not in told.words for name, surety in names.items()
    )


def _new_quotations(sentence: str, told: Told) -> bool:
    return any(quoted.lower() not in told.text for quoted in _QUOTED.findall(sentence))
