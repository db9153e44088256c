"""An edition's parts in, the same with a pixel and its links through our counter out: for readers who agreed to that alone."""

import html as escapes
import re
from collections.abc import Mapping
from functools import lru_cache

from worker.press.proof import GO_MARK, MARKS, SEEN_MARK

PIXEL = f'<img src="{SEEN_MARK}" width="1" height="1" alt="" style="display:block;border:0;" />'
_HREF = re.compile(r'(?<=\shref=")[^"]*(?=")')
_LONE_LINK = re.compile(r"^( *)(https?://\S+)$", re.MULTILINE)  # as the text part prints a link: on a line of its own


@lru_cache(maxsize=16)
def list_links(html: str) -> tuple[str, ...]:
    """Return the links of an edition's HTML in order, each once: a link's place here is its number for good.

    Of the whole edition with every block in it, whoever got which of them, so that one number means one address.
    """
    links = (escapes.unescape(found) for found in _HREF.findall(html))
    return tuple(dict.fromkeys(link for link in links if link.startswith(("http://", "https://")) and link not in MARKS))


def measure_parts(html: str, text: str, *, edition_html: str, site: str) -> tuple[str, str]:
    """Return a folded edition's two parts with the pixel, and with what leads away from `site` numbered through the counter.

    What is the site's own (the archive, the terms) and a reader's own links stay as they are.
    """
    numbered = {link: f"{GO_MARK}{number}/" for number, link in enumerate(list_links(edition_html))
                if not link.startswith(f"{site}/")}
    measured = _HREF.sub(lambda found: numbered.get(escapes.unescape(found[0]), found[0]), html)
    before, body, after = measured.rpartition("</body>")
    return f"{before}{PIXEL}{body}{after}" if body else measured + PIXEL, _number_text(text, numbered)


def _number_text(text: str, numbered: Mapping[str, str]) -> str:
    return _LONE_LINK.sub(lambda found: found[1] + numbered.get(found[2], found[2]), text)
