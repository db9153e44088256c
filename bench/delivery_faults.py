"""The part of the bench of delivery in which a fifth of what is asked of the next hop fails at random."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.delivery_sendgrid import run_sendgrid
from bench.figures import Choice, Table
from bench.paper import Paper, Sent, open_paper
from bench.servers import run_fake

MOST_TIMES_CLEAN = 2.0
FAILING, SEED = 0.2, 8
LONGEST = 60.0  # seconds more than three clean runs; then it is given up


class Kind(NamedTuple):
    """One next hop, and how it fails."""

    name: str
    readers: int
    words: str
    arguments: tuple[str, ...] = ()


KINDS = (Kind("smtp", 10_000, "421, or hanging up without a word, before the letter"),
         Kind("sendgrid", 100_000, "429 and 503, with a second to wait; an answer takes 0.5 s", ("--delay", "0.5")))


def measure_faults(folder: Path, choice: Choice, table: Table) -> None:
    """Deliver to a server that behaves, then to the same server on a bad day."""
    for kind in KINDS:
        readers = choice.size(kind.readers)
        for database in choice.databases(("SQLite",)):
            table.head(f"faults: {kind.name}, {FAILING:.0%} failing ({kind.words}), {readers:,} readers, {database}, seed {SEED}")
            with open_paper(folder, database) as paper:
                first, last = paper.prepare(readers, 2)["issues"]
                clean, _ = _deliver(folder, paper, kind, first, share=0, limit=900)
                clean.to_all(readers)
                bad, taken = _deliver(folder, paper, kind, last, share=FAILING, limit=LONGEST + 3 * clean.cost.seconds)
                audience = paper.list_audience(last)
            _show(table, kind, clean, bad, sum(count > 1 for count in taken.values()), len(audience - taken.keys()))


def _deliver(folder: Path, paper: Paper, kind: Kind, issue: int, *, share: float, limit: float) -> tuple[Sent, Counter[str]]:
    """Deliver, and return how often the server took a mail for whom, whatever the ledger says."""
    log = folder / f"{kind.name}-{paper.home.name}-{issue}.log"
    given = (kind.name, "--log", str(log), "--share", str(share), "--seed", str(SEED), *kind.arguments)
    with ExitStack() as servers:
        if kind.name == "smtp":
            port = servers.enter_context(run_fake("bench.flaky", *given, folder=folder))
            paper.use_sender(f"smtp://127.0.0.1:{port}")
        else:
            servers.enter_context(run_sendgrid(folder, paper, "bench.flaky", *given))
        sent = paper.deliver(issue, limit=limit)
    return sent, Counter(log.read_text().split())


def _show(table: Table, kind: Kind, clean: Sent, bad: Sent, twice: int, missing: int) -> None:
    ratio = bad.cost.seconds / clean.cost.seconds
    is_done = bad.is_whole and not bad.states.get("queued")
    is_soon = is_done and ratio <= MOST_TIMES_CLEAN
    table.add(f"{kind.name}: time", f"{bad.cost.seconds:.1f} s" + ("" if is_done else ", given up"),
              f"clean {clean.cost.seconds:.1f} s", f"{ratio:.2f}", f"<= {MOST_TIMES_CLEAN:.0f}", is_soon)
    others = ", ".join(f"{count:,} {state}" for state, count in bad.states.items() if state != "accepted")
    table.add(f"{kind.name}: twice, missing", f"{twice:,}, {missing:,}", others, "", "0, 0", not twice and not missing)
