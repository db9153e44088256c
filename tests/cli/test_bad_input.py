"""What goes wrong at the command line is one line that says what, where and how to mend it, with exit status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import OperationalError

from tests.ports import free_port
from worker.storage.schema import explain

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.any_database


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "worker", *arguments], cwd=ROOT, env=environment, text=True,
                          capture_output=True, timeout=60)


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for part in parts:
        assert part in lines[0]


SETTINGS = [
    ({"SECRET_KEY": "short"}, "SECRET_KEY is too weak"),
    ({"SECRET_KEY_FALLBACKS": "old"}, "SECRET_KEY_FALLBACKS is too weak"),
    ({"SECRET_KEY": "", "BROADSHEET_HOME": os.devnull}, "BROADSHEET_HOME"),
    ({"BROADSHEET_HOME": "/dev/null/home", "SECRET_KEY": ""}, "BROADSHEET_HOME /dev/null/home"),
    ({"BASE_URL": "news.example.org"}, "BASE_URL"),
    ({"BASE_URL": "http://[::1"}, "BASE_URL"),
    ({"BASE_URL": "http://news.example.org:99999"}, "BASE_URL"),
    ({"BASE_URL": 'https://news.example.org"><b>'}, "BASE_URL"),
    ({"REDIS_URL": "pigeon://loft"}, "REDIS_URL: give redis://"),
    ({"REDIS_URL": "redis://127.0.0.1:http/0"}, "REDIS_URL: give redis://"),
    ({"DATABASE_URL": "mysql://root@localhost/x"}, "DATABASE_URL"),
    ({"DATABASE_URL": "mongodb://root:hunter2@localhost/x"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgres://nobody:hunter2/part@localhost/x"}, "DATABASE_URL cannot be read"),
    ({"DATABASE_URL": "postgres://nobody:hunter2@127.0.0.1:1/none"}, "DATABASE_URL"),
    ({"DATABASE_URL": "sqlite:////nonexistent/dir/x.sqlite3"}, "/nonexistent/dir/x.sqlite3"),
    ({"DELIVERY_LEASE_SECONDS": "soon"}, "DELIVERY_LEASE_SECONDS: give a whole number"),
    ({"FEEDS_FILE": "/nonexistent.toml"}, "/nonexistent.toml"),
]


@pytest.mark.parametrize(("wrong", "says"), SETTINGS, ids=[str(wrong) for wrong, _ in SETTINGS])
def test_a_wrong_setting_is_one_line(service_environment: dict[str, str], wrong: dict[str, str], says: str) -> None:
    done = run({**service_environment, **wrong}, "draft", "aitrends")
    assert_one_line(done, says)
    assert "hunter2" not in done.stderr


def test_a_secret_key_or_env_file_that_is_no_text_is_one_line(service_environment: dict[str, str], tmp_path: Path) -> None:
    key = Path(service_environment["BROADSHEET_HOME"]) / "secret_key"
    key.write_bytes(b"\xff\xfe")
    assert_one_line(run({**service_environment, "SECRET_KEY": ""}, "issues"), str(key))
    (tmp_path / ".env").write_bytes(b"SECRET_KEY=\xff\xfe\n")
    done = subprocess.run([sys.executable, "-m", "worker", "issues"], cwd=tmp_path, text=True, capture_output=True, timeout=60,
                          env={**service_environment, "PYTHONPATH": str(ROOT)})
    assert_one_line(done, f"{tmp_path}/.env: not UTF-8")


def test_a_home_that_cannot_be_used_is_told_and_a_new_one_is_nobody_else_s(
    service_environment: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "new"
    environment = {**service_environment, "BROADSHEET_HOME": str(home), "SECRET_KEY": "", "DATABASE_URL": ""}
    assert run(environment, "issues").returncode == 0, "its own database is given its tables in passing"
    assert home.stat().st_mode & 0o077 == 0
    (home / "valkey").write_text("not a directory")
    done = run(environment, "up", "--port", str(free_port()))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"broadsheet: BROADSHEET_HOME {home}: ")


def test_a_full_disk_is_not_mended_by_starting_a_database() -> None:
    assert explain(OperationalError("database or disk is full")).endswith("make room there")


@pytest.mark.parametrize("arguments", [("feeds", "check"), ("feeds", "export-opml"), ("readers", "export")])
def test_a_command_finds_the_settings_by_itself(service_environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = run(service_environment, *arguments)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("arguments", "name"), [
    (("readers", "show", "\udcff@example.org"), "'EMAIL'"), (("readers", "erase", "\udcff@example.org"), "'EMAIL'"),
    (("departures", "--newsletter", "\udcff@example.org"), "'--newsletter'"), (("draft", "\udcff@example.org"), "'NEWSLETTER'"),
    (("readers", "import", os.devnull, "--newsletter", "daily", "--consent-source", "\udcff@example.org"), "'--consent-source'"),
])
def test_bytes_that_are_no_text_are_one_line(service_environment: dict[str, str], arguments: tuple[str, ...], name: str) -> None:
    assert_one_line(run(service_environment, *arguments), f"{name}: \\xff@example.org is not UTF-8 text")


def test_a_file_whose_name_is_no_text_is_read_and_named(service_environment: dict[str, str], tmp_path: Path) -> None:
    """Names are bytes to the system. As in a desktop's locale: Python lets everything through where there is none."""
    file = tmp_path / "list \udcff.csv"
    file.write_text("email\nada@example.com\nno address\n")
    given = ("readers", "import", str(file), "--newsletter", "daily", "--consent-source", "a paper form")
    environment = {**service_environment, "PYTHONIOENCODING": "utf-8:strict"}
    assert_one_line(run(environment, *given), "list \\udcff.csv:3: ", "--skip-broken")
    foretold = json.loads(run(environment, *given, "--dry-run", "--json").stdout)
    assert (foretold["file"], foretold["imported"]) == (str(file), 1)
    done = run(environment, *given, "--skip-broken")
    assert done.returncode == 0, done.stderr
    assert "list \\udcff.csv: plain CSV, 2 rows" in done.stdout
    assert "1 imported, 0 already there, 1 refused" in done.stdout


def test_an_unknown_newsletter_names_those_there_are(service_environment: dict[str, str]) -> None:
    assert_one_line(run(service_environment, "draft", "weekly"), "'weekly'", "aitrends, daily")


@pytest.mark.parametrize("arguments", [
    ("proof", "999"), ("approve", "999", "--by", "a@example.com"), ("deliver", "999", "--inline"), ("status", "999", "--json"),
])
def test_an_unknown_issue_is_one_line(service_environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert_one_line(run(service_environment, *arguments), "there is no issue 999")


@pytest.mark.parametrize(("url", "says"), [
    ("pigeon:loft", "SENDER_URL"),
    ("smtp://127.0.0.1:1", "127.0.0.1:1"),
    ("sendgrid:", "SENDGRID_API_KEY"),
])
def test_a_wrong_or_dead_sender_is_told_by_the_check(service_environment: dict[str, str], url: str, says: str) -> None:
    done = run({**service_environment, "SENDER_URL": url}, "check")
    assert done.returncode == 2
    assert says in done.stdout
    assert "Traceback" not in done.stderr


def test_a_dead_broker_is_told_by_the_check(service_environment: dict[str, str]) -> None:
    done = run({**service_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}, "check")
    assert done.returncode == 2
    assert "REDIS_URL does not answer" in done.stdout


def test_a_csv_with_broken_rows_imports_nothing_until_that_is_wanted(
    service_environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "readers.csv"
    file.write_text("email,name\ngood@example.com,Good\nnot-an-address,Bad\nalso.good@example.com,Also\n")
    given = ("readers", "import", str(file), "--newsletter", "aitrends", "--consent-source", "a paper form")
    assert_one_line(run(service_environment, *given), f"{file}:3: ", "--skip-broken")
    assert run(service_environment, "readers", "export").stdout.count("@") == 0, "nothing half-written"
    done = run(service_environment, *given, "--skip-broken")
    assert done.returncode == 0, done.stderr
    assert "2 imported, 0 already there, 1 refused" in done.stdout
    again = run(service_environment, *given, "--skip-broken")
    assert "already (2 imported, 0 already there, 1 refused); nothing was changed" in again.stdout


def test_a_csv_that_is_not_there_writes_nothing(service_environment: dict[str, str], tmp_path: Path) -> None:
    done = run(service_environment, "readers", "import", str(tmp_path / "none.csv"), "--newsletter", "aitrends",
               "--consent-source", "a paper form")
    assert_one_line(done, "none.csv")


JSONL = [
    ('{"id": 1, "title": "A"\n', "items.jsonl:1: not JSON"),
    ('{"title": "A"}\n', "items.jsonl:1: id: missing"),
    ('{"id": 1, "title": "A", "published": "soon"}\n', "items.jsonl:1: published: 'soon'"),
    ('{"id": 1, "title": "A"}\n{"id": 1, "title": "B"}\n', "stands twice"),
    ("[]\n", "items.jsonl:1: give one object a line"),
]


@pytest.mark.parametrize(("text", "says"), JSONL)
def test_a_broken_items_file_is_one_line_and_leaves_nothing(
    service_environment: dict[str, str], tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "items.jsonl").write_text(text)
    target = tmp_path / "clusters.jsonl"
    assert_one_line(run(service_environment, "group", "--from", str(tmp_path / "items.jsonl"), "--to", str(target)), says)
    assert [path.name for path in tmp_path.iterdir() if "clusters" in path.name] == []


def test_a_template_that_does_not_compile_is_one_line(service_environment: dict[str, str], tmp_path: Path) -> None:
    """The whole checkout is linked into an empty folder, with one mail template broken."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("worker", "feeds.toml"):
        (copy / name).symlink_to(ROOT / name)
    from shutil import copytree

    copytree(ROOT / "templates", copy / "templates")
    (copy / "templates" / "email" / "issue.mjml").write_text("<mjml><mj-body><mj-section></mjml>")
    code = ("import worker.settings as s, pathlib; s.TEMPLATES_DIR = pathlib.Path('templates').resolve();"
            "s.TEMPLATES[0]['DIRS'] = [s.TEMPLATES_DIR];"
            "from worker.cli import main; import sys; sys.argv = ['broadsheet', 'demo']; raise SystemExit(main())")
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, env={**service_environment, "FEEDS_FILE": ""}, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "email/issue.mjml" in done.stderr.strip().splitlines()[-1]


def test_both_file_options_are_needed(service_environment: dict[str, str]) -> None:
    assert_one_line(run(service_environment, "group", "--from", os.devnull), "--from and --to")


def test_an_unknown_command_is_refused(service_environment: dict[str, str]) -> None:
    done = run(service_environment, "fly")
    assert done.returncode == 2
    assert "fly" in done.stderr
