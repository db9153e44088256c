"""The parts of the bench of delivery that make calls of a thousand readers: how fast, and what memory a million of them take."""

import http.client
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import BOTH, BrokenError, Choice, Cost, SkippedError, Table, find_middle, find_rate
from bench.paper import Paper, Sent, open_paper
from bench.servers import run_fake

LEAST_RATE = 20_000.0  # readers a second
MOST_MEGABYTES, FLAT, MOST_FREEZE_SECONDS = 150.0, 1.1, 10.0
KEY = "SG.test"
CALL = 1000  # readers


@contextmanager
def run_sendgrid(folder: Path, paper: Paper, module: str = "tests.fakes.sendgrid_server", *arguments: str) -> Iterator[int]:
    """Run a SendGrid of our own and let the paper's mail go there; yield its port."""
    with run_fake(module, *(arguments or ("--forget", "--key", KEY)), folder=folder) as port:
        paper.use_sender("sendgrid:", SENDGRID_API_KEY=KEY, SENDGRID_HOST=f"http://127.0.0.1:{port}")
        yield port


def measure_sendgrid(folder: Path, choice: Choice, table: Table) -> None:
    """Hand over, and let plain clients post a body that such a call had, in turns."""
    readers, calls = choice.size(100_000), 20 if choice.quick else 60
    with open_paper(folder) as small:
        small.prepare(CALL, 1)
        body = small.write_call()
    for database in choice.databases(("SQLite",)):
        table.head(f"sendgrid: {readers:,} readers, calls of {len(body) / 1e6:.1f} MB into the fake, {database}")
        ours: list[Cost] = []
        limits: list[float] = []
        with open_paper(folder, database) as paper:
            issues = paper.prepare(readers, choice.rounds)["issues"]
            with run_sendgrid(folder, paper) as port:
                for issue in issues:
                    limits.append(post(port, body, calls) * CALL)
                    ours.append(paper.deliver(issue).to_all(readers))
        rate, limit = find_rate(ours, readers), statistics.median(limits)
        table.add("handed over, ledger and all", f"{rate:,.0f} readers/s", f"ready-made bodies {limit:,.0f}/s",
                  f"{rate / limit:.2f}", f">= {LEAST_RATE:,.0f}/s", rate >= LEAST_RATE)
        table.add("CPU a reader (own + kernel)", find_middle(ours).per(readers))


def post(port: int, body: bytes, calls: int, clients: int = 4) -> float:
    """Return how many calls a second the server takes from a few clients that do nothing but post the same body."""
    numbers, answers = iter(range(calls)), Counter[int]()

    def client() -> None:
        for _ in numbers:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            link.request("POST", "/v3/mail/send", body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
            answer = link.getresponse()
            answer.read()
            answers[answer.status] += 1
            link.close()

    begun = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if answers != {202: calls}:
        raise BrokenError(f"the fake SendGrid answered {dict(answers)} to {calls} ready-made bodies")
    return calls / (time.perf_counter() - begun)


def measure_memory(folder: Path, choice: Choice, table: Table) -> None:
    """Freeze and deliver to few and to many readers, each in a process of its own."""
    few, many = 10_000, choice.size(1_000_000)
    for database in choice.databases(BOTH):
        table.head(f"memory: into the fake SendGrid, {database}")
        try:
            small, _ = _deliver_fresh(folder, database, few)
            large, frozen = _deliver_fresh(folder, database, many)
        except SkippedError as why:
            table.skip(f"memory on {database}", why)
            continue
        ratio = large.megabytes / small.megabytes
        table.add(f"peak at {many:,} readers", f"{large.megabytes:.0f} MB", "", "", f"< {MOST_MEGABYTES:.0f} MB",
                  large.megabytes < MOST_MEGABYTES)
        table.add("  beside few", f"{large.megabytes:.0f} MB", f"{few:,} readers {small.megabytes:.0f} MB", f"{ratio:.2f}",
                  f"<= {FLAT}", ratio <= FLAT)
        table.add(f"{many:,} frozen, {database}", f"{frozen.seconds:.1f} s", f"of CPU {frozen.cpu:.1f} s", "",
                  f"<= {MOST_FREEZE_SECONDS:.0f} s", frozen.seconds <= MOST_FREEZE_SECONDS)
        table.add(f"{many:,} handed over", f"{many / large.cost.seconds:,.0f} readers/s",
                  f"{few:,} readers {few / small.cost.seconds:,.0f}/s")


def _deliver_fresh(folder: Path, database: str, readers: int) -> tuple[Sent, Cost]:
    """Deliver on a new database; return how that went, and what it cost to fix the audience."""
    with open_paper(folder, database) as paper:
        (issue,) = paper.prepare(readers, 1, frozen=False)["issues"]
        frozen = paper.freeze(issue)
        with run_sendgrid(folder, paper):
            sent = paper.deliver(issue, limit=1800)
        sent.to_all(readers)
        return sent, frozen
