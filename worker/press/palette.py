"""The mail's colours by their use, in light and in dark; a test holds every text to WCAG AA contrast on its ground."""

LIGHT = {
    "page": "#f1eee8",
    "paper": "#fffefb",
    "ink": "#1b1a18",
    "muted": "#5b5750",
    "label": "#8c1d18",
    "link": "#1a4b8c",
    "rule": "#cfc9bd",
    "heavy": "#1b1a18",
    "box": "#f6f2e9",
    "button": "#1b1a18",
    "button_ink": "#fffefb",
}

DARK = {
    "page": "#0f1012",
    "paper": "#191a1d",
    "ink": "#eeebe4",
    "muted": "#b4aea3",
    "label": "#f2a49d",
    "link": "#a3c6ff",
    "rule": "#43454a",
    "heavy": "#b4aea3",
    "box": "#222428",
    "button": "#eeebe4",
    "button_ink": "#191a1d",
}
