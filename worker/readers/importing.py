"""A CSV of people who agreed elsewhere in, confirmed subscriptions with their origin on record out; and a CSV back."""

import csv
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError
from worker.readers.addresses import Address, read_address
from worker.readers.consent import build_consent
from worker.readers.sheets import Row, open_sheet
from worker.readers.suppress import suppressed_among
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Subscription, SubscriptionState

BATCH = 500  # rows per transaction
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class ImportReport:
    """What became of the rows: imported + already + len(refused) is the number of rows."""

    imported: int = 0
    already: int = 0
    recoded: int = 0  # of all rows: were not UTF-8 and were read as Windows-1252
    refused: list[tuple[int, str]] = field(default_factory=list)  # (line from 1, why)


@dataclass(frozen=True)
class _Person:
    line: int
    address: Address
    name: str


def import_readers(path: str | Path, *, newsletter: str, consent_source: str,
                   on_row: Callable[[int], None] | None = None, now: datetime | None = None) -> ImportReport:
    """Subscribe the people in a CSV to one newsletter; `on_row` is called with each line number done.

    `consent_source` says where and how they agreed (1 to 200 characters); it is stored with every consent. Rows that
    cannot be taken are refused with line and reason, the others are stored in batches. People who left, and addresses
    that must not be written to, stay as they are. Running it again imports nobody twice. Raises BroadsheetError,
    before anything is written, for a file, a newsletter or a source that will not do.
    """
    editorial.load().newsletter(newsletter)
    source = " ".join(consent_source.split())
    if not 1 <= len(source) <= 200:
        raise BroadsheetError("--consent-source: say in 1 to 200 characters where and how these readers agreed, e.g. "
                              "'sign-up form of old.example.com, 2024, exported 2026-11-01'")
    report = ImportReport()
    with open_sheet(Path(path)) as sheet:
        rows = sheet.rows()
        while batch := list(islice(rows, BATCH)):
            people = list(_read_people(batch, report))
            with transaction.atomic():
                _store(people, newsletter, source, report, now or timezone.now())
            if on_row:
                for row in batch:
                    on_row(row.line)
    report.refused.sort()
    return report


def find_broken(path: str | Path) -> list[tuple[int, str]]:
    """Return (line from 1, why) of the rows no import can take, without writing anything. Raises as `import_readers`."""
    report = ImportReport()
    with open_sheet(Path(path)) as sheet:
        rows = sheet.rows()
        while batch := list(islice(rows, BATCH)):
            for _person in _read_people(batch, report):
                pass
    return sorted(report.refused)


def _read_people(batch: list[Row], report: ImportReport) -> Iterator[_Person]:
    for row in batch:
        report.recoded += row.recoded
        if row.why:
            report.refused.append((row.line, row.why))
            continue
        try:
            address = read_address(_strip_guard(row.email))
        except BroadsheetError as error:
            report.refused.append((row.line, str(error)))
            continue
        yield _Person(row.line, address, _clean_name(_strip_guard(row.name)))


def _clean_name(text: str) -> str:
    kept = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    return " ".join(kept.split())[:120]


def _strip_guard(cell: str) -> str:
    """Undo `_guard`, so that what was exported can be imported."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _store(people: list[_Person], newsletter: str, source: str, report: ImportReport, now: datetime) -> None:
    suppressed = suppressed_among(person.address.email for person in people)
    wanted: dict[str, _Person] = {}
    for person in people:
        if person.address.email in suppressed:
            report.refused.append((person.line, "this address must not be written to"))
        elif person.address.key in wanted:
            report.already += 1
        else:
            wanted[person.address.key] = person
    readers = _find_or_make(wanted, now)
    states = {row.reader_id: row for row in Subscription.objects.filter(newsletter=newsletter,
                                                                       reader__in=readers.values())}
    joining: list[Reader] = []
    for key, person in wanted.items():
        row = states.get(readers[key].pk)
        if row is None or (row.state == SubscriptionState.PENDING and not row.left_at):
            joining.append(readers[key])
        elif row.state == SubscriptionState.CONFIRMED:
            report.already += 1
        elif row.left_at:  # also when somebody has signed them up since: then it is for their confirmation to say
            report.refused.append((person.line, "this reader has left the newsletter; only they can come back"))
        else:
            report.refused.append((person.line, "mail to this reader's address came back"))
    _subscribe(joining, newsletter, source, now)
    report.imported += len(joining)


def _find_or_make(people: dict[str, _Person], now: datetime) -> dict[str, Reader]:
    known = set(Reader.objects.filter(email_key__in=people).values_list("email_key", flat=True))
    Reader.objects.bulk_create(
        [Reader(email=person.address.email, email_key=key, name=person.name, created_at=now)
         for key, person in people.items() if key not in known],
        ignore_conflicts=True)  # somebody may be signing up at this moment
    locked = Reader.objects.select_for_update(no_key=True).filter(email_key__in=people).order_by("pk")
    return {reader.email_key: reader for reader in locked}


def _subscribe(readers: list[Reader], newsletter: str, source: str, now: datetime) -> None:
    Subscription.objects.bulk_create(
        [Subscription(reader=reader, newsletter=newsletter, asked_at=now) for reader in readers], ignore_conflicts=True)
    Subscription.objects.filter(reader__in=readers, newsletter=newsletter, state=SubscriptionState.PENDING).update(
        state=SubscriptionState.CONFIRMED, confirmed_at=now, confirm_round=F("confirm_round") + 1)
    Consent.objects.bulk_create([
        build_consent(reader, Purpose.NEWSLETTER, ConsentAction.GIVEN, newsletter=newsletter, method="import",
                      source=source, now=now)
        for reader in readers])


def export_readers(out: TextIO, newsletter: str | None = None) -> int:
    """Write the subscriptions as CSV, all or one newsletter's, and return how many rows.

    Cells that a spreadsheet would take for a formula begin with an apostrophe (OWASP, CSV injection). Raises
    BroadsheetError for an unknown newsletter.
    """
    rows = Subscription.objects.select_related("reader").order_by("reader_id", "newsletter")
    if newsletter is not None:
        editorial.load().newsletter(newsletter)
        rows = rows.filter(newsletter=newsletter)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["email", "name", "newsletter", "state", "confirmed_at", "left_at", "partners", "tracking"])
    count = 0
    for row in rows.iterator(chunk_size=2000):
        cells = [row.reader.email, row.reader.name, row.newsletter, row.state, _moment(row.confirmed_at),
                 _moment(row.left_at), _word(row.reader.partners), _word(row.reader.tracking)]
        writer.writerow([_guard(cell) for cell in cells])
        count += 1
    return count


def _guard(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""


def _word(flag: bool) -> str:
    return "yes" if flag else "no"
