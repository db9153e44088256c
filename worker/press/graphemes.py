"""A line of text in; its characters as a reader counts them, which of them are emoji, and about how wide each is drawn, out."""

import re
import unicodedata
from collections.abc import Sequence

_JOINER, _EMOJI_STYLE, _KEYCAP = "\u200d", "\ufe0f", "\u20e3"
_EMOJI = re.compile("[\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001faff]")
_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
_FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")
_TAG = re.compile("[\U000e0020-\U000e007f]")
_NEW = re.compile("[\U0001fa70-\U0001faff]")  # in Unicode since 2019; older systems draw a box
# Advance widths of Helvetica and Arial, in em, by class of character: the fonts mail programs list mails in are as wide, about.
_WIDTHS = {char: width for chars, width in (
    ("ijl'|`", .22), ("I.,:;!ft/\\[] ()r-", .30), ("\u2019\u2018\u00b7", .24), ("\u201c\u201d\"*", .36), ("cksvxyzJ", .50),
    ("ABEKPSVXYZ&", .67), ("CDHNRU", .72), ("GOQ", .78), ("wFLT", .65), ("m\u2013M", .83), ("W%\u2014@\u2026", .97))
    for char in chars}
_WIDE, _NORMAL, _EMOJI_WIDTH = 1.0, .556, 1.25


def split_graphemes(text: str) -> list[str]:
    """Return what a reader takes for one character each: a letter with its accents, an emoji of several code points, a flag.

    A small part of Unicode's rules for text segmentation (UAX #29): marks, variation selectors, skin tones and tags stay with what
    they follow (GB9), what a zero-width joiner joins stays together (GB11), and so do two regional indicators (GB12).
    """
    found: list[str] = []
    for char in text:
        last = found[-1] if found else ""
        is_extension = unicodedata.category(char) in ("Mn", "Me", "Mc") or char == _JOINER or _TONE.match(char) or _TAG.match(char)
        joins = last.endswith(_JOINER) and _EMOJI.match(char)
        pairs = len(last) == 1 and _FLAG_LETTER.match(last) and _FLAG_LETTER.match(char)
        if last and (is_extension or joins or pairs):
            found[-1] += char
        else:
            found.append(char)
    return found


def is_emoji(grapheme: str) -> bool:
    """Say whether this is drawn as a picture."""
    return bool(_EMOJI.match(grapheme) or _FLAG_LETTER.match(grapheme)) or _EMOJI_STYLE in grapheme or _KEYCAP in grapheme


def find_risk(emoji: str) -> str:
    """Return what becomes of an emoji in some mail programs; "" if most draw it well."""
    if _FLAG_LETTER.match(emoji) or _TAG.search(emoji):
        return "Windows shows two letters instead of a flag"
    if _JOINER in emoji:
        return "older programs draw its parts one after the other"
    if _TONE.search(emoji):
        return "older programs draw a square behind it"
    if _KEYCAP in emoji:
        return "some programs draw a bare digit"
    return "older systems have no picture for it" if _NEW.match(emoji) else ""


def measure(graphemes: Sequence[str]) -> float:
    """Return about how wide they are drawn side by side, in em."""
    return sum(map(_measure_one, graphemes))


def _measure_one(grapheme: str) -> float:
    if is_emoji(grapheme):
        return _EMOJI_WIDTH
    if unicodedata.east_asian_width(grapheme[0]) in "WF":
        return _WIDE
    return _WIDTHS.get(unicodedata.normalize("NFD", grapheme)[0], _NORMAL)
