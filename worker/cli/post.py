"""Commands about what comes back from readers: letters that ask to leave, and why readers left."""

import sys

import click
import structlog

from worker.cli.commands import open_database
from worker.cli.output import errors, json_option, print_json, print_table

DONE, TRY_AGAIN = 0, 75  # sysexits(3): EX_OK, EX_TEMPFAIL. Any other status and the mail system sends the letter back
_MOST = 2_000_000  # bytes of a letter that are kept; what asks to leave stands at the top
log = structlog.get_logger(__name__)


@click.command("receive")
@click.pass_context
def receive_command(ctx: click.Context) -> None:
    """Take one letter to LEAVE_MAILTO from a mail system.

    Reads the letter from standard input. Ends the subscription that the link in its subject names; passes over holiday
    replies and anything else. Never answers. Ends with 0 when that is done, and with 75 when it could not be recorded,
    so that the mail system tries again.
    """
    ctx.exit(_receive())


def _receive() -> int:
    raw = _read_letter()
    try:
        open_database()
        from worker.readers.mailbag import receive

        outcome = receive(raw)
    except Exception as error:  # whatever it is, a person asked to leave: the letter must stay in the mail system's queue
        errors.print(f"broadsheet: not recorded, the letter should be brought again ({_explain(error)})", markup=False,
                     soft_wrap=True)
        return TRY_AGAIN
    log.info("a letter came in", outcome=outcome)
    return DONE


def _read_letter() -> bytes:
    """Return the letter's beginning; all of it is read, since a mail system counts a pipe closed early as a fault."""
    kept = sys.stdin.buffer.read(_MOST)
    while sys.stdin.buffer.read(_MOST):
        pass
    return kept


def _explain(error: Exception) -> str:
    from django.db import Error as DatabaseError

    from worker.errors import BroadsheetError

    if isinstance(error, BroadsheetError):
        return str(error)
    if isinstance(error, DatabaseError):
        from worker.storage.schema import explain

        return explain(error)
    return type(error).__name__


@click.command("departures")
@click.option("--newsletter", default="", help="Only this newsletter.")
@json_option
def departures_command(newsletter: str, as_json: bool) -> None:
    """Show why readers left, as far as they said.

    Nobody has to say, and nothing is kept of who did."""
    open_database()
    from worker.readers.leaving import read_reasons

    rows = read_reasons(newsletter)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    print_table(["newsletter", "reason", "readers", "in their words"],
                [(row.newsletter, row.reason, row.readers, " / ".join(row.words)) for row in rows],
                empty="nobody has said why they left")
