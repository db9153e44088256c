"""Colours as CSS writes them in, how well one is to be read on another out: WCAG 2.2, success criterion 1.4.3."""

import re
from functools import lru_cache

Colour = tuple[float, float, float, float]  # red, green, blue from 0 to 255, and how much of it covers, from 0 to 1
LEAST, LEAST_LARGE = 4.5, 3.0
CLEAR: Colour = (0, 0, 0, 0)
_NAMED = {
    "black": "#000000", "white": "#ffffff", "red": "#ff0000", "green": "#008000", "blue": "#0000ff", "gray": "#808080",
    "grey": "#808080", "silver": "#c0c0c0", "maroon": "#800000", "navy": "#000080", "olive": "#808000", "purple": "#800080",
    "teal": "#008080", "yellow": "#ffff00", "orange": "#ffa500", "aqua": "#00ffff", "cyan": "#00ffff", "fuchsia": "#ff00ff",
    "magenta": "#ff00ff", "lime": "#00ff00"}
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)")


@lru_cache(maxsize=500)
def read_colour(text: str) -> Colour | None:
    """Return the colour, None if it is written in a way that cannot be read here (a name that few know, a variable)."""
    word = text.strip().lower()
    if word == "transparent":
        return CLEAR
    word = _NAMED.get(word, word)
    if re.fullmatch(r"#(?:[0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})", word):
        digits = word[1:] if len(word) > 5 else "".join(digit * 2 for digit in word[1:])
        parts = [int(digits[at:at + 2], 16) for at in range(0, len(digits), 2)]
        return parts[0], parts[1], parts[2], parts[3] / 255 if len(parts) == 4 else 1
    found = _RGB.fullmatch(word)
    if found is None or max(int(found[at]) for at in (1, 2, 3)) > 255:
        return None
    try:
        cover = float(found[4]) / (100 if found[5] else 1) if found[4] else 1.0
    except ValueError:
        return None
    return int(found[1]), int(found[2]), int(found[3]), min(1.0, cover)


def lay_over(top: Colour, ground: Colour) -> Colour:
    """Return what is seen of `top` over `ground`, which covers all."""
    red, green, blue = (above * top[3] + below * (1 - top[3]) for above, below in zip(top[:3], ground[:3], strict=True))
    return red, green, blue, 1


def measure_luminance(colour: Colour) -> float:
    """Return the relative luminance, from 0 (black) to 1 (white), as WCAG 2.2 defines it."""
    red, green, blue = (_linear(part / 255) for part in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def measure_contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio, from 1 to 21."""
    light, dark = sorted((measure_luminance(one), measure_luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def is_large(pixels: float, bold: bool) -> bool:
    """Tell whether WCAG counts a text as large: from 18 point, or 14 point bold; a point is 4/3 of a pixel."""
    return pixels >= 24 or (bold and pixels >= 14 * 4 / 3 - 0.01)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
