"""Reads the names and numbers out of a headline and its text: what a story is about, whoever words it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_TOKEN = re.compile(r"[A-Za-zÀ-ɏ0-9]+(?:[-'’.&][A-Za-zÀ-ɏ0-9]+)*|[.!?:;“”\"|—–…]+")
_NUMBER = re.compile(
    r"(?<![\w.-])[$€£¥]?\s?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"\s?[-–]?\s?(%|percent|per cent|thousand|million|billion|trillion|bn|mn|tn|[kKmMbBxX](?![\w]))?(?![\w])"
)
_ANY_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_POSSESSIVE = re.compile(r"['’]s$|['’]$")
_SCALE = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9,
          "tn": 1e12, "trillion": 1e12}  # fmt: skip
_SPELT = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12, "hundred": 100}
_WORD_NUMBER = re.compile(
    r"\b(one|two|three|four|five|six|seven|eight|nine|ten|half a) (hundred|thousand|million|billion|trillion)\b", re.I
)
_DIGIT = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "half a": 0.5}  # fmt: skip
_NOT_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
        a an the and or but if in on at by for from to of with as is are was were be been it its this that these
        those he she they we you i his her their our your my not no so what when where why how who which while
        after before new mr mrs ms dr monday tuesday wednesday thursday friday saturday sunday january february
        march april june july august september october november december jan feb mar apr jun jul aug sep sept
        oct nov dec today yesterday update breaking exclusive report video watch photos live opinion
        """,
    )
)

Commonness = Callable[[str], float]


@dataclass(frozen=True)
class Mentions:
    """What a text names: lower-case words with how surely each is a name (0..1), how each was spelt, and its numbers."""

    names: dict[str, float]
    spelt: dict[str, str]
    numbers: frozenset[str]


def read_mentions(title: str, text: str, commonness: Commonness) -> Mentions:
    """Names and numbers of a headline and the start of its text. `commonness` tells an ordinary word from a rare one."""
    names, spelt = _names(text, commonness, headline=False)
    in_title, spelt_in_title = _names(title, commonness, headline=_shouts(title), seen=names)
    for name, surety in in_title.items():
        names[name] = max(surety, names.get(name, 0.0))
    return Mentions(names, {**spelt_in_title, **spelt}, read_numbers(f"{title}. {text}"))


def read_numbers(text: str) -> frozenset[str]:
    """Numbers as plain digits with scale worked out: `$1.5bn` and `1.5 billion` are both `1500000000`; `%` is kept."""
    found = set()
    for match in _NUMBER.finditer(text):
        value, unit = float(match[1].replace(",", "")), (match[2] or "").lower()
        if unit in ("%", "percent", "per cent"):
            found.add(f"{value:g}%")
        else:
            found.add(f"{value * _SCALE.get(unit, 1):.12g}")
    for match in _WORD_NUMBER.finditer(text):
        found.add(f"{_DIGIT[match[1].lower()] * _SPELT[match[2].lower()]:.12g}")
    return frozenset(found)


def _shouts(title: str) -> bool:
    """Whether a headline capitalises every word, so that a capital says nothing."""
    words = [word for word in re.findall(r"[A-Za-z]{4,}", title) if word.lower() not in _NOT_NAMES]
    return bool(sum(word[0].isupper() for word in words) > 0.7 * len(words))


def _names(
    text: str, commonness: Commonness, *, headline: bool, seen: dict[str, float] | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    names: dict[str, float] = {}
    spelt: dict[str, str] = {}
    opening = True
    for match in _TOKEN.finditer(text):
        token = match[0]
        if not token[0].isalnum():
            opening = True
            continue
        word = _POSSESSIVE.sub("", token)
        if len(word) > 1 and word.lower() not in _NOT_NAMES and not word.replace(".", "").isdigit():
            surety = _surety(word, commonness, shouted=headline or opening)
            key = word.lower().replace(".", "").replace("’", "'")
            if surety and seen and key in seen:
                surety = 1.0
            if surety:
                names[key] = max(surety, names.get(key, 0.0))
                spelt.setdefault(key, word)
        opening = False
    return names, spelt


def _surety(word: str, commonness: Commonness, *, shouted: bool) -> float:
    """How surely a word is a name: its inner capitals or digits, else its capital, else how it is mostly spelt."""
    if not word.isalpha() and _ANY_DIGIT.search(word):
        return 1.0 if _LETTER.search(word) else 0.0
    if not word[0].isupper():
        return 0.0 if word.islower() else 1.0
    if not shouted:
        return 1.0
    lower, upper = commonness(word.lower()), commonness(word[0] + word[1:].lower())
    if upper > lower:
        return 1.0
    return 0.4 if lower == upper == 0.0 else 0.0
