"""A mail's HTML in, what a reader sees of it out: texts with their place in the tree, links, pictures, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset(["meta", "br", "img", "hr", "link", "input", "col", "wbr", "area", "base"])
_UNSEEN = frozenset(["head", "style", "script", "title"])
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Node:
    """An element, by what decides how it looks. All that look alike below one parent are one node."""

    tag: str
    classes: frozenset[str]
    style: str
    parent: "Node | None"
    hidden: bool = False
    below: "dict[tuple[str, str, str], Node]" = field(default_factory=dict, repr=False)

    def ancestors(self) -> "Iterator[Node]":
        """Yield the parent, its parent and so on."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


@dataclass
class Element:
    """A link, heading or paragraph: its text, and the alternative texts of pictures in it."""

    tag: str
    target: str
    text: str = ""
    alternative: str = ""


@dataclass
class Page:
    """What the checks ask of a page. `texts` are the visible texts, one for each node that has any."""

    texts: dict[Node, str] = field(default_factory=dict)
    elements: list[Element] = field(default_factory=list)  # links, headings, paragraphs and cells, in order
    pictures: list[tuple[str, str | None]] = field(default_factory=list)  # where it lies, and its alternative text
    sheet: str = ""

    def list_tags(self, *tags: str) -> list[Element]:
        """Return the elements of these tags."""
        return [element for element in self.elements if element.tag in tags]

    @property
    def words(self) -> int:
        """How many words are to be read as text."""
        return sum(len(text.split()) for text in self.texts.values())


_READ = ("a", "h1", "h2", "h3", "h4", "h5", "h6", "p", "td", "span", "li", "strong", "em", "div")


def read_page(html: str) -> Page:
    """Read it once, for every check."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._node = Node("", frozenset(), "", None)
        self._open: list[tuple[str, Node, Element | None]] = []
        self._reading: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img":
            self._meet_picture(given)
        if tag in _VOID:
            return
        element = Element(tag, given.get("href") or "") if tag in _READ and not self._node.hidden else None
        if element is not None:
            self.page.elements.append(element)
            self._reading.append(element)
        self._open.append((tag, self._node, element))
        self._node = self._step(tag, given.get("class") or "", given.get("style") or "")

    def _step(self, tag: str, classes: str, style: str) -> Node:
        node = self._node.below.get((tag, classes, style))
        if node is None:
            hidden = self._node.hidden or tag in _UNSEEN or bool(_HIDDEN.search(style))
            node = Node(tag, frozenset(classes.split()), style, self._node, hidden)
            self._node.below[(tag, classes, style)] = node
        return node

    def _meet_picture(self, given: dict[str, str | None]) -> None:
        self.page.pictures.append(((given.get("src") or "")[:100], given.get("alt") if "alt" in given else None))
        for element in self._reading:
            element.alternative += given.get("alt") or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not any(opened == tag for opened, _, _ in self._open):
            return
        while self._open:
            opened, self._node, element = self._open.pop()
            if element is not None:
                self._reading.pop()
            if opened == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._node.tag == "style":
            self.page.sheet += data
        if self._node.hidden or not data.strip():
            return
        self.page.texts[self._node] = self.page.texts.get(self._node, "") + data
        for element in self._reading:
            element.text += data
