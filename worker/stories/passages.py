"""An article comes in; its title and its sentences come out, each read for what it claims and where its words stand."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from worker.stories.claims import Claims, read_claims
from worker.stories.dates import Span
from worker.stories.sentences import split_sentences, tidy
from worker.stories.similarity import Article
from worker.stories.wording import Word

_LONGEST = 600  # reading a passage takes time with the square of its length


@dataclass(frozen=True, eq=False)
class ReadPassage:
    """One sentence, or the title, of an article, with what it claims."""

    item_id: str
    text: str
    claims: Claims
    published: date | None
    days: tuple[date, ...]  # the days on which it may have been published where it was written

    @cached_property
    def roots(self) -> frozenset[str]:
        return frozenset(word.root for word in self.claims.words)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self.claims.words):
            places[word.form].append(place)
            if word.root != word.form:
                places[word.root].append(place)
        return places

    @cached_property
    def spans(self) -> list[Span]:
        return [span for one in self.claims.dates for span in one.spans(self.published)]


def read_passages(article: Article) -> Iterator[ReadPassage]:
    """Its title and its sentences, in order; a stretch without an end of sentence in parts of at most 600 characters."""
    published, days = _days_of(article.published)
    for sentence in (tidy(article.title), *split_sentences(tidy(article.summary))):
        for text in textwrap.wrap(sentence, _LONGEST, break_on_hyphens=False):
            yield ReadPassage(article.id, text, read_claims(text), published, days)


def _days_of(moment: datetime | None) -> tuple[date | None, tuple[date, ...]]:
    """The day in UTC, and with it the day it still was in the west; midnight is a feed's way to give no time."""
    if moment is None:
        return None, ()
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    local = moment if (moment.hour, moment.minute) == (0, 0) else moment - timedelta(hours=7)
    return local.date(), tuple({moment.date(), local.date()})


def is_headline(reading: ReadPassage) -> bool:
    words = [word for word in reading.claims.words if len(word.text) > 3]
    return sum(word.capital for word in words) > 0.6 * len(words)


def stands_in(name: Sequence[Word], reading: ReadPassage) -> bool:
    for place in _places(name[0], reading):
        at = place
        for word in name[1:]:
            at = next((other for other in _places(word, reading) if at < other <= at + 2), -1)
            if at < 0:
                break
        else:
            return True
    return False


def _places(word: Word, reading: ReadPassage) -> list[int]:
    return reading.places.get(word.form) or reading.places.get(word.root) or []


def read_acronyms(words: Sequence[Word]) -> Iterator[str]:
    for start in range(len(words)):
        letters = ""
        for word in words[start : start + 9]:
            if word.form in ("of", "the", "and", "for", "on", "in"):
                if not letters:
                    break
                continue
            letters += word.form[0]
            if 2 <= len(letters) <= 6:
                yield letters
            if word.ends or len(letters) == 6:
                break
