"""A published wording and how far it has come in, what a letter about it says out: its subject and its values. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from worker.issues.wording import clean_line, cut_line

MOST_POINTS = 6  # changes named in the letter; the page has all of them
_WORDS = 160  # characters of each
NAMES = {"newsletter": "terms", "privacy": "privacy notice", "partners": "partners' content", "tracking": "measuring"}


@dataclass(frozen=True)
class TermsNotice:
    """What a letter is about. `stage` is told, asked, week, last, paused or lapsed; `points` are (heading, done, words)."""

    stage: str
    kind: str
    version: str
    effective: date
    wording_url: str
    changes_url: str
    material: bool = False
    points: Sequence[tuple[str, str, str]] = ()

    @property
    def day(self) -> str:
        """The day it takes effect, as people write it."""
        return f"{self.effective.day} {self.effective:%B %Y}"

    def values(self) -> dict[str, Any]:
        """Return what the templates may ask for."""
        shown = [{"heading": cut_line(heading, _WORDS), "done": done, "words": cut_line(words, _WORDS)}
                 for heading, done, words in self.points[:MOST_POINTS]]
        return {"stage": self.stage, "kind": self.kind, "wording_name": NAMES[self.kind], "version": clean_line(self.version),
                "effective": self.day, "wording_url": self.wording_url, "changes_url": self.changes_url,
                "material": self.material, "points": shown, "more": max(0, len(self.points) - MOST_POINTS)}


def word_subject(title: str, notice: TermsNotice) -> str:
    """Return the letter's subject."""
    match notice.stage:
        case "asked":
            return f"{title}: please agree to our new terms before {notice.day}"
        case "week" | "last":
            return f"Reminder: unless you agree, we pause {title} on {notice.day}"
        case "paused":
            return f"We have paused {title}: one press brings it back"
        case "lapsed" if notice.kind == "partners":
            return f"{title}: partners' content has ended for you"
        case "lapsed":
            return f"{title}: we have stopped measuring what you open"
    return f"{title}: new {NAMES[notice.kind]} from {notice.day}"
