"""The whole service in one terminal: `broadsheet up` starts its parts, watches them, and ends them together."""

import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NoReturn
from urllib.parse import urlsplit

import click
import structlog

from worker import settings
from worker.errors import BroadsheetError, ConflictError
from worker.logs import set_up_logs
from worker.programs import Part, Supervisor, start_program
from worker.redis import prepare_valkey, why_silent

log = structlog.get_logger(__name__)

WEB_THREADS = 16  # of each process: sign-ups that wait at once share a commit
CELERY = [sys.executable, "-m", "celery", "--quiet", "--app", "worker.celery:app"]


# -- the programs -------------------------------------------------------------------------------------------------
def web_command(port: int, host: str = "127.0.0.1") -> list[str]:
    """Return the command of the web server. No access log: it would hold readers' signed links."""
    return [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port), "--no-ws",
            "--workers", str(settings.WEB_PROCESSES), "--blocking-threads", str(WEB_THREADS),
            # A thread has its own connection to the database, so it is kept for as long as can be (and no longer than ten minutes).
            "--blocking-threads-idle-timeout", "600", "--workers-kill-timeout", "5",
            "--log-level", "error", "worker.web.wsgi:application"]


def worker_command() -> list[str]:
    """Return the command of the Celery workers. They need to know nothing of each other, so no gossip between them."""
    return [*CELERY, "worker", "--loglevel", "INFO", "--concurrency", str(settings.WORKER_PROCESSES),
            "--prefetch-multiplier", "1", "--without-gossip", "--without-mingle"]


def beat_command() -> list[str]:
    """Return the command of the timetable."""
    schedule = settings.BROADSHEET_HOME / "timetable"
    return [*CELERY, "beat", "--loglevel", "INFO", "--schedule", str(schedule), "--pidfile", ""]


def run_web(port: int, host: str = "127.0.0.1") -> NoReturn:
    """Become the web server."""
    _replay_journal()
    _become(web_command(port, host), settings.web_environment(_environment(port)))


def run_worker() -> NoReturn:
    """Become the Celery workers; raises BroadsheetError without a broker."""
    _require_broker()
    set_up_logs()
    _mention_root()
    _replay_journal()
    _become(worker_command(), _environment())


def run_beat() -> NoReturn:
    """Become the timetable; raises BroadsheetError without a broker."""
    _require_broker()
    settings.BROADSHEET_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    _become(beat_command(), _environment())


def _environment(port: int = 8000) -> dict[str, str]:
    return settings.child_environment(port=port, redis_url=settings.REDIS_URL)


def _become(command: list[str], env: dict[str, str]) -> NoReturn:
    os.execve(command[0], command, env)


def _replay_journal() -> None:
    """Before this part does anything, let go again of whoever a restored backup brought back.

    A database that does not answer yet is no reason not to start: the timetable and each issue's start look again. A journal
    that cannot be read is one (ConfigurationError): nobody would know who must not be written to.
    """
    import django

    django.setup()
    from django.db import Error, connections

    from worker.readers.replay import replay_journal

    try:
        replay_journal()
    except Error as error:
        log.warning("the erasure journal was not looked at: the database does not answer, or lacks its tables",
                    reason=" ".join(str(error).split())[:200])
    connections.close_all()


def _mention_root() -> None:
    if os.geteuid() == 0:
        log.warning("running as root; an ordinary user is all it needs")


def _require_broker() -> None:
    if not settings.REDIS_URL:
        raise BroadsheetError("REDIS_URL is not set: workers and timetable meet there, e.g. redis://127.0.0.1:6379/0 "
                              "(`broadsheet up` brings its own)")
    _require_redis(settings.REDIS_URL)


# -- up -----------------------------------------------------------------------------------------------------------
def run_service(port: int) -> int:
    """Run web, workers, timetable and broker until a signal; returns the exit status.

    Raises BroadsheetError, with nothing left running, if one is running in this home already, if the port is taken, or
    if database, broker or configuration are not to be had.
    """
    home = settings.BROADSHEET_HOME
    with _writing(home), _only_one(home, port):
        stop = _catch_signals()
        set_up_logs()
        _mention_root()
        _require_port(port, patiently=(home / "up.json").exists())
        if not settings.REDIS_IS_EMBEDDED:
            _require_redis(settings.REDIS_URL)
        _prepare_database()
        valkey = prepare_valkey(home) if settings.REDIS_IS_EMBEDDED else None
        redis_url = valkey.url if valkey else settings.REDIS_URL
        env = settings.child_environment(port=port, redis_url=redis_url)
        parts = _make_parts(port, env)
        if valkey:
            parts.insert(0, Part("valkey", valkey.start, patience=10))
        with _announced(home, env):
            status = Supervisor(parts, stop, lambda: _greet_when_ready(port, env["BASE_URL"])).run()
        _fold_database()
        return status


def _make_parts(port: int, env: dict[str, str]) -> list[Part]:
    """Return the parts in the order they start; they end the other way round, so none misses another."""
    def start(command: list[str], last_signal: int, env: dict[str, str] = env) -> Callable[[], subprocess.Popen[bytes]]:
        return lambda: start_program(command, env=env, last_signal=last_signal)

    return [
        # If this process is killed, nothing gentler ends Celery for certain: its broker is going too, and a shutdown
        # waits for it. Its pool dies with it, and the sweep finds what was left undone.
        Part("worker", start(worker_command(), signal.SIGKILL), patience=15),
        Part("beat", start(beat_command(), signal.SIGTERM), patience=5),
        Part("web", start(web_command(port), signal.SIGTERM, settings.web_environment(env)), patience=8),
    ]


def _catch_signals() -> Event:
    """Return an event that SIGINT, SIGTERM and SIGHUP set (SIGHUP not under nohup)."""
    stop = Event()

    def set_stop(_number: int, _frame: Any) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:
            signal.signal(number, set_stop)
    return stop


@contextmanager
def _writing(home: Path) -> Iterator[None]:
    """Say what is wrong with a home that is full, read-only or somebody else's."""
    try:
        yield
    except OSError as error:
        advice = "make room there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "set it to a directory this user owns"
        raise BroadsheetError(f"BROADSHEET_HOME {home}: {error.strerror or error}; {advice}") from error


@contextmanager
def _only_one(home: Path, port: int) -> Iterator[None]:
    """Hold this home's lock, which the kernel lets go of however this process ends."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BroadsheetError(f"already running in {home} ({lock.read().strip() or 'just starting'})") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, http://127.0.0.1:{port}/")
        lock.flush()
        yield


@contextmanager
def _announced(home: Path, env: dict[str, str]) -> Iterator[None]:
    """Leave word in the home of where site and broker are, for commands in other terminals (settings.read_running)."""
    file = home / "up.json"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new:  # it holds a password
        json.dump({"process": os.getpid(), "site": env["BASE_URL"], "redis": env["REDIS_URL"]}, new)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _require_port(port: int, *, patiently: bool) -> None:
    """Raise BroadsheetError if the port is taken; `patiently` gives the web of a killed `up` a moment to leave."""
    for attempt in range(100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return
            except OSError as error:
                if not patiently or attempt == 99:
                    raise BroadsheetError(f"port {port} on 127.0.0.1: {error.strerror}; "
                                          "choose another: --port N") from error
        time.sleep(0.1)


def _require_redis(url: str) -> None:
    reason = why_silent(url)
    if reason:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise BroadsheetError(f"REDIS_URL {where} does not answer ({reason}): start it, "
                              "or unset REDIS_URL to use the embedded one")


def _prepare_database() -> None:
    """Migrate, erase again whom a backup brought back, publish the terms' wording and the feeds, and close the connection:
    from here on the parts work."""
    import django

    django.setup()
    from django.db import connections

    from worker import editorial
    from worker.feeds.sources import sync_feeds
    from worker.readers.replay import replay_journal
    from worker.readers.terms import publish_terms
    from worker.storage.schema import migrate

    paper = editorial.load()
    migrate()
    replay_journal()
    try:
        publish_terms()
    except ConflictError as error:  # what readers agreed to stays in force; that is no reason to be shut
        log.warning("terms not published", reason=str(error))
    sync_feeds(paper)
    connections.close_all()


def _fold_database() -> None:
    """Let SQLite write its log into its file and remove it, as the last one to leave does: then the file alone is the database."""
    from django.db import Error, connection

    if connection.vendor != "sqlite":
        return
    try:
        connection.ensure_connection()
        connection.close()
    except Error as error:
        log.warning("the database was not closed cleanly", reason=" ".join(str(error).split())[:200])


def _greet_when_ready(port: int, site: str) -> bool:
    """Print where to look once the web answers /readyz; tells whether it did."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        if connection.getresponse().status != 200:
            return False
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    outbox = f"\n  Mail goes to    {settings.SENDER_URL}" if settings.SENDER_URL.startswith("maildir:") else ""
    click.echo(f"""
Broadsheet is running.
  Readers' site   {site}/
  Newsroom        {site}/desk/
  Its files       {settings.BROADSHEET_HOME}{outbox}
  An editor       {settings.name_command("editor add you@example.com --approver")}     prints a link to sign in with
  Is all well?    {settings.name_command("check")}
Feeds are gathered and drafts proposed by the timetable in {settings.FEEDS_FILE}. Ctrl-C ends it.
""")
    return True
