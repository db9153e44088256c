"""One sentence comes in; what makes it read badly out of its article comes out: what it leans on, chatter, "today"."""

import re

from worker.stories.sentences import length_in_words

_QUOTED = re.compile(r"[“\"][^”\"]*[”\"]")
_DANGLING = re.compile(
    r"""["“‘']?(?:He|She|It|They|We|I|His|Her|Its|Their|Our|This|That|These|Those|Such|But|And|Or|So|Yet|Also|However|
    Meanwhile|Moreover|Still|Then|Thus|Therefore|Instead|Nevertheless|Nonetheless|Besides|Otherwise|Likewise|Similarly|Both|
    There|Here|Which|Who|Because|Although\sit|While\sit|As\sa\sresult|For\sexample|For\sinstance|In\saddition|
    In\sother\swords|In\sfact|Of\scourse|On\sthe\sother\shand|At\sthe\ssame\stime|The\s(?:company|firm|move|decision|news|
    announcement|report|former|latter|two|pair|change|deal|startup|start-up)|(?:\w+,?\s){1,2}(?:these|those|such))\b""",
    re.X,
)
_SPEAKER_UNNAMED = re.compile(
    r"[“\"][^”\"]*[”\"],?\s(?:(?:said|says|added)\s)?(?:he|she|they|it|the\s(?:company|statement|report|spokes\w+|source))\b", re.I
)
_CONTEXT = re.compile(
    r"""The\s(?:\w+[-\s]){0,2}(?:maker|giant|group|agency|program|programme|lawsuit|suit|ruling|order|incident|attack|man|woman|men|
    women|suspects?|victims?|couple|girls?|boys?|driver|authors?|researchers|team|paper|study|models?|product|app|plan|proposal|
    measure|legislation|bill|law|publication|executive|founders?|service|system|update|platform|site|outage|contract|agreement|
    acquisition|round|funding|lab|bank|court|judge|chips?|plant|effort|changes?|features?|tools?)\b(?!\s(?:of|in|at|that|who)\b)""",
    re.X,
)
_QUIP = re.compile(
    r"""(?:Another\sday|Spoiler|Look[,:]|Well,|Sure,|Yes,|No,|OK,|Okay,|Oh,|Hey\b|Welcome\b|Hello\b|Nope\b|Yep\b|Meet\s|Remember\s|
    Imagine\s|Let['’]s|Here['’]s|Here\s(?:are|is)\b|Turns\sout|Guess\s|Say\s(?:hello|goodbye)|Think\sof|Forget\s|Consider\s|
    Not\sto\sworry|Good\snews|Bad\snews|In\sthis\s|Above\b|Below\b|For\sonce|What\sa\b|Try\s|Check\sout|Find\sout|Learn\s|
    Discover\s|Get\s|Don['’]t)""",
    re.I | re.X,
)
_CHATTY = re.compile(r"\b(?:I|I['’](?:m|ve|d|ll)|[Mm]y|[Ww]e['’]re)\b")
_ADDRESSING = re.compile(r"\b[Yy]ou(?:['’](?:re|ll|ve))?\b|\b[Yy]our\b")
_DATED = re.compile(r"\b(?:today|yesterday|tomorrow|tonight|last night|this (?:morning|afternoon|evening)|right now)\b", re.I)
_TELLING = re.compile(
    r"""\d|%|\b(?:hundred|thousand|million|billion)\b
    |(?<![.!?:]\s)\b(?!(?:I|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|AI|It|He|She|They|The)\b)[A-Z][\w’'-]+""",
    re.X,
)
_FULL_NAME = re.compile(r"\b[A-Z][\w’'-]*\.?\s(?:[A-Z]\.\s)?(?=([A-Z][a-zà-ÿ’-]+))")
_LONE_NAME = re.compile(r"(?:^|(?<=[^A-Z][^A-Z.’'\s]\s)|(?<=[“\"(]))[A-Z][a-zà-ÿ’-]+\b(?!\s[A-Z])")


def leans_back(sentence: str) -> bool:
    """Opens with a word that needs the sentence before it ("He said", "But", "The company"), or quotes nobody in particular."""
    if sentence[:1] in "“\"" and length_in_words(_QUOTED.sub("", sentence)) > 1:
        return bool(_SPEAKER_UNNAMED.match(sentence))
    return bool(_DANGLING.match(sentence))


def is_chatty(sentence: str) -> bool:
    """A question, or the writer speaking outside of quotation marks: colour, not news."""
    if sentence.endswith(("?", "？", "!", "?”", "!”", '?"', '!"')) or _QUIP.match(sentence):
        return True
    return bool(_CHATTY.search(re.sub(r"[“\"][^”\"]*[”\"]", "", sentence)))


def is_addressing(sentence: str) -> bool:
    """Speaks to the reader outside of quotation marks."""
    return bool(_ADDRESSING.search(_QUOTED.sub("", sentence)))


def is_dated(sentence: str) -> bool:
    """Speaks of "today" or "last night" outside of quotation marks: another day when it is read."""
    return bool(_DATED.search(_QUOTED.sub("", sentence)))


def is_vague(sentence: str) -> bool:
    """Names nobody and gives no number: a quip or a thought, mostly, and nothing that could be checked."""
    return max(sentence) < "\u3040" and not _TELLING.search(_QUOTED.sub("", sentence)[1:])


def leans_on_context(sentence: str) -> bool:
    """Opens with a thing that it does not name: "The law", "The Finnish maker"; fine after a sentence of the same article."""
    return bool(_CONTEXT.match(sentence))


def find_unexplained(sentence: str, text: str) -> frozenset[str]:
    """The surnames that stand alone in a sentence of `text` though the text gave the full name before: "Lee said"."""
    names = set(_LONE_NAME.findall(sentence))
    if not names:
        return frozenset()
    here, before = set(_FULL_NAME.findall(sentence)), set(_FULL_NAME.findall(text[: max(0, text.find(sentence))]))
    return frozenset(name for name in names if name in before and name not in here)
