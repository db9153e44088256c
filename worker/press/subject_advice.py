"""A subject and a preheader in; what to mind about them, and shorter words out of the issue's own headlines, out. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from worker.press.graphemes import find_risk, is_emoji, split_graphemes

SHORTEST, LONGEST = 30, 60  # characters of a subject: fewer say little, more are cut on most screens
PREHEADER_LONGEST = 110
SAME_START = 15  # characters
LEAST_CLAUSE = 20
MOST_SUGGESTIONS = 4
# A filter weighs far more than words; these are what readers take for a trick too.
_TRAPS = ("act now", "buy now", "cash bonus", "click here", "guaranteed", "limited time", "no cost", "risk-free", "risk free",
          "100% free", "you have won", "winner!", "$$$")
_CLAUSE = re.compile(r"[,;:](?=\s)|\s[–—-](?=\s)|\s(?=(?:after|amid|as|because|before|but|despite|following|since|while)\s)")
_SMALL = frozenset((
    "a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "into", "is", "its", "of", "on", "or", "over", "than", "that",
    "the", "their", "this", "to", "under", "up", "with"))


@dataclass(frozen=True)
class Advice:
    """One remark; `is_good`: nothing to mend."""

    is_good: bool
    text: str


@dataclass(frozen=True)
class Suggestion:
    """Other words for one of the two, and both as they would stand then."""

    field: str
    text: str
    subject: str
    preheader: str


def advise(subject: str, preheader: str, recent: Sequence[str]) -> list[Advice]:
    """Return what to mind; `recent` are the subjects of the issues before."""
    said = (*_judge_length(subject), *_judge_emoji(f"{subject} {preheader}"), *_judge_shouting(subject), *_judge_tricks(subject),
            *_judge_repeats(subject, preheader, recent))
    faults = [Advice(False, words) for words in said]
    count = len(split_graphemes(subject))
    return faults or [Advice(True, f"The subject has {count} characters, and nothing about it is in the way.")]


def _judge_length(subject: str) -> Iterator[str]:
    count = len(split_graphemes(subject))
    if count > LONGEST:
        yield f"The subject has {count} characters; beyond {LONGEST} most screens cut it, and phones sooner: say the news first."
    elif count < SHORTEST:
        yield f"The subject has {count} characters; {SHORTEST} to {LONGEST} tell a reader more."


def _judge_emoji(line: str) -> Iterator[str]:
    found = [one for one in split_graphemes(line) if is_emoji(one)]
    if len(found) > 1:
        yield f"{len(found)} emoji; one at most is read as meant."
    for one in dict.fromkeys(found):
        if risk := find_risk(one):
            yield f"{one}: {risk}."


def _judge_shouting(subject: str) -> Iterator[str]:
    letters = [char for char in subject if char.isalpha()]
    loud = [word for word in re.findall(r"[^\W\d_]{5,}", subject) if word.isupper()]
    if len(loud) > 1 or (len(letters) >= 10 and sum(char.isupper() for char in letters) > .6 * len(letters)):
        yield "Words in capitals look like shouting, to filters too."
    if subject.count("!") > 1 or re.search(r"\?!|!\?", subject):
        yield "One exclamation mark is the most that is taken seriously."


def _judge_tricks(subject: str) -> Iterator[str]:
    low = subject.casefold()
    for trap in _TRAPS:
        if trap in low:
            yield f"“{trap}” is what unwanted mail says; filters know it."
    if re.match(r"\s*(re|fwd?)\s*:", low):
        yield "It begins like an answer or a forwarded mail, and is neither: a subject must not mislead."


def _judge_repeats(subject: str, preheader: str, recent: Sequence[str]) -> Iterator[str]:
    low, below = subject.casefold().strip(), preheader.casefold().strip()
    before = [other.casefold().strip() for other in recent]
    if low and low in before:
        yield f"An issue had this very subject ({_say_ago(before.index(low))})."
    elif any(_shared(low, other) >= 2 * SAME_START for other in before):
        yield "A recent issue’s subject begins with the same words."
    if not below:
        yield "There is no preheader: mail programs show the mail’s first words instead."
    elif low and _shared(low, below) >= min(SAME_START, len(low), len(below)):
        yield "The preheader begins like the subject: a reader sees the same twice."


def _say_ago(place: int) -> str:
    return "the last one" if place == 0 else f"{place + 1} issues ago"


def _shared(one: str, other: str) -> int:
    """Return how many characters two lines have in common from their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def suggest(headlines: Sequence[str], subject: str, preheader: str) -> list[Suggestion]:
    """Return up to four other subjects and preheaders, from the headlines of the lead and the top stories in their order."""
    lead, tops = headlines[:1], headlines[1:]
    subjects = [shorten(headline, LONGEST) for headline in (*lead, *tops[:1])]
    below = [shorten(headline, PREHEADER_LONGEST // 2) for headline in tops[:2]]
    preheaders = [*(["; ".join(below)] if len(below) > 1 else []), *(shorten(headline, PREHEADER_LONGEST) for headline in tops[:1])]
    found = [Suggestion("subject", text, text, preheader) for text in dict.fromkeys(subjects) if text and text != subject]
    found += [Suggestion("preheader", text, subject, text) for text in dict.fromkeys(preheaders) if text and text != preheader]
    return found[:MOST_SUGGESTIONS]


def shorten(headline: str, most: int) -> str:
    """Return a headline of at most so many characters: its longest run of whole clauses, else whole words with an ellipsis.

    A name of several words, which a run of capitals tells, is kept whole or left out.
    """
    if len(split_graphemes(headline)) <= most:
        return headline
    ends = [found.start() for found in _CLAUSE.finditer(headline) if LEAST_CLAUSE <= found.start() <= most]
    if ends:
        return headline[: ends[-1]].rstrip(" ,;:–—-")
    words = headline.split(" ")
    kept = len(words)
    while kept > 1 and len(" ".join(words[:kept])) >= most:
        kept -= 1
    whole = kept
    while whole > 1 and _is_name(words[whole - 1]) and whole < len(words) and _is_name(words[whole]):
        whole -= 1
    kept = whole if whole > 1 else kept
    while kept > 1 and words[kept - 1].casefold() in _SMALL:
        kept -= 1
    text = "".join(split_graphemes(" ".join(words[:kept]))[: most - 1])
    return text.rstrip(" ,;:.–—-([“‘\"'") + "…"


def _is_name(word: str) -> bool:
    return word[:1].isupper() or word[:1].isdigit()
