"""The articles of one story come in; what comes out can say whether any of them has a name, a number, a date or a quotation."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from worker.stories.claims import Claims, Name
from worker.stories.dates import When
from worker.stories.passages import ReadPassage, is_headline, read_acronyms, read_passages, stands_in
from worker.stories.quantities import Quantity
from worker.stories.sentences import tidy
from worker.stories.similarity import Article
from worker.stories.units import CURRENCIES
from worker.stories.vectors import Matrix, default_vectors
from worker.stories.wording import Word, read_words, weight

# A number that small stands in any text, so the passage that has it must share a word around it as well.
_SMALL = 20
_NEAR = 6
_LEAST_WEIGHT = 0.25
_CHANGE = re.compile(r"\b(?:up|down|by|more|less|below|above|cheaper|dearer|increase|cut|off|difference|gap)\b", re.I)
# A capital may stand for its country.
_STANDS_FOR = {"washington": "usa", "beijing": "china", "moscow": "russia", "kremlin": "russia", "brussels": "europe",
               "london": "uk", "tokyo": "japan", "berlin": "germany", "paris": "france", "delhi": "india"}  # fmt: skip


class Sources:
    """The articles of a story, read once, to hold any number of sentences against."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self.readings = [reading for article in articles for reading in read_passages(article)]
        self._flat = [_flatten(text) for article in articles for text in (article.title, article.summary)]
        outlets = [read_words((article.source or "").replace("_", " ")) for article in articles]
        self._outlets = frozenset(word.form for words in outlets for word in words)
        self._days = sorted({reading.published for reading in self.readings if reading.published})

    @classmethod
    def of(cls, articles: Sequence[Article]) -> "Sources":
        """The reading of these articles; kept for the stories looked at last."""
        return _read_once(tuple(articles))

    @cached_property
    def vectors(self) -> Matrix:
        return default_vectors().encode([reading.text for reading in self.readings])

    @cached_property
    def acronyms(self) -> frozenset[str]:
        """The first letters of every run of words with capitals, and of phrases such as "large language model"."""
        return frozenset(letters for reading in self.readings for letters in read_acronyms(reading.claims.words))

    def closest(self, claims: Claims) -> list[tuple[float, ReadPassage]]:
        """Every passage with how much of the sentence it has (0..1), the best first."""
        weights = {word.root: weight(word.form) for word in claims.words}
        total = sum(weights.values()) or 1.0
        near = self.vectors @ default_vectors().encode([claims.text])[0] if self.readings else np.zeros(0)
        scored = [
            (
                0.6 * sum(weights[root] for root in weights.keys() & reading.roots) / total
                + 0.4 * max(0.0, float(close)),
                -n,
                reading,
            )
            for n, (reading, close) in enumerate(zip(self.readings, near, strict=True))
        ]
        return [(score, reading) for score, _, reading in sorted(scored, key=lambda one: one[:2], reverse=True)]

    def where_quantity(self, quantity: Quantity, claims: Claims) -> Iterator[ReadPassage]:
        """The passages that give this number; of a small one those that share a word around it."""
        around = _around(quantity, claims.words) if quantity.value <= _SMALL and quantity.unit in ("", "nth") else None
        money = next((one.unit for one in claims.quantities if one.unit in CURRENCIES), "")
        wanted = [quantity]
        if money and not quantity.unit and quantity.scale >= 1e6:
            wanted.append(replace(quantity, unit=money))  # "$5 billion, at a worth of 190 billion"
        change = bool(_CHANGE.search(claims.text))
        for reading in self.readings:
            given = reading.claims.quantities
            if (
                any(one.is_borne_out_by(other) for one in wanted for other in given)
                or self._has_mark(quantity, reading)
                or (change and _is_difference(quantity, given))
            ) and (not around or around & reading.roots):
                yield reading

    def _has_mark(self, quantity: Quantity, reading: ReadPassage) -> bool:
        """Whether the bare number is part of a name or a date there: "Senate Bill 90", "2026"."""
        return quantity.unit in ("", "nth") and f"{quantity.value:g}" in reading.places

    def where_date(self, when: When, best: Sequence[ReadPassage]) -> Iterator[ReadPassage]:
        """The passages that speak of that date, or were published on it while the closest passage names no other day."""
        days: Sequence[date | None] = self._days or [None]
        wanted = [span for day in days for span in when.spans(day)]
        told = [one for reading in best[:3] for one in reading.claims.dates]
        if not self._days and when.parts[0] == "relative" and when.parts[2] == 0:
            yield from best[:1]  # "this week" of sources that bear no date
        silent = not any(one.exact or (not when.exact and one.parts[0] == when.parts[0]) for one in told)
        for reading in self.readings:
            if (
                any(_same_date(when, one) for one in reading.claims.dates)
                or any(first <= one and other <= last for one, other in reading.spans for first, last in wanted)
                or (silent and any(first <= day <= last for day in reading.days for first, last in wanted))
            ):
                yield reading

    def where_name(self, name: Sequence[Word]) -> Iterator[ReadPassage]:
        """The passages in which these words stand in this order with at most two others between ("Ann B. Doe")."""
        for reading in self.readings:
            if stands_in(name, reading):
                yield reading

    @cached_property
    def _initials(self) -> frozenset[str]:
        """Every word in capitals throughout, such as "FTC", written small."""
        return frozenset(
            word.form
            for one in self.readings
            for word in one.claims.words
            if len(word.text) > 1 and word.text.isupper()
        )

    @cached_property
    def _written_large(self) -> frozenset[str]:
        """Forms and roots of all words that have a capital somewhere."""
        large = [word for reading in self.readings for word in reading.claims.words if word.capital]
        return frozenset(form for word in large for form in (word.form, word.root))

    def _has_word(self, place: int, name: Name) -> bool:
        """Whether a source has this word of a name with a capital; without one it may do so alone or beside its neighbour."""
        word = name.words[place]
        form = _STANDS_FOR.get(word.form, word.form)
        if {form, word.root} & self._written_large or (word.text.isupper() and word.text.lower() in self.acronyms):
            return True
        if len(name.words) == 1 or form[0].isdigit():
            return any(form in reading.places or word.root in reading.places for reading in self.readings)
        pairs = (name.words[max(0, place - 1) : place + 1], name.words[place : place + 2])
        return any(len(pair) == 2 and self._has_row(pair) for pair in pairs)

    def _has_row(self, name: Sequence[Word]) -> bool:
        return next(self.where_name(name), None) is not None

    def unknown_part(self, name: Name) -> str:
        """The part of a name, or row of names, that no source has; "" if all is there. Words that are never side by side in
        a source may stand so here only if the first also stands alone somewhere: "Ann" of "Ann Doe" is not "Ann Roe"."""
        letters = "".join(word.form[0] for word in name.words)
        if len(name.words) > 1 and letters in self._initials:
            return ""
        if name.credited and all(word.form in self._outlets for word in name.words):
            return ""
        missing = [word for place, word in enumerate(name.words) if not self._has_word(place, name)]
        if missing:
            numbered = any(word.form[0].isdigit() for word in missing)
            return name.text if numbered else " ".join(word.text for word in name.words if word in missing)
        for one, other in pairwise(name.words):
            if self._never_alone(one) and not self._has_row((one, other)) and not self._has_row((other, one)):
                return name.text
        return ""

    def _never_alone(self, word: Word) -> bool:
        """Whether a word, wherever running text has it, begins a longer name; false if only headlines have it."""
        seen = False
        for reading in self.readings:
            for place in reading.places.get(word.form, ()):
                here = reading.claims.words[place]
                if not here.capital or is_headline(reading):
                    continue
                after = reading.claims.words[place + 1] if place + 1 < len(reading.claims.words) else None
                cut_off = after is None or reading.text[here.end : here.end + 3] in ("...", "…")
                if not cut_off and after and (here.ends or not (after.capital or after.form[0].isdigit())):
                    return False
                seen = True
        return seen

    def has_quotation(self, text: str) -> bool:
        """Whether an article has these words in this order; an ellipsis or a stretch in brackets may stand for any others."""
        parts = [_flatten(part) for part in re.split(r"\.{3,}|…+|\[[^\]]*\]|\. \. \.", text)]
        parts = [part for part in parts if part]
        return any(_has_parts(parts, flat) for flat in self._flat)


@lru_cache(maxsize=64)
def _read_once(articles: tuple[Article, ...]) -> Sources:
    return Sources(articles)


def _is_difference(quantity: Quantity, given: Sequence[Quantity]) -> bool:
    """Whether two figures that follow each other in a passage, "from 7.99 to 8.99", lie that far apart."""
    return any(
        one.unit == other.unit == quantity.unit != "" and abs(abs(one.value - other.value) - quantity.value) < 0.005
        for one, other in pairwise(given)
    )


def _around(quantity: Quantity, words: Sequence[Word]) -> set[str]:
    here = next((n for n, word in enumerate(words) if word.end > quantity.start), 0)
    near = words[max(0, here - _NEAR) : here + _NEAR + 1]
    return {
        word.root
        for word in near
        if weight(word.form) >= _LEAST_WEIGHT and not quantity.start <= word.start < quantity.end
    }


def _same_date(one: When, other: When) -> bool:
    """The same words for it, or the same without the year."""
    if one.key == other.key:
        return one.parts[0] != "relative" or one.parts[2] == other.parts[2]
    if one.parts[0] != other.parts[0] or one.parts[0] not in ("quarter", "half"):
        return False
    return one.parts[1] == other.parts[1] and (one.parts[2:] == (0, 9) or other.parts[2:] == (0, 9))


def _flatten(text: str) -> str:
    """Words and figures only, one space around each."""
    plain = tidy(text).casefold().replace("’", "'").replace("‘", "'")
    return " " + " ".join(re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|[$€£¥%]", plain)) + " " if plain else ""


def _has_parts(parts: Sequence[str], flat: str) -> bool:
    at = 0
    for part in parts:
        found = flat.find(part, at)
        if found < 0:
            return False
        at = found + len(part) - 1
    return bool(parts)
