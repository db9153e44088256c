"""An import that is broken off goes on where it was; one that is done does nothing; and nobody is counted twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from tests.readers.everything import columns_with
from worker.errors import BroadsheetError, ConflictError
from worker.readers import importing
from worker.readers.importing import BATCH, Refusal, import_readers, look
from worker.readers.leaving import leave
from worker.readers.retention import retain
from worker.readers.subscribe import sign_up
from worker.storage.models import AuditEntry, Consent, ImportRun, Reader, Subscription, Terms

SOURCE = "sign-up form of old.example.com, 2024"
ROWS = 2 * BATCH + 100
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Return a list of two and a bit batches, with a broken row in each and one person twice."""
    file = tmp_path / "people.csv"
    lines = [f"reader{number}@example.com" for number in range(ROWS)]
    lines[7] = lines[BATCH + 7] = lines[2 * BATCH + 7] = "nobody"
    lines[2 * BATCH + 8] = lines[3].upper()
    file.write_text("email\n" + "\n".join(lines) + "\n")
    return file


def take(file: Path, **options: Any) -> importing.ImportReport:
    return import_readers(file, newsletter="daily", consent_source=SOURCE, **options)


def break_off(file: Path, monkeypatch: pytest.MonkeyPatch, *, in_batch: int, after_writing: bool) -> None:
    """Import until the process ends in the middle of a batch: nothing of that batch is committed."""
    usual, calls = importing.subscribe_many, iter(range(1, 100))

    def subscribe_many(*given: Any, **more: Any) -> None:
        ends = next(calls) == in_batch
        if not ends or after_writing:
            usual(*given, **more)
        if ends:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(importing, "subscribe_many", subscribe_many)
        with pytest.raises(Killed):
            take(file)


@pytest.mark.parametrize(("in_batch", "after_writing"), [(1, True), (2, False), (2, True), (3, True)])
def test_a_broken_off_import_goes_on(people: Path, monkeypatch: pytest.MonkeyPatch, in_batch: int, after_writing: bool) -> None:
    break_off(people, monkeypatch, in_batch=in_batch, after_writing=after_writing)
    done = (in_batch - 1) * BATCH
    assert ImportRun.objects.get().line == (done and done + 1)
    assert Reader.objects.count() == Consent.objects.count() == max(done - (in_batch - 1), 0)
    refused: list[Refusal] = []
    report = take(people, on_refused=refused.append)
    assert (report.imported, report.already, report.refused) == (ROWS - 4, 1, 3)
    assert report.resumed_after == (done and done + 1)
    assert [one.line for one in refused] == [9, BATCH + 9, 2 * BATCH + 9], "the report names those of before as well"
    assert Reader.objects.count() == Subscription.objects.count() == Consent.objects.count() == ROWS - 4
    run = ImportRun.objects.get()
    assert (run.line, run.imported, run.already, run.refused) == (ROWS + 1, ROWS - 4, 1, 3)


def test_one_who_left_in_between_stays_away(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_off(people, monkeypatch, in_batch=2, after_writing=False)
    leave(Reader.objects.get(email="reader0@example.com").pk, "daily", method="one-click")
    take(people)
    assert Subscription.objects.get(reader__email="reader0@example.com").state == "left"


def test_a_finished_import_does_nothing_more(people: Path) -> None:
    first = take(people)
    left = Reader.objects.get(email="reader0@example.com")
    leave(left.pk, "daily", method="one-click")
    before = Consent.objects.count()
    again = take(people)
    assert again.finished_before is not None
    assert (again.imported, again.already, again.refused) == (first.imported, first.already, first.refused)
    assert Consent.objects.count() == before
    assert take_into(people, "aitrends").finished_before is None, "another newsletter is another import"


def take_into(file: Path, newsletter: str) -> importing.ImportReport:
    return import_readers(file, newsletter=newsletter, consent_source=SOURCE)


def test_it_goes_on_with_the_same_source_only(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_off(people, monkeypatch, in_batch=2, after_writing=False)
    with pytest.raises(ConflictError, match=r"old\.example\.com"):
        import_readers(people, newsletter="daily", consent_source="somewhere else")
    assert Consent.objects.count() == BATCH - 1


def test_each_import_is_in_the_audit_log(people: Path) -> None:
    take(people, by="operator")
    take(people, by="operator")
    begun, ended = AuditEntry.objects.order_by("id")
    assert [(one.actor, one.action, one.subject) for one in (begun, ended)] == [
        ("operator", "begin import", "newsletter daily"), ("operator", "import", "newsletter daily")]
    run = ImportRun.objects.get()
    assert ended.detail == {"run": run.pk, "sha256": run.sha256, "source": SOURCE, "imported": ROWS - 4, "already": 1, "refused": 3}


def test_the_name_of_the_file_stays_nowhere_for_good(tmp_path: Path) -> None:
    file = tmp_path / "friends-of-ada.csv"
    file.write_text("email\nbob@example.com\n")
    take(file)
    assert columns_with("friends-of-ada") == {"storage_importrun.name"}
    retain(now=datetime.now(UTC) + timedelta(days=397))
    assert columns_with("friends-of-ada") == set()


def test_looking_writes_nothing(people: Path, terms: Terms) -> None:
    sign_up("reader5@example.com", ["daily"])
    tables = (Reader, Subscription, Consent, ImportRun, AuditEntry)
    before = [list(table.objects.values()) for table in tables]
    report = look(people, newsletter="daily")
    assert (report.imported, report.already, report.refused, report.broken) == (ROWS - 4, 1, 3, 3)
    assert [list(table.objects.values()) for table in tables] == before


@pytest.mark.parametrize("name", ["readers/missing.csv", ""])
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(BroadsheetError, match="give the CSV file") as refused:
        look(tmp_path / name, newsletter="daily")
    assert "\n" not in str(refused.value)


@pytest.mark.django_db(transaction=True)
def test_the_same_import_twice_at_once(transactional_db: None, people: Path) -> None:
    def run() -> bool:
        try:
            take(people)
        except ConflictError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = [future.result(timeout=120) for future in [pool.submit(run) for _ in range(2)]]
    assert any(done)
    assert take(people).imported == ROWS - 4
    assert Reader.objects.count() == Subscription.objects.count() == Consent.objects.count() == ROWS - 4


@pytest.mark.django_db(transaction=True)
def test_somebody_who_signs_up_while_the_batch_is_written(transactional_db: None, tmp_path: Path, terms: Terms,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up, they were not there; when the row is written, they are. SQLite has one writer: there it is this one itself."""
    file = tmp_path / "people.csv"
    file.write_text("email\nada@example.com\nbo@example.com\n")
    usual, calls = importing.find_standings, iter(range(100))

    def find_standings(*given: Any, **more: Any) -> Any:
        found = usual(*given, **more)
        if next(calls) == 0 and connection.vendor != "postgresql":
            sign_up("ada@example.com", ["daily"])
        elif next(calls) == 1:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(_sign_up_elsewhere).result(timeout=60)
        return found

    monkeypatch.setattr(importing, "find_standings", find_standings)
    assert take(file).imported == 2
    assert Reader.objects.count() == 2
    assert set(Subscription.objects.filter(newsletter="daily").values_list("state", flat=True)) == {"confirmed"}
    assert Consent.objects.filter(action="given").count() == 2


def _sign_up_elsewhere() -> None:
    try:
        sign_up("ada@example.com", ["daily"])
    finally:
        connections.close_all()


def test_many_who_are_known_already(people: Path, terms: Terms, make_pending: Callable[[int], None]) -> None:
    """A pending subscription becomes a confirmed one, in the thousands too."""
    make_pending(BATCH)
    assert take(people).imported == ROWS - 4
    assert Reader.objects.count() == ROWS - 4
    rounds = Subscription.objects.filter(reader__name="waiting").values_list("state", "confirm_round").distinct()
    assert list(rounds) == [("confirmed", 5)]


@pytest.fixture
def make_pending(db: None) -> Callable[[int], None]:
    """Return a function that makes that many readers whose subscription waits for their answer."""

    def make(count: int) -> None:
        readers = Reader.objects.bulk_create([
            Reader(email=f"reader{number}@example.com", email_key=f"reader{number}@example.com", name="waiting")
            for number in range(count) if number != 7])
        Subscription.objects.bulk_create([Subscription(reader=one, newsletter="daily", confirm_round=4) for one in readers])

    return make
