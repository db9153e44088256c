"""One file of templates/terms in, its front matter and its wording, filled in and not yet published, out."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from worker.errors import BroadsheetError

KINDS = ("newsletter", "privacy", "partners", "tracking")
# It stands in the address of the page and in every consent, so it is kept plain.
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,19}")
_KEYS = {"version", "effective", "material", "title"}


@dataclass(frozen=True)
class Draft:
    """One file, read and filled in, not yet published."""

    file: Path
    kind: str
    version: str
    title: str
    effective: date
    material: bool
    wording: str

    @property
    def sha256(self) -> str:
        """The hash of the wording, byte for byte, as readers' consents name it."""
        return hashlib.sha256(self.wording.encode()).hexdigest()


def read_draft(file: Path, values: Mapping[str, str]) -> Draft:
    """Read `KIND-VERSION.md`: front matter between lines of three hyphens, then Markdown with {values} to fill in.

    Raises BroadsheetError naming the file, what is wrong and what is allowed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BroadsheetError(f"{file}: cannot be read ({error}); save it as UTF-8 text") from error
    kind = file.stem.partition("-")[0]
    if kind not in KINDS:
        raise BroadsheetError(f"{file}: the file's name must begin with one of: {', '.join(KINDS)}")
    front, wording = _split_front_matter(file, text)
    return Draft(file=file, kind=kind, version=_read_version(file, front["version"]), title=front["title"][:200],
                 effective=_read_date(file, front["effective"]), material=_read_flag(file, front["material"]),
                 wording=_fill(file, wording, values))


def _split_front_matter(file: Path, text: str) -> tuple[dict[str, str], str]:
    head, opened, rest = text.removeprefix("\ufeff").replace("\r\n", "\n").partition("---\n")
    block, closed, wording = rest.partition("\n---\n")
    if head.strip() or not opened or not closed or not wording.strip():
        raise BroadsheetError(f"{file}: begin with a block between two lines of `---` "
                              f"that gives {', '.join(sorted(_KEYS))}, then the wording")
    front: dict[str, str] = {}
    for number, line in enumerate(block.splitlines(), start=2):
        key, colon, value = line.partition(":")
        if line.strip() and (not colon or key.strip() not in _KEYS):
            raise BroadsheetError(f"{file}:{number}: {line.strip()[:60]!r} is not known; "
                                  f"allowed: {', '.join(sorted(_KEYS))}")
        if line.strip():
            front[key.strip()] = value.strip().strip("\"'")
    for key in sorted(_KEYS):
        if not front.get(key):
            raise BroadsheetError(f"{file}: {key} is missing in the block at the top")
    return front, wording.strip() + "\n"


def _read_version(file: Path, text: str) -> str:
    if not VERSION.fullmatch(text):
        raise BroadsheetError(f"{file}: version {text!r}: give 1 to 20 letters, digits, dots or hyphens, such as 1.1")
    return text


def _read_date(file: Path, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise BroadsheetError(f"{file}: effective {text!r}: give a date such as 2026-11-01") from error


def _read_flag(file: Path, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise BroadsheetError(f"{file}: material {text!r}: give true or false")
    return text.lower() == "true"


def _fill(file: Path, wording: str, values: Mapping[str, str]) -> str:
    unknown = sorted(set(re.findall(r"\{([a-z_]+)\}", wording)) - set(values))
    if unknown:
        raise BroadsheetError(f"{file}: {{{unknown[0]}}} is not known; allowed: {', '.join(sorted(values))}")
    return re.sub(r"\{([a-z_]+)\}", lambda match: values[match[1]], wording)
