"""Newsletter packages for Django in, the rate at which each hands a 40 KB newsletter to one mail server out.

Each is installed by pip, as that is set up here, into a virtual environment of its own in a cache of the user, and runs in the
smallest project that is honest: SQLite, its own tables, its own sending command, SMTP. Neither its start nor the making of its
readers is held against it. By hand, in such an environment:

    PYTHON bench/peers.py NAME --port 2525 --readers 400 --folder DIR     prints {"readers", "seconds"}
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

NEWSLETTER = "<p>Some words of an issue, as they are read every day.</p>\n"
COMMON: dict[str, Any] = {
    "SECRET_KEY": "only-for-measuring-" + "0123456789abcdef" * 4, "USE_TZ": True, "ROOT_URLCONF": "addresses", "SITE_ID": 1,
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField", "DEFAULT_FROM_EMAIL": "news@example.com",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1", "STATIC_URL": "/static/",
    "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                               "django.contrib.messages.context_processors.messages"]}}],
    "MIDDLEWARE": [f"django.contrib.{name}Middleware" for name in ("sessions.middleware.Session", "auth.middleware.Authentication",
                                                                   "messages.middleware.Message")],
}
DJANGO = [f"django.contrib.{name}" for name in ("contenttypes", "auth", "sites", "sessions", "messages", "admin")]


class Peer(NamedTuple):
    """One package: what pip is given, and its project."""

    name: str
    wanted: tuple[str, ...]
    settings: dict[str, Any]
    addresses: str  # urls.py: its mails hold links
    run: Callable[[int], float]  # makes its rows for so many readers, sends, returns the seconds of that
    models: str = ""


def run_newsletter(readers: int) -> float:
    """django-newsletter: `submit_newsletter`, which opens a connection a mail."""
    from django.core.management import call_command
    from newsletter.models import Article, Message, Newsletter, Submission, Subscription

    paper = Newsletter.objects.create(title="AITrends", slug="aitrends", email="news@example.com", sender="AITrends")
    Subscription.objects.bulk_create([Subscription(newsletter=paper, email_field=address, name_field="Reader", subscribed=True)
                                      for address in _addresses(readers)])
    message = Message.objects.create(title="News", slug="news", newsletter=paper)
    Article.objects.create(post=message, sortorder=1, title="One", text=_fill(20_600))  # it writes the text into both parts
    submission = Submission.from_message(message)
    submission.prepared = True
    submission.save()
    begun = time.perf_counter()
    call_command("submit_newsletter", verbosity=0)
    assert Submission.objects.get().sent
    return time.perf_counter() - begun


def run_freeletter(readers: int) -> float:
    """django-freeletter: `send_freeletter_issues`, which opens a connection a mail."""
    from django.core.management import call_command
    from freeletter.models import Issue, IssueBlock, Subscriber

    Subscriber.objects.bulk_create([Subscriber(email=address, is_confirmed=True) for address in _addresses(readers)])
    issue = Issue.objects.create(title="News", slug="news")
    IssueBlock.objects.create(issue=issue, html=_fill(39_000))
    issue.queue()
    begun = time.perf_counter()
    call_command("send_freeletter_issues")
    assert Issue.objects.get().status == Issue.Status.SENT
    return time.perf_counter() - begun


def run_nuntius(readers: int) -> float:
    """nuntius: its worker with the four sending processes that are its default, each with a connection that is kept open; its limit
    of 50 mails a second is lifted, and the time counts from the first mails on."""
    from django.db import connection
    from nuntius.models import Campaign, CampaignSentEvent, CampaignSentStatusType
    from people.models import Everybody, Reader

    Reader.objects.bulk_create([Reader(email=address, subscriber_status=1) for address in _addresses(readers)])
    text = "Some words of an issue.\n" * 30
    Campaign.objects.create(name="News", message_from_email="news@example.com", message_subject="News",
                            message_content_html=f"<html><body>{_fill(39_000)}</body></html>", message_content_text=text,
                            segment=Everybody.objects.create(), status=Campaign.STATUS_SENDING)
    connection.close()
    worker = subprocess.Popen([sys.executable, *sys.argv, "--worker"])
    try:
        done = CampaignSentEvent.objects.exclude(result=CampaignSentStatusType.PENDING)
        first = begun = 0
        stop_at = time.monotonic() + 120
        while (count := done.count()) < readers:
            if count and not begun:
                first, begun = count, time.perf_counter()
            assert time.monotonic() < stop_at, f"{count} of {readers} mails after two minutes"
            time.sleep(0.05)
        seconds = time.perf_counter() - begun
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    assert done.filter(result=CampaignSentStatusType.UNKNOWN).count() == readers
    return seconds * readers / (readers - first)


PEERS = {peer.name: peer for peer in (
    Peer("django-newsletter", ("django-newsletter", "sorl-thumbnail"), {
        "INSTALLED_APPS": [*DJANGO, "sorl.thumbnail", "newsletter"], "NEWSLETTER_THUMBNAIL": "sorl-thumbnail"},
        'urlpatterns = [path("newsletter/", include("newsletter.urls"))]', run_newsletter),
    # Its releases ask for Python 3.12 and run on 3.11 as they are.
    Peer("django-freeletter", ("--ignore-requires-python", "django-freeletter"), {
        "INSTALLED_APPS": [*DJANGO, "freeletter"], "FREELETTER_BASE_URL": "https://news.example.org"},
        'urlpatterns = [path("newsletter/", include("freeletter.urls"))]', run_freeletter),
    # Those releases that install on Python 3.11 ask for any Django, and import what Django 4 took away.
    Peer("nuntius", ("nuntius", *(["django<4"] if sys.version_info < (3, 12) else [])), {
        "INSTALLED_APPS": [*DJANGO, "people", "nuntius"], "NUNTIUS_SUBSCRIBER_MODEL": "people.Reader",
        "NUNTIUS_SEGMENT_MODEL": "people.Everybody", "NUNTIUS_MAX_SENDING_RATE": 1_000_000, "NUNTIUS_POLLING_INTERVAL": 0.5,
        "NUNTIUS_PUBLIC_URL": "https://news.example.org"},
        'urlpatterns = [path("nuntius/", include("nuntius.urls"))]', run_nuntius, models="""\
from django.db import models
from nuntius.models import BaseSegment, BaseSubscriber


class Reader(BaseSubscriber):
    pass


class Everybody(BaseSegment, models.Model):
    def get_subscribers_queryset(self):
        return Reader.objects.order_by("pk")
"""))}


def _addresses(readers: int) -> list[str]:
    return [f"reader{number}@example.com" for number in range(readers)]


def _fill(size: int) -> str:
    return NEWSLETTER * (size // (len(NEWSLETTER) + 1))


# -- outside: the environments --------------------------------------------------------------------------------------
def measure_peer(name: str, port: int, readers: int) -> float:
    """Return the peer's mails a second into the server on this port. Raises SkippedError."""
    from bench.figures import SkippedError
    from worker.programs import end_program, start_program

    python = _install(PEERS[name])
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = start_program([str(python), __file__, name, "--port", str(port), "--readers", str(readers),
                                     "--folder", folder], cwd=Path(folder), output=output)
        try:
            status = process.wait(600)
        except subprocess.TimeoutExpired:
            status = -1
        finally:
            end_program(process, seconds=5)  # with the processes it may have left behind
        lines = log.read_text(errors="replace").strip().splitlines() or ["it says nothing"]
    answers = [json.loads(line) for line in lines if line.startswith('{"readers"')]
    if status or not answers:
        raise SkippedError(f"{name} does not run: {lines[-1][:200]}")
    return float(readers / answers[0]["seconds"])


def find_release(name: str) -> str:
    """Return the release of a peer that has been measured."""
    found = _folder(PEERS[name]).glob(f"lib/*/site-packages/{name.replace('-', '_')}-*.dist-info")
    return next((folder.name.removesuffix(".dist-info").rpartition("-")[2] for folder in found), "")


def _folder(peer: Peer) -> Path:
    from bench.servers import CACHE

    return CACHE / f"{peer.name}-python{sys.version_info.major}.{sys.version_info.minor}"


def _install(peer: Peer) -> Path:
    """Return the Python of the peer's environment, made if it is not there."""
    from bench.figures import SkippedError

    folder = _folder(peer)
    python = folder / "bin" / "python"
    if (folder / "whole").exists():
        return python
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True)
    done = made.returncode or subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *peer.wanted],
                                             capture_output=True, text=True, timeout=600)
    if made.returncode:
        raise SkippedError(f"no virtual environment for {peer.name} can be made: {made.stdout.strip()[-200:]}")
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines() or ["?"]
        raise SkippedError(f"{peer.name} cannot be installed: {said[-1][:200]}")
    (folder / "whole").touch()
    return python


# -- inside: the project --------------------------------------------------------------------------------------------
def main() -> None:
    """Be the project: make tables and rows, send, print how long that took."""
    parser = argparse.ArgumentParser(prog="peers.py")
    parser.add_argument("name", choices=list(PEERS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--readers", type=int, default=400)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--worker", action="store_true", help="run nuntius's worker for the rows that are there")
    given = parser.parse_args()
    peer = PEERS[given.name]
    _set_up(peer, given.folder, given.port)
    from django.core.management import call_command

    if given.worker:
        call_command("nuntius_worker")
        return
    call_command("migrate", run_syncdb=True, verbosity=0)
    seconds = peer.run(given.readers)
    print(json.dumps({"readers": given.readers, "seconds": seconds}))


def _set_up(peer: Peer, folder: Path, port: int) -> None:
    import django
    from django.conf import settings

    (folder / "addresses.py").write_text(f"from django.urls import include, path\n\n{peer.addresses}\n")
    if peer.models:
        (folder / "people").mkdir(exist_ok=True)
        (folder / "people" / "__init__.py").touch()
        (folder / "people" / "models.py").write_text(peer.models)
    sys.path[0] = str(folder)
    with sqlite3.connect(folder / "peer.sqlite3") as file:
        file.execute("PRAGMA journal_mode = WAL")  # as ours: faster for all of them, and the file remembers it
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "peer.sqlite3", "OPTIONS": {"timeout": 30}}
    settings.configure(**COMMON, **peer.settings, EMAIL_PORT=port, DATABASES={"default": database}, MEDIA_ROOT=str(folder))
    django.setup()


if __name__ == "__main__":
    main()
