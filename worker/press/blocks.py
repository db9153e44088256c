"""Marked text in, one kind of reader's text out: what not every reader of an issue gets stands in it between marks.

A block is BEGIN key THEN words END, in private characters that no text from outside can hold (`wording.clean_line` takes
them out). The key says who gets it: `partners`, those who agreed to partners' content; `topic:chips,policy`, those who
chose one of these topics, or none. Blocks may stand inside one another. Outside the press and delivery nobody sees a mark.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from worker.errors import BroadsheetError
from worker.press.proof import Proof

BEGIN, THEN, END = "\ue010", "\ue011", "\ue012"
PARTNERS = "partners"
_TOPIC = "topic:"
_KEY = r"partners|topic:[a-z]+(?:,[a-z]+)*"
_BEGUN = f"{BEGIN}(?P<key>{_KEY}){THEN}"
# A mark that is alone on its line takes the line with it: a folded text has no holes.
_MARK = re.compile(f"^(?:{_BEGUN}|{END})\n|{_BEGUN.replace('key', 'inline')}|{END}", re.MULTILINE)
_STRAY = re.compile(f"[{BEGIN}{THEN}{END}]")


def begin_block(key: str) -> str:
    """Return the mark before what only some readers get."""
    return f"{BEGIN}{key}{THEN}"


def topic_key(topics: Iterable[str]) -> str:
    """Return the key of what is about these topics."""
    return _TOPIC + ",".join(sorted(topics))


def list_keys(text: str) -> frozenset[str]:
    """Return the keys of all blocks."""
    return frozenset(key for found in _MARK.finditer(text) if (key := found["key"] or found["inline"]))


def choose_keys(keys: Iterable[str], *, partners: bool, topics: Collection[str] = ()) -> frozenset[str]:
    """Return which of the blocks a reader gets who agreed to partners' content or not, and chose these topics or none."""
    return frozenset(key for key in keys if (partners if key == PARTNERS else
                                             not topics or bool(set(key.removeprefix(_TOPIC).split(",")) & set(topics))))


def fold(text: str, keys: Collection[str]) -> str:
    """Return the text with the blocks of these keys in it, those of others gone, and no mark left.

    Raises BroadsheetError if a mark has no partner: what is somebody's alone must never reach everybody.
    """
    kept: list[str] = []
    around: list[bool] = []
    keeping, at = True, 0
    for found in _MARK.finditer(text):
        if keeping:
            kept.append(text[at : found.start()])
        at = found.end()
        key = found["key"] or found["inline"]
        if key:
            around.append(keeping)
            keeping = keeping and key in keys
        elif around:
            keeping = around.pop()
        else:
            raise BroadsheetError("a block of the issue ends that did not begin; mend the mail's template")
    kept.append(text[at:])
    whole = "".join(kept)
    if around or _STRAY.search(whole):
        raise BroadsheetError("a block of the issue begins and does not end; mend the mail's template")
    return whole


def fold_plain(text: str, keys: Collection[str]) -> str:
    """Return a plain text folded, at most one blank line in a row where something is gone."""
    folded = fold(text, keys)
    return folded if folded == text else re.sub(r"\n{3,}", "\n\n", folded).strip("\n") + "\n"


def fold_proof(proof: Proof, *, partners: bool = True, topics: Collection[str] = ()) -> Proof:
    """Return the proof as one kind of reader gets it; as it stands by default, all of it in. The hash stays the whole one's."""
    keys = choose_keys(list_keys(proof.html) | list_keys(proof.text), partners=partners, topics=topics)
    return replace(proof, html=fold(proof.html, keys), text=fold_plain(proof.text, keys))


def find_faults(html: str, text: str) -> list[str]:
    """Return what is wrong with the blocks of a mail's two parts, in words; none if they may be folded."""
    faults = []
    for part in (html, text):
        try:
            fold(part, ())
        except BroadsheetError as error:
            faults.append(str(error))
    if not faults and list_keys(html) != list_keys(text):
        apart = ", ".join(sorted(list_keys(html) ^ list_keys(text)))
        faults.append(f"the HTML and the plain text differ in what only some readers get ({apart}); mend the mail's template")
    return faults


def strip_marks(text: str) -> str:
    """Return the text with everything in and no mark, even where they do not fit together."""
    return _STRAY.sub("", _MARK.sub("", text))
