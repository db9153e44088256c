"""A mail's HTML in, the same mail out as one kind of mail program shows it: in the dark, without images, with words marked.

Pure, and for the desk's proof alone: what is sent is never touched by it.
"""

import html as html_escapes
import re

_DARK_RULE = re.compile(r"@media\s*(?:only\s+screen\s+and\s*)?\(prefers-color-scheme:\s*dark\)")
_SCHEME = re.compile(r"color-scheme:\s*light dark")
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL)
_IMAGE = re.compile(r"<img\b(?P<attributes>(?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')", re.IGNORECASE)
_SPELLINGS = {"'": "(?:'|&#x27;|&#39;|&apos;)", '"': '(?:"|&quot;|&#34;|&#x22;)', "&": "&(?:amp;)?", "<": "&lt;", ">": "(?:>|&gt;)"}
MARKED = "marked"  # the id of what is marked: the address of the frame ends in it, so that it scrolls there
_MARK = f'<mark id="{MARKED}" style="background:#ffe38a;color:#1b1a18;">'


def force_scheme(html: str, *, dark: bool) -> str:
    """Return the mail as a program in dark mode shows it, or one in light mode, whatever the browser's own mode is."""
    scheme = "color-scheme: dark" if dark else "color-scheme: light"

    def rewrite(found: re.Match[str]) -> str:
        rules = _DARK_RULE.sub("@media all" if dark else "@media not all", found[2])
        return found[1] + _SCHEME.sub(scheme, rules) + found[3]

    return _STYLE.sub(rewrite, html)


def strip_images(html: str) -> str:
    """Return the mail as a program that loads no images shows it: each image's alternative text in its place."""
    def say(found: re.Match[str]) -> str:
        alt = _ALT.search(found["attributes"])
        words = html_escapes.unescape((alt["double"] or alt["single"] or "") if alt else "").strip()
        return f'<span class="image-off">{html_escapes.escape(words)}</span>' if words else ""

    return _IMAGE.sub(say, html)


def mark_words(html: str, words: str) -> str:
    """Return the mail with `words` lit up where it tells them; unchanged if it does not.

    A headline stands in the list of contents too, and in attributes: the last place in the text is the story's own.
    """
    if not words.strip():
        return html
    told = re.compile("".join(_SPELLINGS.get(char, re.escape(char)) for char in words.strip()))
    body = max(html.find("<body"), 0)
    places = [found for found in told.finditer(html, body)
              if html.rfind("<", 0, found.start()) <= html.rfind(">", 0, found.start())]
    if not places:
        return html
    start, end = places[-1].span()
    return f"{html[:start]}{_MARK}{html[start:end]}</mark>{html[end:]}"
