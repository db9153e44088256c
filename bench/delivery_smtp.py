"""The parts of the bench of delivery that speak SMTP: beside Postfix's client, beside peers, two workers beside one; and copies."""

import statistics
from pathlib import Path

from bench.figures import BOTH, Choice, Cost, SkippedError, Table, find_middle, find_rate
from bench.paper import MAIL_BYTES, Paper, open_paper
from bench.peers import PEERS, find_release, measure_peer
from bench.servers import Postfix

LEAST_OF_SOURCE, MOST_CPU_US = 0.8, 100.0
LEAST_TIMES_PEER = 15.0
LEAST_OF_ONE = 0.95  # two workers, of what one does
KB = f"{MAIL_BYTES // 1024} KB"


def measure_smtp(folder: Path, choice: Choice, table: Table) -> None:
    """Hand over mails, and let smtp-source hand over as many of the same size, in turns."""
    postfix = Postfix()
    mails = choice.size(20_000)
    for database in choice.databases(("SQLite",)):
        table.head(f"smtp: {mails:,} mails of {KB} into smtp-sink, 16 sessions kept open, {database}")
        source: list[Cost] = []
        ours: list[Cost] = []
        with postfix.run_sink(folder) as port, open_paper(folder, database) as paper:
            made = paper.prepare(mails, choice.rounds)
            _use_server(paper, port)
            for issue in made["issues"]:
                source.append(postfix.send(port, mails, made["mail_bytes"]))
                ours.append(paper.deliver(issue).to_all(mails))
        limit, rate = find_rate(source, mails), find_rate(ours, mails)
        table.add("handed over, ledger and all", f"{rate:,.0f}/s", f"smtp-source {limit:,.0f}/s", f"{rate / limit:.2f}",
                  f">= {LEAST_OF_SOURCE}", rate >= LEAST_OF_SOURCE * limit)
        cost, beside = find_middle(ours), find_middle(source)
        table.add("CPU a mail (own + kernel)", cost.per(mails), f"smtp-source {beside.per(mails)}",
                  f"{cost.cpu / beside.cpu:.1f}", f"<= {MOST_CPU_US:.0f} us", cost.cpu / mails * 1e6 <= MOST_CPU_US)


def _use_server(paper: Paper, port: int) -> None:
    paper.use_sender(f"smtp://127.0.0.1:{port}")


def measure_peers(folder: Path, choice: Choice, table: Table) -> None:
    """Let each peer that can be had send a newsletter into the sink, ours before and after them; a peer's best run counts."""
    postfix = Postfix()
    few, many, rounds = (100, 2000, 1) if choice.quick else (400, 10_000, 2)
    table.head(f"peers: a newsletter of {KB} into one smtp-sink, SQLite; {few} readers, ours {many:,}")
    rates: dict[str, list[float]] = {name: [] for name in PEERS}
    ours: list[Cost] = []
    with postfix.run_sink(folder) as port, open_paper(folder) as paper:
        made = paper.prepare(many, rounds + 1)
        issues = made["issues"]
        source = postfix.send(port, many, made["mail_bytes"])
        _use_server(paper, port)
        ours.append(paper.deliver(issues.pop()).to_all(many))
        for issue in issues:
            for name in list(rates):
                try:
                    rates[name].append(measure_peer(name, port, few))
                except SkippedError as why:
                    table.skip(name, why)
                    del rates[name]
            ours.append(paper.deliver(issue).to_all(many))
    if not rates:
        raise SkippedError("none of them can be run here")
    for name, found in rates.items():
        table.add(f"{name} {find_release(name)}", "", f"{max(found):,.0f}/s")
    table.add("smtp-source: what the sink takes", "", f"{many / source.seconds:,.0f}/s")
    fastest, rate = max(rates, key=lambda name: max(rates[name])), find_rate(ours, many)
    best = max(rates[fastest])
    table.add("ours, beside the fastest", f"{rate:,.0f}/s", f"{fastest} {best:,.0f}/s", f"{rate / best:.1f}",
              f">= {LEAST_TIMES_PEER:.0f}", rate >= LEAST_TIMES_PEER * best)


def measure_workers(folder: Path, choice: Choice, table: Table) -> None:
    """Deliver with one process and with two that begin together, in turns."""
    postfix = Postfix()
    mails, rounds = choice.size(20_000), 1 if choice.quick else 2
    for database in choice.databases(BOTH):
        table.head(f"workers: {mails:,} mails of {KB} into smtp-sink, {database}")
        costs: dict[int, list[Cost]] = {1: [], 2: []}
        try:
            with postfix.run_sink(folder) as port, open_paper(folder, database) as paper:
                issues = paper.prepare(mails, 2 * rounds)["issues"]
                _use_server(paper, port)
                for place, issue in enumerate(issues):
                    workers = (1, 2, 2, 1)[place % 4]
                    costs[workers].append(paper.deliver(issue, workers=workers).to_all(mails))
        except SkippedError as why:
            table.skip(f"workers on {database}", why)
            continue
        one, two = (mails / statistics.mean(cost.seconds for cost in costs[workers]) for workers in (1, 2))
        table.add(f"two with one issue, {database}", f"{two:,.0f}/s", f"one alone {one:,.0f}/s", f"{two / one:.2f}",
                  f">= {LEAST_OF_ONE}", two >= LEAST_OF_ONE * one)


def measure_copy(folder: Path, choice: Choice, table: Table) -> None:
    """Splice copies and do nothing with them; then write some into a maildir."""
    copies, readers = choice.size(20_000), choice.size(3000)
    table.head(f"copy: {KB}, SQLite")
    with open_paper(folder) as paper:
        issue = paper.prepare(readers, 1)["issues"][0]
        cost = paper.measure_copies(copies)
        table.add("spliced, alone", f"{copies / cost.seconds:,.0f}/s", f"CPU {cost.per(copies)}")
        cost = paper.deliver(issue).to_all(readers)
        table.add("into a maildir, ledger and all", f"{readers / cost.seconds:,.0f}/s", f"CPU {cost.per(readers)}")
