"""A server's answer comes in, as bytes or as a refusal; its text and what it used come out, or why it cannot be used."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from pydantic import BaseModel, Field, ValidationError

from worker.errors import BroadsheetError

MOST_TOKENS = 1_500  # of an answer; a summary has about 200, what a model thinks aloud before it counts too
_RETRIED = frozenset({408, 409, 429})  # and 5xx; what else a server refuses, it would refuse again
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.S)


class Tokens(NamedTuple):
    """What a request used: tokens of the prompt and of the answer."""

    prompt: int
    completion: int


class ModelError(BroadsheetError):
    """No usable answer came. `lasting`: nor will one to another question, until somebody mends it."""

    def __init__(self, message: str, *, lasting: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.lasting = lasting
        self.wait = wait  # seconds after which the same question may be answered; None: do not ask it again


class WrongAnswerError(ModelError):
    """An answer came and cannot be used. `faults` are what to tell the model, none if it is better not asked again."""

    def __init__(self, message: str, *, answer: str = "", faults: Sequence[str] = (),
                 used: Tokens | None = None) -> None:
        super().__init__(message)
        self.answer, self.faults, self.used = answer, tuple(faults), used


class UnservedError(ModelError):
    """The server did not do the work, so it does not charge for it."""


class FormatError(UnservedError):
    """400 or 422, in the server's words: perhaps it does not know a way of asking."""


class MissingError(UnservedError):
    """404."""


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0, le=10_000_000)
    completion_tokens: int = Field(ge=0, le=10_000_000)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class _Listed(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Listed]


def read_completion(body: bytes) -> tuple[str, Tokens | None]:
    """Return the answer's text and what it used. Raises WrongAnswerError."""
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        raise WrongAnswerError("not the answer of an OpenAI-compatible server") from error
    usage, choice = completion.usage, completion.choices[0]
    used = Tokens(usage.prompt_tokens, usage.completion_tokens) if usage else None
    wrong = ""
    if choice.message.refusal or choice.finish_reason == "content_filter":
        wrong = f"the model refused ({clean(choice.message.refusal or 'content filter')})"
    elif choice.finish_reason == "length":
        wrong = f"cut off after {MOST_TOKENS} tokens"
    elif not (choice.message.content or "").strip():
        wrong = "an empty answer"
    if wrong:
        raise WrongAnswerError(wrong, used=used)
    return _THOUGHTS.sub("", choice.message.content or ""), used


def read_models(body: bytes) -> list[str]:
    """Return the names in a list of models, none if it is no such list."""
    try:
        return [clean(one.id) for one in _Models.model_validate_json(body).data]
    except ValidationError:
        return []


def is_among(model: str, names: Sequence[str]) -> bool:
    """Tell whether a server that lists `names` has the model: Ollama adds ":latest", others put a folder before it."""
    return any(name == model or name == f"{model}:latest" or name.endswith(f"/{model}") for name in names)


def read_refusal(status: int, words: str, code: str | None, retry_after: str) -> ModelError:
    """Return what an HTTP status other than 2xx means for who asked."""
    words = clean(words)
    if status in (401, 403):
        return UnservedError(f"does not take SUMMARISER_API_KEY ({status})", lasting=True)
    if status == 404:
        return MissingError(f"knows no such model, or SUMMARISER_URL lacks a part (404: {words})", lasting=True)
    if status in (400, 422):
        return FormatError(f"refused the question ({status}: {words})")
    if status == 429 and code == "insufficient_quota":
        return UnservedError("the account there has no credit left (429)", lasting=True)
    if status in _RETRIED or status >= 500:
        return UnservedError(f"answered {status}: {words}", wait=read_wait(retry_after))
    return UnservedError(f"answered {status}", lasting=300 <= status < 400)


def read_wait(given: str) -> float:
    """Return the seconds of a Retry-After (RFC 9110 10.2.3), a number or a date; 0 if there is none to be read."""
    try:
        seconds = float(given)
        return min(max(seconds, 0.0), 1e9) if not math.isnan(seconds) else 0.0
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def clean(words: str) -> str:
    """A server's words as part of one line."""
    return " ".join("".join(one if one.isprintable() else " " for one in words[:600]).split())[:150]
