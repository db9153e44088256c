"""A true sentence and what its story tells come in; the sentence with one thing changed comes out, or None if it has no such thing.

The changes know nothing of how the checker reads: they look for digits, number words, capitals and quotation marks.
"""

import random
import re
from collections.abc import Callable

_NUMBERS = re.findall(
    r"\S+", "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty dozen"
)
_MONTHS = re.findall(r"\S+", "January February April June July August September October November December")
_DAYS = re.findall(r"\S+", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_SCALES = ["thousand", "million", "billion", "trillion"]
_NAMES = re.findall(
    r"\S+",
    """Marlow Kestrel Ostermann Vandermeer Lindqvist Pemberton Aldana Brightwater Corvane Delacroix Engström Fairbanks Guerrero
    Halloran Iwasaki Jankowski Kilpatrick Lombardi Mandeville Norwood Okafor Petrenko Quimby Rosenthal Sutherland""",
)
_WORDS = re.findall(
    r"\S+", "never harbour window purple seventeen reluctantly kitchen enormous victory weather disaster promise"
)
_NO_NAMES = ["March", "President", "Former", "Senator", "Minister", "Representative"]
_ACT = re.compile(
    r"((?:[A-Z][a-z]+ ){1,2})((?:has |have |had |will )?[a-z]+(?:ed|s) (?:[a-z]+ ){0,3})"
    r"((?:[A-Z][a-z]+ ?){1,3})(?=[a-z.,])"
)
_AUXILIARY = re.compile(r"\b(is|are|was|were|will|would|has|have|had|can|could|should)\b(?! not|n['’]t)")


def change_number(sentence: str, told: str, dice: random.Random) -> str | None:
    """Another digit, number word or scale, so that the story has no such number."""
    spots = [match for match in re.finditer(r"\d[\d,.]*\d|\d|\b(?:" + "|".join(_NUMBERS + _SCALES) + r")\b", sentence)
             if not _is_date(sentence, match)]  # fmt: skip
    if not spots:
        return None
    spot = dice.choice(spots)
    for _ in range(20):
        word = spot[0]
        if word in _SCALES:
            new = dice.choice([one for one in _SCALES if one != word])
        elif word in _NUMBERS:
            new = dice.choice([one for one in _NUMBERS if one != word])
        else:
            places = [place for place, one in enumerate(word) if one.isdigit()]
            place = dice.choice(places)
            new = word[:place] + dice.choice([one for one in "123456789" if one != word[place]]) + word[place + 1 :]
        if word in _SCALES or not re.search(rf"(?<!\w){re.escape(new)}(?!\w)", told, re.I):
            return _put(sentence, spot, new)
    return None


def change_name(sentence: str, told: str, dice: random.Random) -> str | None:
    """Another family name for a word with a capital that does not open the sentence."""
    spots = [match for match in re.finditer(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b", sentence)
             if match[0] not in [*_MONTHS, *_DAYS, *_NO_NAMES]]  # fmt: skip
    return _put(sentence, dice.choice(spots), dice.choice(_NAMES)) if spots else None


def change_date(sentence: str, told: str, dice: random.Random) -> str | None:
    """Another weekday, month, day of the month or year, none of which the story has."""
    spots = list(re.finditer(rf"\b(?:{'|'.join(_DAYS + _MONTHS)})\b|(?<= )(?:19|20)\d\d(?![\d,])", sentence))
    if not spots:
        return None
    spot = dice.choice(spots)
    if spot[0].isdigit():
        options = [str(int(spot[0]) + step) for step in (-7, -4, -3, 3, 6, 11)]
    else:
        options = _DAYS if spot[0] in _DAYS else _MONTHS
    options = [one for one in options if one not in told]
    return _put(sentence, spot, dice.choice(options)) if options else None


def change_quotation(sentence: str, told: str, dice: random.Random) -> str | None:
    """Another word within quotation marks."""
    quoted = next((one for one in re.finditer(r"[“\"]([^“”\"]+)[”\"]", sentence) if len(one[1]) >= 12), None)
    spots = list(re.compile(r"\b[a-z]{4,}\b").finditer(sentence, quoted.start(1), quoted.end(1))) if quoted else []
    return _put(sentence, dice.choice(spots), dice.choice(_WORDS)) if spots else None


def change_negation(sentence: str, told: str, dice: random.Random) -> str | None:
    """A "not" taken out, or put behind the first auxiliary verb outside of quotation marks."""
    bare = re.sub(r"[“\"][^“”\"]*[”\"]", lambda match: "_" * len(match[0]), sentence)
    if spot := re.search(r"\b(is|are|was|were|will|would|has|have|had|did|does|do|could|should) not ", bare):
        return sentence[: spot.end(1)] + sentence[spot.end() - 1 :]
    spot = _AUXILIARY.search(bare)
    return sentence[: spot.end()] + " not" + sentence[spot.end() :] if spot else None


def change_actor(sentence: str, told: str, dice: random.Random) -> str | None:
    """Two names that stand around a verb, swapped."""
    spot = _ACT.match(sentence)
    if not spot or spot[3].strip() in [*_DAYS, *_MONTHS, "March"] or re.match(r"The |A |In |But |On |At ", spot[1]):
        return None
    tail = sentence[spot.end() :]
    return f"{spot[3].strip()} {spot[2]}{spot[1].strip()}{'' if tail[:1] in '.,' else ' '}{tail}"


def _is_date(sentence: str, spot: re.Match[str]) -> bool:
    near = sentence[max(0, spot.start() - 12) : spot.end() + 12]
    return bool(
        re.search(rf"{'|'.join(_MONTHS)}|March|May|[A-Z][a-z]{{2}}\.", near)
        or re.fullmatch(r"(?:19|20)\d\d[.,]?", spot[0])
    )


def _put(sentence: str, spot: re.Match[str], new: str) -> str:
    return sentence[: spot.start()] + new + sentence[spot.end() :]


CHANGES: dict[str, Callable[[str, str, random.Random], str | None]] = {
    "number": change_number, "name": change_name, "date": change_date, "quotation": change_quotation,
    "negation": change_negation, "actor": change_actor,
}  # fmt: skip
