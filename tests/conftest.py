"""What every test stands on: its own home and settings, SQLite or PostgreSQL, a real Valkey, and no network.

TEST_DATABASE=sqlite|postgres chooses the database; TEST_DATABASE_URL names a server to use instead of a throw-away one.
DATABASE_TESTS=only leaves out what has nothing to do with it, DATABASE_TESTS=none all the rest.
REQUIRE_ALL=1 makes a skipped test a failure.
"""

import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import PostgresServer, start_postgres

HOME = Path(tempfile.mkdtemp(prefix="broadsheet-tests-"))
KIND = os.environ.get("TEST_DATABASE", "sqlite")
POSTGRES: PostgresServer | None = None
SKIPPED: list[str] = []
_journals = count()

# Every setting is given here, also those left empty: what stands in a developer's own environment or .env file
# (a real sender, a real database) must never reach a test.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "worker.settings",
    "BROADSHEET_HOME": str(HOME),
    "DATABASE_URL": f"sqlite:///{HOME / 'broadsheet.sqlite3'}",
    "SECRET_KEY": "only-for-tests-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
    "BASE_URL": "http://127.0.0.1:8000",
    "POSTAL_ADDRESS": "1 Example Street, London",
    "WORKER_PROCESSES": "1", "WEB_PROCESSES": "1",
    "SUMMARISER_TIMEOUT_SECONDS": "30",
    "LOG_FORMAT": "text",
    **dict.fromkeys(["REDIS_URL", "SENDER_URL", "SENDGRID_API_KEY", "SENDGRID_HOST", "SENDGRID_WEBHOOK_KEY",
                     "SUMMARISER_URL", "SUMMARISER_MODEL", "SUMMARISER_API_KEY", "SUMMARISER_PROMPT_PRICE",
                     "SUMMARISER_COMPLETION_PRICE", "SUMMARISER_DAILY_LIMIT", "FEEDS_FILE", "FETCH_ALLOW_HOSTS",
                     "SECRET_KEY_FALLBACKS", "ALLOWED_HOSTS", "SENTRY_DSN", "SIGNUP_BLOCKED_DOMAINS", "LEAVE_MAILTO",
                     "ERASURE_JOURNAL"], ""),
    # One machine plays all visitors: only the tests of the limits themselves set lower ones.
    "SIGNUP_NETWORK_LIMIT": "100000", "SIGNUP_TOTAL_LIMIT": "1000000", "TERMS_NOTICE_DAYS": "14",
    "KEEP_UNCONFIRMED_DAYS": "30", "KEEP_NETWORK_DAYS": "90", "KEEP_EVENTS_DAYS": "396",
    "TRUST_PROXY": "false", "DATABASE_WAIT_SECONDS": "30", "START_GRACE_MINUTES": "60", "TEST_ADDRESSES": "", "ALARM_ADDRESSES": "",
    "DELIVERY_WORKERS": "1", "CANARY_PERCENT": "1", "CANARY_MINUTES": "0",
    "SEND_RATES": "", "WARM_UP": "", "DKIM_SELECTORS": "",
}


def _start_database() -> str:
    global POSTGRES
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given:
        return given
    if KIND == "postgres":
        POSTGRES = start_postgres(HOME / "pg")
        return POSTGRES.url()
    if KIND != "sqlite":
        raise pytest.UsageError(f"TEST_DATABASE is {KIND!r}: give sqlite or postgres")
    return ENVIRONMENT["DATABASE_URL"]


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment, then load the settings: pytest-django finds them loaded and sets Django up."""
    HOME.chmod(0o755)  # the PostgreSQL server of a root user runs as another one
    os.environ.update({**ENVIRONMENT, "DATABASE_URL": _start_database()})
    from django.conf import settings

    database = settings.DATABASES["default"]
    if KIND == "sqlite":  # a file, as in production: in memory, connections would share one lock and behave differently
        database["TEST"] = {"NAME": HOME / "tests.sqlite3"}
    _let_the_ledger_be_emptied()


def _let_the_ledger_be_emptied() -> None:
    """Between tests all tables are emptied. The consent ledger refuses SQLite's DELETE unless a Removal allows it, and PostgreSQL's
    TRUNCATE always, to everybody but its owner, who may take the trigger away; so does the audit log, in every way."""
    from django.db import connection

    from tests.audit import open_log

    operations = type(connection.ops)
    usual = operations.sql_flush
    trigger = "ALTER TABLE storage_consent {} TRIGGER consent_is_not_emptied;"

    def sql_flush(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
        empty = ("INSERT INTO storage_removal (reader_number, reason, at) SELECT DISTINCT reader_id, 'test', CURRENT_TIMESTAMP "
                  "FROM storage_consent WHERE reader_id NOT IN (SELECT reader_number FROM storage_removal);")
        flush = list(usual(self, style, tables, **options))
        if "storage_auditentry" in tables:
            flush = open_log(flush)
        if "storage_consent" not in tables:
            return flush
        if KIND == "sqlite":
            return [empty, "DELETE FROM storage_consent;", *flush]
        return [trigger.format("DISABLE"), *flush, trigger.format("ENABLE")]

    operations.sql_flush = sql_flush  # type: ignore[method-assign]


def pytest_unconfigure(config: pytest.Config) -> None:
    if POSTGRES:
        POSTGRES.stop()
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {KIND}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests without a database (DATABASE_TESTS=only), or all others (none). Those with a browser come last: its event
    loop stays in the thread, where a test of asyncio could not start one of its own any more."""
    items.sort(key=lambda item: "chromium" in getattr(item, "fixturenames", ()))
    wanted = os.environ.get("DATABASE_TESTS")
    if wanted in ("only", "none"):
        left_out = {item for item in items if _uses_database(item) is not (wanted == "only")}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _uses_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("any_database"):
        return False
    fixtures = {"db", "transactional_db", "empty_database_url", "service_database_url"}
    return bool(item.get_closest_marker("django_db") or fixtures & set(getattr(item, "fixturenames", ())))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        SKIPPED.append(report.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        SKIPPED.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if SKIPPED and os.environ.get("REQUIRE_ALL") == "1":
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if SKIPPED and os.environ.get("REQUIRE_ALL") == "1":
        terminalreporter.section("skipped, but everything is required (REQUIRE_ALL=1)", sep="=", red=True)
        for name in SKIPPED:
            terminalreporter.line(name)


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test reach this machine only; anything else is refused before a packet leaves."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _refusing_strangers(getattr(socket.socket, name)))


@pytest.fixture(autouse=True)
def _own_journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test what stands outside the database afresh: one test's erasures must not be done again in the next, nor what it
    sent be held against the next, whose issue has the same number, nor the readers it counted be the next one's."""
    from django.conf import settings
    from django.core.cache import cache

    file = HOME / f"erasures-{next(_journals)}.jsonl"
    monkeypatch.setattr(settings, "ERASURE_JOURNAL", file)
    cache.clear()
    yield
    file.unlink(missing_ok=True)
    for folder in ("turns", "replies"):
        shutil.rmtree(HOME / folder, ignore_errors=True)


def _refusing_strangers(connect: Callable[..., Any]) -> Callable[..., Any]:
    def connect_to_loopback(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            try:
                is_near = ipaddress.ip_address(host.partition("%")[0]).is_loopback
            except ValueError:
                is_near = host == "localhost"
            if not is_near:
                raise RuntimeError(f"a test tried to reach {host}: only loopback is allowed")
        return connect(self, address)

    return connect_to_loopback


EDITORIAL = """\
[publisher]
name = "Example Press"
partners = ["Harbour Conferences"]

[newsletters.aitrends]
title = "AITrends"
description = "What moved in artificial intelligence since yesterday."
days = ["mon", "tue", "wed", "thu", "fri"]
draft_at = "05:30"
send_by = "09:00"
timezone = "Europe/London"
from_name = "AITrends"
from_email = "aitrends@example.com"

[newsletters.daily]
title = "Daily"
description = "The day's technology news in five minutes."
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
draft_at = "06:00"
send_by = "10:00"
timezone = "Europe/London"
from_name = "Daily"
from_email = "daily@example.com"

[[feeds]]
name = "first-outlet"
title = "First Outlet"
url = "http://127.0.0.1:9/first.xml"
newsletters = ["aitrends", "daily"]
topic = "lab"

[[feeds]]
name = "second-outlet"
title = "Second Outlet"
url = "http://127.0.0.1:9/second.xml"
newsletters = ["aitrends"]

[[feeds]]
name = "third-outlet"
title = "Third Outlet"
url = "http://127.0.0.1:9/third.xml"
newsletters = ["daily"]
weight = 2
"""


@pytest.fixture
def editorial_file(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a feeds.toml of two newsletters and three feeds that the settings point at; a test may write it anew."""
    from worker import settings as module

    file = tmp_path / "feeds.toml"
    file.write_text(EDITORIAL)
    settings.FEEDS_FILE = file
    monkeypatch.setattr(module, "FEEDS_FILE", file)
    return file


@pytest.fixture
def editor(db: None) -> Any:
    """Return an editor who may not approve; password "correct horse battery"."""
    from worker.storage.models import Editor

    return Editor.objects.create_user("editor@example.com", "correct horse battery")


@pytest.fixture
def approver(db: None) -> Any:
    """Return an editor who may approve; password "correct horse battery"."""
    from worker.storage.models import Editor, Role

    return Editor.objects.create_user("approver@example.com", "correct horse battery", role=Role.APPROVER)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the address of a real, empty Valkey that lives as long as the test run."""
    from worker.redis import start_valkey

    server = start_valkey(HOME)
    yield server.url
    server.stop()


@pytest.fixture
def empty_database_url(tmp_path: Path) -> str:
    """Return the DATABASE_URL of a new database of the kind under test, without tables, for programs a test starts."""
    if POSTGRES:
        return POSTGRES.new_database()
    if KIND == "postgres":
        pytest.skip("TEST_DATABASE_URL is given: no further database can be made on that server")
    return f"sqlite:///{tmp_path / 'service.sqlite3'}"


@pytest.fixture(scope="session")
def _migrated_template() -> str:
    """Return the DATABASE_URL of a database that has its tables, made once: copying it is quicker than migrating."""
    url = POSTGRES.new_database() if POSTGRES else f"sqlite:///{HOME / 'template.sqlite3'}"
    subprocess.run([sys.executable, "-m", "worker", "migrate"], check=True, capture_output=True,
                   env={**os.environ, **ENVIRONMENT, "DATABASE_URL": url})
    return url


@pytest.fixture
def service_database_url(request: pytest.FixtureRequest, tmp_path: Path, empty_database_url: str) -> str:
    """Return the DATABASE_URL of a new database that has its tables, and is not the empty one."""
    template = request.getfixturevalue("_migrated_template")
    if POSTGRES:
        return POSTGRES.new_database(template.partition("@/")[2].partition("?")[0])
    file = tmp_path / "with-tables.sqlite3"
    shutil.copyfile(template.removeprefix("sqlite:///"), file)
    return f"sqlite:///{file}"


@pytest.fixture
def service_environment(tmp_path: Path, service_database_url: str) -> dict[str, str]:
    """Return the environment for a program a test starts: a home and a database of its own, no broker.

    As in a person's shell, nothing in it names the settings to Django: the programs must do that themselves.
    """
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "service-feeds.toml").write_text(EDITORIAL)
    given = {"BROADSHEET_HOME": str(home), "DATABASE_URL": service_database_url,
             "FEEDS_FILE": str(tmp_path / "service-feeds.toml"), "BASE_URL": ""}
    environment = {**os.environ, **ENVIRONMENT, **given}
    del environment["DJANGO_SETTINGS_MODULE"]
    return environment
