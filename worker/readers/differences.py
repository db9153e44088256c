"""Two wordings in, what changed from one to the other out: paragraph by paragraph, and in each word by word. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from html import escape, unescape
from html.parser import HTMLParser
from typing import Literal

import nh3

from worker.readers.terms import TAGS, render_wording
from worker.wordwise import cut_words, mark, weave

_HEADS = ("h1", "h2", "h3", "h4")
_BLOCKS = (*_HEADS, "p", "li", "tr")
_INLINE = ("a", "strong", "em", "code")
_ALIKE = 0.45  # of their words, for two paragraphs to be one that was changed; below it the old one went and a new one came
_LEAD = 4  # words before the first change, when a changed paragraph is quoted
Change = Literal["same", "changed", "added", "gone"]


@dataclass
class _Block:
    """A heading, a paragraph, an entry of a list or a row of a table: its words, with the tags that stand among them."""

    tag: str
    tokens: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return [token for token in self.tokens if not token.startswith("<") and token.strip()]

    @property
    def text(self) -> str:
        return _read(self.tokens)


def _read(tokens: Sequence[str]) -> str:
    """Return tokens as plain text."""
    return unescape(" ".join("".join(token for token in tokens if not token.startswith("<")).split()))


@dataclass(frozen=True)
class Passage:
    """One block of the page that shows the differences. `html` is safe; `words` is plain: the block's words as they are now,
    from shortly before the first change on; of one that went, or only lost words, what is gone."""

    tag: str
    change: Change
    html: str
    words: str

    @property
    def is_heading(self) -> bool:
        """Say whether it begins a section."""
        return self.tag in _HEADS


@dataclass(frozen=True)
class Stretch:
    """Passages that follow one another and are all changed, or all as they were."""

    changed: bool
    passages: tuple[Passage, ...]


class _Cutter(HTMLParser):
    """Cuts a rendered wording into its blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[_Block] = []
        self._item = False
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p" and self._item and not self.blocks[-1].words:
            return  # the paragraph of a list's entry is the entry
        if tag in _BLOCKS:
            self.blocks.append(_Block(tag))
            self._item, self._open = tag == "li", True
        elif tag in ("td", "th") and self.blocks and self.blocks[-1].words:
            self._add(" · ")
        elif tag == "br":
            self._add(" ")
        elif tag in _INLINE:
            kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if name == "href")
            self._add(f"<{tag}{kept}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _INLINE:
            self._add(f"</{tag}>")
        elif tag in _BLOCKS:
            self._open = False

    def handle_data(self, data: str) -> None:
        for token in cut_words(data):
            self._add(token)

    def _add(self, token: str) -> None:
        if self._open:
            self.blocks[-1].tokens.append(token)


def _cut(wording: str) -> list[_Block]:
    cutter = _Cutter()
    cutter.feed(render_wording(wording))
    cutter.close()
    return [block for block in cutter.blocks if block.words]


@lru_cache(maxsize=32)
def compare_wordings(old: str, new: str) -> tuple[Passage, ...]:
    """Return the new wording's blocks in order, those that went among them, each with what changed in it marked."""
    before, after = _cut(old), _cut(new)
    matcher = SequenceMatcher(None, [block.text for block in before], [block.text for block in after], autojunk=False)
    passages: list[Passage] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            passages += [_show(block, "same") for block in after[k:m]]
        else:
            passages += _show_changed(before[i:j], after[k:m])
    return tuple(passages)


def _show_changed(before: list[_Block], after: list[_Block]) -> list[Passage]:
    passages: list[Passage] = []
    start = 0
    for block in after:
        rest = before[start:]
        likeness = [_liken(old, block) for old in rest]
        best = max(range(len(rest)), key=likeness.__getitem__, default=-1)
        if best < 0 or likeness[best] < _ALIKE:
            passages.append(_show(block, "added"))
            continue
        passages += [_show(gone, "gone") for gone in rest[:best]]
        passages.append(_weave(rest[best], block))
        start += best + 1
    return passages + [_show(gone, "gone") for gone in before[start:]]


def _liken(old: _Block, new: _Block) -> float:
    if (old.tag in _HEADS) != (new.tag in _HEADS):
        return 0.0
    if old.tag in _HEADS:  # of two headings the number says nothing: a new section moves all that follow
        return SequenceMatcher(None, _strip_number(old.words), _strip_number(new.words), autojunk=False).ratio()
    return SequenceMatcher(None, old.words, new.words, autojunk=False).ratio()


def _strip_number(words: list[str]) -> list[str]:
    return [word for word in words if not re.fullmatch(r"[\d.]+", word)] or words


def _show(block: _Block, change: Change) -> Passage:
    if change == "same":
        return Passage(block.tag, change, _clean("".join(block.tokens)), "")
    return Passage(block.tag, change, _clean(mark("ins" if change == "added" else "del", block.tokens)), block.text)


def _weave(old: _Block, new: _Block) -> Passage:
    """Return the new block with the words that came and those that went in their places."""
    woven = weave(old.tokens, new.tokens)
    start = max(0, (woven.first or 0) - 2 * _LEAD)  # with the spaces between them
    words = ("… " if _read(new.tokens[:start]) else "") + _read(new.tokens[start:])
    if not _read(woven.came):
        words = f"without “{_read(woven.gone)}”"
    return Passage(new.tag, "changed", _clean(woven.html), words)


def _clean(html: str) -> str:
    return nh3.clean(html, tags=TAGS | {"ins", "del", "span"}, attributes={"a": {"href"}, "span": {"class"}},
                     url_schemes={"http", "https", "mailto"})


def gather_stretches(passages: tuple[Passage, ...]) -> list[Stretch]:
    """Return the passages in stretches that are changed or as they were; a changed one begins with its section's heading."""
    stretches: list[Stretch] = []
    heads = _open_heads(passages)
    for at, passage in enumerate(passages):
        changed = passage.change != "same" or at in heads
        if stretches and stretches[-1].changed == changed:
            stretches[-1] = Stretch(changed, (*stretches[-1].passages, passage))
        else:
            stretches.append(Stretch(changed, (passage,)))
    return stretches


def _open_heads(passages: tuple[Passage, ...]) -> set[int]:
    """Return the places of unchanged headings whose section holds a change: they are shown with it."""
    heads: set[int] = set()
    last = -1
    for at, passage in enumerate(passages):
        if passage.is_heading:
            last = at
        elif passage.change != "same" and last >= 0:
            heads.add(last)
    return heads


@dataclass(frozen=True)
class Point:
    """One change as a letter tells it: the section's heading ("" if there is none), what was done, and the words."""

    heading: str
    done: str
    words: str


_DONE: dict[Change, str] = {"changed": "changed", "added": "new", "gone": "taken out"}


def list_points(passages: tuple[Passage, ...]) -> list[Point]:
    """Return the changes in short, one for each section that has any, in order."""
    points: list[Point] = []
    heading, seen = "", set[str]()
    for passage in passages:
        if passage.is_heading:
            heading = _strip(passage)
        if passage.change != "same" and heading not in seen and not (passage.is_heading and passage.change == "changed"):
            follows = _first_words(passages, passage) if passage.is_heading else passage.words
            points.append(Point(heading, _DONE[passage.change], follows))
            seen.add(heading)
    return points


def _strip(passage: Passage) -> str:
    """Return a heading as it reads now; one that went, as it read."""
    html = passage.html if passage.change == "gone" else re.sub(r"<del>.*?</del>", "", passage.html)
    return _plain(re.sub(r'<span class="sr">.*?</span>', "", html))


def _plain(html: str) -> str:
    reader = _Cutter()
    reader.feed(f"<p>{html}</p>")
    reader.close()
    return reader.blocks[0].text


def _first_words(passages: tuple[Passage, ...], heading: Passage) -> str:
    """Return the words of the paragraph under a heading that came or went with it."""
    at = next(place for place, passage in enumerate(passages) if passage is heading)
    below = passages[at + 1 : at + 2]
    return below[0].words if below and below[0].change == heading.change and not below[0].is_heading else ""
