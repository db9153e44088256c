"""Commands about an issue's copies: followed live, those that reached nobody listed, uncertain ones settled by hand."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from worker.cli.commands import open_database
from worker.cli.output import errors, json_option, print_json, print_table, say, show_time
from worker.cli.sending import find_actor
from worker.errors import BroadsheetError

if TYPE_CHECKING:  # models can be imported only once the settings stand
    from worker.delivery.standing import Standing
    from worker.delivery.undelivered import Copy

PATIENCE_SECONDS = 120.0  # with copies due, and nobody who works on them
LINE_SECONDS = 30.0  # from one line to the next where there is no terminal to draw on
SHOWN = 200  # copies listed on the terminal; --csv and --json have all of them
# Written out, as the rows' own module can be imported only once the settings stand.
_STATES = ("failed", "bounced", "uncertain", "suppressed", "cancelled", "queued")


class View:
    """How an issue comes along, looked at about once a second: drawn on a terminal, said now and then on a pipe."""

    def __init__(self, issue_id: int, live: Live | None, *, is_attended: bool) -> None:
        self.issue_id, self.live, self.is_attended = issue_id, live, is_attended
        self.last: Standing | None = None
        self._next_look = self._next_line = 0.0
        self._bar = Progress(TextColumn("issue {task.fields[issue]}"), BarColumn(), TextColumn("{task.fields[words]}"))
        self._task = self._bar.add_task("", total=None, issue=issue_id, words="")

    def look(self) -> "Standing":
        """Look now, show it, and return it."""
        from worker.delivery.standing import read_standing

        begun = time.monotonic()
        self.last = read_standing(self.issue_id, self.last.looks if self.last else (), is_attended=self.is_attended)
        ended = time.monotonic()
        self._next_look = ended + max(1.0, 10 * (ended - begun))  # a large audience is looked at less often
        self._show(self.last, ended)
        return self.last

    def look_again(self, *_: object) -> None:
        """Look, unless that was done just now."""
        if time.monotonic() >= self._next_look:
            self.look()

    def wait(self) -> None:
        """Sleep until it is time for the next look."""
        time.sleep(max(0.0, self._next_look - time.monotonic()))

    def _show(self, standing: "Standing", now: float) -> None:
        if self.live:
            self._bar.update(self._task, completed=standing.settled, total=standing.audience or None, words=_describe(standing))
            counts = "  ".join(f"{state} {count:,}" for state, count in standing.states.items())
            self.live.update(Group(self._bar, *(Text(line) for line in (counts, standing.reason) if line)))
        elif now >= self._next_line:
            if self._next_line:  # nobody need be told at once what they have just begun
                errors.print(f"issue {standing.issue_id}: {_describe(standing)} {standing.reason}".rstrip(), markup=False,
                             soft_wrap=True)
            self._next_line = now + LINE_SECONDS


def _describe(standing: "Standing") -> str:
    parts = [f"{standing.settled:,} of {standing.audience:,}", f"{standing.percent} %", standing.speed]
    return ", ".join(filter(None, parts)) + (f", {standing.left} left" if standing.left else "")


@contextmanager
def view_issue(issue_id: int, *, is_attended: bool = False) -> Iterator[View]:
    """Show how an issue comes along for as long as the block lasts; `is_attended` if it is this process that delivers it."""
    if not sys.stderr.isatty():
        yield View(issue_id, None, is_attended=is_attended)
        return
    with Live(console=errors, transient=True, refresh_per_second=4) as live:
        yield View(issue_id, live, is_attended=is_attended)


def follow_issue(issue_id: int) -> None:
    """Show how the running service sends an issue, until it is sent or stopped.

    Raises BroadsheetError once copies have been due for two minutes and nobody has worked on them.
    """
    with view_issue(issue_id) as view:
        settled, idle_since = -1, time.monotonic()
        while (standing := view.look()).is_moving:
            if standing.settled != settled or not standing.is_unattended:
                settled, idle_since = standing.settled, time.monotonic()
            elif time.monotonic() - idle_since > PATIENCE_SECONDS:
                raise BroadsheetError(f"issue {issue_id}: nothing has moved for two minutes; is `broadsheet up` running? "
                                      f"Or send from here: broadsheet deliver {issue_id} --inline")
            view.wait()


def deliver_here(issue_id: int) -> None:
    """Send an issue in this process, and show how it comes along."""
    from worker.delivery.deliver import deliver_issue

    with view_issue(issue_id, is_attended=True) as view:
        deliver_issue(issue_id, on_progress=view.look_again)


@click.command("undelivered")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--state", type=click.Choice(_STATES), help="Only these. queued: those that were put off and wait for another try.")
@click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False),
              help="Write them to this file, safe for spreadsheets.")
@json_option
def undelivered_command(issue_id: int, state: str | None, file: Path | None, as_json: bool) -> None:
    """List who did not get ISSUE, and why.

    That is: refused, bounced, uncertain, suppressed, cancelled, and put off for now. Who was erased since is listed as
    (erased)."""
    if file and as_json:
        raise BroadsheetError("give --csv or --json, not both")
    open_database()
    from worker.delivery.undelivered import export_undelivered, find_undelivered, read_copies
    from worker.issues.find import find_issue

    rows = find_undelivered(find_issue(issue_id).pk, state or "")
    count = rows.count()
    if file:
        _write(file, lambda: export_undelivered(issue_id, state or "", by="the command line"))
        say(f"{count} {'copy' if count == 1 else 'copies'} written to {file}")
        return
    if as_json:
        _print_all(read_copies(rows))
        return
    print_table(["delivery", "address", "state", "since (UTC)", "attempts", "next try (UTC)", "why"],
                [(copy.delivery, copy.email, copy.state, show_time(copy.at), copy.attempts, show_time(copy.next_try), copy.reason)
                 for copy in read_copies(rows[:SHOWN])], empty="nobody was left out" if not state else f"no copy is {state}")
    if count > SHOWN:
        say(f"… and {count - SHOWN} more; --csv FILE or --json has all of them")


def _write(file: Path, export: Callable[[], Iterable[str]]) -> None:
    """Write the export to a file for this user's eyes only; it is asked for, and noted, once the file is open."""
    try:
        with open(file, "w", encoding="utf-8", newline="", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            for piece in export():
                out.write(piece)
    except OSError as error:
        raise BroadsheetError(f"{file} cannot be written ({error.strerror or error}); name another file") from error


def _print_all(copies: Iterable["Copy"]) -> None:
    """Print a JSON list row by row: there may be a million."""
    sys.stdout.write("[")
    for number, copy in enumerate(copies):
        sys.stdout.write(("," if number else "") + "\n  " + json.dumps(asdict(copy), ensure_ascii=False, default=str))
    sys.stdout.write("\n]\n")


@click.command("settle")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--as", "verdict", type=click.Choice(["accepted", "failed"]),
              help="accepted: the next hop's log shows that it went. failed: it did not, and shall not go again.")
@click.option("--again", is_flag=True, help="Queue it once more; its reader may then get it twice.")
@click.option("--delivery", "ids", type=click.IntRange(1, 2**63 - 1), multiple=True,
              help="A copy's number, as `undelivered` lists it; may be given again.")
@click.option("--all", "every", is_flag=True, help="All that are uncertain.")
@click.option("--by", "email", required=True, help="The approver's address.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def settle_command(issue_id: int, verdict: str | None, again: bool, ids: tuple[int, ...], every: bool, email: str, yes: bool,
                   as_json: bool) -> None:
    """Settle copies of ISSUE of which nobody knows whether they arrived.

    The machine never sends such a copy again by itself. A copy sent again keeps its Message-ID, and many mail systems drop
    the second mail of one Message-ID."""
    if (verdict is not None) == again:
        raise BroadsheetError("say what they are: give --as accepted, --as failed or --again")
    if bool(ids) == every:
        raise BroadsheetError("say which copies: give --delivery ID, as often as needed, or --all")
    if not email.strip():
        raise BroadsheetError("--by: say who settles them, an approver's address")
    open_database()
    from worker.delivery.settle import describe_settlement, look_before, read_verdict, settle_uncertain
    from worker.tasks import nudge

    said, chosen, actor = read_verdict(verdict or "again"), None if every else set(ids), find_actor(email)
    asked = look_before(issue_id, said, chosen)
    number = asked.copies - asked.barred
    if again and number and not yes and sys.stdin.isatty():
        click.confirm(f"Send {number:,} {'copy' if number == 1 else 'copies'} once more? Their readers may get the issue twice; "
                      "many mail systems drop the second mail of one Message-ID, some do not", abort=True)
    done = settle_uncertain(issue_id, said, chosen, by=actor, asked=asked if every else None)
    if again and done.changed:
        nudge("deliver", issue_id)
    if as_json:
        print_json({"issue": issue_id, "as": said.value, "copies": done.changed, "settled_meanwhile": done.meanwhile,
                    "not_sent_again": done.barred, "state": done.state})
        return
    say(describe_settlement(done) if done.changed or done.meanwhile or done.barred else
        f"nothing to settle: no copy of issue {issue_id} is uncertain")
