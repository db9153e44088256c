"""A text comes in; its words come out, each where it stands and in the one form that all its spellings share."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from worker.stories.similarity import stem
from worker.stories.vectors import default_vectors

_WIDE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(
    rf"(?:[A-Za-z]\.){{2,}}(?:['’]s)?|\d+(?:[.,]\d+)*|[A-Za-zÀ-ɏͰ-ӿ]+(?:['’][A-Za-zÀ-ɏ]+)*(?=[\W_]|\d|[{_WIDE}]|$)|[^\W{_WIDE}_]+|[{_WIDE}]"
)
_BESIDE = re.compile(rf"[\s\-‐‑–&./]{{0,3}}(?=[^\W{_WIDE}])")
_POSSESSIVE = re.compile(r"['’]s?$", re.I)

# Spellings of one name. Countries stand for their peoples, too: "American", "U.S." and "the United States" are one word here.
_ONE_NAME = """
usa: united states of america | united states | us_ | usa | america | american | americans
uk: united kingdom | great britain | britain | uk | british | briton | britons
europe: european union | eu | europe | european | europeans
un: united nations | un_
uae: united arab emirates | uae
g7: group of seven | group of 7 | g 7 | g7
g20: group of twenty | group of 20 | g 20 | g20
ai: artificial intelligence | ai
covid: covid 19 | covid | coronavirus
ceo: chief executive officer | chief executive | ceo
cfo: chief financial officer | cfo
cto: chief technology officer | cto
coo: chief operating officer | coo
republican: republicans | republican | gop
democrat: democrats | democratic | democrat
nyc: new york city | nyc
la_: los angeles | la_
dc: washington dc | dc
ftc: federal trade commission | ftc
doj: department of justice | justice department | doj
pentagon: department of defense | defense department | pentagon
fda: food and drug administration | fda
fcc: federal communications commission | fcc
cdc: centers for disease control and prevention | centers for disease control | cdc
sec: securities and exchange commission | sec_
china: china | chinese
russia: russia | russian | russians
france: france | french
germany: germany | german | germans
japan: japan | japanese
korea: korea | korean | koreans
india: india | indian | indians
italy: italy | italian | italians
spain: spain | spanish
canada: canada | canadian | canadians
australia: australia | australian | australians
israel: israel | israeli | israelis
iran: iran | iranian | iranians
iraq: iraq | iraqi | iraqis
ireland: ireland | irish
mexico: mexico | mexican | mexicans
brazil: brazil | brazilian | brazilians
ukraine: ukraine | ukrainian | ukrainians
turkey: turkey | turkish
netherlands: netherlands | dutch
sweden: sweden | swedish
denmark: denmark | danish
norway: norway | norwegian
finland: finland | finnish
switzerland: switzerland | swiss
poland: poland | polish
taiwan: taiwan | taiwanese
africa: africa | african
asia: asia | asian
california: california | californian | californians | calif
texas: texas | texan
florida: florida | fla
massachusetts: massachusetts | mass
pennsylvania: pennsylvania | pa_
virginia: virginia | va_
tennessee: tennessee | tenn
joseph: joseph | joe
william: william | bill
robert: robert | bob
timothy: timothy | tim
michael: michael | mike
thomas: thomas | tom
david: david | dave
james: james | jim
edward: edward | ed_
benjamin: benjamin | ben
daniel: daniel | dan
samuel: samuel | sam
matthew: matthew | matt
christopher: christopher | chris
"""
_SHORT_TITLES = frozenset(
    re.findall(r"\S+", "mr mrs ms mx dr prof sen rep gov gen st jr sr inc corp co ltd lt col sgt capt")
)


@dataclass(frozen=True)
class Word:
    """One word: `form` is what all spellings share, `capital` says that it has one, `ends` that nothing may join it to the next."""

    text: str
    form: str
    start: int
    end: int
    capital: bool
    ends: bool

    @cached_property
    def root(self) -> str:
        """Its form without the ending, for comparing words of one family."""
        return stem(self.form).rstrip("e") or self.form


def read_words(text: str) -> list[Word]:
    """The words in order. A name of many words that has a short form ("United States") is one word; a possessive is dropped."""
    words = []
    for match in _WORD.finditer(text):
        bare = _POSSESSIVE.sub("", match[0]) or match[0]
        ends = bare != match[0] or not _BESIDE.match(text, match.end()) or _stops(text, match.end(), bare)
        words.append(
            Word(match[0], _form(bare), match.start(), match.end(), bare[:1].isupper() or _inner_capital(bare), ends)
        )
    return _join_names(words, text)


@lru_cache(maxsize=100_000)
def weight(form: str) -> float:
    """How telling a word is: near 0 for "the", 1 for one that ordinary English hardly has."""
    if form[0].isdigit():
        return 0.8
    vectors = default_vectors()
    common = max(vectors.commonness(form), vectors.commonness(form.capitalize()) * 0.5)
    return min(1.0, -math.log(max(common, 1e-3)) / 6.9)


@lru_cache(maxsize=50_000)
def is_ordinary(word: str, *, before_name: bool = False) -> bool:
    """Whether a word that a sentence opens with is one that is mostly written small, itself or, if nobody has heard of it,
    without its ending; an unheard-of word before a name belongs to the name."""
    vectors = default_vectors()
    small = word.lower()
    if vectors.commonness(small.capitalize()) > 0 or vectors.commonness(small) > 0:
        return vectors.commonness(small) > vectors.commonness(small.capitalize())
    if before_name:
        return False
    forms = {small, *(small.removesuffix(ending) for ending in ("s", "es", "d", "ed", "ing", "ly", "r", "rs", "er", "ers", "or",
                                                                "ors", "ists", "al", "ally", "ment", "ments"))}  # fmt: skip
    forms |= {form + "e" for form in forms if form != small}
    return any(len(form) > 1 and vectors.commonness(form) > vectors.commonness(form.capitalize()) for form in forms)


def _form(bare: str) -> str:
    plain = bare.replace("’", "'")
    if "." in plain and not plain[:1].isdigit():
        plain = plain.replace(".", "").upper()
    if plain in ("US", "UN", "SEC", "LA", "Ed", "Pa", "Va"):  # not the pronoun, nor another small word
        return plain.lower() + "_"
    decomposed = unicodedata.normalize("NFKD", plain.casefold())
    form = "".join(one for one in decomposed if not unicodedata.combining(one))
    return form.replace(",", "") if form[:1].isdigit() else form


def _inner_capital(bare: str) -> bool:
    return bare[:1].isalpha() and any(one.isupper() for one in bare[1:])


def _stops(text: str, end: int, bare: str) -> bool:
    """A full stop ends the name unless it belongs to an initial or a short title: "J. Doe", "Sen. Doe"."""
    if text[end : end + 1] != ".":
        return False
    return text[end : end + 3] == "..." or not (len(bare) == 1 or bare.lower() in _SHORT_TITLES)


def _join_names(words: Sequence[Word], text: str) -> list[Word]:
    joined, at = [], 0
    while at < len(words):
        for phrase, name in _PHRASES.get(words[at].form, ()):
            part = words[at : at + len(phrase)]
            if tuple(word.form for word in part) == phrase:
                first, last = part[0], part[-1]
                capital = any(word.capital for word in part)
                joined.append(Word(text[first.start : last.end], name, first.start, last.end, capital, last.ends))
                at += len(phrase)
                break
        else:
            joined.append(words[at])
            at += 1
    return joined


def _read_phrases() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for line in _ONE_NAME.strip().splitlines():
        name, _, spellings = line.partition(": ")
        for spelling in spellings.split(" | "):
            phrase = tuple(spelling.split())
            phrases.setdefault(phrase[0], []).append((phrase, name))
    for options in phrases.values():
        options.sort(key=lambda option: -len(option[0]))
    return phrases


_PHRASES = _read_phrases()
