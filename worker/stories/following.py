"""New stories and the earlier ones of some weeks in; which earlier story each one follows, and why, out. Pure: no rows, no clock.

Two stories are steps of one affair when they share what is particular to it: rare names in their headlines, rare words, numbers,
and their drift. A company that is in the news every day is not particular, so its name alone ties nothing.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np

from worker.stories.similarity import Article, Reading, background, read_articles, split_words, stem
from worker.stories.vectors import Matrix, Vectors, default_vectors

WEEKS_BACK = timedelta(days=60)
ENOUGH = 2.7  # points; below it, of the pairs read by hand, most were of one company or one product only
LEAST_CLOSENESS = 0.45  # of meaning, as a cosine
_CLOSEST = 30  # earlier stories looked at for each new one
_RARE_NAME, _RARE_WORD = 0.75, 0.62  # rarity, 0 to 1
_COUNTED = 3_000  # stories, the latest, whose words are counted: enough to know what is common, whatever the paper keeps
_PRIOR = 200  # texts' worth of trust in how common a word is elsewhere, until the paper's own stories tell
_COMMON, _UNHEARD = 0.05, 0.002  # shares of texts

# In AI news every week, so never particular to one affair, however few stories the paper has yet.
_DAILY = frozenset(
    stem(name)
    for name in re.findall(
        r"\S+",
        """
        ai agi llm gpt api app apps ceo cfo cto us usa uk eu china chinese american america europe european britain
        british india japan korea taiwan washington beijing london brussels tokyo york francisco san california
        texas silicon valley congress senate house white openai chatgpt anthropic claude google alphabet deepmind
        gemini microsoft copilot azure amazon aws apple siri iphone meta facebook instagram llama nvidia amd intel
        tsmc samsung huawei alibaba qwen tencent bytedance tiktok deepseek moonshot mistral xai grok tesla spacex
        musk elon altman sam nadella zuckerberg mark trump hugging face github waymo uber reddit youtube android
        windows linux python reuters bloomberg techcrunch times series pro plus max ultra mini studio labs lab inc
        corp
        """,
    )
)


@dataclass(frozen=True)
class Followed:
    """The earlier story that one follows: its id, what both have, the days between them, closeness 0 to 1, points."""

    earlier: str
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    days: float
    closeness: float
    points: float


def find_followed(
    new: Sequence[Article], earlier: Sequence[Article], threads: Mapping[str, str]
) -> dict[str, Followed]:
    """Return, by id, for each of `new` that follows an earlier story (or an earlier one of `new`) which one and why.

    A story is given as one article: headline, summary, and when it was first reported (aware). `threads` names the thread of each
    of `earlier`. The same stories always give the same answer, in whatever order.
    """
    vectors = default_vectors()
    pool = sorted([*earlier, *new], key=lambda one: (_time(one), len(one.id), one.id))
    if len(pool) < 2:
        return {}
    fresh = {one.id for one in new}
    rows = np.stack([_place_in_space(f"{one.title}. {one.title}. {one.summary[:500]}") for one in pool])
    near = {place: _find_near(place, pool, rows) for place, one in enumerate(pool) if one.id in fresh}
    looked_at = {*near, *(other for others in near.values() for other in others)}
    wanted = sorted(looked_at | _find_openers(pool, threads, {threads.get(pool[place].id) for place in looked_at}))
    readings = dict(zip(wanted, read_articles([pool[place] for place in wanted], vectors), strict=True))
    rarity = _Rarity(pool, vectors)
    openers: dict[str, Reading] = {}
    thread_of = dict(threads)
    found: dict[str, Followed] = {}
    for place, one in enumerate(pool):
        if one.id in fresh:
            follows = [link for other in near[place] if (link := _weigh(readings[place], readings[other], rarity))]
            follows = [link for link in follows if _stays(link, readings[place], openers[thread_of[link.earlier]], rarity)]
            if follows:
                found[one.id] = max(follows, key=lambda link: (link.points, link.earlier))
                thread_of[one.id] = thread_of[found[one.id].earlier]
        thread = thread_of.setdefault(one.id, f"new-{one.id}")
        if thread not in openers and place in readings:
            openers[thread] = readings[place]
    return found


@lru_cache(maxsize=20_000)
def _place_in_space(text: str) -> Matrix:
    """One story's vector (1 KB): the same thousands are asked for each time a new story comes in."""
    row: Matrix = default_vectors().encode([text])[0]
    return row


def _time(one: Article) -> float:
    return one.published.timestamp() if one.published else 0.0


def _find_near(place: int, pool: Sequence[Article], rows: Matrix) -> list[int]:
    """The places of the earlier stories closest in meaning, of the last weeks."""
    earliest = _time(pool[place]) - WEEKS_BACK.total_seconds()
    closeness = rows[:place] @ rows[place] if place else np.zeros(0)
    order = np.argsort(-closeness, kind="stable")[:_CLOSEST]
    return [int(other) for other in order if closeness[other] >= LEAST_CLOSENESS and _time(pool[other]) >= earliest]


def _find_openers(pool: Sequence[Article], threads: Mapping[str, str], wanted: Collection[str | None]) -> set[int]:
    """The place of the first story of each wanted thread."""
    first: dict[str, int] = {}
    for place, one in enumerate(pool):
        thread = threads.get(one.id)
        if thread is not None and thread in wanted:
            first.setdefault(thread, place)
    return set(first.values())


class _Rarity:
    """How telling a name or word is: from how many of the stories at hand have it, and how common it is elsewhere."""

    def __init__(self, pool: Sequence[Article], vectors: Vectors) -> None:
        latest = pool[-_COUNTED:]
        self._count = Counter(
            word for one in latest for word in {stem(word) for word in split_words(f"{one.title} {one.summary[:500]}")})
        self._all, self._vectors = len(latest), vectors

    def of(self, word: str) -> float:
        """Between 0 (in every text) and 1. Two stories that share a word are no sign that it is common."""
        elsewhere = _COMMON if word in _DAILY else max(_UNHEARD, 0.2 * background(word, self._vectors))
        share = (max(0, self._count[word] - 2) + _PRIOR * elsewhere) / (self._all + _PRIOR)
        return min(1.0, max(0.0, -math.log(share) / 6))


def _weigh(later: Reading, earlier: Reading, rarity: _Rarity) -> Followed | None:
    """Return the link if there is enough for one."""
    if later.roundup or earlier.roundup or later.hours is None or earlier.hours is None:
        return None
    closeness = float(later.vector @ earlier.vector)
    shared = later.names.keys() & earlier.names.keys()
    rare = _rare_names(later, earlier, rarity)
    in_a_title = [name for name in rare if name in later.title_names or name in earlier.title_names]
    in_both = [name for name in in_a_title if name in later.title_names and name in earlier.title_names]
    words = [word for word in (later.words.keys() & earlier.words.keys()) - shared if rarity.of(word) >= _RARE_WORD]
    numbers = sorted(later.numbers & earlier.numbers)
    daily = shared & later.title_names & earlier.title_names - set(rare)
    if not in_a_title and not (numbers and daily and len(words) >= 3):
        return None
    points = (0.7 * min(2, len(in_a_title)) + 0.5 * min(2, len(in_both)) + 0.25 * min(4, len(words))
              + 0.4 * min(2, len(numbers)) + 0.15 * min(2, len(daily)) + 2 * (closeness - LEAST_CLOSENESS))  # fmt: skip
    if points < ENOUGH or not (words or numbers or len(in_both) > 1):
        return None
    told = sorted(rare or shared, key=lambda name: (-rarity.of(name), name))
    return Followed(earlier.article.id, tuple(later.spelt.get(name, name) for name in told[:4]), tuple(numbers[:3]),
                    round((later.hours - earlier.hours) / 24, 1), round(closeness, 3), round(points, 3))  # fmt: skip


def _rare_names(one: Reading, other: Reading, rarity: _Rarity) -> list[str]:
    return [name for name in one.names.keys() & other.names.keys()
            if min(one.names[name], other.names[name]) > 0.5 and rarity.of(name) >= _RARE_NAME]  # fmt: skip


def _stays(link: Followed, later: Reading, opener: Reading, rarity: _Rarity) -> bool:
    """Whether a new link still belongs to what its thread began with, so that threads do not wander from affair to affair."""
    return link.earlier == opener.article.id or bool(_rare_names(later, opener, rarity)) or bool(later.numbers & opener.numbers)
