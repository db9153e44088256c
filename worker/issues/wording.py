"""Text of unknown origin in, one safe line of it out: what may stand in a subject, a headline or a link."""

import re
import unicodedata
from urllib.parse import urlsplit

SUBJECT_LENGTH = 70  # most phones and desktop lists show no more
PRIVATE_HOST = "reader.invalid"  # of press's marks, which become each reader's own links: never taken from outside

# Characters that reorder or hide their neighbours: the "Trojan source" set of Unicode Technical Report 36.
_REORDERING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def clean_line(text: str) -> str:
    """Return `text` as one line: white space folded, control, reordering and private characters gone.

    The marks' host is taken apart, since delivery would put a reader's private link wherever it finds a mark.
    """
    if not text.isprintable():  # nearly every line is: a page of the desk asks a thousand times
        text = "".join(char for char in text if char.isspace() or _is_printable(char))
    folded = " ".join(text.split())
    return re.sub(re.escape(PRIVATE_HOST), PRIVATE_HOST.replace(".", " "), folded, flags=re.IGNORECASE)


def _is_printable(char: str) -> bool:
    # Cc control, Cs lone surrogate (no UTF-8 for it), Co private use. Cf holds emoji joiners, so it stays.
    return (unicodedata.category(char) not in ("Cc", "Cs", "Co") and char not in _REORDERING
            and ord(char) & 0xFFFE != 0xFFFE)  # the noncharacters U+xxFFFE and U+xxFFFF are no XML


def cut_line(text: str, length: int) -> str:
    """Return `text`, cut at a word's end and marked with an ellipsis if it is longer than `length` characters."""
    line = clean_line(text)
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    if not line[length - 1].isspace() and " " in cut:
        cut = cut.rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:.–—-([“‘\"'") + "…"


def clean_url(url: str) -> str:
    """Return `url` if a mail may link to it (http, https or mailto, printable, not a mark), else ""."""
    if not url or len(url) > 2000 or re.search(r"[\s<>\"`\\{}^\x00-\x20\x7f]", url) or PRIVATE_HOST in url.lower():
        return ""
    if not url.isprintable() and any(not _is_printable(char) for char in url):
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme in ("http", "https"):
        return url if host and "%" not in parts.netloc else ""
    return url if parts.scheme == "mailto" and "@" in parts.path else ""
