"""One errand in, done in a process whose environment names the paper's home and database, what it found as JSON out.

    python -m bench.inside prepare '{"readers": 1000, "issues": 2, "frozen": true}'

`bench.paper` runs these, and says of each what it is for.
"""

import json
import os
import resource
import sys
import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.paper import MAIL_BYTES

FIRST_PERIOD = date(2026, 1, 1)  # each issue has a day of its own


def prepare(readers: int, issues: int, frozen: bool) -> dict[str, Any]:
    """See `Paper.prepare`."""
    from django.core.management import call_command

    from tests.delivery.press import TEXT, add_readers, build_issue
    from worker.delivery.audience import freeze_audience, start_issue

    call_command("migrate", verbosity=0)
    add_readers(["reader0@example.com"])
    html, size = _fit_html()
    _edition().write_text(html)
    _multiply_readers(readers)
    made = []
    for _ in range(issues):
        made.append(build_issue([], html=html, text=TEXT, period=_next_period()))
        start_issue(made[-1], by="bench")
        if frozen:
            assert freeze_audience(made[-1]) == readers
    return {"issues": made, "mail_bytes": size}


def _edition() -> Path:
    return Path(os.environ["BROADSHEET_HOME"]) / "edition.html"


def _next_period() -> str:
    from worker.storage.models import Issue

    return str(FIRST_PERIOD + timedelta(days=Issue.objects.count()))


def _fit_html() -> tuple[str, int]:
    """Return an edition whose mails are MAIL_BYTES long, and how long they are: tried out on a maildir."""
    from tests.delivery.press import HTML

    line = "<p>Some words of an issue, as they are read every day.</p>\n"  # + 1: a line end is two bytes on the wire
    lines = (MAIL_BYTES - _weigh(HTML)) // (len(line) + 1)
    html = HTML.replace("<h1>", line * lines + "<h1>")
    size = _weigh(html)
    assert abs(size - MAIL_BYTES) < MAIL_BYTES / 50, size
    return html, size


def _weigh(html: str) -> int:
    from tests.delivery.press import TEXT, build_issue
    from worker.delivery.audience import start_issue
    from worker.delivery.deliver import deliver_issue
    from worker.delivery.senders import open_sender

    box = Path(os.environ["BROADSHEET_HOME"]) / f"weighed-{len(html)}"
    issue = build_issue([], html=html, text=TEXT, period=_next_period())
    start_issue(issue, by="bench")
    deliver_issue(issue, sender=open_sender(f"maildir:{box}"))
    (file,) = (box / "new").iterdir()
    mail = file.read_bytes().replace(b"\r\n", b"\n")
    return len(mail) + mail.count(b"\n")


def _multiply_readers(total: int) -> None:
    """Make of the one reader so many, by statements that copy the row and its subscription: a million take seconds."""
    from django.db import connection, transaction

    from worker.storage.models import Reader, Subscription

    is_postgres = connection.vendor == "postgresql"
    numbers = ("generate_series(1, %s) AS numbers(n)" if is_postgres else
               "(WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < %s) SELECT n FROM counted)")
    address = "'reader' || n || '@example.com'"
    readers, subscriptions = ([field.column for field in model._meta.concrete_fields if not field.primary_key]
                              for model in (Reader, Subscription))
    values = [{"email": address, "email_key": address}.get(name, name) for name in readers]
    followers = ["storage_reader.id" if name == "reader_id" else f"one.{name}" for name in subscriptions]
    with transaction.atomic(), connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("SET LOCAL session_replication_role = replica")  # the keys fit: no need to look each up
        cursor.execute(f"INSERT INTO storage_reader ({', '.join(readers)}) SELECT {', '.join(values)} "
                       f"FROM storage_reader, {numbers}", [total - 1])
        cursor.execute(f"INSERT INTO storage_subscription ({', '.join(subscriptions)}) SELECT {', '.join(followers)} "
                       "FROM storage_reader, (SELECT * FROM storage_subscription) AS one "
                       "WHERE storage_reader.id <> one.reader_id ORDER BY storage_reader.id")
    if is_postgres:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # as its autovacuum does within a minute
            cursor.execute("CHECKPOINT")  # what the making of readers left to be written is not to be measured


def freeze(issue: int) -> dict[str, Any]:
    """See `Paper.freeze`."""
    from bench.importing import read_server_cpu
    from worker.delivery.audience import freeze_audience

    begun, before, server = time.perf_counter(), _read_cpu(), read_server_cpu()
    freeze_audience(issue)
    user, system = (after - then for after, then in zip(_read_cpu(), before, strict=True))
    return {"seconds": time.perf_counter() - begun, "user": user + read_server_cpu() - server, "system": system}


def deliver(issue: int) -> dict[str, Any]:
    """Say that this worker is ready, wait for the word, deliver; returns what that cost."""
    from worker.delivery.deliver import deliver_issue
    from worker.delivery.senders import open_sender

    open_sender().close()  # its modules are imported: a worker lives longer than an issue
    print("ready", flush=True)
    sys.stdin.readline()
    before = _read_cpu()
    deliver_issue(issue)
    user, system = (after - then for after, then in zip(_read_cpu(), before, strict=True))
    return {"user": user, "system": system, "megabytes": _read_peak()}


def look(issue: int) -> dict[str, Any]:
    """Return how the issue stands."""
    from worker.delivery.deliver import status
    from worker.storage.models import Issue

    sent_at = Issue.objects.get(pk=issue).sent_at
    return {"states": status(issue)["states"], "sent_at": sent_at.timestamp() if sent_at else None}


def list_audience(issue: int) -> dict[str, Any]:
    """See `Paper.list_audience`."""
    from tests.delivery.press import states_of

    return {"addresses": list(states_of(issue))}


def splice(count: int) -> dict[str, Any]:
    """See `Paper.measure_copies`."""
    from django.utils import timezone

    from tests.delivery.press import TEXT
    from worker.delivery.message import Sheet, freeze_template, make_copy

    sheet = Sheet("News", _edition().read_text(), TEXT, "AITrends", "aitrends@example.com")
    template = freeze_template(sheet, number=1, at=timezone.now())
    link = "https://news.example.org/unsubscribe/" + "x" * 90 + "/"
    begun, before = time.perf_counter(), _read_cpu()
    for n in range(count):
        make_copy(template, "delivery_id", n, "reader@example.com", unsubscribe_url=link, preferences_url=link).message()
    user, system = (after - then for after, then in zip(_read_cpu(), before, strict=True))
    return {"seconds": time.perf_counter() - begun, "user": user, "system": system}


def write_call() -> dict[str, Any]:
    """See `Paper.write_call`."""
    from django.conf import settings

    from tests.delivery.press import TEXT, build_issue
    from tests.fakes.sendgrid_server import SendGridServer
    from worker.delivery.audience import start_issue
    from worker.delivery.deliver import deliver_issue

    issue = build_issue([], html=_edition().read_text(), text=TEXT, period=_next_period())
    start_issue(issue, by="bench")
    with SendGridServer() as server:
        settings.SENDER_URL, settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = "sendgrid:", server.key, server.url
        deliver_issue(issue)
        body = json.dumps(max(server.calls, key=lambda call: len(call["personalizations"])))
    _edition().with_name("call.json").write_text(body)
    return {"bytes": len(body)}


def _read_cpu() -> tuple[float, float]:
    """Return the CPU seconds of this process and its threads, and of the programs it ran: its own code's, the kernel's."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime for one in used), sum(one.ru_stime for one in used)


def _read_peak() -> float:
    """Return the most memory this process has held, in MB. (`ru_maxrss` begins with that of whoever started it.)"""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Do one thing inside and print what it found."""
    import django

    django.setup()
    work = {one.__name__: one for one in (prepare, freeze, deliver, look, list_audience, splice, write_call)}
    print(json.dumps(work[sys.argv[1]](**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
