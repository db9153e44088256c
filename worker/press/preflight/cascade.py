"""A mail's style block and one element in, the colours and the size its text has out, in light and in dark.

As much of CSS as a mail needs: tags, classes, descendants and children, `!important`, inheritance. What a width decides
(`@media` with no colour scheme in it) is left aside; the mail's own template changes no colour by it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from worker.press.preflight.colours import CLEAR, Colour, lay_over, read_colour
from worker.press.preflight.page import Node

WHITE: Colour = (255, 255, 255, 1)
BLACK: Colour = (0, 0, 0, 1)
_DARK_PAGE: Colour = (18, 18, 18, 1)  # what programs show below a mail that names no colour in dark
_SIZES = {"h1": "2em", "h2": "1.5em", "h3": "1.17em"}
_GROUNDS = ("background", "background-color")
_BOLD = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "strong", "b", "th"])
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_COMPOUND = re.compile(r"(?P<tag>[a-z][a-z0-9]*|\*)?(?P<classes>(?:\.[\w-]+)*)$", re.IGNORECASE)
_LENGTH = re.compile(r"([\d.]+)(px|pt|em|rem|%)$")


@dataclass(frozen=True)
class Declared:
    """One property's value."""

    value: str
    important: bool


Block = dict[str, Declared]
Compound = tuple[str, frozenset[str]]
Steps = tuple[tuple[str, Compound], ...]  # from the element outwards: how it is reached (" ", ">"), and what it is


@dataclass(frozen=True)
class Rule:
    """What a selector's elements get."""

    steps: Steps
    weight: tuple[int, int]  # classes, tags
    block: Block


@dataclass(frozen=True)
class Look:
    """How text in an element looks. `unread` is a colour that could not be read."""

    ink: Colour
    ground: Colour
    pixels: float
    bold: bool
    unread: str = ""


class Cascade:
    """A mail's style block, as a program in light (or in dark) applies it."""

    def __init__(self, sheet: str, *, dark: bool) -> None:
        self._rules = [rule for scheme, rule in read_sheet(sheet) if scheme == "" or (dark and scheme == "dark")]
        self._root = Look(WHITE if dark else BLACK, _DARK_PAGE if dark else WHITE, 16, False)
        self._looks: dict[Node, Look] = {}

    def look(self, node: Node | None) -> Look:
        """Return how text in `node` looks."""
        if node is None or not node.tag:
            return self._root
        if node not in self._looks:
            self._looks[node] = self._work_out(node, self.look(node.parent))
        return self._looks[node]

    def _work_out(self, node: Node, outer: Look) -> Look:
        style = self._collect(node)
        unread = outer.unread
        ground = outer.ground
        for name in _GROUNDS:
            if name in style:
                value = _first_colour(style[name]) if name == "background" else style[name]
                colour = CLEAR if value in ("none", "inherit", "initial", "") else read_colour(value)
                unread = unread or ("" if colour else value)
                ground = lay_over(colour, ground) if colour else ground
        ink, named = outer.ink, style.get("color", "inherit")
        if named not in ("inherit", "currentcolor"):
            colour = read_colour(named)
            unread = unread or ("" if colour else named)
            ink = colour or ink
        if node.tag == "a" and "color" not in style:
            ink = (0, 0, 238, 1) if self._root.ground == WHITE else (158, 158, 255, 1)  # as programs colour a link that has none
        return Look(ink, ground, _read_size(style.get("font-size", _SIZES.get(node.tag, "")), outer.pixels),
                    _is_bold(style.get("font-weight", ""), node.tag in _BOLD or outer.bold), unread)

    def _collect(self, node: Node) -> dict[str, str]:
        """Return the properties that win: the style block's, by weight and order, the element's own, the important ones."""
        matching = sorted((rule.weight, at) for at, rule in enumerate(self._rules) if _matches(rule.steps, node))
        blocks = [self._rules[at].block for _, at in matching] + [read_block(node.style)]
        won: dict[str, str] = {}
        for important in (False, True):
            for block in blocks:
                for name, declared in block.items():
                    if declared.important is important:
                        if name in _GROUNDS:  # either of them overrides the other, so the last one counts
                            won = {other: value for other, value in won.items() if other not in _GROUNDS}
                        won[name] = declared.value
        return won


def _matches(steps: Steps, node: Node) -> bool:
    (_, (tag, classes)), outer = steps[0], steps[1:]
    if tag not in ("", "*", node.tag) or not classes <= node.classes:
        return False
    if not outer:
        return True
    if steps[0][0] == ">":
        return node.parent is not None and _matches(outer, node.parent)
    return any(_matches(outer, above) for above in node.ancestors())


@lru_cache(maxsize=8)
def read_sheet(sheet: str) -> tuple[tuple[str, Rule], ...]:
    """Return the rules in order, each with the colour scheme it is for ("": any)."""
    return tuple(_read_rules(_COMMENT.sub("", sheet), ""))


def _read_rules(css: str, scheme: str) -> list[tuple[str, Rule]]:
    rules: list[tuple[str, Rule]] = []
    at = 0
    while (begin := css.find("{", at)) >= 0:
        head, end = css[at:begin].rpartition(";")[2].strip(), _find_end(css, begin)
        inside, at = css[begin + 1:end], end + 1
        if head.startswith("@"):
            inner = "dark" if re.search(r"prefers-color-scheme\s*:\s*dark", head) else "width"
            rules += _read_rules(inside, inner) if head.startswith("@media") else []
            continue
        block = read_block(inside)
        for selector in head.split(","):
            steps = _read_selector(selector.strip())
            if steps:
                weight = sum(len(classes) for _, (_, classes) in steps), sum(tag not in ("", "*") for _, (tag, _) in steps)
                rules.append((scheme, Rule(steps, weight, block)))
    return rules


def _find_end(css: str, begin: int) -> int:
    depth = 0
    for at in range(begin, len(css)):
        depth += (css[at] == "{") - (css[at] == "}")
        if depth == 0:
            return at
    return len(css)


def _read_selector(selector: str) -> Steps:
    """Return the steps; none for what is no tag or class (`:root`, `#outlook a`), which colours nothing in a mail of ours."""
    parts = re.sub(r"\s*>\s*", " > ", selector).split()
    steps: list[tuple[str, Compound]] = []
    for number, part in enumerate(parts):
        if part == ">":
            continue
        found = _COMPOUND.match(part)
        if found is None or not part:
            return ()
        steps.append((">" if number and parts[number - 1] == ">" else " ",
                      ((found["tag"] or "").lower(), frozenset(found["classes"].split(".")[1:]))))
    return tuple(reversed(steps))


@lru_cache(maxsize=500)
def read_block(text: str) -> Block:
    """Return the declarations of a style attribute, or of what stands between two braces."""
    block: Block = {}
    for declaration in text.split(";"):
        name, colon, value = declaration.partition(":")
        value = value.strip().lower()
        important = value.endswith("!important")
        if colon and value:
            block[name.strip().lower()] = Declared(value.removesuffix("!important").strip(), important)
    return block


def _first_colour(value: str) -> str:
    """Return the colour in the shorthand `background`; a position or a repetition beside it colours nothing."""
    words = re.findall(r"[\w#.%-]+(?:\([^)]*\))?", value)
    return next((word for word in words if read_colour(word)), words[0] if words else "")


def _read_size(value: str, outer: float) -> float:
    found = _LENGTH.match(value)
    if found is None:
        return outer
    number = float(found[1])
    return {"px": number, "pt": number * 4 / 3, "em": number * outer, "%": number * outer / 100, "rem": number * 16}[found[2]]


def _is_bold(value: str, outer: bool) -> bool:
    if value.isdecimal():
        return int(value) >= 700
    return value in ("bold", "bolder") if value in ("bold", "bolder", "normal", "lighter") else outer
