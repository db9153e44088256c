"""A change to a draft in, one line in the past tense about it out: "dropped “…”". Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from worker.issues.snapshot import Snapshot
from worker.issues.wording import cut_line

_LENGTH = 60  # of a headline in such a line
_SECTIONS = {"lead": "the lead", "top": "a top story", "short": "a short item"}
Say = Callable[[str, Mapping[str, Any]], str]

_WORDS: dict[str, Say] = {
    "rewrite": lambda story, _: f"rewrote {story}",
    "move": lambda story, detail: f"moved {story} to place {detail['to'] + 1}",
    "drop": lambda story, _: f"dropped {story}",
    "restore": lambda story, _: f"put back {story}",
    "renew": lambda story, _: f"took the machine’s words for {story}",
    "waive": lambda story, detail: f"waived a doubt about {quote(detail['text'])}",
    "unwaive": lambda story, detail: f"took back the waiver for {quote(detail['text'])}",
    "pull in": lambda story, _: f"pulled in {story}",
    "pin": lambda story, detail: f"{'pinned' if detail['pinned'] else 'unpinned'} {story}",
    "section": lambda story, detail: f"made {story} {_SECTIONS[detail['section']]}",
    "lead outlet": lambda story, detail: f"put {cut_line(detail['outlet'], _LENGTH)} first in {story}",
    "merge": lambda story, detail: f"merged {story} into {quote(detail['into'])}",
    "split": lambda story, detail: f"split {_count(detail['items'])} off {story}",
    "leave out source": lambda story, detail: f"left {cut_line(detail['outlet'], _LENGTH)} out of {story}",
    "waive link": lambda story, detail: f"let the link to {cut_line(detail['url'], _LENGTH)} stand",
    "retitle": lambda story, _: "rewrote the subject and preheader",
    "add partner block": lambda story, _: f"added partner’s content {story}",
    "edit partner block": lambda story, _: f"rewrote partner’s content {story}",
    "remove partner block": lambda story, _: f"removed partner’s content {story}",
    "follow ruling": lambda story, _: "brought the issue along with a merge or split of its stories",
}


def say_change(action: str, detail: Mapping[str, Any], before: Snapshot, new: Snapshot) -> str:
    """Return what was done; a row is named by its headline before the change, a new one by its own."""
    story = ""
    for kind, key in (("placements", "placement"), ("blocks", "block")):
        pk = str(detail.get(key, ""))
        values = before[kind].get(pk) or new.get(kind, {}).get(pk) or {}
        story = story or quote(values.get("headline", ""))
    return _WORDS[action](story, detail) if action in _WORDS else f"made a change ({action}) {story}".rstrip()


def name_row(detail: Mapping[str, Any], action: str) -> str:
    """Return the one row that the change is about, as Change.row has it."""
    if action == "retitle":
        return "titles"
    return next((f"{kind} {detail[key]}" for kind, key in (("story", "placement"), ("partner", "block")) if key in detail), "")


def quote(words: str) -> str:
    """Return a headline in quotation marks, cut to what a line can hold."""
    return f"“{cut_line(words, _LENGTH)}”" if words else ""


def _count(number: int) -> str:
    return "one report" if number == 1 else f"{number} reports"
