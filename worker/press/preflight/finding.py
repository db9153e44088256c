"""What a check saw in, its findings out: one if all is well, else one for each fault, with what is to be done about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

MOST = 5  # faults of one check that are named one by one; how many more there are is said with the last


@dataclass(frozen=True)
class Finding:
    """One check's outcome in words. `blocking`: the issue may not go out unless it is `ok`.

    `mend` says how to put it right, `where` is the fragment of the issue's page at which that is done ("" if elsewhere), and
    `about` the address it is about, if it is about one.
    """

    check: str
    ok: bool
    blocking: bool
    message: str
    mend: str = ""
    where: str = ""
    about: str = ""


@dataclass(frozen=True)
class Fault:
    """Something wrong, how to mend it, and where on the issue's page that is done."""

    words: str
    mend: str
    where: str = ""
    about: str = ""


def judge(check: str, faults: Sequence[Fault], fine: str, *, blocking: bool = True) -> Iterator[Finding]:
    """Yield `fine` as a finding, or the first faults, each by itself, the last of them with how many more there are."""
    if not faults:
        yield Finding(check, True, blocking, fine)
    for number, fault in enumerate(faults[:MOST], 1):
        more = f" (and {len(faults) - MOST} more)" if number == MOST and len(faults) > MOST else ""
        yield Finding(check, False, blocking, fault.words + more, fault.mend, fault.where, fault.about)


def read_finding(row: Mapping[str, Any]) -> Finding:
    """Return a finding that an edition keeps; those of older editions say less."""
    known = {one.name for one in fields(Finding)}
    return Finding(**{name: value for name, value in row.items() if name in known})


def list_blocking(findings: Sequence[Finding]) -> list[Finding]:
    """Return what stands against approval."""
    return [finding for finding in findings if finding.blocking and not finding.ok]
