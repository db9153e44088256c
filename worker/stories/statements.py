"""A sentence and the passages closest to it come in; out comes whether they say the opposite, or swap who did it to whom."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from worker.stories.claims import Claims
from worker.stories.passages import ReadPassage
from worker.stories.wording import Word, weight

_NOT = re.compile(
    r"(?:not|no|never|none|nor|neither|cannot|\w+n['’]t|den(?:y|ies|ied|ying)|refus(?:e|es|ed|ing|al)|"
    r"fail(?:s|ed|ing)?|unable|unlikely|unclear|undisclosed|unknown)$",
    re.I,
)
_NO_DENIAL = re.compile(
    r"^\S+\s(?:\S+\s){0,4}until\b|^(?:not|no)\s(?:only|just|longer than|more than|less than|later|doubt)\b|^no\.\s?\d",
    re.I,
)
# What is only alleged may be denied without gainsaying the source.
_ALLEGED = frozenset(re.findall(r"\S+", "alleg accus hit reject dismiss disput fals unclear"))
# Words that deny without a "not".
_AGAINST = frozenset(
    re.findall(
        r"\S+",
        "without discourag oppos prevent ban prohibit block against oust few littl lack stop hard bare end unlik opt",
    )
)
_CLOSE = 0.45  # how close a passage is for a "not" in it to mean that the two disagree
_SAME = 0.36  # how close for it to tell who did it
_SCOPE = 6  # words that a "not" reaches
_TELLING = 0.25
_OPPOSITES = [
    ("approv clear authoris author grant", "reject block refus deni bar"),
    (
        "rais increas rise rose risen grow grew gain climb jump surg soar acceler boost hike ros expand up",
        "lower cut decreas fall fell fallen drop declin shrink shrank reduc slow slash plung slump down",
    ),
    ("win won", "lose lost los"),
    ("accept agre", "refus reject declin"),
    ("allow permit let", "ban forbid prohibit forbad bar"),
    ("admit confirm acknowledg conced", "deni"),
    ("pass succeed", "fail"),
    ("open launch start begin began begun", "close shut end stop halt discontinu"),
    ("support back endors", "oppos"),
    ("hire hir recruit", "fire fir lay laid sack"),
    ("add", "remov"),
    ("strengthen tighten", "weaken loosen eas relax"),
    ("guilti convict", "innoc acquit"),
    ("keep kept retain stay stai", "drop abandon scrap leav left quit"),
]
_SIDES = [(frozenset(one.split()), frozenset(other.split())) for one, other in _OPPOSITES]
_MUTUAL = frozenset(
    re.findall(
        r"\S+", "meet met talk talk agre partner merg join team discuss spoke speak work split divorc marri married"
    )
)
# After one of these a name is a place or a party, not the one acted upon.
_NO_TARGET = frozenset(re.findall(r"\S+", "with in at of near after before on as than during since under"))
_BEING = frozenset(re.findall(r"\S+", "is was are were been being remains stays got"))
_HELPING = frozenset(
    re.findall(
        r"\S+", "remains stays got has had have is was are were will would also then now reportedly being been already"
    )
)
# One may say what another said as well.
_SAYING = frozenset(
    re.findall(
        r"\S+", "announc report confirm reveal claim argu warn explain add tweet ask call say said tell told note wrot"
    )
)
_TURNS = frozenset(re.findall(r"\S+", "face fac receiv get got win won from"))


def contradicts(claims: Claims, ranked: Sequence[tuple[float, ReadPassage]]) -> bool:
    """Whether the closest passages deny what the sentence states, or state what it denies. `ranked` as Sources.closest."""
    readings = [reading for _, reading in ranked[:3]]
    same = [reading for score, reading in ranked[:3] if score >= _SAME]
    close = [reading for score, reading in ranked[:3] if score >= _CLOSE]
    if any(_is_opposite(claims, same, *pair) for pair in (*_SIDES, *(pair[::-1] for pair in _SIDES))):
        return True
    if not close:
        return False
    ours = {word.root for word in claims.words}
    denials, stated = _read_denials(claims, quotes=False)
    theirs = [_read_denials(reading.claims) for reading in readings]
    their_stated: set[str] = set().union(*(one for _, one in theirs[: len(same)]))
    if denials:
        their_denied = {root for one, _ in theirs for denial in one for root in denial}
        softened = any((_ALLEGED | _AGAINST) & reading.roots - ours for reading in readings[:2])
        plain: set[str] = set().union(*(one for denied, one in theirs[: len(close)] if not denied))
        return not softened and any(
            _is_reversed(denial, plain) and not their_denied & set(denial) for denial in denials
        )
    if _AGAINST & ours - close[0].roots:
        return False
    return any(_is_reversed(denial, stated) and not their_stated & set(denial[:1]) for denial in theirs[0][0])


def swaps_actors(claims: Claims, ranked: Sequence[tuple[float, ReadPassage]]) -> bool:
    """Whether the sentence has one name act upon another where every passage with the same act has it the other way round,
    or has something done by another name than the passages say."""
    closest = [reading for score, reading in ranked if score >= _SAME]
    acts = {act for reading in closest for act in _acts(reading.claims)}
    for actor, act, target in _acts(claims):
        done = {(one, other) for one, root, other in acts if root == act}
        if (actor, target) not in done and (
            (target, actor) in done or (actor in {other for _, other in done} - {one for one, _ in done})
        ):
            return True
    theirs = [pair for reading in closest for pair in _roles(reading.claims)]
    doers = {(name, act) for name, act, does in theirs if does}
    others = {(name, act) for name, act, does in theirs if not does}
    named = [name.words[-1].form for name in claims.names]
    for name, act, does in _roles(claims):
        later = {(other, act) for other in named[named.index(name) + 1 :]}
        if does and (name, act) not in doers and ((name, act) in others or later & doers):
            return True
    by = {pair for reading in closest for pair in _done_by(reading.claims)}
    return any(act in {one for one, _ in by} and (act, actor) not in by for act, actor in _done_by(claims))


def _read_denials(claims: Claims, *, quotes: bool = True) -> tuple[list[list[str]], set[str]]:
    """The roots of the telling words that stand within reach of each "not", in order; and the roots of all others."""
    denials: list[list[str]] = []
    stated: set[str] = set()
    reach = 0
    for word in claims.words:
        if not quotes and any(one.start <= word.start < one.end for one in claims.quotations):
            continue  # what is quoted is checked word for word
        if _NOT.match(word.text) and not _NO_DENIAL.match(claims.text[word.start : word.start + 40]):
            reach = _SCOPE
            denials.append([])
            continue
        if weight(word.form) >= _TELLING:
            denials[-1].append(word.root) if reach > 0 else stated.add(word.root)
        reach -= 1
        if re.match(r"[,;:.](?!\d)", claims.text[word.end :]):
            reach = 0
    return [denial for denial in denials if denial], stated


def _is_reversed(denial: list[str], stated: set[str]) -> bool:
    """Whether the other side states what is denied here: one of the next two telling words, and half of those in reach."""
    return bool(stated & set(denial[:2])) and len(stated & set(denial)) >= 0.5 * len(denial)


def _is_opposite(claims: Claims, closest: Sequence[ReadPassage], side: frozenset[str], other: frozenset[str]) -> bool:
    """Whether the sentence has a word of one side and the closest passage one of the other about the same: a telling word
    stands near both, and neither says both."""
    ours = _near(claims.words, side)
    if (
        not ours
        or not any(ours & _near(reading.claims.words, other) for reading in closest)
        or any(word.root in other for word in claims.words)
    ):
        return False
    return not any(ours & _near(reading.claims.words, side) for reading in closest)


def _near(words: Sequence[Word], side: frozenset[str]) -> set[str]:
    """Roots of the telling words around each word of a side."""
    places = [place for place, word in enumerate(words) if word.root in side]
    return {word.root for place in places for word in words[max(0, place - 3) : place + 4]
            if weight(word.form) >= _TELLING and word.root not in side}  # fmt: skip


def _acts(claims: Claims) -> Iterator[tuple[str, str, str]]:
    """(who, root of the first telling word behind it, to whom) for each two names that follow each other in one clause."""
    words = claims.words
    dated = {word.start for when in claims.dates for word in words if when.start <= word.start < when.end}
    ends = [(name.words[0].start, name.words[-1]) for name in claims.names
            if not any(one.start <= name.start < one.end for one in claims.quotations)]  # fmt: skip
    for (_, one), (start, other) in pairwise(ends):
        between = [word for word in words if one.end <= word.start < start and word.start not in dated]
        text = claims.text[one.end : start]
        if not between or len(between) > 9 or re.search(r"[;.]\s|\b(?:and|while|but|as)\s*(?:the\s)?$", text):
            continue
        between = [word for word in between if word.form not in _HELPING]
        roots = [word.root for word in between if weight(word.form) >= _TELLING]
        if (
            not roots
            or between[0].root != roots[0]
            or _MUTUAL & set(roots)
            or between[-1].form in _NO_TARGET
            or one.form == other.form
        ):
            continue
        if "by" in {word.form for word in between[-2:]} or _TURNS & set(roots):
            yield other.form, roots[0], one.form
        else:
            yield one.form, roots[0], other.form


def _roles(claims: Claims) -> Iterator[tuple[str, str, bool]]:
    """(name, root of the verb beside it, whether the name does it): "Ann has denied" does, "Ann was told" and "told Ann" do not."""
    firsts = {name.words[0].start: name.words[-1].form for name in claims.names}
    lasts = {name.words[-1].start: name.words[-1].form for name in claims.names}
    for place, word in enumerate(claims.words):
        before = claims.words[place - 1] if place else None
        if (
            word.start in firsts
            and before
            and _is_verb(before)
            and not before.ends
            and before.form.endswith(("ed", "ing", "s"))
        ):
            yield firsts[word.start], before.root, False
        if word.start in lasts and not word.text.lower().endswith(("'s", "’s")):
            helping = list(takewhile(lambda one: one.form in _HELPING, claims.words[place + 1 : place + 4]))
            verb = next(iter(claims.words[place + 1 + len(helping) : place + 2 + len(helping)]), None)
            if verb and _is_verb(verb):
                passive = bool(_BEING & {one.form for one in helping}) and verb.form.endswith(("ed", "en"))
                yield lasts[word.start], verb.root, not passive


def _is_verb(word: Word) -> bool:
    return weight(word.form) >= _TELLING and word.root not in _SAYING and not word.capital and word.form not in _HELPING


def _done_by(claims: Claims) -> Iterator[tuple[str, str]]:
    """(root of a participle, name) for each "powered by NAME"."""
    starts = {name.words[0].start: name.words[-1].form for name in claims.names}
    for one, by, *rest in zip(claims.words, claims.words[1:], claims.words[2:], strict=False):
        if by.form == "by" and re.search(r"(?:ed|en|wn|lt|de|ght)$", one.form) and rest[0].start in starts:
            yield one.root, starts[rest[0].start]
