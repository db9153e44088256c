"""The final HTML of a mail in, what no mail of ours may hold out: the last look after every template and compiler."""

import re
from html.parser import HTMLParser

from worker.issues.wording import PRIVATE_HOST, clean_url
from worker.press.proof import LETTER_MARKS

_TAGS = frozenset([
    "html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td", "p", "h1", "h2", "h3", "a",
    "span", "strong", "em", "br",
])
_VOID = frozenset(["meta", "br"])
_ATTRIBUTES = frozenset([
    "align", "aria-label", "aria-roledescription", "border", "cellpadding", "cellspacing", "class", "content", "dir",
    "href", "http-equiv", "lang", "media", "name", "role", "style", "type", "width", "xmlns", "xmlns:o", "xmlns:v",
])
_META_EQUIV = frozenset(["x-ua-compatible", "content-type"])
_BAD_STYLE = re.compile(r"url\s*\(|@import|expression\s*\(|javascript:|behavior\s*:|-moz-binding|</", re.IGNORECASE)


def lint_html(html: str) -> list[str]:
    """Return the faults of a mail's HTML in words, none if it is clean.

    Refused: any tag or attribute our templates do not use (so scripts, images, forms, frames and handlers), links that
    are not http, https or mailto, style that loads something, tags that do not close, comments not for Outlook.
    """
    linter = _Linter()
    linter.feed(html)
    linter.close()
    linter.faults.extend(f"<{tag}> at line {line} is not closed" for tag, line in linter.open)
    return linter.faults


class _Linter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.open: list[tuple[str, int]] = []

    def _add(self, fault: str) -> None:
        self.faults.append(f"{fault} at line {self.getpos()[0]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self._add(f"<{tag}> may not stand in a mail")
        elif tag not in _VOID:
            self.open.append((tag, self.getpos()[0]))
        for name, value in attrs:
            self._check_attribute(tag, name, value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _TAGS and tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self._add(f"</{tag}> closes nothing")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] == "style" and _BAD_STYLE.search(data):
            self._add("the style sheet loads something")

    def handle_comment(self, data: str) -> None:
        if not re.match(r"\[if [^\]]*mso[^\]]*\]>|<!\[endif\]$|\[endif\]", data):
            self._add("a comment that is not for Outlook")

    def unknown_decl(self, data: str) -> None:
        if data != "endif":
            self._add("a declaration")

    def handle_pi(self, data: str) -> None:
        self._add("a processing instruction")

    def _check_attribute(self, tag: str, name: str, value: str) -> None:
        if name not in _ATTRIBUTES:
            self._add(f"<{tag} {name}> may not stand in a mail")
        if name == "style" and _BAD_STYLE.search(value):
            self._add(f"the style of <{tag}> loads something")
        if name == "http-equiv" and value.lower() not in _META_EQUIV:
            self._add(f"<meta http-equiv={value!r}>")
        if name == "href" and value not in LETTER_MARKS and not clean_url(value):
            why = "takes a reader's link" if PRIVATE_HOST in value.lower() else "is not http, https or mailto"
            self._add(f"the link {value[:60]!r} {why}")
