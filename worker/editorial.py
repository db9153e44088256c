"""feeds.toml in, the editorial configuration out: newsletters, their feeds, the publisher. Read-only and validated."""

import difflib
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, StringConstraints, ValidationError

from worker.errors import BroadsheetError, ConfigurationError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
FeedName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\r\n]+$")]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Interval = Annotated[str, StringConstraints(pattern=r"^\d{1,4}[mh]$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Topic = Literal["lab", "chips", "research", "arxiv", "press", "press-china", "aggregator", "newsletter", "policy"]
# What readers may choose to hear of, and the feeds' topics that are about it. News of the other topics is for everybody.
READER_TOPICS: dict[str, tuple[str, frozenset[str]]] = {
    "chips": ("Chips and data centres", frozenset({"chips"})),
    "labs": ("Labs and their models", frozenset({"lab"})),
    "policy": ("Law and policy", frozenset({"policy"})),
    "research": ("Research", frozenset({"research", "arxiv"})),
}
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("give a time zone such as Europe/London") from None
    return name


def _check_address(url: str) -> str:
    if not re.match(r"^(https?://[^\s/]+\S*|sample:[\w.-]+)$", url):
        raise ValueError("give an http:// or https:// address")
    return url


def _check_interval(text: str) -> str:
    if not 300 <= interval_seconds(text) <= 86_400:
        raise ValueError("give between 5m and 24h")
    return text


def interval_seconds(text: str) -> int:
    """Return "90m" or "2h" in seconds."""
    return int(text[:-1]) * (60 if text.endswith("m") else 3600)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Publisher(_Table):
    """Who sends, and whose content readers may ask for beside: the sites of its own network, and affiliate partners."""

    name: Line
    network: tuple[Line, ...] = Field(default=(), strict=False)
    partners: tuple[Line, ...] = Field(default=(), strict=False)

    @property
    def all_partners(self) -> tuple[str, ...]:
        """Everybody whose content a partner block may carry, by the names readers agreed to."""
        return self.network + self.partners

    def named_in(self, wording: str) -> tuple[str, ...]:
        """Return those of them whom a wording names: nobody agreed to hear of another."""
        words = " ".join(wording.split())
        return tuple(name for name in self.all_partners if re.search(rf"(?<!\w){re.escape(' '.join(name.split()))}(?!\w)", words))


class Newsletter(_Table):
    """One newsletter: when it is drafted, who it comes from and how much it holds."""

    title: Line
    description: Line
    days: tuple[Weekday, ...] = Field(min_length=1, strict=False)
    draft_at: ClockTime
    send_by: ClockTime
    timezone: Annotated[str, AfterValidator(_check_timezone)]
    from_name: Line
    from_email: EmailStr
    subject: Line = "{headline}"
    top_stories: int = Field(default=6, ge=1, le=20)
    short_items: int = Field(default=10, ge=0, le=40)
    digest_on: Weekday | None = None  # the day of the weekly digest; without one none is offered
    four_eyes: bool = False  # whether an issue needs the approval of two people


class FeedSource(_Table):
    """One feed as the editors chose it."""

    name: FeedName
    title: Line
    url: Annotated[str, AfterValidator(_check_address)]
    newsletters: tuple[str, ...] = Field(min_length=1, strict=False)
    weight: float = Field(default=1.0, ge=0.1, le=3, strict=False)
    topic: Topic = "press"
    interval: Annotated[Interval, AfterValidator(_check_interval)] = "1h"
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$")] = "en"


class Editorial(_Table):
    """The whole of feeds.toml."""

    publisher: Publisher
    newsletters: dict[Name, Newsletter] = Field(min_length=1)
    feeds: tuple[FeedSource, ...] = Field(min_length=1, strict=False)

    def newsletter(self, key: str) -> Newsletter:
        """Return the newsletter called `key`; raises BroadsheetError naming those there are."""
        if key not in self.newsletters:
            known = ", ".join(self.newsletters)
            raise BroadsheetError(f"there is no newsletter {key!r}; feeds.toml has: {known}")
        return self.newsletters[key]

    def reader_topics(self) -> dict[str, str]:
        """Return the topics readers may choose, those that some feed is about, with their names; in order of the keys."""
        there = {feed.topic for feed in self.feeds}
        return {key: name for key, (name, topics) in READER_TOPICS.items() if topics & there}

    def feeds_by_name(self) -> dict[str, FeedSource]:
        """Return the feeds, keyed by name."""
        return {feed.name: feed for feed in self.feeds}


def read_editorial(path: Path) -> Editorial:
    """Read and validate feeds.toml.

    Raises ConfigurationError with "file:line: key: what is wrong and what is allowed".
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; give the editorial configuration there, "
                                 "or set FEEDS_FILE to where it is") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    return parse_editorial(path, text)


def parse_editorial(path: Path, text: str) -> Editorial:
    """Validate the text of a feeds.toml; `path` is named in what is wrong. Raises ConfigurationError as `read_editorial` does."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    try:
        editorial = Editorial.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(_explain(path, text, error)) from error
    _check_references(path, text, editorial)
    return editorial


@lru_cache(maxsize=4)
def _load(path: Path, stamp: tuple[int, int, int]) -> Editorial:
    return read_editorial(path)


def load() -> Editorial:
    """Return the editorial configuration of FEEDS_FILE, read again when the file has changed."""
    path = Path(settings.FEEDS_FILE)
    try:
        found = path.stat()
    except OSError:
        return read_editorial(path)
    return _load(path, (found.st_mtime_ns, found.st_size, found.st_ino))  # two writes may come within one tick of the clock


def _check_references(path: Path, text: str, editorial: Editorial) -> None:
    seen: set[str] = set()
    for index, feed in enumerate(editorial.feeds):
        for key in feed.newsletters:
            if key not in editorial.newsletters:
                line = _find_line(text, ("feeds", index, "newsletters"))
                raise ConfigurationError(f"{path}:{line}: newsletters: there is no newsletter {key!r}; "
                                         f"allowed: {', '.join(editorial.newsletters)}")
        if feed.name in seen:
            line = _find_line(text, ("feeds", index, "name"))
            raise ConfigurationError(f"{path}:{line}: name: {feed.name!r} is taken by another feed; names are unique")
        seen.add(feed.name)


_ALLOWED: dict[str, type[_Table]] = {"publisher": Publisher, "newsletters": Newsletter, "feeds": FeedSource}


def _explain(path: Path, text: str, error: ValidationError) -> str:
    first: Any = error.errors(include_url=False)[0]
    where: tuple[str | int, ...] = tuple(part for part in first["loc"] if part != "[key]")
    line = _find_line(text, where)
    key = ".".join(str(part) for part in where if not isinstance(part, int)) or "the file"
    table = _ALLOWED.get(str(where[0])) if len(where) > 1 else Editorial
    if first["type"] == "extra_forbidden" and table:
        known = list(table.model_fields)
        near = difflib.get_close_matches(str(where[-1]), known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{path}:{line}: {key}: unknown key; {hint}allowed: {', '.join(known)}"
    if first["type"] == "missing":
        return f"{path}:{line}: {key}: missing; it is required"
    given = first.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float) else ""
    return f"{path}:{line}: {key}: {first['msg'].removeprefix('Value error, ')}{shown}"


def _find_line(text: str, where: tuple[str | int, ...]) -> int:
    """Return the line (from 1) of the key at `where`; of its table's header if the key itself is not there."""
    lines = text.splitlines()
    if not where:
        return 1
    head = str(where[0])
    start = 0
    if head == "feeds" and len(where) > 1 and isinstance(where[1], int):
        headers = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*feeds\s*\]\]", line)]
        start = headers[where[1]] if where[1] < len(headers) else 0
    else:
        name = rf"{head}\.{where[1]}" if head == "newsletters" and len(where) > 1 else head
        start = next((n for n, line in enumerate(lines) if re.match(rf"\s*\[\s*{name}\s*\]", line)), 0)
    key = next((str(part) for part in reversed(where) if not isinstance(part, int)), "")
    for n in range(start, len(lines)):
        if n > start and re.match(r"\s*\[", lines[n]):
            break
        if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", lines[n]):
            return n + 1
    return start + 1
