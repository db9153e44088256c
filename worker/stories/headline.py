"""The titles of a story's articles come in; the one that says plainly what happened comes out, without the outlet's name."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from worker.stories.roundups import is_roundup
from worker.stories.sentences import length_in_words, tidy
from worker.stories.similarity import Article, read_stems

_LABEL = re.compile(
    r"^(?:(?:update\s?\d*|breaking(?:\snews)?|exclusive|watch|video|report|rpt|wrapup|analysis|just\sin|developing|"
    r"announcing|show\shn|news|ask\shn)\s?\d*\s?(?::|\s[-–—]\s|-(?=[A-Z]))\s*|\[[^\]]{1,20}\]\s*|【[^】]{1,12}】)+",
    re.I,
)
_SUFFIX = re.compile(r"\s+(?:[|·•»]|[-–—])\s+([^|·•»–—]{2,40})$")
_COY = re.compile(
    r"""^(?:why|how|what|when|who|where|here['’]?s|this\sis|these|meet|inside|i\s|my\s|we\s|you\s|your\s|opinion|review|"""
    r"""hands-on|explained|\d+\s(?:things|ways|reasons|takeaways))|\b(?:you\s(?:won['’]t|need\sto\sknow|should)|"""
    r"""shocking|mind-?blowing|insane|slams?|goes\sviral|what\sto\sknow|everything\s(?:we|you)|explained|ask\sus|"""
    r"""here['’]s\s(?:why|what|how))\b""",
    re.I | re.X,
)


def choose_headline(
    articles: Sequence[Article],
    vectors: npt.NDArray[np.float32],
    centre: npt.NDArray[np.float32],
    fresh: Sequence[bool] = (),
) -> str:
    """The plain title nearest to what all say; `vectors` has a row a title, `centre` is where the whole story lies, `fresh` says
    which titles readers have not had in other words (they come first)."""
    titles = [clean_title(article.title, article.source) for article in articles]
    agreement = vectors @ centre + (vectors @ vectors.T).mean(axis=1)
    texts = [read_stems(f"{article.title} {article.summary[:1000]}") for article in articles]
    scores = [
        float(agreement[i]) + 2 * _borne_out(title, texts[:i] + texts[i + 1 :]) - _faults(title, articles[i].title)
        + (4.0 if fresh and fresh[i] else 0.0)
        for i, title in enumerate(titles)
    ]  # fmt: skip
    return titles[int(np.argmax(scores))]


def clean_title(title: str, source: str | None) -> str:
    """Without "UPDATE 1-" before it and "| The Outlet" behind it."""
    title = tidy(title)
    bare = _LABEL.sub("", title)
    if match := _SUFFIX.search(bare):
        name = match[1].strip()
        separator = bare[match.start() :].strip()[0]
        if separator in "|·•»" or _same_name(name, source):
            bare = bare[: match.start()]
    bare = bare.strip().removesuffix(".").strip() if not bare.rstrip().endswith("...") else bare.strip()
    return bare[:1].upper() + bare[1:] if bare[:1].islower() and bare[1:2].islower() else bare or title


def _borne_out(title: str, others: Sequence[frozenset[str]]) -> float:
    """How much of the title's wording the other articles use too, between 0 and 1."""
    words = read_stems(title)
    return sum(len(words & other) / len(words) for other in others) / len(others) if words and others else 0.0


def _same_name(name: str, source: str | None) -> bool:
    if source is None:
        return False
    one, other = (re.sub(r"\W|^the\s|\.com$", "", text.lower()) for text in (name, source))
    return bool(one) and (one in other or other in one)


def _faults(title: str, whole: str) -> float:
    words = length_in_words(title)
    letters = [c for c in title if c.isalpha()]
    return (
        0.5 * title.endswith(("?", "？"))
        + 0.35 * bool(_COY.search(title))
        + 0.6 * title.endswith(("...", "…"))
        + 0.5 * is_roundup(whole)
        + 0.15 * title.endswith(("!", "！"))
        + 0.15 * title.startswith(("“", '"', "‘", "'"))
        + 0.4 * bool(letters and sum(c.isupper() for c in letters) > 0.6 * len(letters))
        + 0.05 * max(0, words - 14)
        + 0.1 * max(0, 5 - words)
    )
