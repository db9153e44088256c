"""`broadsheet terms`: what publishing will do is said before a letter goes, and how far it has come after."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.wordings import FIRST, NEW, join, publish_first
from worker.cli import terms
from worker.cli.commands import broadsheet
from worker.errors import ConflictError
from worker.readers.agree import agree_since
from worker.readers.renewal import owe_notices
from worker.storage.models import Notice, Reader, Terms

pytestmark = pytest.mark.django_db
DAY = datetime.now(UTC).date() + timedelta(days=20)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any, editorial_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of terms, beside a database that is open already."""
    monkeypatch.setattr(terms, "open_database", lambda: None)
    settings.TEMPLATES_DIR = tmp_path
    (tmp_path / "terms").mkdir()
    publish_first()
    return tmp_path / "terms"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(broadsheet, ["terms", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def write(folder: Path, kind: str = "newsletter", *, effective: Any = DAY, material: str = "true", text: str = NEW) -> None:
    front = f"version: 2.0\neffective: {effective}\nmaterial: {material}\ntitle: T"
    (folder / f"{kind}-2.0.md").write_text(f"---\n{front}\n---\n{text}")


def test_publishing_says_how_many_letters_and_when(folder: Path) -> None:
    for name in "abc":
        join(f"{name}@example.com", since=FIRST, partners=name == "a")
    write(folder)
    write(folder, "partners", text="More.\n")
    write(folder, "privacy", text="We keep more.\n", material="false")
    rows = {row["kind"]: row for row in json.loads(run("publish", "--json"))}
    assert {kind: row["letters"] for kind, row in rows.items()} == {"newsletter": 3, "privacy": 3, "partners": 1}
    assert rows["newsletter"]["then"] == f"asked by mail to agree before {DAY}; without an answer, paused"
    assert rows["partners"]["then"] == f"these consents lapse on {DAY}, and their readers are told by mail"
    assert rows["privacy"]["then"] == "told by mail"
    assert "every file is published already" in run("publish")
    assert not Notice.objects.exists(), "the step owes them, not the command"
    assert owe_notices() == 6


def test_publishing_too_late_is_refused_in_a_line(folder: Path) -> None:
    join("ada@example.com", since=FIRST)
    write(folder, effective=datetime.now(UTC).date())
    with pytest.raises(ConflictError, match="too soon") as refused:
        run("publish")
    assert "\n" not in str(refused.value)
    assert Terms.objects.filter(version="2.0").count() == 0


def test_status_counts_who_answered(folder: Path) -> None:
    for name in "abc":
        join(f"{name}@example.com", since=FIRST)
    write(folder)
    run("publish")
    owe_notices()
    agree_since(Reader.objects.get(email="a@example.com"), Terms.objects.get(version="2.0"))
    row = next(row for row in json.loads(run("status", "--json")) if row["version"] == "2.0")
    assert (row["agreed"], row["not_answered"], row["paused"], row["letters"]) == (1, 2, 0, {"queued": 3, "sent": 0})
    table = run("status")
    assert "not answered" in table
    assert "2.0" in run("list")

