"""The figures of a decision in; the reason in words that an editor reads, out."""

from collections.abc import Mapping, Sequence
from typing import Any

_CLOSE = ((0.8, "very close in meaning"), (0.6, "close in meaning"), (0.4, "related in meaning"))
_SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_MOST_NAMES = 4
_MOST_NUMBERS = 3


def explain_in_words(reason: Mapping[str, Any], closest_outlet: str = "") -> str:
    """Why an item joined its story, as one line; `reason` is Item.reason, `closest_outlet` who published its `closest`."""
    if not reason:
        return "the first report"
    words = _list_shared(reason)
    near = _say_time(reason.get("hours"), closest_outlet)
    meaning = _say_closeness(reason.get("closeness"))
    because = ", and ".join(filter(None, (words, near))) or f"is like the report of {closest_outlet or 'another outlet'}"
    return f"joined because it {because}" + (f"; {meaning}" if meaning else "")


def explain_thread(reason: Mapping[str, Any]) -> str:
    """Why a story follows an earlier one, as one line; `reason` is Story.thread_reason. Empty for the first of its thread."""
    if not reason:
        return ""
    days = float(reason.get("days") or 0)
    after = "within a day" if days < 1 else "a day later" if days < 2 else f"{round(days)} days later"
    headline = str(reason.get("headline") or "an earlier story")
    shared = _list_shared(reason)
    meaning = _say_closeness(reason.get("closeness"))
    return f"follows “{headline}”, {after}" + (f": {shared}" if shared else "") + (f"; {meaning}" if meaning else "")


def join_words(words: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def say_number(number: str) -> str:
    """A number as grouping compares it (`1500000000`, `84.1%`) as one reads it: 1.5 billion, 84.1%."""
    try:
        value = float(number)
    except ValueError:
        return number
    for scale, word in _SCALES:
        if value >= scale:
            return f"{value / scale:.4g} {word}"
    return f"{value:,.10g}" if value >= 10_000 else number


def _list_shared(reason: Mapping[str, Any]) -> str:
    names = [str(name) for name in reason.get("names") or ()][:_MOST_NAMES]
    numbers = [say_number(str(number)) for number in reason.get("numbers") or ()][:_MOST_NUMBERS]
    parts = [join_words(names)] if names else []
    if numbers:
        parts.append(f"the number{'s' if len(numbers) > 1 else ''} {join_words(numbers)}")
    return f"shares {' and '.join(parts)}" if parts else ""


def _say_time(hours: Any, outlet: str) -> str:
    if hours is None:
        return ""
    of = f"{outlet}'s report" if outlet else "the closest report"
    if hours < 1:
        return f"was published within an hour of {of}"
    return f"was published {round(hours)} h from {of}" if hours < 48 else f"was published {round(hours / 24)} days from {of}"


def _say_closeness(closeness: Any) -> str:
    return next((words for least, words in _CLOSE if closeness is not None and closeness >= least), "")
