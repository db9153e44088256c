"""The filled-in text template in, the plain-text part out: wrapped at 72 characters, links whole on their own lines."""

import re
import textwrap

WIDTH = 72  # RFC 3676 section 4.2 asks for 78 at most; 72 leaves room for quoting


def wrap_text(text: str) -> str:
    """Return `text` with long lines wrapped under their own indent, at most one blank line in a row, one at the end."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.extend(_wrap_line(line.rstrip()))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def _wrap_line(line: str) -> list[str]:
    if len(line) <= WIDTH or " " not in line.strip():
        return [line]
    indent = re.match(r" *(?:\* )?", line)
    hanging = " " * (indent.end() if indent else 0)
    return textwrap.wrap(line, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
