"""A text comes in; what it claims comes out: the names, numbers, dates and quotations that can be held against the sources."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.stories.dates import When, read_dates
from worker.stories.quantities import Quantity, read_quantities
from worker.stories.wording import Word, is_ordinary, read_words

_TITLES = frozenset(
    re.findall(
        r"\S+",
        """
    mr mrs ms mx dr prof professor sir dame lord lady president vice chairman chairwoman chair chief ceo cfo cto
    coo executive officer director senator sen representative rep congressman congresswoman governor gov mayor
    minister prime secretary general gen attorney judge justice speaker chancellor king queen prince princess
    pope senior junior sr jr inc corp ltd llc plc gmbh ag former the a an and of
    """,
    )
)
_DATE_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december jan feb mar apr jun jul aug sept sep oct nov dec christmas day eve q1 q2 q3 q4 fy""",
    )
)
_CREDIT_BEFORE = re.compile(r"(?:according to|reported by|told|quoted by)(?: the)? ?$", re.I)
_CREDIT_AFTER = re.compile(
    r" (?:first )?(?:report|sa(?:id|ys)|wr(?:ote|ites)|not(?:ed|es)|found|was (?:the )?first to report)"
)
# Capitals that name nobody.
_NO_NAMES = frozenset(re.findall(r"\S+", "i i'm i've i'd i'll ai internet web ok earth bible"))
_QUOTED = re.compile(
    r"“(?P<a>[^“”]+)[”\"]|\"(?P<b>[^\"“”]+)\"|(?<![\w’'])‘(?P<c>[^‘“”]+?)’(?![\w])|(?<![\w'])'(?P<d>[^'“”\"]{6,}?)'(?![\w])"
    r"|「(?P<e>[^」]+)」|『(?P<f>[^』]+)』|«\s?(?P<g>[^»]+?)\s?»|„(?P<h>[^“”]+)[“”]"
)
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Sen|Rep|Gov|Gen|St|Lt|Col|Sgt|Capt|[A-Z])\.$")


@dataclass(frozen=True)
class Name:
    """Words with capitals that stand side by side: one name, or several in a row. `credited`: named as who reports it."""

    text: str
    start: int
    words: tuple[Word, ...]
    credited: bool = False


@dataclass(frozen=True)
class Quoted:
    """What stands between quotation marks, without them."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Claims:
    """All that a text claims, and its words."""

    text: str
    words: tuple[Word, ...]
    names: tuple[Name, ...]
    quantities: tuple[Quantity, ...]
    dates: tuple[When, ...]
    quotations: tuple[Quoted, ...]


def read_claims(text: str) -> Claims:
    """Read the text once. A number within a name or a date ("Series 3", "4 July") belongs to that and is no number claim."""
    words = read_words(text)
    dates = read_dates(text)
    taken = [(one.start, one.end) for one in dates]
    quantities = [one for one in read_quantities(text) if not _within(one.start, taken)]
    names = _read_names(words, text, [(one.start, one.end, one) for one in quantities], taken)
    inside = [(word.start, word.end) for name in names for word in name.words]
    quantities = [one for one in quantities if not _within(one.start, inside)]
    return Claims(text, tuple(words), tuple(names), tuple(quantities), tuple(dates), tuple(read_quotations(text)))


def read_quotations(text: str) -> list[Quoted]:
    """Every stretch between quotation marks of any kind; an apostrophe is none."""
    found = []
    for match in _QUOTED.finditer(text):
        group = match.lastgroup or "a"
        found.append(Quoted(match[group].strip(), match.start(group), match.end(group)))
    return found


def _read_names(
    words: Sequence[Word], text: str, numbers: Sequence[tuple[int, int, Quantity]], dates: Sequence[tuple[int, int]]
) -> list[Name]:
    """Runs of words with capitals, without titles, weekdays and months, and without the ordinary word that opens a sentence."""
    runs: list[list[Word]] = [[]]
    shouted = _shouts(words, text)
    for place, word in enumerate(words):
        number = next((one for start, end, one in numbers if start <= word.start < end), None)
        if (
            word.form[0].isdigit()
            and runs[-1]
            and (
                text[word.start - 1] in "-‐‑." or text[word.start - 1].isalnum() or (number and _is_mark(number, word))
            )
        ):
            runs[-1].append(word)  # "Series 3", "Llama-4.1"
        elif number or _within(word.start, dates) or not _is_name_word(word, place, words, text, shouted):
            runs.append([])
            continue
        else:
            runs[-1].append(word)
        if word.ends:
            runs.append([])
    return [_name(run, text) for run in runs if run]


def _name(run: Sequence[Word], text: str) -> Name:
    start, end = run[0].start, run[-1].end
    credited = (
        _CREDIT_BEFORE.search(text[:start]) or _CREDIT_AFTER.match(text[end:]) or run[-1].text.endswith(("'s", "’s"))
    )
    return Name(text[start:end], start, tuple(run), bool(credited))


def _is_mark(number: Quantity, word: Word) -> bool:
    return (
        not number.unit
        and number.scale == 1
        and number.value < 1000
        and "," not in number.text
        and word.text == number.text
    )


def _is_name_word(word: Word, place: int, words: Sequence[Word], text: str, shouted: bool) -> bool:
    if not word.capital or word.form in _TITLES or word.form in _DATE_WORDS or word.form in _NO_NAMES:
        return False
    if re.match(r"\w{1,6}[-‐‑.]?\d", text[word.start :]) and text[word.start : word.end].isupper():
        return True  # "F-22", "S.1", "KX104"
    if len(word.text) == 1 and (place == 0 or not words[place - 1].capital or text[word.start - 1] == "("):
        return False
    if _opens(word, place, text) or shouted:
        # Inner capitals tell a name wherever it stands; else the word must be one that is rarely written small.
        return any(one.isupper() for one in word.text[1:]) or not is_ordinary(
            re.split("['’]", word.text)[0],
            before_name=not shouted and not word.ends and place + 1 < len(words) and words[place + 1].capital,
        )
    return True


def _opens(word: Word, place: int, text: str) -> bool:
    before = text[: word.start].rstrip(' "“‘(')
    if not before or before[-1] in "!?:;…—–|" or before != text[: word.start].rstrip():
        return True
    return before[-1] == "." and not _ABBREVIATED.search(before)


def _shouts(words: Sequence[Word], text: str) -> bool:
    """Whether every longer word has a capital, as in a headline, so that a capital says nothing."""
    long = [word for word in words if len(word.text) > 3 and word.text[0].isalpha()]
    return len(long) > 3 and sum(word.text[0].isupper() for word in long) > 0.7 * len(long) and text[-1] not in '.!”"'


def _within(at: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)
