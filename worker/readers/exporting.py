"""Subscriptions in, a CSV that no spreadsheet runs anything of out; the audit log knows who took it."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TextIO

from django.db.models import Max, QuerySet

from worker import editorial
from worker.readers.cells import guard_cell
from worker.storage.models import AuditEntry, Consent, ConsentAction, Purpose, Subscription

COLUMNS = ("email", "name", "newsletter", "state", "frequency", "topics", "paused_until", "confirmed_at", "left_at",
           "partners", "tracking", "newsletter_consent_at", "terms_consent_at", "partners_consent_at", "tracking_consent_at")
_PIECE = 500  # rows written at once


def export_lines(newsletter: str | None = None, *, by: str) -> Iterator[str]:
    """Return the CSV's text in pieces, all subscriptions or one newsletter's; that it was taken is noted at once.

    Every cell is quoted, and one that a spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV
    injection"). Raises BroadsheetError for an unknown newsletter. Memory stays flat, whatever the number of readers.
    """
    rows = _select(newsletter)
    AuditEntry.objects.create(actor=by[:254], action="export readers", detail={"subscriptions": rows.count()},
                              subject=f"newsletter {newsletter}" if newsletter else "all newsletters")
    return _write(rows)


def export_readers(out: TextIO, newsletter: str | None = None, *, by: str = "operator") -> None:
    """Write the CSV of `export_lines`."""
    for piece in export_lines(newsletter, by=by):
        out.write(piece)


def _select(newsletter: str | None) -> QuerySet[Subscription]:
    rows = Subscription.objects.select_related("reader").order_by("reader_id", "newsletter")
    if newsletter is not None:
        editorial.load().newsletter(newsletter)
        rows = rows.filter(newsletter=newsletter)
    return rows


def _write(rows: QuerySet[Subscription]) -> Iterator[str]:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL, lineterminator="\r\n")

    def line(cells: Iterable[str]) -> str:
        return str(writer.writerow([guard_cell(cell) for cell in cells]))

    yield line(COLUMNS)
    left = rows.iterator(chunk_size=_PIECE)
    while piece := list(islice(left, _PIECE)):
        given = _find_consents({row.reader_id for row in piece})
        yield "".join(line(_cells(row, given)) for row in piece)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _find_consents(readers: Iterable[int]) -> dict[tuple[int, str, str], datetime]:
    """Return when each of these readers last gave each consent, by (reader, purpose, newsletter)."""
    rows = Consent.objects.filter(reader__in=readers, action=ConsentAction.GIVEN).order_by()
    return {(reader, purpose, newsletter): at for reader, purpose, newsletter, at in
            rows.values_list("reader_id", "purpose", "newsletter").annotate(Max("at"))}


def _cells(row: Subscription, given: Mapping[tuple[int, str, str], datetime]) -> list[str]:
    reader = row.reader
    return [
        reader.email, reader.name, row.newsletter, row.state, row.frequency, reader.topics, _moment(reader.paused_until),
        _moment(row.confirmed_at), _moment(row.left_at), _word(reader.partners), _word(reader.tracking),
        _moment(given.get((reader.pk, Purpose.NEWSLETTER, row.newsletter))),
        *(_moment(given.get((reader.pk, purpose, ""))) for purpose in (Purpose.TERMS, Purpose.PARTNERS, Purpose.TRACKING)),
    ]


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


def _word(flag: bool) -> str:
    return "yes" if flag else "no"
