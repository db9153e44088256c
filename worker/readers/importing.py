"""A CSV of people who agreed elsewhere in, confirmed subscriptions with their origin on record out.

It goes in batches, each in one transaction together with how far the file is done: killed at any moment and run again,
it goes on from there.
"""

import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, ConflictError
from worker.readers.addresses import Address
from worker.readers.find import find_movers
from worker.readers.plain import read_any
from worker.readers.sheets import Row, open_sheet
from worker.readers.suppress import unwanted_among
from worker.storage.bulk_readers import Joining, OvertakenError, Standing, find_standings, subscribe_many
from worker.storage.models import AuditEntry, ImportRun, SubscriptionState

BATCH = 5000  # rows per transaction
LONGEST_SOURCE = 140  # characters; the row's own origin is to fit beside it into a consent's 200
FEW = 50  # refused rows that a report holds itself

Line = Callable[[int], None]


class Refusal(NamedTuple):
    """A row nobody is taken from."""

    line: int  # from 1
    email: str  # as in the file
    why: str
    broken: bool  # the row cannot be read, as against a person who must not be taken


@dataclass
class ImportReport:
    """What became of the rows, or would: imported + already + refused is their number."""

    system: str = ""  # that wrote the file, as its first line shows
    imported: int = 0
    already: int = 0
    refused: int = 0
    broken: int = 0  # of the refused
    recoded: int = 0  # of all rows: were not UTF-8 and were read as Windows-1252
    first: list[Refusal] = field(default_factory=list)  # the first few refused
    first_broken: Refusal | None = None
    resumed_after: int = 0  # the line an earlier run had got to
    finished_before: datetime | None = None  # an earlier run did all of it: nothing was done now

    @property
    def rows(self) -> int:
        """Return how many rows there were."""
        return self.imported + self.already + self.refused


_Person = tuple[Row, Address, str]  # the name as it is kept; a plain tuple, since a million of them are made


@dataclass
class _Decision:
    """What to do with some rows."""

    joining: list[Joining] = field(default_factory=list)
    already: int = 0
    refused: list[Refusal] = field(default_factory=list)


def check_source(consent_source: str) -> str:
    """Return what the publisher says of the people's origin, on one line; raises BroadsheetError if it will not do."""
    source = _clean(consent_source)
    if not 1 <= len(source) <= LONGEST_SOURCE:
        raise BroadsheetError(f"--consent-source: say in 1 to {LONGEST_SOURCE} characters where and how these readers agreed, "
                              "e.g. 'sign-up form of old.example.com, 2024, exported 2026-11-01'")
    return source


def look(path: str | Path, *, newsletter: str, on_line: Line | None = None,
         on_refused: Callable[[Refusal], None] | None = None) -> ImportReport:
    """Return what importing this file would do, changing nothing; arguments and errors as of `import_readers`."""
    editorial.load().newsletter(newsletter)
    report = ImportReport()
    seen = array("q")  # eight bytes a row: two rows of one person may be far apart in the file
    with open_sheet(Path(path)) as sheet:
        report.system = sheet.layout.system
        for batch in sheet.batches(BATCH):
            decision = _decide(batch, newsletter, "", lock=False)
            seen.extend([hash(one.reader_id or one.mailbox or one.email_key) for one in decision.joining])
            report.already += decision.already
            _tell(report, batch, decision.refused, on_refused)
            if on_line:
                on_line(batch[-1].line)
    report.imported = _count_different(seen)
    report.already += len(seen) - report.imported
    return report


def _count_different(numbers: "array[int]") -> int:
    """Count the numbers that differ, in the place they are in: a set of a million takes ten times the memory."""
    if not numbers:
        return 0
    sorted_in_place = np.frombuffer(numbers, dtype=np.int64)
    sorted_in_place.sort()
    return 1 + int(np.count_nonzero(sorted_in_place[1:] != sorted_in_place[:-1]))


def import_readers(path: str | Path, *, newsletter: str, consent_source: str, by: str = "operator",
                   on_line: Line | None = None, on_refused: Callable[[Refusal], None] | None = None,
                   now: datetime | None = None) -> ImportReport:
    """Subscribe the people in a CSV to one newsletter; `on_line` is called with the line numbers reached.

    `consent_source` says where and how they agreed; it is stored with every consent, with what the file itself knows of
    the time and the network address. Rows that cannot be taken are refused with line and reason. People who left, and
    addresses that must not be written to, stay as they are. The same bytes are imported into a newsletter once: an import
    that was broken off goes on where it was, one that ended does nothing. Raises BroadsheetError, before anything is
    written, for a file, a newsletter or a source that will not do; ConflictError if the same import is running.
    """
    editorial.load().newsletter(newsletter)
    source = check_source(consent_source)
    path = Path(path)
    with open_sheet(path) as sheet:
        run = _open_run(path, newsletter, source, by)
        report = ImportReport(system=sheet.layout.system, resumed_after=run.line, finished_before=run.finished_at)
        if run.finished_at is None:
            for batch in _cut(sheet.batches(BATCH), run.line):
                refused = _take(run, batch, now)
                _tell(report, batch, refused, on_refused)
                if on_line:
                    on_line(batch[-1].line)
            _close_run(run, by)
    report.imported, report.already, report.refused = run.imported, run.already, run.refused
    return report


def measure_file(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file's bytes, and about how many lines it has."""
    digest, feeds, returns = sha256(), 0, 0
    with _reading(path), path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            feeds += piece.count(b"\n")
            returns += piece.count(b"\r")
    return digest.hexdigest(), max(feeds, returns) + 1


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BroadsheetError(f"{path}: {error.strerror or error}; give the CSV file to read") from error


def _open_run(path: Path, newsletter: str, source: str, by: str) -> ImportRun:
    digest, _ = measure_file(path)
    name = path.name.encode(errors="backslashreplace").decode()  # a file's name need not be text
    with transaction.atomic():
        run, is_new = ImportRun.objects.get_or_create(
            sha256=digest, newsletter=newsletter, defaults={"name": name[-200:], "source": source})
        if is_new:
            _note(run, by, "begin import")
    if run.finished_at is None and run.source != source:
        raise ConflictError(f"{path}: the import that was begun on {run.started_at:%Y-%m-%d %H:%M} UTC says "
                            f"--consent-source {run.source!r}; go on with the same")
    return run


def _close_run(run: ImportRun, by: str) -> None:
    with transaction.atomic():
        run.finished_at = timezone.now()
        if ImportRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=run.finished_at):
            _note(run, by, "import")


def _note(run: ImportRun, by: str, action: str) -> None:
    AuditEntry.objects.create(actor=by[:254], action=action, subject=f"newsletter {run.newsletter}", detail={
        "run": run.pk, "sha256": run.sha256, "source": run.source, "imported": run.imported, "already": run.already,
        "refused": run.refused})


def _cut(batches: Iterable[list[Row]], line: int) -> Iterator[list[Row]]:
    """Cut the batches where an earlier run ended, so that each is wholly done or not at all."""
    for batch in batches:
        done = sum(row.line <= line for row in batch)
        yield from (part for part in (batch[:done], batch[done:]) if part)


def _take(run: ImportRun, batch: list[Row], now: datetime | None) -> list[Refusal]:
    """Store one batch, with how far the file is done now; return who was refused. What is done already is only looked at."""
    if batch[-1].line <= run.line:
        return _decide(batch, run.newsletter, run.source, lock=False).refused
    while True:
        try:
            with transaction.atomic():
                return _store(run, batch, now or timezone.now())
        except OvertakenError:
            run.refresh_from_db()


def _store(run: ImportRun, batch: list[Row], now: datetime) -> list[Refusal]:
    stored = ImportRun.objects.select_for_update().get(pk=run.pk)
    if stored.line != run.line or stored.finished_at:
        raise ConflictError(f"{run.name} is being imported into {run.newsletter} by another process: let it finish")
    decision = _decide(batch, run.newsletter, run.source, lock=True)
    if decision.joining:
        subscribe_many(decision.joining, run.newsletter, now, method="import", form="import")
    run.line = batch[-1].line
    run.imported += len(decision.joining)
    run.already += decision.already
    run.refused += len(decision.refused)
    run.save(update_fields=["line", "imported", "already", "refused"])
    return decision.refused


def _decide(batch: Sequence[Row], newsletter: str, source: str, *, lock: bool) -> _Decision:
    """Say what is to become of these rows; `lock`: of the readers among them who are known, until the transaction ends."""
    decision = _Decision()
    people = list(_read_people(batch, newsletter, decision))
    if people:
        emails = {address.key: address.email for _, address, _ in people}
        mailboxes = {address.key: address.mailbox or address.key for _, address, _ in people}
        movers = find_movers(list(emails))
        standings = find_standings(mailboxes, newsletter, movers=movers, lock=lock)
        _sort_out(people, unwanted_among(emails, movers), standings, source, decision)
        decision.refused.sort()
    return decision


def _read_people(batch: Iterable[Row], newsletter: str, decision: _Decision) -> Iterator[_Person]:
    for row in batch:
        if row.why:
            decision.refused.append(Refusal(row.line, row.email, row.why, row.broken))
            continue
        if row.newsletter and row.newsletter != newsletter:
            why = f"this row is about another newsletter, {row.newsletter[:40]!r}"
            decision.refused.append(Refusal(row.line, row.email, why, broken=False))
            continue
        try:
            address = read_any(row.email)
        except BroadsheetError as error:
            decision.refused.append(Refusal(row.line, row.email, str(error), broken=True))
            continue
        yield row, address, _clean(row.name)[:120]


def _sort_out(people: Iterable[_Person], suppressed: set[str], standings: dict[str, Standing], source: str,
              decision: _Decision) -> None:
    """Decide for each by what is known of them; a second row of one person, in any spelling, adds nothing."""
    taken: set[str | int] = set()
    for row, address, name in people:
        standing = standings.get(address.key)
        state = standing.state if standing else None
        person = standing.reader_id if standing else address.mailbox or address.key
        if address.email in suppressed:
            why = "this address must not be written to"
        elif person in taken or state == SubscriptionState.CONFIRMED:
            decision.already += 1
            continue
        elif standing and standing.has_left:  # also when somebody has signed them up since: that is theirs to confirm
            why = "this reader has left the newsletter; only they can come back"
        elif state not in (None, SubscriptionState.PENDING):
            why = "mail to this reader's address came back"
        else:
            taken.add(person)
            origin = f"{source}; {row.origin}" if row.origin else source
            decision.joining.append(Joining(
                address.email, address.key, address.mailbox, name, origin, row.network_address,
                standing.reader_id if standing else None, state is not None))
            continue
        decision.refused.append(Refusal(row.line, row.email, why, broken=False))


def _clean(text: str) -> str:
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text else text.strip()
    text = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    return " ".join(text.split())


def _tell(report: ImportReport, batch: Iterable[Row], refused: Sequence[Refusal],
          on_refused: Callable[[Refusal], None] | None) -> None:
    report.recoded += sum(row.recoded for row in batch)
    report.broken += sum(one.broken for one in refused)
    report.refused += len(refused)
    report.first.extend(refused[: FEW - len(report.first)])
    report.first_broken = report.first_broken or next((one for one in refused if one.broken), None)
    if on_refused:
        for one in refused:
            on_refused(one)
