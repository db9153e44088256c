"""What the press makes: a proof of an issue, a letter to one reader, and the marks where a reader's links go."""

import hashlib
from dataclasses import dataclass

from worker.issues.wording import PRIVATE_HOST

# Where a reader's own links go; delivery puts them in the marks' place.
UNSUBSCRIBE_MARK = f"https://{PRIVATE_HOST}/unsubscribe/"
PREFERENCES_MARK = f"https://{PRIVATE_HOST}/preferences/"
MARKS = (UNSUBSCRIBE_MARK, PREFERENCES_MARK)
# In the copies of readers who agreed to be measured, and in no proof (press.measure). After the second follows a link's number.
SEEN_MARK = f"https://{PRIVATE_HOST}/seen/"
GO_MARK = f"https://{PRIVATE_HOST}/go/"
AGREE_MARK = f"https://{PRIVATE_HOST}/terms/agree/"  # in letters about new terms only
LETTER_MARKS = (*MARKS, AGREE_MARK)


@dataclass(frozen=True)
class Proof:
    """An issue as it would go out, with the marks of links and blocks still in it. `sha256` covers subject, html and text.

    `press.blocks.fold_proof` makes of it what a reader gets, and what may be shown.
    """

    subject: str
    html: str
    text: str
    sha256: str


@dataclass(frozen=True)
class Letter:
    """A letter of the service's own, to one reader."""

    subject: str
    html: str
    text: str


def hash_proof(subject: str, html: str, text: str) -> str:
    """Return the SHA-256 (hex) of what an approver lets go: the three parts in UTF-8, each after its length."""
    digest = hashlib.sha256()
    for part in (subject, html, text):
        raw = part.encode()
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()
