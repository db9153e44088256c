"""Reads an article once into what can be compared: its words, names and numbers, and where its meaning lies."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import snowballstemmer

from worker.stories.entities import read_mentions
from worker.stories.roundups import is_roundup
from worker.stories.vectors import Vectors

TEXT_CHARACTERS = 500
_TERMS = 96
# A pair of Chinese, Japanese or Korean characters is hardly ever as telling as a name.
_CHARACTER_PAIR = 0.01
_WORD = re.compile(r"[A-Za-zÀ-ɏ0-9]+(?:[-'’.][A-Za-zÀ-ɏ0-9]+)*|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        a an the and or but if in on at by for from to of with as is are was were be been it its this that these
        those he she they we you i his her their our your my not no so have has had will would can could do does
        did said say says than then there here about into over after before
        """,
    )
)
# Chinese particles and prepositions: what stands on both sides of one is not a word.
_PARTICLES = re.compile("[的了是在和与及或为被把将于对从到等也都就而且这那个]")
_DIGIT, _JOINT = re.compile(r"\d"), re.compile(r"[-'’.]")
_stemmer = snowballstemmer.stemmer("english")


@dataclass(frozen=True)
class Article:
    """One item of one outlet, as plain text; `published` is aware or taken as UTC, and may be unknown like source and link."""

    id: str
    title: str
    summary: str
    source: str | None
    published: datetime | None
    url: str = ""


@dataclass(frozen=True, eq=False)
class Reading:
    """An article made comparable: weighted words, names, numbers and where its meaning lies."""

    article: Article
    words: dict[str, float]
    title_words: frozenset[str]
    names: dict[str, float]
    spelt: dict[str, str]
    title_names: frozenset[str]
    numbers: frozenset[str]
    vector: npt.NDArray[np.float32]
    title_vector: npt.NDArray[np.float32]
    length: float
    hours: float | None
    roundup: bool


def read_articles(articles: Sequence[Article], vectors: Vectors) -> list[Reading]:
    """Read many at once, which lets the vectors be made in one go; the title counts twice."""
    texts = [_meaning_text(article) for article in articles] + [article.title for article in articles]
    rows = vectors.encode(texts)
    return [_read(one, rows[i], rows[len(articles) + i], vectors) for i, one in enumerate(articles)]


def background(word: str, vectors: Vectors) -> float:
    """How common a word is in texts of any kind, whatever its capital or ending."""
    if word[0] >= "\u3040":
        return _CHARACTER_PAIR
    return max(vectors.commonness(word), vectors.commonness(word.capitalize()) * 0.5, vectors.commonness(stem(word)) * 0.7)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    return str(_stemmer.stemWord(word))


def split_words(text: str) -> list[str]:
    """Lower-case words without stop words; runs of Chinese, Japanese or Korean become overlapping pairs of characters."""
    found: list[str] = []
    for match in _WORD.finditer(text.lower()):
        run = match[0]
        if run[0] >= "\u3040":
            found += [part[i : i + 2] for part in _PARTICLES.split(run) for i in range(len(part) - 1)]
            continue
        run = run.removesuffix("'s").removesuffix("’s")
        parts = [run] if _DIGIT.search(run) else _JOINT.split(run)
        found += [part for part in parts if (len(part) > 1 and part not in _STOP) or part.isdigit()]
    return found


def read_stems(text: str) -> frozenset[str]:
    """The stems of a text's words."""
    return frozenset(map(stem, split_words(text)))


def _read(
    article: Article, vector: npt.NDArray[np.float32], title_vector: npt.NDArray[np.float32], vectors: Vectors
) -> Reading:
    text = article.summary[:TEXT_CHARACTERS]
    title_words = [stem(word) for word in split_words(article.title)]
    counts = Counter(title_words + title_words + [stem(word) for word in split_words(text)])
    mentions = read_mentions(article.title, text, vectors.commonness)
    return Reading(
        article=article,
        words={word: 1 + math.log(count) for word, count in counts.most_common(_TERMS)},
        title_words=frozenset(title_words),
        names={stem(name): surety for name, surety in mentions.names.items()},
        spelt={stem(name): spelling for name, spelling in mentions.spelt.items()},
        title_names=frozenset(stem(name) for name in mentions.names if name in article.title.lower()),
        numbers=frozenset(number for number in mentions.numbers if _telling(number)),
        vector=vector,
        title_vector=title_vector,
        length=min(len(article.summary), TEXT_CHARACTERS) / TEXT_CHARACTERS,
        hours=_hours(article.published),
        roundup=is_roundup(article.title),
    )


def _telling(number: str) -> bool:
    """One-digit numbers, tens and years turn up everywhere."""
    return len(number) > 1 and number not in ("10", "100") and not re.fullmatch(r"(19|20)\d\d", number)


def _meaning_text(article: Article) -> str:
    if not article.summary:
        return article.title
    return f"{article.title}. {article.title}. {article.summary[:TEXT_CHARACTERS]}"


def _hours(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 3600
