"""The articles of one story come in; a summary in a language model's words comes out, held against them, or the extractive one.

Nothing the model says is believed: a draft with a link, markup, a control character or an order to the reader is refused, and so is
one with a sentence no article bears out. Claims that no article has are marked, and block approval later.
"""

import html
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import structlog
from django.conf import settings

from worker.stories import extract, prompt
from worker.stories.evidence import check_sentence
from worker.stories.model_answer import ModelError, WrongAnswerError
from worker.stories.model_client import Ledger, Model
from worker.stories.sentences import split_sentences, tidy
from worker.stories.similarity import Article
from worker.stories.summary import Claim, Summary

__all__ = ["Summariser", "is_worth_asking", "open_summariser", "summarise_by_model"]

MOST_DOUBTS = 4  # more than an editor can be asked to mend: the sources' own sentences are the better start
STORY_SECONDS = 120.0  # for all that is asked about one story, under half of a task's time limit
_FAILURES = 3
_NAME_CHARACTERS = 80  # Story.written_by, ModelCall.model
_LINK = re.compile(r"https?:|www\.|mailto:|//|\w@\w|[<>{}`\\]|\]\s?\(", re.I)
_DOMAIN = re.compile(r"(?<![A-Za-z0-9.-])(?:[A-Za-z0-9-]+\.)+(?:[a-z]{2,24}|[A-Z]{2,24})(?![A-Za-z0-9])")
_MARKUP = re.compile(r"\*\*|__|\A\s*(?:[#*>•-]|\d+[.)])\s")
_ORDER = re.compile(
    r"""\b(?:(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|guidelines)|system\sprompt|
    as\san\sai\b|language\smodel,?\si\b|i\s(?:cannot|can['’]t|am\sunable\sto)\s(?:help|assist|comply|fulfil)|
    (?:buy|download|subscribe|register|sign\sup|click)\s(?:now|here|today|below)|
    click\s(?:on\s)?(?:the|this)\slink)\b""",
    re.I | re.X,
)
_JOINERS = "\u200c\u200d"  # Persian and the scripts of India need them
log = structlog.get_logger(__name__)


class Summariser:
    """Sums up many stories by a model as long as it serves, and by extraction where and when it does not."""

    def __init__(self, model: Model, *, seconds: float | None = None) -> None:
        """`seconds`: the time after which no other story is begun (see `is_late`); None: no limit."""
        self.model = model
        self.given_up = False
        self._until = None if seconds is None else time.monotonic() + seconds
        self._failures = 0

    @property
    def is_late(self) -> bool:
        """Tell whether the time for asking is over."""
        return self._until is not None and time.monotonic() >= self._until

    def summarise(self, articles: Sequence[Article], ledger: Ledger) -> Summary:
        """Return the model's summary, else the extractive one; `written_by` says which. Raises what the ledger raises.

        After three failures in a row, or one that lasts, the model is not asked again.
        """
        if not self.given_up and is_worth_asking(articles):
            try:
                summary = summarise_by_model(articles, self.model, ledger)
            except ModelError as error:
                self._note(error)
            else:
                self._failures = 0
                return summary
        return extract.summarise(articles)

    def _note(self, error: ModelError) -> None:
        self._failures += 1
        self.given_up = error.lasting or self._failures >= _FAILURES or self.is_late
        if self.given_up:
            log.warning("the language model is not asked for the rest of this run: summaries are the sources' own sentences",
                        model=self.model.name, reason=str(error), failures=self._failures)
        else:
            log.info("a summary was taken from the sources", model=self.model.name, reason=str(error))


@contextmanager
def open_summariser(seconds: float | None = None) -> Iterator[Summariser]:
    """Yield a Summariser for the model that the settings name; `seconds` as there."""
    with Model(settings.SUMMARISER_URL, settings.SUMMARISER_MODEL, key=settings.SUMMARISER_API_KEY,
               seconds=settings.SUMMARISER_TIMEOUT_SECONDS, schema=prompt.SCHEMA) as model:
        yield Summariser(model, seconds=seconds)


def is_worth_asking(articles: Sequence[Article]) -> bool:
    """Tell whether there is more to sum up than the sentence that is there."""
    return sum(len(split_sentences(tidy(one.summary))) for one in prompt.choose_reports(articles)) > 1


def summarise_by_model(articles: Sequence[Article], model: Model, ledger: Ledger) -> Summary:
    """Return the model's summary of the articles, with what bears each sentence out and what does not.

    If something in it cannot be used or is in doubt, the model is told so and asked once more. Raises ModelError if nothing usable
    comes of that.
    """
    until = time.monotonic() + min(2 * model.seconds, max(STORY_SECONDS, model.seconds))
    question = prompt.write_question(articles)
    read = partial(_read_answer, articles=tuple(articles), written_by=model.name[:_NAME_CHARACTERS])
    first: Summary | None = None
    try:
        first, answer = model.ask(question, ledger, until, read)
        faults = list(_name_doubts(first))
        if not faults:
            return first
    except WrongAnswerError as error:
        if not error.faults:
            raise
        answer, faults = error.answer, list(error.faults)
    try:
        second, _ = model.ask(prompt.write_second_question(question, answer, faults), ledger, until, read)
    except ModelError:
        if first is None:
            raise
        return first
    return min((second, first or second), key=_count_doubts)


def _read_answer(answer: str, *, articles: Sequence[Article], written_by: str) -> tuple[Summary, str]:
    """Return the summary in an answer, and the answer. Raises WrongAnswerError if it is not fit to be shown."""
    draft = prompt.read_draft(answer, len(prompt.choose_reports(articles)))
    texts = [draft.headline, *(sentence.text for sentence in draft.sentences)]
    known = {name for one in articles for name in _find_domains(f"{one.title} {one.summary}")}
    for text in texts:
        if danger := _find_danger(text, known):
            raise WrongAnswerError(f"{danger} in the answer")  # no faults: a model that was led astray is not asked again
    headline, *sentences = (check_sentence(tidy(text), articles) for text in texts)
    summary = Summary(re.sub(r"(?<=[a-z0-9])\.$", "", headline.text), tuple(sentences), headline.doubts, written_by)
    faults = [f"no report says this: {one.text}" for one in (headline, *sentences) if not one.support]
    if _count_doubts(summary) > MOST_DOUBTS:
        faults.extend(_name_doubts(summary))
    if faults:
        raise WrongAnswerError(faults[0], answer=answer, faults=faults)
    return summary, answer


def _find_danger(text: str, known: set[str]) -> str:
    """Return what makes a text unfit for any reader, in words; "" if nothing does. `known` are domain names of the sources."""
    if any(unicodedata.category(one)[0] == "C" and one not in _JOINERS for one in text):
        return "a control character"
    plain = unicodedata.normalize("NFKC", html.unescape(text))  # "&lt;" and "ｈｔｔｐ：" are what they look like
    if _LINK.search(text) or _LINK.search(plain) or _find_domains(plain) - known:
        return "a link, an address or markup"
    if _MARKUP.search(text):
        return "markup"
    return "an order to the reader or the model" if _ORDER.search(plain) else ""


def _find_domains(text: str) -> set[str]:
    return {name.casefold() for name in _DOMAIN.findall(text)}


def _name_doubts(summary: Summary) -> Iterator[str]:
    for place, text, doubts in (("headline", summary.headline, summary.doubts),
                                *((f"sentence {n}", one.text, one.doubts) for n, one in enumerate(summary.sentences, 1))):
        for claim in doubts:
            yield _name_doubt(place, text, claim)


def _name_doubt(place: str, text: str, claim: Claim) -> str:
    if claim.kind == "statement":
        return f"{place}: the reports do not say this, or say the opposite: {text}"
    return f"{place}: the {claim.kind} {claim.text!r} is in no report"


def _count_doubts(summary: Summary) -> int:
    return len(summary.doubts) + sum(len(sentence.doubts) for sentence in summary.sentences)
