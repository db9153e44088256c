"""Commands about what is kept of readers: shown as evidence, erased, erased again, let go of when its time is over."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from worker.cli.commands import open_database
from worker.cli.output import json_option, print_json, print_table, say
from worker.errors import BroadsheetError, NotFoundError


@click.command("show")
@click.argument("email")
@json_option
def show_command(email: str, as_json: bool) -> None:
    """Show one reader's subscriptions and every consent on record.

    Each with its way, its form, where it came from, and the wording by version and hash."""
    open_database()
    from worker.readers.consent import evidence

    record = evidence(email)
    if as_json:
        print_json(record)
        return
    say(f"{record['email']}, reader {record['reader']} since {_to_the_second(record['since'])}")
    print_table(["newsletter", "state", "frequency"],
                [(one["newsletter"], one["state"], one["frequency"]) for one in record["subscriptions"]], empty="no subscriptions")
    print_table(["at (UTC)", "purpose", "action", "method", "form", "source", "network address", "version", "wording"],
                [(_to_the_second(one["at"]), " ".join(filter(None, (one["purpose"], one["newsletter"]))), one["action"],
                  one["method"], one["form"], one["source"], one["network_address"], one["version"], one["wording_sha256"][:12])
                 for one in record["consents"]], empty="no consents on record")
    print_table(["wording (SHA-256)", "kind", "version", "title", "effective"],
                [tuple(one.values()) for one in record["wordings"]], empty="no wording is named")


def _to_the_second(moment: str) -> str:
    return moment[:19].replace("T", " ")


@click.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_command(email: str, yes: bool) -> None:
    """Erase everything known of one reader.

    Only a keyed hash stays, so that no import and no restored backup brings the person back."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Erase everything known of {email}?", abort=True)
    open_database()
    from worker.readers.addresses import read_address
    from worker.readers.erase import erase

    if erase(email):
        say(f"{email} is erased")
        return
    try:
        read_address(email)
    except BroadsheetError as error:
        raise BroadsheetError(f"{email!r}: {error}") from error
    raise NotFoundError(f"there is no reader {email}; the address is suppressed from now on all the same")


@click.command("replay-erasures")
def replay_command() -> None:
    """Erase, unsubscribe and suppress again everybody whom the erasure journal names.

    For after a restore of an older backup. The service does it by itself too, when it starts and before each issue."""
    open_database()
    from worker.readers.journal import read_entries
    from worker.readers.replay import replay_journal

    again = replay_journal(look_at="all")
    journal = read_entries()
    say(f"{again}, of {len(journal)} in the journal")
    if journal.unreadable:
        say(f"{len(journal.unreadable)} lines of the journal cannot be read, the first is line {journal.unreadable[0]}")


@click.command("retain")
@json_option
def retain_command(as_json: bool) -> None:
    """Let go of everything that has been kept for its time.

    The timetable does so every hour. docs/privacy.md says what is kept for how long, docs/settings.md how to change it."""
    open_database()
    from worker.readers.replay import replay_journal
    from worker.readers.retention import retain

    again = replay_journal(look_at="recent")
    counts: Mapping[str, Any] = {
        "mailboxes erased again": again.erased, "subscriptions left again": again.left,
        "mailboxes suppressed again": again.suppressed, **retain(seconds=24 * 3600).counts}
    if as_json:
        print_json(counts)
        return
    print_table(["what", "rows"], counts.items(), empty="")
