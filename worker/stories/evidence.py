"""A sentence and the articles of its story come in; the passages that bear it out and the claims that none has come out."""

from collections.abc import Iterator, Sequence

from worker.stories.claims import Claims, read_claims
from worker.stories.passages import ReadPassage
from worker.stories.sentences import drop_lead_in, split_sentences, tidy
from worker.stories.similarity import Article
from worker.stories.sources import Sources
from worker.stories.statements import contradicts, swaps_actors
from worker.stories.summary import Claim, Passage, Sentence

__all__ = ["Sources", "check_sentence", "hold_against", "trace"]

# How much of a sentence its closest passage must have (0..1, see Sources.closest) to be about the same thing at all.
_LIKE = 0.25
# Passages nearly as close as the closest are read with it when it comes to who did what.
_ABOUT_AS_CLOSE = 0.6
_MOST_PASSAGES = 3


def check_sentence(text: str, articles: Sequence[Article]) -> Sentence:
    """The sentence with the passages of the articles that bear it out, and the claims in it that none of them has.

    A whole sentence that an article has word for word is borne out whatever it claims; a piece of one may say the opposite.
    Several sentences of one story are best checked in a row: the articles are read once (see Sources.of).
    """
    found = trace(text, articles)
    if found is not None and tidy(text) in (found[1], drop_lead_in(found[1])):
        return Sentence(text, (Passage(*found),))
    return hold_against(text, Sources.of(articles))


def hold_against(text: str, sources: Sources) -> Sentence:
    """The sentence, held claim by claim against all that the sources say."""
    claims = read_claims(tidy(text))
    ranked = sources.closest(claims)
    if not ranked or ranked[0][0] < _LIKE:
        return Sentence(text, (), (*_doubts(claims, sources, []), Claim("statement", text)))
    best = [reading for score, reading in ranked[:6] if score >= _ABOUT_AS_CLOSE * ranked[0][0]]
    doubts = list(_doubts(claims, sources, best))
    if contradicts(claims, ranked) or swaps_actors(claims, ranked):
        doubts.append(Claim("statement", text))
    support = tuple(Passage(reading.item_id, reading.text) for reading in _choose(claims, sources, ranked, best))
    return Sentence(text, support, tuple(dict.fromkeys(doubts)))


def _doubts(claims: Claims, sources: Sources, best: Sequence[ReadPassage]) -> Iterator[Claim]:
    for quoted in claims.quotations:
        if not sources.has_quotation(quoted.text):
            yield Claim("quotation", quoted.text)
    for name in claims.names:
        if unknown := sources.unknown_part(name):
            yield Claim("name", unknown)
    for quantity in claims.quantities:
        if not quantity.loose and next(sources.where_quantity(quantity, claims), None) is None:
            yield Claim("number", quantity.text)
    for when in claims.dates:
        if next(sources.where_date(when, best), None) is None:
            yield Claim("date", when.text)


def _choose(
    claims: Claims, sources: Sources, ranked: Sequence[tuple[float, ReadPassage]], best: Sequence[ReadPassage]
) -> list[ReadPassage]:
    """The closest passage, and after it those that bear out a claim which the ones before do not have."""
    chosen = [ranked[0][1]]
    order = {reading: n for n, (_, reading) in enumerate(ranked)}
    bearers = [list(sources.where_name(name.words)) for name in claims.names]
    bearers += [list(sources.where_quantity(one, claims)) for one in claims.quantities if not one.loose]
    bearers += [list(sources.where_date(one, best)) for one in claims.dates]
    for readings in bearers:
        if readings and not any(one in readings for one in chosen) and len(chosen) < _MOST_PASSAGES:
            chosen.append(min(readings, key=order.__getitem__))
    return sorted(chosen, key=order.__getitem__)


def trace(sentence: str, articles: Sequence[Article]) -> tuple[str, str] | None:
    """(item id, passage) of the first article whose text or title has the sentence word for word, white space and entities
    aside. The passage is the whole sentence or run of sentences it stands in. None: no source says this."""
    wanted = tidy(sentence)
    if not wanted:
        return None
    for article in articles:
        for text in (tidy(article.summary), tidy(article.title)):
            at = text.find(wanted)
            if at >= 0:
                return article.id, _passage(text, at, at + len(wanted))
    return None


def _passage(text: str, start: int, end: int) -> str:
    """The sentences of `text` that the stretch from `start` to `end` touches."""
    first, last, at = start, end, 0
    for sentence in split_sentences(text):
        begins = text.index(sentence, at)
        at = begins + len(sentence)
        if begins <= start < at:
            first = begins
        if begins < end <= at:
            last = at
    return text[first:last]
