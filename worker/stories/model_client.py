"""Messages go out to an OpenAI-compatible server; what is read of its answer comes back, within limits of time and size.

Only here is the `openai` package used, and only once a model is configured: importing it takes a second.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import SystemRandom
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import httpx2
import openai

from worker.stories.model_answer import (
    MOST_TOKENS,
    FormatError,
    MissingError,
    ModelError,
    Tokens,
    UnservedError,
    WrongAnswerError,
    clean,
    read_completion,
    read_models,
    read_refusal,
)

MOST_BYTES = 256 * 1024  # of an answer as it comes over the wire
_ATTEMPTS = 3
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0  # seconds; a server that asks for more patience is not asked again for this story
_FORMATS = ("json_schema", "json_object", "")
_random = SystemRandom()
Message = dict[str, str]
T = TypeVar("T")


class Ledger(Protocol):
    """Keeps account of the requests made for one story."""

    def open(self, most: Tokens) -> int:
        """Note that a request goes out that uses at most `most`; returns its number. Raises BroadsheetError if it may not."""

    def close(self, number: int, outcome: str, milliseconds: int, used: Tokens | None) -> None:
        """Note what came of it: "ok" or the fault in words, and what it used (None: nobody knows, so all it could have)."""


@dataclass(frozen=True)
class _Way:
    """How this server likes to be asked; it begins with the strictest, and what a server refuses is left out."""

    format: str = _FORMATS[0]
    limit: str = "max_tokens"
    has_temperature: bool = True

    def options(self, schema: dict[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = {self.limit: MOST_TOKENS}
        if self.has_temperature:
            options["temperature"] = 0
        if self.format == "json_schema":
            named = {"name": "summary", "strict": True, "schema": schema}
            options["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.format:
            options["response_format"] = {"type": self.format}
        return options

    def after(self, refusal: str) -> "_Way | None":
        """The next way to try after the server's words; None: there is no other."""
        if self.limit in refusal and "max_completion_tokens" in refusal and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        if self.has_temperature and "temperature" in refusal:
            return replace(self, has_temperature=False)
        return replace(self, format=_FORMATS[_FORMATS.index(self.format) + 1]) if self.format else None


_ways: dict[tuple[str, str], _Way] = {}  # by address and model, learnt by this process


class Model:
    """One model of one server: `with Model(...) as model: model.ask(...)`."""

    def __init__(self, url: str, name: str, *, key: str, seconds: float, schema: dict[str, Any]) -> None:
        """`seconds`: for one request, from the first look-up of the address to the last byte of the answer."""
        self.url, self.name, self.seconds = url, name, seconds
        self._schema = schema
        self._runner = asyncio.Runner()
        http = openai.DefaultAsyncHttpxClient(
            follow_redirects=False,  # the key and the texts are for this server
            event_hooks={"response": [_bound]}, headers={"Accept-Encoding": "identity"}, timeout=seconds)
        # Given all of it, the package takes neither key nor organisation of another account from the environment.
        self._client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=url, organization="", project="", max_retries=0, http_client=http,
            default_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit})  # type: ignore[dict-item]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def ask(self, messages: Sequence[Message], ledger: Ledger, until: float, read: Callable[[str], T]) -> T:
        """Return what `read` makes of the answer. `until` is a time of the monotonic clock.

        Asks again, up to three times in all, when the server cannot be reached or answers 408, 409, 429 or 5xx; and in a
        plainer way when it refuses the format. Raises ModelError; WrongAnswerError as `read` does; and what the ledger raises.
        """
        way, attempt = _ways.get((self.url, self.name), _Way()), 1
        while True:
            try:
                answer = self._ask_once(messages, way, ledger, until, read)
            except FormatError as error:
                plainer = way.after(str(error))
                if plainer is None:
                    raise
                way = plainer
            except ModelError as error:
                wait = error.wait
                if wait is None or attempt == _ATTEMPTS or wait > _LONGEST_WAIT or time.monotonic() + wait >= until:
                    raise
                time.sleep(max(wait, _FIRST_WAIT * 2 ** (attempt - 1) * _random.uniform(0.75, 1)))
                attempt += 1
            else:
                _ways[self.url, self.name] = way
                return answer

    def _ask_once(
        self, messages: Sequence[Message], way: _Way, ledger: Ledger, until: float, read: Callable[[str], T]
    ) -> T:
        # A token is at least one byte; beyond the texts each message has a few of its own.
        most = Tokens(sum(len(message["content"].encode()) + 16 for message in messages), MOST_TOKENS)
        number, begun = ledger.open(most), time.monotonic()
        outcome, used = "interrupted", None
        try:
            options: dict[str, Any] = {"messages": messages, **way.options(self._schema)}
            body = self._run(lambda: self._client.chat.completions.with_raw_response.create(model=self.name, **options),
                             min(self.seconds, until - begun))
            text, used = read_completion(body)
            answer = read(text)
            outcome = "ok"
            return answer
        except UnservedError as error:
            outcome, used = str(error), Tokens(0, 0)
            raise
        except WrongAnswerError as error:
            outcome, used = str(error), used or error.used
            raise
        except ModelError as error:
            outcome = str(error)
            raise
        finally:
            ledger.close(number, outcome, round(1000 * (time.monotonic() - begun)), used)

    def list_models(self) -> list[str]:
        """Return the names of the server's models, none if it lists none. Raises ModelError."""
        try:
            body = self._run(lambda: self._client.models.with_raw_response.list(), self.seconds)
        except MissingError:
            return []
        return read_models(body)

    def _run(self, request: Callable[[], Any], seconds: float) -> bytes:
        """Return the body of the answer. Raises ModelError."""

        async def exchange() -> bytes:
            async with asyncio.timeout(max(seconds, 0.01)):
                content: bytes = (await request()).http_response.content
                return content

        try:
            return self._runner.run(exchange())
        except (TimeoutError, openai.APITimeoutError) as error:
            raise ModelError(f"no complete answer within {seconds:.0f} seconds") from error
        except openai.APIStatusError as error:
            raise read_refusal(
                error.status_code, _find_words(error), error.code, error.response.headers.get("Retry-After", "")) from error
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            reason = clean(str(error.__cause__ or error)) or type(error.__cause__ or error).__name__
            raise UnservedError(f"cannot be reached ({reason})", wait=0) from error


def _find_words(error: openai.APIStatusError) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else error.body
    return said if isinstance(said, str) else ""


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> Any:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MOST_BYTES:
                raise WrongAnswerError(f"an answer of more than {MOST_BYTES // 1024} KB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":  # what it inflates to has no bound
        raise WrongAnswerError("a compressed answer, which was not asked for")
    response.stream = _BoundedStream(response.stream)
