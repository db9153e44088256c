"""Lists from elsewhere: what can be read is read, what cannot is named by its line, and nobody is brought back."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from worker.errors import BroadsheetError
from worker.readers.exporting import export_readers
from worker.readers.importing import BATCH, import_readers
from worker.readers.leaving import leave
from worker.readers.sheets import open_sheet
from worker.readers.subscribe import sign_up
from worker.readers.suppress import suppress
from worker.storage.models import Consent, Notice, Reader, Removal, Subscription, Terms

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SOURCE = "sign-up form of old.example.com, 2024"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def load(tmp_path: Path) -> Callable[[bytes | str], Any]:
    """Return a function that writes a CSV and imports it."""

    def write_and_import(content: bytes | str) -> Any:
        file = tmp_path / "people.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return import_readers(file, newsletter="daily", consent_source=SOURCE, now=NOW)

    return write_and_import


@pytest.mark.parametrize("content", [
    b"email\nada@example.com\nbo@example.com\n",
    b"email\r\nada@example.com\r\nbo@example.com\r\n",
    b"email\rada@example.com\rbo@example.com\r",
    b"\xef\xbb\xbfemail,name\nada@example.com,Ada\nbo@example.com,Bo",
    b"Name;E-Mail;City\nAda;ada@example.com;Rome\nBo;bo@example.com;Oslo\n",
    b"Email Address\tFirst\nada@example.com\tAda\nbo@example.com\tBo\n",
    b"id,EMAIL,notes\n1,ada@example.com,\"two\nlines, and a comma\"\n2,bo@example.com,\n",
    b"email,name\n\nada@example.com,Ada\n\n\nbo@example.com,Bo\n\n",
    "email,name\nada@example.com,Ada\nbo@example.com,Bo\n".encode("utf-16"),
    b'"email"\n"ada@example.com"\n"bo@example.com"\n',
])
def test_the_usual_shapes_are_understood(load: Callable[..., Any], content: bytes) -> None:
    report = load(content)
    assert (report.imported, report.refused) == (2, 0)
    assert set(Reader.objects.values_list("email", flat=True)) == {"ada@example.com", "bo@example.com"}
    assert set(Subscription.objects.values_list("newsletter", "state")) == {("daily", "confirmed")}


def test_where_they_come_from_is_on_record(load: Callable[..., Any]) -> None:
    load("email\nada@example.com\n")
    row = Consent.objects.get()
    assert (row.purpose, row.newsletter, row.action, row.method, row.source) == (
        "newsletter", "daily", "given", "import", SOURCE)
    assert not Notice.objects.exists(), "nobody is mailed for being imported"


BROKEN = b"\n".join([
    b"email,name",
    b"ada@example.com,Ada",                 # 2
    b"not an address,Bo",                   # 3
    b"cy@example.com",                      # 4: a column is missing
    b"di@example.com,Di,extra",             # 5: one too many
    b"e\0d@example.com,Ed",                 # 6
    b",Nobody",                             # 7
    b"fay@example.com,Fa\xe9",              # 8: Windows-1252
    b"gus@example.com,Gus\x81",             # 9: neither
    b'hal@example.com,"Hal',                # 10: a quote that is never closed swallows nobody else
    b"ida@example.com,Ida",                 # 11
    b"x" * 60_000 + b"@example.com,Long",   # 12
    b"ADA@example.com,Ada again",           # 13
    b"jo@example.com,=cmd()",               # 14
    b"kim@example.com\x0b,Kim\x07",         # 15
    b""])


def test_broken_rows_are_named_and_the_rest_comes_in(load: Callable[..., Any]) -> None:
    report = load(BROKEN)
    assert [one.line for one in report.first] == [3, 4, 5, 6, 7, 9, 12]
    assert set(Reader.objects.values_list("email", flat=True)) == {
        "ada@example.com", "fay@example.com", "hal@example.com", "ida@example.com", "jo@example.com",
        "kim@example.com"}
    assert (report.imported, report.already, report.recoded) == (6, 1, 1)
    assert Reader.objects.get(email="fay@example.com").name == "Faé"
    assert Reader.objects.get(email="kim@example.com").name == "Kim"
    reasons = {one.line: one.why for one in report.first}
    for line, word in ((3, "address"), (4, "columns"), (5, "columns"), (6, "NUL"), (7, "missing"), (9, "Windows-1252"),
                       (12, "longer")):
        assert word in reasons[line]
        assert "\n" not in reasons[line]


def test_importing_again_changes_nothing(load: Callable[..., Any]) -> None:
    load("email\nada@example.com\nbo@example.com\n")
    report = load("email\nada@example.com\nBO@example.com\n")
    assert (report.imported, report.already, Consent.objects.count()) == (0, 2, 2)


def test_who_left_or_must_not_be_written_to_stays_out(load: Callable[..., Any]) -> None:
    load("email\nada@example.com\nbo@example.com\ncy@example.com\n")
    leave(Reader.objects.get(email="ada@example.com").pk, "daily", method="one-click")
    suppress("bo@example.com", "complaint")
    suppress("di@example.com", "erased")
    report = load("email\nAda@example.com\nbo@example.com\ncy@example.com\nDI@example.com\n")
    assert (report.imported, report.already, [one.line for one in report.first]) == (0, 1, [2, 3, 5])
    assert not Reader.objects.filter(email_key="di@example.com").exists()
    states = {row.reader.email: row.state for row in Subscription.objects.select_related("reader")}
    assert states == {"ada@example.com": "left", "bo@example.com": "suppressed", "cy@example.com": "confirmed"}


def test_a_sign_up_by_somebody_else_does_not_open_the_door_to_an_import(load: Callable[..., Any], terms: Terms) -> None:
    load("email\nada@example.com\n")
    leave(Reader.objects.get().pk, "daily", method="one-click")
    sign_up("ada@example.com", ["daily"], now=NOW)
    assert load("email\nAda@example.com\n").imported == 0
    assert Subscription.objects.get().state == "pending"


def test_a_person_who_is_known_already_joins_with_what_they_chose(load: Callable[..., Any], terms: Terms) -> None:
    sign_up("Ada@example.com", ["daily", "aitrends"], now=NOW)
    assert load("email,name\nada@example.com,Somebody\n").imported == 1
    reader = Reader.objects.get()
    assert (reader.email, reader.name) == ("Ada@example.com", "")
    states = dict(reader.subscriptions.values_list("newsletter", "state"))
    assert states == {"daily": "confirmed", "aitrends": "pending"}


def test_more_than_one_batch(load: Callable[..., Any], tmp_path: Path) -> None:
    lines = "".join(f"reader{n}@example.com\n" for n in range(BATCH + 20)) + "reader3@example.com\n"
    assert (load("email\n" + lines).imported, Reader.objects.count()) == (BATCH + 20, BATCH + 20)
    seen: list[int] = []
    import_readers(tmp_path / "people.csv", newsletter="aitrends", consent_source=SOURCE, on_line=seen.append)
    assert seen == [BATCH + 1, BATCH + 22]


@pytest.mark.parametrize(("content", "newsletter", "source", "says"), [
    (None, "daily", SOURCE, "people.csv"),
    (b"", "daily", SOURCE, "email"),
    (b"ada@example.com\nbo@example.com\n", "daily", SOURCE, "no column is called email"),
    (b"\x00\x01\x02\xff\xfe", "daily", SOURCE, "no column"),
    (b"email\nada@example.com\n", "weekly", SOURCE, "weekly"),
    (b"email\nada@example.com\n", "daily", "  ", "consent-source"),
    (b"email\nada@example.com\n", "daily", "x" * 201, "consent-source"),
])
def test_what_cannot_begin_writes_nothing(tmp_path: Path, content: bytes | None, newsletter: str, source: str,
                                          says: str) -> None:
    file = tmp_path / "people.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BroadsheetError, match=says) as refused:
        import_readers(file, newsletter=newsletter, consent_source=source)
    assert "\n" not in str(refused.value)
    assert not Reader.objects.exists()


def test_a_folder_is_not_a_list(tmp_path: Path) -> None:
    with pytest.raises(BroadsheetError):
        import_readers(tmp_path, newsletter="daily", consent_source=SOURCE)


def test_an_export_is_inert_in_a_spreadsheet_and_comes_back_the_same(load: Callable[..., Any], tmp_path: Path) -> None:
    load('email,name\n=cmd@example.com,"=HYPERLINK(""http://e.example"")"\n+1@example.com,@SUM(A1)\nada@example.com,-Ada\n')
    out = io.StringIO()
    export_readers(out, "daily")
    assert out.getvalue().count("@example.com") == 3
    for row in csv.reader(io.StringIO(out.getvalue())):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    names = dict(Reader.objects.values_list("email", "name"))
    Removal.objects.bulk_create([Removal(reader_number=one.pk, reason="erased") for one in Reader.objects.all()])
    Reader.objects.all().delete()
    file = tmp_path / "export.csv"
    file.write_text(out.getvalue(), newline="")
    assert import_readers(file, newsletter="daily", consent_source=SOURCE).imported == 3
    assert dict(Reader.objects.values_list("email", "name")) == names


@given(content=st.binary(max_size=400) | st.text(alphabet='",;\t\n\r a@.=\x00\ufeffé', max_size=400).map(str.encode))
@quickly(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_rows_or_reasons_and_never_a_crash(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"email,name\n" + content)
    with open_sheet(file) as sheet:
        rows = list(sheet.rows())
    assert all(row.why or row.email == row.email.encode("utf-8", "replace").decode() for row in rows)
    assert [row.line for row in rows] == sorted({row.line for row in rows}), "each line once, in order"


def test_an_export_of_an_unknown_newsletter_is_refused() -> None:
    with pytest.raises(BroadsheetError, match="weekly"):
        export_readers(io.StringIO(), "weekly")
