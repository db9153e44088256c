"""Readings come in; those that repeat another one come out: the same link in two feeds, a wire report on five sites."""

import re
from collections.abc import Iterator, Sequence

from worker.feeds.links import clean_link
from worker.stories.similarity import Reading

_LEAST_TITLE_WORDS = 5
_LEAST_TEXT_WORDS = 12
# Feeds cut one text off at different lengths.
_TEXT_WORDS_READ = 30
_SITE = re.compile(r"^https?://(?:www\.|m\.|amp\.)?", re.I)


def find_copies(readings: Sequence[Reading]) -> dict[int, int]:
    """The row each copy repeats, by the copy's row. What is told again is the first of them, in the order given."""
    first: dict[str, int] = {}
    bare: set[str] = set()
    copies: dict[int, int] = {}
    for row, reading in enumerate(readings):
        keys = list(_keys(reading))
        title = _title_key(reading)
        original = next((first[key] for key in keys if key in first and _may_repeat(reading, readings[first[key]], key)), None)
        # A headline alone tells two articles to be one only where there is no text that could say otherwise.
        if original is None and title and title in first and (not reading.article.summary or title in bare):
            original = first[title]
        if original is not None:
            copies[row] = original
        for key in [*keys, title] if title else keys:
            first.setdefault(key, row if original is None else original)
        if title and not reading.article.summary:
            bare.add(title)
    return copies


def _may_repeat(reading: Reading, other: Reading, key: str) -> bool:
    """What an outlet writes under every headline of its own is not a text told again."""
    same_outlet = reading.article.source is not None and reading.article.source == other.article.source
    return not (same_outlet and key.startswith("text ")) or bool(reading.title_words & other.title_words)


def _keys(reading: Reading) -> Iterator[str]:
    if reading.article.url:
        yield "link " + _SITE.sub("", clean_link(reading.article.url).partition("#")[0]).rstrip("/")
    text = _words(reading.article.summary[:1000])
    if not reading.roundup and len(text) >= _LEAST_TEXT_WORDS:
        yield "text " + " ".join(text[:_TEXT_WORDS_READ])


def _title_key(reading: Reading) -> str:
    words = _words(reading.article.title)
    return "title " + " ".join(words) if len(words) >= _LEAST_TITLE_WORDS and not reading.roundup else ""


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
