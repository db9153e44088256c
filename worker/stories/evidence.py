"""A sentence and the articles of its story come in; the article and the passage that bear it out come out, if any do."""

from collections.abc import Sequence

from worker.stories.sentences import split_sentences, tidy
from worker.stories.similarity import Article
from worker.stories.summary import Claim, Passage, Sentence


def check_sentence(text: str, articles: Sequence[Article]) -> Sentence:
    """The sentence with the passages of the articles that bear it out, and the claims in it that none of them has."""
    found = trace(text, articles)
    if found is None:
        return Sentence(text, (), (Claim("statement", text),))
    return Sentence(text, (Passage(*found),))


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
