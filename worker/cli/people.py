"""Commands about people: editors, readers."""

import sys
from pathlib import Path

import click
from email_validator import EmailNotValidError, validate_email

from worker import editorial
from worker.cli.commands import open_database, open_settings
from worker.cli.output import json_option, print_json, print_table, progress, say
from worker.cli.records import erase_command, replay_command, retain_command, show_command
from worker.errors import BroadsheetError


@click.group("editor")
def editor_command() -> None:
    """Look after the newsroom's people."""


@editor_command.command("add")
@click.argument("email")
@click.option("--approver", is_flag=True, help="May approve and send issues.")
def add_editor(email: str, approver: bool) -> None:
    """Add an editor and print a one-time sign-in link.

    For an editor who is there already: make them an approver if so asked, and print another link."""
    try:
        address = validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise BroadsheetError(f"{email}: not an e-mail address ({error})") from error
    open_database()
    from worker.storage.models import Editor
    from worker.web.newsroom.entry import make_entry_link

    editor = Editor.objects.filter(email=address).first()
    if editor is None:
        editor = Editor.objects.create_user(address, is_approver=approver)
        say(f"added {address}" + (" as approver" if approver else ""))
    elif approver and not editor.is_approver:
        editor.is_approver = True
        editor.save(update_fields=["is_approver"])
        say(f"{address} may approve now")
    click.echo(make_entry_link(editor))


@editor_command.command("list")
@json_option
def list_editors(as_json: bool) -> None:
    """List the editors."""
    open_database()
    from worker.storage.models import Editor

    rows = [{"email": one.email, "approver": one.is_approver, "active": one.is_active} for one in Editor.objects.order_by("email")]
    if as_json:
        print_json(rows)
        return
    print_table(["email", "approver", "active"], [tuple(one.values()) for one in rows],
                empty="no editors yet; broadsheet editor add EMAIL --approver")


@click.group("readers")
def readers_command() -> None:
    """Look after the readers."""


@readers_command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--newsletter", required=True, help="The newsletter they agreed to.")
@click.option("--consent-source", required=True, help="How and where these people agreed; kept as evidence.")
@click.option("--skip-broken", is_flag=True, help="Import the other rows of a file that has broken ones.")
def import_command(file: Path, newsletter: str, consent_source: str, skip_broken: bool) -> None:
    """Import readers who agreed elsewhere from a CSV file.

    A file with broken rows is not imported at all unless you say so. People who left, and addresses that must not be
    written to, are never brought back; they are listed.
    """
    open_settings()
    editorial.load().newsletter(newsletter)
    open_database()
    from worker.readers.importing import find_broken, import_readers

    broken = [] if skip_broken else find_broken(file)
    if broken:
        line, why = broken[0]
        more = f", and {len(broken) - 1} more rows are broken" if len(broken) > 1 else ""
        raise BroadsheetError(f"{file}:{line}: {why}{more}; nothing was imported: mend the file, or import the other rows "
                              "with --skip-broken")
    with progress("importing", None) as update:
        report = import_readers(file, newsletter=newsletter, consent_source=consent_source, on_row=update)
    print_table(["line", "left out because"], report.refused[:50], empty="no row was left out")
    if len(report.refused) > 50:
        say(f"… and {len(report.refused) - 50} more")
    say(f"{report.imported} imported, {report.already} already there, {len(report.refused)} left out")
    if report.recoded:
        say(f"{report.recoded} rows were not UTF-8 and were read as Windows-1252; look at their names")


@readers_command.command("export")
@click.option("--newsletter", help="Only this newsletter's readers.")
def export_command(newsletter: str | None) -> None:
    """Print the readers as CSV."""
    open_settings()
    if newsletter:
        editorial.load().newsletter(newsletter)
    open_database()
    from worker.readers.importing import export_readers

    export_readers(sys.stdout, newsletter)


for one in (show_command, erase_command, replay_command, retain_command):
    readers_command.add_command(one)
