"""Lists of readers through the real command line: looked at first, imported, killed, gone on with, and exported."""

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.test_bad_input import ROOT, assert_one_line, run

ROWS = 30_000
GIVEN = ("--newsletter", "aitrends", "--consent-source", "a paper form")
MIXED = """\
email,name,unsubscribed_at
ada@example.com,Ada,
=cmd|' /C calc'!A0,Bo,
cy@example.com,Cy,2026-01-01
Ada@Example.com,Ada,
"""


@pytest.fixture
def ask(service_environment: dict[str, str]) -> Callable[[str], list[tuple[Any, ...]]]:
    """Return a function that asks the service's database; an empty list while its tables are not there."""
    url = service_environment["DATABASE_URL"]

    def select(statement: str) -> list[tuple[Any, ...]]:
        try:
            if url.startswith("sqlite:"):
                with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                    return connection.execute(statement).fetchall()
            with psycopg.connect(url) as server:
                return server.execute(statement).fetchall()
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            return []

    return select


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a list with one good row, a broken one, somebody who left there, and one row twice."""
    file = tmp_path / "list.csv"
    file.write_text(MIXED)
    return file


def test_a_dry_run_says_what_would_happen(service_environment: dict[str, str], mixed: Path) -> None:
    done = run(service_environment, "readers", "import", str(mixed), *GIVEN, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "list.csv: plain CSV, 4 rows" in done.stdout
    assert "1 would be imported, 1 already there, 2 refused" in done.stdout
    assert "the file has this reader as unsubscribed" in done.stdout
    assert "1 of the refused are broken rows" in done.stdout
    report = mixed.with_name("list.csv.refused.csv")
    assert f"the refused rows stand in {report}" in done.stdout
    assert report.stat().st_mode & 0o077 == 0
    rows = list(csv.reader(io.StringIO(report.read_text())))
    assert [row[:2] for row in rows] == [["line", "email"], ["3", "'=cmd|' /C calc'!A0"], ["4", "cy@example.com"]]
    assert "@" not in run(service_environment, "readers", "export").stdout


def test_a_dry_run_as_json(service_environment: dict[str, str], mixed: Path, tmp_path: Path) -> None:
    report = tmp_path / "elsewhere.csv"
    done = run(service_environment, "readers", "import", str(mixed), *GIVEN, "--dry-run", "--json", "--report", str(report))
    told = json.loads(done.stdout)
    assert {key: told[key] for key in ("format", "dry_run", "rows", "imported", "already", "refused", "broken", "report")} == {
        "format": "plain CSV", "dry_run": True, "rows": 4, "imported": 1, "already": 1, "refused": 2, "broken": 1,
        "report": str(report)}
    assert [one["line"] for one in told["first_refused"]] == [3, 4]
    assert report.is_file()
    assert [path.name for path in tmp_path.iterdir() if "refused" in path.name or path.suffix == ".part"] == []


def test_no_report_is_left_where_nobody_was_refused(service_environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email\nada@example.com\n")
    done = run(service_environment, "readers", "import", str(file), *GIVEN)
    assert "1 imported, 0 already there, 0 refused" in done.stdout, done.stderr
    assert not list(tmp_path.glob("*refused*"))
    again = run(service_environment, "readers", "import", str(file), *GIVEN)
    assert again.returncode == 0
    assert "was imported into aitrends on" in again.stdout
    assert "nothing was changed" in again.stdout
    shown = json.loads(run(service_environment, "readers", "show", "ada@example.com", "--json").stdout)
    assert len(shown["consents"]) == 1


def test_a_report_that_cannot_be_written_stops_all(service_environment: dict[str, str], mixed: Path, tmp_path: Path) -> None:
    done = run(service_environment, "readers", "import", str(mixed), *GIVEN, "--skip-broken", "--report",
               str(tmp_path / "none" / "report.csv"))
    assert_one_line(done, "none/report.csv", "--report FILE")
    assert "@" not in run(service_environment, "readers", "export").stdout


def test_the_source_is_asked_for_before_anything_is_read(service_environment: dict[str, str], mixed: Path) -> None:
    done = run(service_environment, "readers", "import", str(mixed), "--newsletter", "aitrends", "--consent-source", " ")
    assert_one_line(done, "--consent-source")


def test_killed_in_the_middle_and_run_again(service_environment: dict[str, str], tmp_path: Path,
                                            ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
    """kill -9 among the batches: afterwards nobody is there twice, nobody is missing, and the counts are right."""
    file = tmp_path / "many.csv"
    file.write_text("email,name\n" + "".join(f"reader{number}@example.com,Reader {number}\n" for number in range(ROWS))
                    + "nobody,Nobody\nREADER7@example.com,Twice\n")
    command = [sys.executable, "-m", "worker", "readers", "import", str(file), *GIVEN, "--skip-broken", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, env=service_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and not ask("SELECT line FROM storage_importrun WHERE line > 0"):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (line,) = ask("SELECT line FROM storage_importrun")[0]
    assert 0 < line <= ROWS, "it was in the middle"
    assert ask("SELECT COUNT(*) FROM storage_reader")[0][0] == line - 1, "whole batches, or nothing of them"
    done = subprocess.run(command, cwd=ROOT, env=service_environment, text=True, capture_output=True, timeout=120)
    told = json.loads(done.stdout)
    assert (told["imported"], told["already"], told["refused"], told["resumed_after_line"]) == (ROWS, 1, 1, line)
    emails = [row["email"] for row in csv.DictReader(io.StringIO(run(service_environment, "readers", "export").stdout))]
    assert sorted(emails) == sorted(f"reader{number}@example.com" for number in range(ROWS))
    assert ask("SELECT COUNT(*), COUNT(DISTINCT reader_id) FROM storage_consent") == [(ROWS, ROWS)]
    assert ask("SELECT COUNT(*) FROM storage_subscription WHERE state = 'confirmed'") == [(ROWS,)]
    report = list(csv.DictReader(file.with_name("many.csv.refused.csv").open()))
    assert [row["line"] for row in report] == [str(ROWS + 2)]
    assert json.loads(subprocess.run(command, cwd=ROOT, env=service_environment, text=True, capture_output=True,
                                     timeout=120).stdout)["finished_before"]


def test_what_is_exported_comes_back(service_environment: dict[str, str], tmp_path: Path,
                                     ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
    file = tmp_path / "list.csv"
    file.write_text('email,name\nada@example.com,"=HYPERLINK(""http://e.example"")"\n+bo@example.com,＠SUM(A1)\n'
                    "cy@example.com,'-Cy\n")
    run(service_environment, "readers", "import", str(file), *GIVEN)
    exported = run(service_environment, "readers", "export", "--newsletter", "aitrends").stdout
    out = tmp_path / "export.csv"
    out.write_text(exported)
    for row in csv.reader(io.StringIO(exported)):
        assert not any(cell.startswith(("=", "+", "-", "@", "＠", "\t", "\r")) for cell in row)
    dry = json.loads(run(service_environment, "readers", "import", str(out), *GIVEN, "--dry-run", "--json").stdout)
    assert (dry["format"], dry["imported"], dry["already"], dry["refused"]) == ("Broadsheet", 0, 3, 0)
    for reader in ("ada@example.com", "+bo@example.com", "cy@example.com"):
        run(service_environment, "readers", "erase", "--yes", "--", reader)
    gone = json.loads(run(service_environment, "readers", "import", str(out), *GIVEN, "--json").stdout)
    assert (gone["imported"], gone["refused"]) == (0, 3), "the erased stay away"
    audit = ask("SELECT actor, action, subject FROM storage_auditentry ORDER BY id")
    assert ("operator", "export readers", "newsletter aitrends") in audit
    assert ("operator", "begin import", "newsletter aitrends") in audit


def test_an_export_is_the_same_whatever_the_terminal_speaks(service_environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email,name\nada@example.com,Ådá 高\n")
    run(service_environment, "readers", "import", str(file), *GIVEN)
    plain = {**service_environment, "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-m", "worker", "readers", "export"], cwd=ROOT, env=plain, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Ådá 高" in done.stdout.decode()
