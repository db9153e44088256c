"""A reader who moved is still known by the mailbox they moved away from, until somebody else proves that it is theirs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from tests.confirming import confirm
from tests.readers.everything import columns_with
from worker.errors import TransientError
from worker.readers import erase as erasing
from worker.readers.consent import evidence
from worker.readers.erase import erase
from worker.readers.find import find_readers
from worker.readers.importing import ImportReport, import_readers
from worker.readers.leaving import leave
from worker.readers.links import sign_link
from worker.readers.moving import ask_move, move
from worker.readers.replay import replay_journal
from worker.readers.retention import retain
from worker.readers.subscribe import sign_up
from worker.readers.suppress import is_suppressed, suppress
from worker.storage.models import FormerAddress, Notice, Reader, Subscription, Suppression, Terms

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
OLD, NEW = "ada.lovelace@example.com", "ada@example.org"
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(terms: Terms, last_link: Callable[[], str]) -> Reader:
    """Return a reader of Daily who moved to a new address, a while ago: the letters about it are gone."""
    reader = _join(OLD, last_link)
    _move(reader, NEW)
    Notice.objects.update(state="accepted")
    retain(now=datetime.now(UTC) + timedelta(days=40))
    assert columns_with(OLD) == set()
    return Reader.objects.get()


def _join(email: str, last_link: Callable[[], str]) -> Reader:
    sign_up(email, ["daily"], now=NOW)
    confirm(last_link(), now=NOW)
    return Reader.objects.get(email=email)


def _move(reader: Reader, to: str) -> None:
    ask_move(reader.pk, to)
    letter = Notice.objects.get(kind="address", to=to)
    assert move(sign_link("address", reader=reader.pk, notice=letter.pk), to).state == "done"


def _import(folder: Path, *emails: str) -> ImportReport:
    file = folder / f"{len(list(folder.iterdir()))}.csv"
    file.write_text("\n".join(["email", *emails, ""]))
    return import_readers(file, newsletter="daily", consent_source="an old list")


def test_an_old_list_makes_nobody_a_second_reader(ada: Reader, tmp_path: Path) -> None:
    report = _import(tmp_path, OLD, OLD.upper(), NEW, "bob@example.com")
    assert (report.imported, report.already, report.refused) == (1, 3, 0)
    assert sorted(Reader.objects.values_list("email", flat=True)) == [NEW, "bob@example.com"]


def test_an_old_list_revives_nobody_who_left_after_moving(ada: Reader, tmp_path: Path) -> None:
    leave(ada.pk, "daily", method="one-click")
    report = _import(tmp_path, OLD)
    assert (report.imported, report.refused) == (0, 1)
    assert report.first[0].why == "this reader has left the newsletter; only they can come back"
    assert Subscription.objects.get().state == "left"


def test_a_list_of_another_newsletter_finds_the_reader_once(ada: Reader, tmp_path: Path) -> None:
    """Both addresses stand in it: one person, subscribed where their mail goes today."""
    Subscription.objects.all().delete()
    report = _import(tmp_path, OLD, NEW)
    assert (report.imported, report.already) == (1, 1)
    assert Subscription.objects.get().reader.email == NEW


def test_erasing_keeps_the_old_address_out_too(ada: Reader, tmp_path: Path, settings: Any) -> None:
    assert erase(NEW)
    assert not FormerAddress.objects.exists()
    assert (is_suppressed(OLD), is_suppressed(NEW)) == (True, True)
    assert _import(tmp_path, OLD, NEW).refused == 2
    assert len({json.loads(line)["hash"] for line in Path(settings.ERASURE_JOURNAL).read_text().splitlines()}) == 2
    Suppression.objects.all().delete()
    sign_up(OLD, ["daily"], now=NOW)
    assert replay_journal().erased == 2, "a backup of before the move is of the same person"
    assert not Reader.objects.exists()


def test_who_asks_by_the_old_address_is_found(ada: Reader) -> None:
    assert evidence(OLD)["email"] == NEW
    assert find_readers(OLD, limit=5) == [ada]
    assert erase(OLD)
    assert not Reader.objects.exists()
    assert (is_suppressed(OLD), is_suppressed(NEW)) == (True, True)


def test_the_old_address_is_somebody_elses_once_they_prove_it(ada: Reader, last_link: Callable[[], str]) -> None:
    sign_up(OLD, ["daily"], now=NOW)
    assert FormerAddress.objects.exists(), "anybody can type it in"
    confirm(last_link(), now=NOW)
    assert not FormerAddress.objects.exists()
    assert erase(OLD)
    assert Reader.objects.get() == ada
    assert (is_suppressed(OLD), is_suppressed(NEW)) == (True, False)


def test_who_reads_at_the_old_address_now_erases_themselves_alone(ada: Reader) -> None:
    """Brought in by an import, they have proved nothing; still the one who moved away is not meant."""
    there = Reader.objects.create(email=OLD, email_key=OLD)
    Subscription.objects.create(reader=there, newsletter="daily", state="confirmed", confirmed_at=NOW)
    assert erase(OLD)
    assert Reader.objects.get() == ada
    assert (is_suppressed(OLD), is_suppressed(NEW)) == (True, False)


def test_who_only_typed_the_old_address_in_shields_nobody(ada: Reader) -> None:
    sign_up(OLD, ["daily"], now=NOW)
    assert erase(OLD)
    assert not Reader.objects.exists()


def test_a_wish_by_the_old_address_stands_even_if_the_database_then_fails(ada: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(erasing, "_forget", fail)
        with pytest.raises(TransientError):
            erase(OLD)
    assert Reader.objects.exists()
    assert replay_journal().erased == 2
    assert not Reader.objects.exists()


def test_an_old_list_brings_in_nobody_who_must_not_be_written_to(ada: Reader, tmp_path: Path) -> None:
    suppress(NEW, "complaint")
    file = tmp_path / "list.csv"
    file.write_text(f"email\n{OLD}\n")
    report = import_readers(file, newsletter="aitrends", consent_source="an old list")
    assert (report.imported, report.refused) == (0, 1)
    assert report.first[0].why == "this address must not be written to"


def test_moving_on_and_back_again(ada: Reader) -> None:
    _move(ada, "third@example.net")
    assert FormerAddress.objects.count() == 2
    Notice.objects.filter(kind="address").delete()
    _move(ada, OLD)
    assert evidence("third@example.net")["email"] == evidence(NEW)["email"] == evidence(OLD)["email"] == OLD
    assert FormerAddress.objects.count() == 2


def test_another_spelling_of_the_same_mailbox_is_no_former_one(terms: Terms, last_link: Callable[[], str]) -> None:
    reader = _join("ada.lovelace@gmail.com", last_link)
    _move(reader, "adalovelace@googlemail.com")
    assert not FormerAddress.objects.exists()
    assert erase("a.d.a.lovelace@gmail.com")
    assert not Reader.objects.exists()
