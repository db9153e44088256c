"""Two lines of words in, one line of HTML with what went and what came marked out, word by word. Pure.

A line is cut into tokens: words and signs, escaped; single spaces; and, where the line has any, tags, which begin with "<".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape

_WORD = re.compile(r"\s+|\w(?:[\w'’.-]*\w)?|[^\w\s]")  # a sign of its own, so that "free." and "free," are one word
_SIGNS = {"ins": "Added: ", "del": "Taken out: "}  # for who hears the page: the colours say it to everybody else


@dataclass(frozen=True)
class Woven:
    """The new line as HTML with both marked; the tokens that went, those that came, and the place of the first change in the new
    line (None without any)."""

    html: str
    gone: tuple[str, ...]
    came: tuple[str, ...]
    first: int | None


def cut_words(text: str) -> list[str]:
    """Return the tokens of a plain text."""
    return [" " if word.isspace() else escape(word, quote=False) for word in _WORD.findall(text)]


def weave(old: Sequence[str], new: Sequence[str]) -> Woven:
    """Return the new line with the words that came and those that went in their places.

    Only the new line's tags are kept, so that what opens also closes; a mark never spans one.
    """
    html: list[str] = []
    gone: list[str] = []
    came: list[str] = []
    first: int | None = None
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            html += new[k:m]
            continue
        html.append(mark("del", [token for token in old[i:j] if not token.startswith("<")]))
        html.append(mark("ins", new[k:m]))
        gone += old[i:j]
        came += new[k:m]
        first = k if first is None else first
    return Woven("".join(html), tuple(gone), tuple(came), first)


def mark(tag: str, tokens: Sequence[str]) -> str:
    """Return the tokens with each run of words between two tags marked as added ("ins") or taken out ("del")."""
    html: list[str] = []
    run: list[str] = []
    for token in [*tokens, ""]:
        if token and not token.startswith("<"):
            run.append(token)
            continue
        words = "".join(run)
        if words.strip():
            html.append(f'<{tag}><span class="sr">[{_SIGNS[tag]}</span>{words}<span class="sr">]</span></{tag}>')
        elif tag == "ins":
            html.append(words)
        html.append(token)
        run = []
    return "".join(html)


def compare_lines(old: str, new: str) -> str:
    """Return two plain texts as one safe line of HTML, with what went and what came marked."""
    return weave(cut_words(old), cut_words(new)).html
