"""MJML in, the HTML of a mail out; a source that is not right is refused with the line and the reason."""

from functools import lru_cache
from xml.parsers import expat

import mjml

from worker.errors import BroadsheetError

# MRML lets unknown tags through and names no line, so the source is read once before it.
_KNOWN_TAGS = frozenset([
    "mjml", "mj-head", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-preview", "mj-raw", "mj-style",
    "mj-title", "mj-body", "mj-column", "mj-divider", "mj-group", "mj-section", "mj-spacer", "mj-table", "mj-text",
    "mj-wrapper",
])


def compile_mjml(source: str, *, name: str) -> str:
    """Return the HTML for an MJML source; the same source is compiled once. `name` is the template's, for the message.

    Raises BroadsheetError naming the template, the line of `source` and the reason.
    """
    fault = _find_fault(source)
    if fault:
        raise BroadsheetError(f"templates/{name} does not compile: {fault}")
    return _compile(source, name)


@lru_cache(maxsize=32)
def _compile(source: str, name: str) -> str:
    try:
        # fonts: no web fonts, so that no mail asks a third party for anything. Includes are Django's business.
        return mjml.mjml2html(source, fonts={}, include_loader=_refuse_include)
    except ValueError as error:
        raise BroadsheetError(f"templates/{name} does not compile: {error}") from error


def _refuse_include(path: str) -> str:
    raise ValueError(f"mj-include of {path!r}: use Django's include instead")


@lru_cache(maxsize=32)
def _find_fault(source: str) -> str:
    """Return what is wrong with the source as XML or as MJML, with its line, or ""."""
    faults: list[str] = []
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.startswith("mj") and tag not in _KNOWN_TAGS:
            line = parser.CurrentLineNumber
            faults.append(f"unknown tag <{tag}> at line {line}{_quote(source, line)}")

    def refuse_doctype(*_: object) -> None:
        faults.append("a document type has no place in it")

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(source.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        return f"{expat.ErrorString(error.code)} at line {error.lineno}{_quote(source, error.lineno)}"
    return faults[0] if faults else ""


def _quote(source: str, line: int) -> str:
    lines = source.splitlines()
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return f" of what it renders to: {text[:80]}" if text else " of what it renders to"
