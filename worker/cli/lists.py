"""Commands that bring lists of readers in and out."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker import editorial
from worker.cli.commands import open_database, open_settings
from worker.cli.output import json_option, print_json, print_table, progress, say
from worker.errors import BroadsheetError

if TYPE_CHECKING:
    from worker.readers.importing import ImportReport

SHOWN = 20  # refused rows printed; the report file has all of them


@dataclass(frozen=True)
class _Order:
    """What was asked for on the command line."""

    file: Path
    newsletter: str
    source: str
    dry_run: bool
    report: Path  # where the refused rows go
    report_always: bool
    as_json: bool


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--newsletter", required=True, help="The newsletter they agreed to.")
@click.option("--consent-source", required=True, help="How and where these people agreed; kept as evidence.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False),
              help="Where to write the refused rows.  [default: FILE.refused.csv, if there are any]")
@click.option("--skip-broken", is_flag=True, help="Import the other rows of a file that has broken ones.")
@json_option
def import_command(file: Path, newsletter: str, consent_source: str, dry_run: bool, report: Path | None, skip_broken: bool,
                   as_json: bool) -> None:
    """Import readers who agreed elsewhere from a CSV file.

    Lists of listmonk, Mailchimp, Substack, Ghost and Broadsheet are known by their first line; any other CSV needs a
    column called email. The whole file is looked through first. A file with broken rows is not imported at all unless you
    say so. People who left, there or here, and addresses that must not be written to, are never brought back; they are
    listed. An import that was broken off goes on where it was when it is run again.
    """
    open_settings()
    editorial.load().newsletter(newsletter)
    from worker.readers.importing import check_source

    source = check_source(consent_source)
    open_database()
    order = _Order(file, newsletter, source, dry_run, report or file.with_name(f"{file.name}.refused.csv"),
                   report is not None, as_json)
    seen = _look(order)
    if dry_run:
        _show(order, seen)
        return
    if seen.first_broken and not skip_broken:
        rows = "this row is broken" if seen.broken == 1 else f"this and {seen.broken - 1} more rows are broken"
        raise BroadsheetError(f"{file}:{seen.first_broken.line}: {seen.first_broken.why}; {rows} and nothing was imported: mend "
                              f"the file, or import the other rows with --skip-broken; all refused rows are in {order.report}")
    _show(order, _import(order))


def _look(order: _Order) -> "ImportReport":
    from worker.readers.importing import look

    return _run(order, "checking", partial(look, order.file, newsletter=order.newsletter), always=order.report_always)


def _import(order: _Order) -> "ImportReport":
    from worker.readers.importing import import_readers
    from worker.readers.replay import replay_journal

    work = partial(import_readers, order.file, newsletter=order.newsletter, consent_source=order.source)
    report = _run(order, "importing", work, always=False)  # the first pass has made the report if it was asked for
    replay_journal(look_at="recent")  # after a restored backup a list may hold who has left since
    return report


def _run(order: _Order, label: str, work: Callable[..., "ImportReport"], *, always: bool) -> "ImportReport":
    from worker.readers.importing import measure_file
    from worker.readers.refused import write_refused

    _, lines = measure_file(order.file)
    with write_refused(order.report, always=always) as refused, progress(label, lines) as update:
        return work(on_line=update, on_refused=refused.add)


def _show(order: _Order, report: "ImportReport") -> None:
    """Say what an import did, or with --dry-run would do."""
    where = str(order.report) if report.first or order.report_always else None
    if order.as_json:
        print_json({
            "file": str(order.file), "newsletter": order.newsletter, "format": report.system, "dry_run": order.dry_run,
            "rows": report.rows, "imported": report.imported, "already": report.already, "refused": report.refused,
            "broken": report.broken, "recoded": report.recoded, "resumed_after_line": report.resumed_after or None,
            "finished_before": report.finished_before and report.finished_before.isoformat(), "report": where,
            "first_refused": [{"line": one.line, "email": one.email, "reason": one.why} for one in report.first[:SHOWN]]})
        return
    if report.finished_before:
        say(f"this file was imported into {order.newsletter} on {report.finished_before:%Y-%m-%d %H:%M} UTC already "
            f"({report.imported} imported, {report.already} already there, {report.refused} refused); nothing was changed")
        return
    say(f"{order.file.name}: {report.system}, {report.rows} rows")
    if report.resumed_after:
        say(f"an earlier run had got to line {report.resumed_after}; this one went on from there")
    if report.first:
        print_table(["line", "address", "refused because"],
                    [(one.line, ascii(one.email)[1:-1][:60], one.why) for one in report.first[:SHOWN]], empty="")
    if report.refused > SHOWN:
        say(f"… and {report.refused - SHOWN} more")
    verb = "would be imported" if order.dry_run else "imported"
    say(f"{report.imported} {verb}, {report.already} already there, {report.refused} refused")
    if report.broken and order.dry_run:
        say(f"{report.broken} of the refused are broken rows: mend them, or import the others with --skip-broken")
    if where:
        say(f"the refused rows stand in {where}")
    if report.recoded:
        say(f"{report.recoded} rows were not UTF-8 and were read as Windows-1252; look at their names")


@click.command("export")
@click.option("--newsletter", help="Only this newsletter's readers.")
def export_command(newsletter: str | None) -> None:
    """Print the readers as CSV. That they were exported is noted in the audit log."""
    open_settings()
    if newsletter:
        editorial.load().newsletter(newsletter)
    open_database()
    from worker.readers.exporting import export_readers

    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    export_readers(sys.stdout, newsletter)
