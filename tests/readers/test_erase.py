"""Erasing: nothing of the person stays in any column of any table, and the wish itself is on the disk before anything goes."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import LogCapture

from tests.readers.everything import EMAIL, LOCAL, NAME, columns_with, make_reader
from worker.delivery.events import Event, apply_events
from worker.errors import BroadsheetError, TransientError
from worker.readers import erase as erasing
from worker.readers.addresses import read_address
from worker.readers.erase import erase
from worker.readers.hashes import email_hash
from worker.readers.replay import replay_journal
from worker.readers.suppress import is_suppressed
from worker.storage.models import (
    Consent,
    Delivery,
    Measurement,
    Notice,
    ProviderEvent,
    Reader,
    Removal,
    SignUp,
    Suppression,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def journal(settings: Any) -> Path:
    """Return the file of this test's erasure journal."""
    return Path(settings.ERASURE_JOURNAL)


def _entries(journal: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in journal.read_text().splitlines()]


def _add(email: str) -> Reader:
    address = read_address(email)
    return Reader.objects.create(email=address.email, email_key=address.key, mailbox=address.mailbox)


# -- completeness -------------------------------------------------------------------------------------------------
def test_no_column_of_any_table_holds_the_person_any_more() -> None:
    reader = make_reader()
    assert len(columns_with(LOCAL)) > 10, "the walk sees them while they are there"
    assert erase(EMAIL.upper(), now=NOW)
    assert columns_with(EMAIL) | columns_with(LOCAL) | columns_with(NAME) | columns_with("Quux") == set()
    assert (Removal.objects.get().reader_number, Removal.objects.get().reason) == (reader.pk, "erased")
    assert sorted(Delivery.objects.values_list("state", "reader")) == [("bounced", None), ("suppressed", None)], "the counts hold"
    assert not Measurement.objects.exists()
    assert set(Suppression.objects.values_list("email_hash", "reason")) == {
        (email_hash(EMAIL), "erased"), (email_hash(f"old.{EMAIL}"), "erased")}


def test_only_that_person_is_erased() -> None:
    make_reader()
    other = _add("ada@example.com")
    SignUp.objects.create(email="bo@example.com", newsletters=["daily"], shown={}, form="site")
    Notice.objects.create(reader=other, kind="confirm", key="confirm:1", details={})
    erase(EMAIL)
    assert list(Reader.objects.values_list("email", flat=True)) == ["ada@example.com"]
    assert SignUp.objects.get().email == "bo@example.com"
    assert Notice.objects.get().reader == other


def test_a_letter_of_somebody_else_that_names_the_address_goes_too() -> None:
    other = _add("ada@example.com")
    Notice.objects.create(reader=other, kind="address", key="a", to=EMAIL, details={})
    Notice.objects.create(reader=other, kind="moved", key="b", to="old@example.com", details={"new": EMAIL})
    Notice.objects.create(reader=other, kind="moved", key="c", to="old@example.com", details={"new": "x@example.com"})
    assert not erase(EMAIL), "there was no reader"
    assert columns_with(EMAIL) == set()
    assert [row.key for row in Notice.objects.all()] == ["c"]


def test_all_spellings_of_one_mailbox_go() -> None:
    for email in ("ada.lovelace@gmail.com", "adalovelace+news@googlemail.com", "adal@gmail.com", "ada.lovelace@example.com"):
        _add(email)
    assert erase("AdaLovelace@gmail.com")
    assert sorted(Reader.objects.values_list("email", flat=True)) == ["ada.lovelace@example.com", "adal@gmail.com"]
    assert is_suppressed("a.d.a.lovelace@gmail.com")


def test_a_late_event_and_a_late_answer_say_nothing_of_who_was_erased() -> None:
    make_reader()
    delivery = Delivery.objects.get(state="bounced")
    Delivery.objects.filter(pk=delivery.pk).update(state="accepted")
    erase(EMAIL)
    words = f"550 no such user {LOCAL}"
    assert apply_events([Event(kind, delivery.pk, kind, NOW, words) for kind in ("bounced", "complained")]) == 2
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error, delivery.reader) == ("bounced", "", None)
    assert set(ProviderEvent.objects.values_list("detail", flat=True)) == {""}
    assert columns_with(LOCAL) == set()


# -- the journal --------------------------------------------------------------------------------------------------
def test_the_journal_holds_a_moment_and_a_keyed_hash_and_nothing_else(journal: Path) -> None:
    _add("ada@example.com")
    erase("ADA@example.com", now=NOW)
    assert _entries(journal) == [{"at": "2026-11-23T10:00:00+00:00", "hash": email_hash("ada@example.com")}]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_what_is_no_address_is_not_written_down(journal: Path) -> None:
    assert not erase("not an address")
    assert not journal.exists()


@pytest.mark.parametrize("place", ["/dev/full", "a directory", "below a file"])
def test_nothing_is_erased_if_the_wish_cannot_be_written_down(settings: Any, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    settings.ERASURE_JOURNAL = {"/dev/full": Path("/dev/full"), "a directory": tmp_path,
                                "below a file": tmp_path / "file" / "journal"}[place]
    _add("ada@example.com")
    with pytest.raises(BroadsheetError, match=r"ERASURE_JOURNAL .*; nothing was erased: ") as error:
        erase("ada@example.com")
    assert "\n" not in str(error.value)
    assert Reader.objects.exists()
    assert not is_suppressed("ada@example.com")


def test_a_wish_stands_even_if_the_database_then_fails(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _add("ada@example.com")

    def fail(*_: object) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(erasing, "_delete_reader", fail)
        with pytest.raises(TransientError, match="The erasure is written down"):
            erase("ada@example.com")
    assert Reader.objects.exists()
    assert not is_suppressed("ada@example.com"), "the transaction was taken back as a whole"
    assert replay_journal().erased == 1
    assert not Reader.objects.exists()
    assert is_suppressed("ada@example.com")


_WRITE = """
import sys
from datetime import UTC, datetime
from worker import settings
from worker.readers.journal import write_entry
for number in range(40):
    write_entry(f"{int(sys.argv[1]) * 1000 + number:064x}", datetime.now(UTC))
"""


def test_many_processes_write_at_once_and_no_line_is_lost(journal: Path) -> None:
    environment = {**os.environ, "ERASURE_JOURNAL": str(journal)}
    writers = [subprocess.Popen([sys.executable, "-c", _WRITE, str(number)], env=environment) for number in range(4)]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    assert len({entry["hash"] for entry in _entries(journal)}) == 160


def test_a_line_cut_by_a_power_loss_spoils_no_other(journal: Path) -> None:
    erase("ada@example.com")
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:50])
    erase("bo@example.com")
    assert journal.read_bytes().count(b"\n") == 3
    Suppression.objects.all().delete()
    assert replay_journal().erased == 2


# -- replaying ----------------------------------------------------------------------------------------------------
def test_lines_that_cannot_be_read_are_reported_and_stop_nothing(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = LogCapture()
    monkeypatch.setattr("worker.readers.replay.log", structlog.wrap_logger(None, processors=[said]))
    _add("ada@example.com")
    good = json.dumps({"at": NOW.isoformat(), "hash": email_hash("ada@example.com")})
    bad = ["{", "[]", "null", '{"at": "x", "hash": "y"}', '{"hash": "ff"}', '{"at": "2026-11-23", "hash": 7}', "\udcff\udcfe"]
    journal.write_bytes("\n".join([*bad, good, ""]).encode("utf-8", "surrogateescape"))
    assert replay_journal().erased == 1
    assert not Reader.objects.exists()
    assert "lines of the erasure journal cannot be read" in str(said.entries)
    assert "[1, 2, 3, 4, 5, 6, 7]" in str(said.entries)


def test_replaying_costs_one_look_while_nothing_is_missing() -> None:
    for number in range(20):
        _add(f"reader{number}@example.com")
    erase("reader7@example.com")
    with CaptureQueriesContext(connection) as asked:
        assert replay_journal().erased == 0
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked:
        Suppression.objects.all().delete()
        assert replay_journal().erased == 1
    assert replay_journal().erased == 0, "what was missing is there now"


def test_an_address_that_was_suppressed_before_the_backup_is_erased_again_all_the_same(journal: Path) -> None:
    """The backup knows a bounce of this address: that must not be taken for the erasure."""
    journal.write_text(json.dumps({"at": NOW.isoformat(), "hash": email_hash("ada@example.com")}) + "\n")
    _add("ada@example.com")
    Suppression.objects.create(email_hash=email_hash("ada@example.com"), reason="bounce")
    assert replay_journal().erased == 1
    assert not Reader.objects.exists()
    assert Suppression.objects.get().reason == "erased"


def test_an_entry_under_an_earlier_key_still_finds_its_reader(settings: Any) -> None:
    _add("ada@example.com")
    erase("ada@example.com")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "9876543210" * 5
    Suppression.objects.all().delete()
    Removal.objects.all().delete()
    _add("ada@example.com")
    assert replay_journal().erased == 1
    assert not Reader.objects.exists()
    assert is_suppressed("ada@example.com")
    assert replay_journal().erased == 0


def test_a_reader_who_came_in_while_being_erased_is_found_by_the_next_look_at_recent_ones(journal: Path) -> None:
    erase("ada@example.com")
    _add("ada@example.com")
    assert replay_journal().erased == 0, "the suppression is there, and one look is all it costs"
    assert replay_journal(look_at="recent").erased == 1
    assert not Reader.objects.exists()
    Reader.objects.create(email="ada@example.com", email_key="ada@example.com", created_at=NOW - timedelta(days=400))
    assert replay_journal(look_at="recent").erased == 0
    assert replay_journal(look_at="all").erased == 1


def test_a_restored_sign_up_of_an_erased_person_is_not_decided(journal: Path) -> None:
    erase("ada@example.com")
    Suppression.objects.all().delete()
    SignUp.objects.create(email="Ada@example.com", newsletters=["daily"], shown={}, form="site")
    assert replay_journal().erased == 1
    assert not SignUp.objects.exists()


def test_no_journal_and_an_empty_one_erase_nobody(journal: Path) -> None:
    _add("ada@example.com")
    assert replay_journal(look_at="all").erased == 0
    journal.touch()
    assert replay_journal(look_at="all").erased == 0
    assert Reader.objects.count() == 1
    assert not Consent.objects.exists()
