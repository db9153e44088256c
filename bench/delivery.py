"""Measures hand-over: an issue to many readers through each sender, beside smtplib with a message built per reader.

    python -m bench.delivery [--readers 3000] [--kilobytes 40]

Everything is real: the database (SQLite, durable commits), the ledger, an SMTP sink and a SendGrid of our own on
loopback, each in a process of its own, all on this machine. Exit status 1 if the ledger and all cost more than the peer.
"""

import argparse
import json
import os
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SENDGRID_FACTOR = 5  # times as many readers, since it takes a thousand at once
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


def main(argv: list[str] | None = None) -> int:
    """Run the bench in processes and a folder of its own, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.delivery", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--readers", type=int, default=3000, help="how many readers (3000)")
    parser.add_argument("--kilobytes", type=int, default=40, help="size of a mail (40)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.inside:
        print(json.dumps(measure_all(given.readers, given.kilobytes)))
        return 0
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        return _run(Path(folder), given.readers, given.kilobytes)


def _run(home: Path, readers: int, kilobytes: int) -> int:
    (home / "feeds.toml").write_text(EDITORIAL)
    with (_server("tests.fakes.smtp_sink", "--port", "0", "--log", str(home / "taken.log")) as sink,
          _server("tests.fakes.sendgrid_server", "--port", "0", "--forget") as sendgrid):
        environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "worker.settings", "BROADSHEET_HOME": str(home), "DATABASE_URL": "",
            "FEEDS_FILE": str(home / "feeds.toml"), "SENDER_URL": sink, "SENDGRID_API_KEY": "SG.test",
            "SENDGRID_HOST": sendgrid, "SECRET_KEY": "", "BASE_URL": "https://news.example.org"}
        done = subprocess.run([sys.executable, "-m", "bench.delivery", "--inside", "--readers", str(readers),
                               "--kilobytes", str(kilobytes)], env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return _show(json.loads(done.stdout))


@contextmanager
def _server(module: str, *arguments: str) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield process.stdout.readline().rpartition(" ")[2].strip()
    finally:
        process.terminate()
        process.wait(10)


def _show(rows: list[dict[str, Any]]) -> int:
    print(f"{'':42}{'readers':>9}{'readers/s':>12}{'client CPU a reader':>22}")
    for row in rows:
        cpu = f"{row['cpu'] / row['readers'] * 1e6:,.0f} us" if row["cpu"] is not None else ""
        print(f"{row['what']:42}{row['readers']:>9,}{row['readers'] / row['seconds']:>12,.0f}{cpu:>22}")
    by_name = {row["what"]: row for row in rows}
    ours, peer = by_name["SMTP, ledger and all"], by_name["peer: smtplib, a message built per reader"]
    ratio = (peer["cpu"] / peer["readers"]) / (ours["cpu"] / ours["readers"])
    print(f"\nCPU of the peer, which keeps no ledger, over ours: {ratio:.1f}")
    return 0 if ratio >= 1 else 1


def measure_all(readers: int, kilobytes: int) -> list[dict[str, Any]]:
    """Return what, how many readers, seconds and CPU seconds for each way; in a process with its own settings."""
    import django

    django.setup()
    from django.core.management import call_command

    from tests.delivery.press import HTML, TEXT

    call_command("migrate", verbosity=0)
    html = HTML.replace("<h1>", "<p>Some words of an issue, in a paragraph. </p>\n" * (kilobytes * 1024 // 52) + "<h1>")
    tempdir = Path(os.environ["BROADSHEET_HOME"])
    rows = [_measure_peer(min(readers, 1000), html, TEXT)]
    rows += _measure_sender("SMTP, ledger and all", readers, html, os.environ["SENDER_URL"], "2026-01-01")
    rows += _measure_sender("maildir, ledger and all", readers, html, f"maildir:{tempdir / 'box'}", "2026-01-02")
    rows += _measure_sender("SendGrid, ledger and all", readers * SENDGRID_FACTOR, html, "sendgrid:", "2026-01-03")
    rows.append(_measure_splice(html, TEXT))
    return rows


def _measure(what: str, readers: int, work: Callable[[], object]) -> dict[str, Any]:
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return {"what": what, "readers": readers, "seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


def _measure_sender(what: str, readers: int, html: str, url: str, period: str) -> list[dict[str, Any]]:
    from tests.delivery.press import build_issue
    from worker.delivery.audience import freeze_audience, start_issue
    from worker.delivery.deliver import deliver_issue, status
    from worker.delivery.senders import open_sender
    from worker.storage.models import Delivery, Subscription

    Subscription.objects.all().update(state="left")
    issue_id = build_issue([f"{period}.{n}@example.com" for n in range(readers)], html=html, period=period)
    start_issue(issue_id, by="bench")
    rows = []
    if url == "sendgrid:":
        rows.append(_measure("  audience frozen", readers, lambda: freeze_audience(issue_id)))
    freeze_audience(issue_id)
    sender = open_sender(url)
    rows.insert(0, _measure(what, readers, lambda: deliver_issue(issue_id, sender=sender)))
    sender.close()
    assert status(issue_id)["states"] == {"accepted": readers}, status(issue_id)
    assert not Delivery.objects.filter(issue_id=issue_id).exclude(state="accepted").exists()
    return rows


def _measure_peer(readers: int, html: str, text: str) -> dict[str, Any]:
    host, _, port = os.environ["SENDER_URL"].removeprefix("smtp://").partition(":")

    def send() -> None:
        with smtplib.SMTP(host, int(port), "bench.example.com") as link:
            for n in range(readers):
                message = EmailMessage()
                message["From"], message["To"] = "AITrends <aitrends@example.com>", f"peer{n}@example.com"
                message["Subject"], message["Message-ID"] = "News", f"<{n}.peer@example.com>"
                message["List-Unsubscribe"] = f"<https://news.example.org/unsubscribe/{n}/>"
                message.set_content(text.replace("reader.invalid", f"news.example.org/{n}"))
                message.add_alternative(html.replace("reader.invalid", f"news.example.org/{n}"), subtype="html")
                link.send_message(message)

    return _measure("peer: smtplib, a message built per reader", readers, send)


def _measure_splice(html: str, text: str) -> dict[str, Any]:
    from django.utils import timezone

    from worker.delivery.message import Sheet, freeze_template, make_copy

    template = freeze_template(Sheet("News", html, text, "AITrends", "aitrends@example.com"), number=1, at=timezone.now())
    link = "https://news.example.org/unsubscribe/" + "x" * 90 + "/"

    def splice() -> None:
        for n in range(20_000):
            make_copy(template, "delivery_id", n, "reader@example.com", unsubscribe_url=link, preferences_url=link).message()

    return _measure("  splicing a copy, alone", 20_000, splice)


if __name__ == "__main__":
    sys.exit(main())
