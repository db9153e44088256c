"""A text comes in; the days, months and years it speaks of come out, and from the day it was published the calendar days meant."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_MONTHS = {name: n for n, names in enumerate(
    ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
     "september sept sep", "october oct", "november nov", "december dec"), 1) for name in names.split()}  # fmt: skip
_WEEKDAYS = {name: n for n, names in enumerate(
    ("monday mon", "tuesday tues tue", "wednesday weds wed", "thursday thurs thur thu", "friday fri", "saturday sat",
     "sunday sun")) for name in names.split()}  # fmt: skip
_HOLIDAYS = {"independence day": (7, 4), "fourth of july": (7, 4), "christmas day": (12, 25), "christmas eve": (12, 24),
             "new year's day": (1, 1), "new year's eve": (12, 31), "halloween": (10, 31), "earth day": (4, 22),
             "valentine's day": (2, 14), "may day": (5, 1)}  # fmt: skip
_MONTH = r"(?P<month>(?:January|February|March|April|May|June|July|August|September|October|November|December)\b|" \
         r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?)"  # fmt: skip
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?![\d%]|[.,]\d)"
_LAST_DAY = r"(?:\s?(?:[-–]|to|and)\s?(?P<last_day>\d\d?)\b(?![,.:]?\d))?"
_YEAR = r"(?P<year>(?:19|20)\d\d)(?!\d|,\d)"
_FULL = r"Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_SHORT = r"Mon|Tues?|Weds?|Thurs?|Thu|Fri|Sat|Sun"
_QUARTERS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "final": 4, "last": 4}

Span = tuple[date, date]


@dataclass(frozen=True)
class When:
    """A date as written. `key` is the same for all spellings; `parts` tell its kind and figures; `exact` is one day."""

    text: str
    start: int
    end: int
    key: str
    parts: tuple[str | int, ...]

    @property
    def exact(self) -> bool:
        return self.parts[0] in ("day", "weekday", "near") and self.key != "now"

    def spans(self, published: date | None) -> Iterator[Span]:
        """The first and last days meant, if published that day; more than one where the words leave it open."""
        kind, *rest = self.parts
        yield from _SPANS[str(kind)](published, *rest)


def read_dates(text: str) -> list[When]:
    """Every date of the text, in order; of two readings that overlap the longer."""
    found: list[When] = []
    for pattern, reader in _PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < one.end and one.start < match.end() for one in found):
                continue
            parts = reader(match)
            if parts:
                key = " ".join("" if part is None else str(part) for part in parts)
                found.append(When(match[0].strip(), match.start(), match.end(), key, parts))
                if (last := match.groupdict().get("last_day")) and parts[0] == "day":
                    other = (*parts[:2], int(last), *parts[3:])
                    found.append(When(match[0].strip(), match.end(), match.end(), " ".join(map(str, other)), other))
    return sorted(found, key=lambda one: one.start)


def _read_day(match: re.Match[str]) -> tuple[str | int, ...] | None:
    groups = match.groupdict()
    month = groups["month"].rstrip(".").lower()
    number = _MONTHS.get(month) or (int(month) if month.isdigit() else 0)
    return _day_parts(number, int(groups["day"]), int(groups.get("year") or 0))


def _day_parts(month: int, day: int, year: int) -> tuple[str | int, ...] | None:
    try:
        date(year or 2024, month, day)
    except ValueError:
        return None
    return ("day", month, day, year)


def _read_holiday(match: re.Match[str]) -> tuple[str | int, ...]:
    return ("day", *_HOLIDAYS[match[0].lower().replace("’", "'")], 0)


def _read_month(match: re.Match[str]) -> tuple[str | int, ...]:
    month = match["month"].rstrip(".").lower()
    return ("month", _MONTHS.get(month) or int(month), int(match.groupdict().get("year") or 0))


def _read_relative(match: re.Match[str]) -> tuple[str | int, ...]:
    word = match["word"].lower()
    steps = {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1}
    return ("relative", match["unit"].lower(), steps[word])


def _read_near(match: re.Match[str]) -> tuple[str | int, ...]:
    word = match[0].lower()
    if word in ("yesterday", "last night", "昨天", "昨日"):
        return ("near", -1)
    return ("near", 1) if word in ("tomorrow", "明天", "明日") else ("near", 0)


def _read_quarter(match: re.Match[str]) -> tuple[str | int, ...]:
    number = int(match["n"]) if match["n"] else _QUARTERS[match["nth"].lower()]
    half = (match.groupdict().get("part") or "quarter").lower() == "half"
    step = {"next year": 1, "this year": 0, "last year": -1}.get((match["of"] or "").lower(), 9)
    return ("half" if half else "quarter", number, int(match["year"] or 0), step)


_PATTERNS: list[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str | int, ...] | None]]] = [
    (re.compile(rf"\b{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)\b"), _read_day),
    (re.compile(r"(?:(?P<year>(?:19|20)\d\d)\s?年\s?)?(?P<month>1[0-2]|0?[1-9])\s?月\s?(?P<day>[0-3]?\d)\s?[日号]"), _read_day),
    (re.compile(rf"\b{_MONTH}\s{_DAY}{_LAST_DAY}(?:,?\s{_YEAR})?"), _read_day),
    (re.compile(rf"\b{_DAY}{_LAST_DAY}\s(?:of\s)?{_MONTH}(?:,?\s{_YEAR})?"), _read_day),
    (re.compile(rf"\b(?P<month>0?[1-9]|1[0-2])/(?P<day>[0-3]?\d)/{_YEAR}"), _read_day),
    (re.compile(rf"\b(?:{'|'.join(_HOLIDAYS)})\b".replace("'", "['’]"), re.I), _read_holiday),
    (re.compile(rf"\b{_MONTH}(?:\sof)?,?\s{_YEAR}"), _read_month),
    (re.compile(r"(?P<year>(?:19|20)\d\d)\s?年\s?(?P<month>1[0-2]|0?[1-9])\s?月"), _read_month),
    (re.compile(rf"\bQ(?P<n>[1-4])(?P<nth>)(?:\s(?:of\s)?(?:{_YEAR}|(?P<of>(?:next|this|last)\syear)))?(?!\w)"), _read_quarter),
    (re.compile(rf"\b(?P<n>)(?P<nth>first|second|third|fourth|final)[\s-](?P<part>quarter|half)(?!\sof\s(?!\d|next|this|last))"
                rf"(?:\sof)?(?:\s(?:{_YEAR}|(?P<of>(?:next|this|last)\syear)))?", re.I), _read_quarter),
    (re.compile(rf"\b(?P<day>{_FULL})(?:['’]s|s)?\b"), lambda match: ("weekday", _WEEKDAYS[match["day"].lower()])),
    (re.compile(rf"\b(?:(?<=[Oo]n )(?P<day>{_SHORT})|(?P<dot>{_SHORT})(?=\.))\b"),
     lambda match: ("weekday", _WEEKDAYS[(match["day"] or match["dot"]).lower()])),
    (re.compile(r"\b(?:today|tonight|this (?:morning|afternoon|evening)|yesterday|last night|tomorrow)\b|[今昨明][天日]", re.I),
     _read_near),
    (re.compile(r"\b(?P<word>last|past|previous|this|next|coming)\s(?P<unit>week|weekend|month|quarter|year|decade)\b", re.I),
     _read_relative),
    (re.compile(rf"(?:\b(?:[Ii]n|[Bb]y|[Ss]ince|[Uu]ntil|[Ff]rom|[Ll]ast|[Nn]ext|[Tt]his|[Ll]ate|[Ee]arly|[Mm]id|[Oo]f|[Ff]or|to|"
                rf"[Tt]hrough|[Dd]uring|[Bb]efore|[Aa]fter|[Bb]etween|and|until)[\s-]){_MONTH}(?!\s\d)(?![-–]\w)"), _read_month),
    (re.compile(rf"\b{_MONTH}(?=['’]s)"), _read_month),
    (re.compile(rf"\b(?!Ma[yr]|Sun|Sat){_MONTH}(?!\s\d)"), _read_month),
    (re.compile(rf"\bFY\s?{_YEAR}"), lambda match: ("year", int(match["year"]))),
    (re.compile(r"(?<![\d年])(?P<month>1[0-2]|[1-9])\s?月(?:份)?(?!\s?\d)"), _read_month),
    (re.compile(r"(?<![\d.,$€£¥\w-])(?P<decade>(?:19|20)\d0)['’]?s\b"), lambda match: ("decade", int(match["decade"]))),
    (re.compile(rf"(?<![\d.,$€£¥A-Za-z]){_YEAR}(?:(?=\s?年)|(?![.\w]?\d|\w|\s?(?:%|percent|per\scent|million|billion)))"),
     lambda match: ("year", int(match["year"]))),
]  # fmt: skip


def _span_day(published: date | None, month: int, day: int, year: int) -> Iterator[Span]:
    if not year and published is None:
        return
    for candidate in [year] if year or published is None else _near_years(published, month, day):
        yield (date(candidate, month, day),) * 2


def _near_years(published: date, month: int, day: int) -> list[int]:
    """The years that a date without one may mean: within ten months of publication, the nearest first."""
    years = [year for year in (published.year - 1, published.year, published.year + 1) if _day_parts(month, day, year)]
    away = {year: abs(date(year, month, day) - published).days for year in years}
    return sorted((year for year in years if away[year] < 300), key=away.__getitem__)


def _span_weekday(published: date | None, weekday: int) -> Iterator[Span]:
    """The latest such day up to the day of publication, and the next after it."""
    if published:
        last = published - timedelta(days=(published.weekday() - weekday) % 7)
        yield last, last
        yield last + timedelta(days=7), last + timedelta(days=7)


def _span_near(published: date | None, step: int) -> Iterator[Span]:
    if published:
        yield (published + timedelta(days=step),) * 2


def _span_month(published: date | None, month: int, year: int) -> Iterator[Span]:
    if not year and published is None:
        return
    for candidate in [year] if year or published is None else _near_years(published, month, 15):
        yield date(candidate, month, 1), _month_end(candidate, month)


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _span_relative(published: date | None, unit: str, step: int) -> Iterator[Span]:
    if published is None:
        return
    if unit in ("week", "weekend"):
        monday = published - timedelta(days=published.weekday()) + timedelta(days=7 * step)
        yield monday, monday + timedelta(days=6)
        if step < 0:
            yield published - timedelta(days=7), published
    elif unit in ("month", "quarter"):
        months = 1 if unit == "month" else 3
        first = published.year * 12 + (published.month - 1) // months * months + step * months
        yield (
            date(first // 12, first % 12 + 1, 1),
            _month_end((first + months - 1) // 12, (first + months - 1) % 12 + 1),
        )
    else:
        years = 1 if unit == "year" else 10
        first_year = published.year // years * years + step * years
        yield date(first_year, 1, 1), date(first_year + years - 1, 12, 31)


def _span_quarter(published: date | None, number: int, year: int, step: int, months: int = 3) -> Iterator[Span]:
    if not year and step != 9 and published:
        year = published.year + step
    if year:
        yield date(year, (number - 1) * months + 1, 1), _month_end(year, number * months)


def _span_half(published: date | None, number: int, year: int, step: int) -> Iterator[Span]:
    yield from _span_quarter(published, min(number, 2), year, step, months=6)


_SPANS: dict[str, Callable[..., Iterator[Span]]] = {
    "day": _span_day, "weekday": _span_weekday, "near": _span_near, "month": _span_month, "relative": _span_relative,
    "quarter": _span_quarter, "half": _span_half,
    "year": lambda _, year: iter([(date(year, 1, 1), date(year, 12, 31))]),
    "decade": lambda _, year: iter([(date(year, 1, 1), date(year + 9, 12, 31))]),
}  # fmt: skip
