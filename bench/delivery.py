"""Measures delivery, part by part, each beside its limit or its peers in one run.

    python -m bench.delivery [PART ...] [--readers N] [--quick] [--all] [--database sqlite|postgres]

    smtp      40 KB mails, ledger and all, beside Postfix's smtp-source into the same smtp-sink; the client's CPU a mail
    peers     the same beside django-newsletter, django-freeletter and nuntius
    sendgrid  readers a second into a SendGrid of our own, beside what that server can take
    workers   two processes with one issue, beside one
    faults    a fifth of what is asked of the next hop fails at random, beside a clean run
    copy      splicing a reader's copy, alone; a maildir, ledger and all
    memory    what a worker holds at a million readers, beside ten thousand; a million frozen (minutes: only by name or with --all)

Everything is real: durable commits, the ledger, servers on loopback in processes of their own, workers in theirs. Sides take turns
and the medians are compared. A worker's clock and CPU count from when it has started; CPU is its own code's + the kernel's for it.
What is not here (Postfix's programs, PostgreSQL, a peer) is skipped by name. Exit status 1 if a goal is missed. On a busy machine
the ratios and the CPU say more than the rates.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.delivery_faults import measure_faults
from bench.delivery_sendgrid import measure_memory, measure_sendgrid
from bench.delivery_smtp import measure_copy, measure_peers, measure_smtp, measure_workers
from bench.figures import BrokenError, Choice, SkippedError, Table
from bench.paper import EDITORIAL

__all__ = ["EDITORIAL", "main"]  # other benches begin with the same paper
PARTS: dict[str, Callable[[Path, Choice, Table], None]] = {
    "smtp": measure_smtp, "peers": measure_peers, "sendgrid": measure_sendgrid, "workers": measure_workers,
    "faults": measure_faults, "copy": measure_copy, "memory": measure_memory}
LONG = ("memory",)
DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def main(argv: list[str] | None = None) -> int:
    """Run the parts in processes and folders of their own, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.delivery", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all but {', '.join(LONG)})")
    parser.add_argument("--readers", type=int, help="of each part, instead of its own number")
    parser.add_argument("--quick", action="store_true", help="a tenth of the readers, one round")
    parser.add_argument("--all", action="store_true", help="the long part too")
    parser.add_argument("--database", choices=list(DATABASES), help="only this one (SQLite; both where that matters)")
    given = parser.parse_args(argv)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    if given.readers is not None and given.readers < 10:
        parser.error("--readers: give 10 or more")
    choice, table = Choice(given.readers, given.quick, DATABASES.get(given.database)), Table()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended then too
    try:
        for part in given.parts or [part for part in PARTS if given.all or part not in LONG]:
            _run(part, choice, table)
    except KeyboardInterrupt:
        print("\nstopped; what it had started is ended")
        return 130
    print(f"\nmissed: {', '.join(table.missed) or 'nothing'}"
          + (f"; skipped: {', '.join(table.skipped)}" if table.skipped else ""))
    return 1 if table.missed else 0


def _run(part: str, choice: Choice, table: Table) -> None:
    table.part = part
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        Path(folder).chmod(0o755)  # the PostgreSQL server of a root user runs as another one
        try:
            PARTS[part](Path(folder), choice, table)
        except SkippedError as why:
            table.skip(part, why)
        except BrokenError as why:
            table.fail(why)


if __name__ == "__main__":
    sys.exit(main())
