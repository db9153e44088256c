"""A text comes in; the numbers it gives come out, each with its unit worked out, however the two are spelt."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from worker.stories.units import CURRENCIES, SCALES, SIGNS, UNITS

_ONES = {word: n for n, word in enumerate(re.findall(r"\w+", """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen"""))}  # fmt: skip
_TENS = {
    word: 10 * n
    for n, word in enumerate(re.findall(r"\S+", "twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
_ORDINALS = {word: n for n, word in enumerate(
    re.findall(r"\S+", "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"), 3)}  # fmt: skip
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
}
_WORDS = {**_ONES, **_TENS, "dozen": 12, "hundred": 100}


def _either(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NO_LETTER = r"(?![A-Za-zÀ-ɏ])"
_TAIL = (
    rf"(?:[\s-]?(?P<scale>(?:{_either(s for s in SCALES if s.isascii())}){_NO_LETTER}"
    rf"|{_either(s for s in SCALES if not s.isascii())}))?"
    r"(?P<plus>\+)?"
    rf"(?:(?:[\s-]|\sof\s(?:a\s)?)?(?P<unit>(?:{_either(u for u in UNITS if u[-1].isascii() and u[-1].isalpha())}){_NO_LETTER}"
    rf"|{_either(u for u in UNITS if not (u[-1].isascii() and u[-1].isalpha()))}))?(?P<old>[\s-]old)?"
)
_NUMERAL = re.compile(
    rf"(?<![A-Za-z0-9_.])(?<![A-Za-z]-)(?P<sign>(?:{_either(SIGNS)})\s?)?(?<![\d.,])"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d+(?:\.\d+)?)"
    rf"(?P<nth>(?:st|nd|rd|th){_NO_LETTER})?(?:['’]?s{_NO_LETTER})?" + _TAIL + rf"(?:{_NO_LETTER}|(?=[\u3400-\u9fff]))",
    re.I,
)
_COUNT = rf"(?:{_either([*_ONES, *_TENS, 'hundred', 'thousand', 'dozen'])})"
_SPELT = re.compile(
    rf"(?<![\w-])(?P<words>(?:half|three[\s-]quarters\sof|a\squarter\sof)\san?(?=\s(?:million|billion|trillion|dozen|hundred))|"
    rf"(?:an?\s(?=hundred|thousand|million|billion|trillion|dozen)|{_COUNT})(?:{_COUNT})?(?:[\s-](?:and\s)?{_COUNT})*)"
    + _TAIL
    + _NO_LETTER,
    re.I,
)
_ARTICLE = re.compile(
    rf"\b(?:an?|one|per)[\s-](?P<unit>{_either(u for u in UNITS if u.isalpha() and len(u) > 2)}){_NO_LETTER}", re.I
)
_FRACTION = re.compile(
    rf"\b(?P<top>{_either(_ONES)}|an?|\d)?[\s-]?(?P<part>{_either(_PARTS)}|thirds|quarters|fourths|fifths|sixths|eighths|tenths)"
    r"\s(?:of|the|its|their|as)\b|\b(?:in|by)\s(?P<half>half)\b|\b(?P<top2>one|two|three|four|five)[\s-]"
    r"(?P<part2>thirds?|quarters|fifths?|tenths?)\b|\b(?P<halve>halv(?:e|es|ed|ing))\b|\bone\sin\s(?P<one_in>\w+)\b",
    re.I,
)
_MULTIPLE = re.compile(r"\b(?:(?P<two>twice|doubl(?:e|es|ed|ing))|(?P<three>tripl(?:e|es|ed|ing)|thrice)|(?P<four>quadrupl\w+)|"
                       rf"(?P<fold>{_either([*_ONES, *_TENS])})-?fold)\b", re.I)  # fmt: skip
_ORDINAL = re.compile(rf"\b(?P<word>{_either(_ORDINALS)})\b", re.I)
_GROUP = re.compile(r"\b(?:(?P<two>pair|couple|duo|both)|trio)\b", re.I)
_ABOUT = re.compile(
    r"(?:about|around|roughly|approximately|approx\.?|some|circa|~|an? estimated|close to|in the region of)\s?$", re.I
)
_OVER = re.compile(
    r"(?:more than|over|above|at least|upwards? of|exceed(?:s|ed|ing)?|(?:just|slightly|well) over|north of|>)\s?$",
    re.I,
)
_UNDER = re.compile(
    r"(?:nearly|almost|up to|under|below|less than|fewer than|as (?:many|much) as|just (?:under|short of)|"
    r"not quite|close to|<)\s?$",
    re.I,
)
_LINK = re.compile(r"\s?(?:to|and|or|-|–|—|and up to|至|到)\s?$", re.I)


@dataclass(frozen=True)
class Quantity:
    """A number: `value` in `unit` ("" is a bare count, "nth" an ordinal, "age" a year-old), and the least and the most, as
    shares of it, that a source may say instead because the text rounds ("nearly")."""

    value: float
    unit: str
    text: str
    start: int
    end: int
    least: float = 1.0
    most: float = 1.0
    loose: bool = False  # "one", "a year": says too little to be held against a source
    scale: float = 1.0

    def is_borne_out_by(self, other: "Quantity") -> bool:
        """Whether a source that says `other` says this too."""
        if not _agree(self.unit, other.unit):
            return False
        if self.value == other.value or abs(self.value - other.value) < 1e-9 * abs(self.value):
            return True
        # A shop's 649.99 is 650 to everybody; "two thirds" and 67 % are one.
        if self.unit in CURRENCIES and abs(self.value - other.value) < 0.06 and other.value > 5:
            return True
        if self.unit == "%" and abs(self.value - other.value) < 0.67 and (self.value % 1 > 0.1 or other.value % 1 > 0.1) and (
            {round(self.value, 1), round(other.value, 1)} & {33.3, 66.7}):  # fmt: skip
            return True
        rounded = _figures(self.value) < _figures(other.value)
        return rounded and self.value * self.least <= other.value <= self.value * self.most


def read_quantities(text: str) -> list[Quantity]:
    """Every number of the text in order; the end of a range lends its unit to the other ("$20 to 30 million")."""
    found: list[Quantity] = []
    for pattern, reader in ((_NUMERAL, _numeral), (_FRACTION, _fraction), (_SPELT, _spelt), (_MULTIPLE, _multiple),
                            (_ARTICLE, _article), (_ORDINAL, _ordinal), (_GROUP, _group)):  # fmt: skip
        for match in pattern.finditer(text):
            if all(match.end() <= one.start or match.start() >= one.end for one in found):
                quantity = reader(match)
                if quantity:
                    found.append(_hedged(quantity, text))
    return _add_up(_share_units(sorted(found, key=lambda one: one.start), text), text)


def _numeral(match: re.Match[str]) -> Quantity | None:
    value = float(re.sub(r"[,\s\u00a0\u202f]", "", match["digits"]))
    if match["nth"]:
        return Quantity(value, "nth", match[0].strip(), match.start(), match.end())
    return _with_tail(match, value, SIGNS.get((match["sign"] or "").strip().lower(), ""))


def _spelt(match: re.Match[str]) -> Quantity | None:
    words = re.findall(r"[a-z]+", match["words"].lower())
    if words[-1] in ("a", "an") and len(words) > 1:
        value = {"half": 0.5, "three": 0.75, "a": 0.25}[words[0]]
    elif words[0] in ("a", "an") and len(words) == 1:
        value = 1.0
    else:
        value = _value_of([word for word in words if word not in ("and", "a", "an")])
    quantity = _with_tail(match, value, "")
    loose = words == ["one"] and not match["scale"] and (not match["unit"] or quantity.unit == "x")
    return replace(quantity, loose=loose or (words in (["two"], ["hundred"], ["thousand"]) and _is_vague(match)))


def _is_vague(match: re.Match[str]) -> bool:
    """ "The two companies" counts what the sentence names; "hundreds" and "thousand of" count nothing."""
    before = match.string[max(0, match.start() - 8) : match.start()].lower()
    return bool(re.search(r"\b(?:the|these|those|its|their)\s$", before)) and not match["unit"]


def _value_of(words: list[str]) -> float:
    """`twenty five hundred` is 2500, `one hundred forty two thousand` is 142000."""
    total = part = 0.0
    for word in words or ["one"]:
        if word in ("hundred", "dozen"):
            part = (part or 1) * _WORDS[word]
        elif word == "thousand":
            total, part = (part or 1) * 1000, 0.0
        else:
            part += _WORDS[word]
    return total + part


def _with_tail(match: re.Match[str], value: float, currency: str) -> Quantity:
    scale = SCALES.get((match["scale"] or "").lower(), 1.0)
    unit, size = UNITS.get((match["unit"] or "").lower(), ("", 1.0))
    if unit == "month" and match["old"]:
        unit = "age"
        size /= 12
    if currency and unit not in ("", currency):
        unit, size = currency, 1.0  # "$28,000 electric", "$5 a month": the sign rules
    end = match.end("unit") if match["unit"] and not currency else match.end()
    start = match.start()
    return Quantity(value * scale * size, currency or unit, match.string[start:end].strip(), start, end, scale=scale)


def _fraction(match: re.Match[str]) -> Quantity | None:
    if match["half"] or match["halve"]:
        value = 0.5
    elif match["one_in"]:
        below = _WORDS.get(match["one_in"].lower()) or (int(match["one_in"]) if match["one_in"].isdigit() else 0)
        if not below:
            return None
        value = 1 / below
    else:
        top, part = (match["top"] or match["top2"] or "").lower(), (match["part"] or match["part2"]).lower()
        part = "half" if part == "halves" else part.removesuffix("s")
        if not top and part != "half":
            return None
        count = int(top) if top.isdigit() else _ONES.get(top, 1)
        value = count / _PARTS[part]
        if re.match(r"\san?\s(?:million|billion|trillion|dozen)", match.string[match.end() :]):
            return None
    return Quantity(100 * value, "%", match[0].strip(), match.start(), match.end())


def _multiple(match: re.Match[str]) -> Quantity:
    value = 2 if match["two"] else 3 if match["three"] else 4 if match["four"] else _WORDS[match["fold"].lower()]
    return Quantity(float(value), "x", match[0], match.start(), match.end())


def _article(match: re.Match[str]) -> Quantity:
    unit, size = UNITS[match["unit"].lower()]
    return Quantity(size, unit, match[0], match.start(), match.end(), loose=True)


def _group(match: re.Match[str]) -> Quantity:
    return Quantity(2.0 if match["two"] else 3.0, "", match[0], match.start(), match.end(), loose=True)


def _ordinal(match: re.Match[str]) -> Quantity:
    return Quantity(float(_ORDINALS[match["word"].lower()]), "nth", match[0], match.start(), match.end())


def _hedged(quantity: Quantity, text: str) -> Quantity:
    before = text[max(0, quantity.start - 24) : quantity.start]
    after = text[quantity.end : quantity.end + 9]
    if _ABOUT.search(before) or re.match(r"\s?(?:or so|-odd|-ish)\b", after):
        return replace(quantity, least=0.94, most=1.06)
    if _OVER.search(before) or re.match(r"\+|\sor more", after):
        return replace(quantity, most=1.1)
    if _UNDER.search(before):
        return replace(quantity, least=0.9)
    return quantity


def _add_up(found: list[Quantity], text: str) -> list[Quantity]:
    """One time of two parts is one number: "1 hour and 35 minutes"."""
    summed: list[Quantity] = []
    for one in found:
        before = summed[-1] if summed else None
        if (before and before.unit == one.unit and one.unit in ("s", "month") and before.value > one.value
                and re.fullmatch(r",?\s(?:and\s)?", text[before.end : one.start])):  # fmt: skip
            summed[-1] = replace(before, value=before.value + one.value, text=text[before.start : one.end], end=one.end)
        else:
            summed.append(one)
    return summed


def _share_units(found: list[Quantity], text: str) -> list[Quantity]:
    for n in range(len(found) - 1):
        one, other = found[n], found[n + 1]
        if not _LINK.fullmatch(text[one.end : other.start]) or "nth" in (one.unit, other.unit):
            continue
        if one.scale == 1 and other.scale > 1 and one.value < 1000 and one.value < other.value:
            found[n] = one = replace(one, value=one.value * other.scale, scale=other.scale)
        if not one.unit and other.unit not in ("", "x"):
            size = next((size for unit, size in UNITS.values() if unit == other.unit), 1.0)
            spelling = re.search(r"[a-z%]+$", other.text.lower())
            size = UNITS[spelling[0]][1] if spelling and spelling[0] in UNITS else size
            found[n] = replace(one, unit=other.unit, value=one.value * (1 if other.unit in CURRENCIES else size))
        elif one.unit in CURRENCIES and not other.unit:
            found[n + 1] = replace(other, unit=one.unit)
    return found


def _figures(value: float) -> int:
    """How many figures a number is told with, noughts at its end aside: 1 for 500, 3 for 1.48 billion."""
    return len(f"{value:.9e}".split("e")[0].replace(".", "").strip("0"))


def _agree(one: str, other: str) -> bool:
    pairs = {one, other}
    if one == other:
        return True
    if "¥" in pairs:
        return bool(pairs & {"JPY", "CNY"})
    if "pound" in pairs:
        return "GBP" in pairs
    if pairs == {"celsius", "degree"} or pairs == {"fahrenheit", "degree"}:
        return True
    if "age" in pairs:
        return bool(pairs & {"", "month"})
    return pairs <= {"", "nth"}
