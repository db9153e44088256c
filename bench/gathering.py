"""Measures gathering: many feeds on loopback, a tenth of them broken, beside feedparser alone on the same documents.

    python -m bench.gathering [--feeds 1000]

Two rounds: every feed for the first time, then again with nine in ten unchanged. The server, the gathering and its
parser processes share the machine. Exit status 1 if the second round misses the goal.
"""

import argparse
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = 30  # in a document
GOAL_SECONDS, GOAL_MEGABYTES = 60, 300  # for 1,000 feeds, the second round
WORDS = ["model", "chip", "data", "court", "price", "launch", "agent", "paper", "lab", "cloud", "train", "cost", "bank",
         "market", "rule", "test", "safety", "code", "open", "power", "energy", "team", "system", "speed", "memory"]
HEAD = """\
[publisher]
name = "Bench"

[newsletters.daily]
title = "Daily"
description = "Measured."
days = ["mon"]
draft_at = "06:00"
send_by = "10:00"
timezone = "UTC"
from_name = "Daily"
from_email = "daily@example.com"
"""


def main(argv: list[str] | None = None) -> int:
    """Run the bench in processes and a folder of its own, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.gathering", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--feeds", type=int, default=1000, help="how many feeds (1000)")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.inside:
        print(json.dumps(measure(given.inside)))
        return 0
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        return _run(Path(folder), given.feeds)


def _run(home: Path, feeds: int) -> int:
    documents = home / "documents"
    write_documents(documents, feeds)
    server = subprocess.Popen([sys.executable, "-u", "-m", "tests.fakes.feed_server", str(documents)], cwd=ROOT,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split(" at ")[1].split(";")[0]
        write_feeds_file(home / "feeds.toml", address, feeds)
        environment = {**os.environ, "BROADSHEET_HOME": str(home / "home"), "FEEDS_FILE": str(home / "feeds.toml"),
                       "DATABASE_URL": f"sqlite:///{home / 'bench.sqlite3'}", "FETCH_ALLOW_HOSTS": "127.0.0.1",
                       "BASE_URL": "", "SECRET_KEY": "", "DJANGO_SETTINGS_MODULE": "worker.settings"}
        (home / "home").mkdir()
        done = subprocess.run([sys.executable, "-m", "bench.gathering", "--inside", str(documents)], cwd=ROOT,
                              env={name: value for name, value in environment.items() if value}, stdout=subprocess.PIPE,
                              text=True, check=True)
    finally:
        server.terminate()
        server.wait()
    return print_table(json.loads(done.stdout.splitlines()[-1]), feeds)


def print_table(found: dict[str, Any], feeds: int) -> int:
    """Print what was measured; 1 if the goal, in proportion to the number of feeds, was missed."""
    print(f"{feeds} feeds on loopback, one in ten broken, {ENTRIES} entries each; SQLite")
    print(f"{'':34}{'seconds':>9}{'feeds/s':>9}{'documents':>11}{'new items':>11}{'failing':>9}")
    for one in found["rounds"]:
        print(f"{one['name']:34}{one['seconds']:9.1f}{feeds / one['seconds']:9.0f}{one['documents']:11}{one['new']:11}"
              f"{one['failing']:9}")
        print(f"{'  feedparser alone, same documents':34}{one['feedparser']:9.1f}")
    print(f"peak memory: {found['megabytes']} MB, and at most {found['readers']} parser processes of "
          f"{found['reader_megabytes']} MB: {found['total_megabytes']} MB")
    limit = GOAL_SECONDS * feeds / 1000
    print(f"goal, second round: <= {limit:.0f} s and < {GOAL_MEGABYTES} MB")
    return int(found["rounds"][1]["seconds"] > limit or found["total_megabytes"] >= GOAL_MEGABYTES)


def write_documents(folder: Path, feeds: int) -> None:
    """Write a document for each feed; one of ten is missing (404), an HTML page, cut short or refused, in turn."""
    folder.mkdir()
    for number in range(feeds):
        if number % 10:
            (folder / f"{number}.xml").write_bytes(make_document(number, ENTRIES))
        elif number % 30 == 10:
            (folder / f"{number}.xml").write_text("<!DOCTYPE html><html><body>We have a new website!</body></html>")
        elif number % 30 == 20:
            (folder / f"{number}.xml").write_bytes(make_document(number, ENTRIES)[:150])


def make_document(number: int, entries: int) -> bytes:
    """Return an RSS document as publishing software writes it: an excerpt and the text as HTML, newest entry first."""
    chance = random.Random(number)
    now = datetime.now(UTC)
    items = []
    for entry in range(entries, 0, -1):
        body = "".join(f"<p>{' '.join(chance.choices(WORDS, k=60)).capitalize()}.</p>" for _ in range(5))
        items.append(f"<item><title>{' '.join(chance.choices(WORDS, k=9)).capitalize()}</title>"
                     f"<link>https://outlet{number}.example/{entry}?utm_source=rss</link>"
                     f"<guid isPermaLink='false'>{number}-{entry}</guid>"
                     f"<pubDate>{format_datetime(now - timedelta(hours=3 * (entries - entry)))}</pubDate>"
                     f"<description><![CDATA[{body[:300]}]]></description>"
                     f"<content:encoded><![CDATA[{body}]]></content:encoded></item>")
    return ("<?xml version='1.0' encoding='utf-8'?>"
            "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/'>"
            f"<channel><title>Outlet {number}</title>{''.join(items)}</channel></rss>").encode()


def write_feeds_file(path: Path, address: str, feeds: int) -> None:
    """Write feeds.toml; a server that refuses connections is one of the broken feeds."""
    blocks = (f'[[feeds]]\nname = "outlet-{n}"\ntitle = "Outlet {n}"\nnewsletters = ["daily"]\n'
              f'url = "{"http://127.0.0.1:9" if n % 60 == 0 else address}/{n}.xml"\n' for n in range(feeds))
    path.write_text(HEAD + "\n".join(blocks))


def measure(documents: Path) -> dict[str, Any]:
    """Gather twice in this process, whose environment names the database and the feeds; return the figures."""
    import django

    django.setup()
    from django.core.management import call_command

    from worker import editorial
    from worker.feeds.parse import PROCESSES, close_readers
    from worker.feeds.sources import sync_feeds

    call_command("migrate", verbosity=0)
    sync_feeds(editorial.load())
    good = [path for path in sorted(documents.glob("*.xml")) if int(path.stem) % 10]
    rounds = [gather_round("every feed for the first time", good)]
    changed = good[::10]
    for path in changed:
        path.write_bytes(make_document(int(path.stem), ENTRIES + 1))
    rounds.append(gather_round("again, nine in ten unchanged", changed))
    close_readers()
    own, reader = (resource.getrusage(who).ru_maxrss // 1000 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    for one, paths in zip(rounds, (good, changed), strict=True):
        one["feedparser"] = time_feedparser(paths)
    return {"rounds": rounds, "megabytes": own, "readers": PROCESSES, "reader_megabytes": reader,
            "total_megabytes": own + PROCESSES * reader}


def gather_round(name: str, documents: list[Path]) -> dict[str, Any]:
    """Gather all feeds once."""
    from worker.feeds.gather import gather_feeds

    start = time.perf_counter()
    done = gather_feeds(force=True)
    return {"name": name, "seconds": time.perf_counter() - start, "documents": len(documents),
            "new": sum(one.new for one in done), "failing": sum(one.state == "failing" for one in done)}


def time_feedparser(paths: list[Path]) -> float:
    """The peer: feedparser as it comes, on bytes already here, storing nothing."""
    import feedparser

    start = time.perf_counter()
    for path in paths:
        feedparser.parse(io.BytesIO(path.read_bytes()))
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
