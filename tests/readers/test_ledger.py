"""The consent ledger as the database itself keeps it: nobody changes or deletes a row, whatever program they come with."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.restore import open_plainly
from worker.readers.consent import record
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Removal

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def consent(transactional_db: None) -> Consent:
    """Return a row of the ledger as a sign-up leaves it."""
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    return record(reader, Purpose.NEWSLETTER, ConsentAction.GIVEN, method="confirm page", form="site", newsletter="daily",
                  network_address="192.0.2.77", source="her own", now=NOW)


def _refuse(statement: str) -> None:
    """Run it through a plain connection and see it refused for being against the ledger's rule."""
    import sqlite3

    with open_plainly() as plain, pytest.raises((sqlite3.IntegrityError, psycopg.Error), match="append-only"):
        plain.execute(statement)


@pytest.mark.parametrize("change", [
    "action = 'withdrawn'", "at = '2020-01-01 00:00:00'", "purpose = 'tracking'", "newsletter = ''", "version = '2.0'",
    "wording_sha256 = 'ff'", "method = 'import'", "form = 'api'", "source = ''", "id = 999999",
    "network_address = '192.0.2.78'", "network_address = '192.0.3.0'", "network_address = '192.0.0.0'",
    "network_address = NULL", "network_address = '192.0.2.0', source = ''"])
def test_no_column_can_be_changed(consent: Consent, change: str) -> None:
    _refuse(f"UPDATE storage_consent SET {change}")
    assert Consent.objects.get().at == NOW


def test_the_reader_of_a_row_cannot_be_another(consent: Consent) -> None:
    other = Reader.objects.create(email="bo@example.com", email_key="bo@example.com")
    _refuse(f"UPDATE storage_consent SET reader_id = {other.pk}")
    assert Consent.objects.get().reader_id == consent.reader_id


def test_no_row_can_be_deleted_not_even_with_its_reader(consent: Consent) -> None:
    _refuse("DELETE FROM storage_consent")
    _refuse(f"DELETE FROM storage_consent WHERE reader_id = {consent.reader_id}")
    Removal.objects.create(reader_number=consent.reader_id + 1, reason="erased")
    _refuse(f"DELETE FROM storage_consent WHERE id = {consent.pk}")
    assert Consent.objects.count() == 1


def test_a_row_cannot_be_replaced_nor_the_whole_table_emptied(consent: Consent) -> None:
    """The ways round: on SQLite REPLACE deletes without firing a delete trigger, on PostgreSQL TRUNCATE fires none of a row."""
    if connection.vendor == "sqlite":
        _refuse("INSERT OR REPLACE INTO storage_consent SELECT * FROM storage_consent")
        _refuse("REPLACE INTO storage_consent (id, reader_id, purpose, newsletter, action, at, version, wording_sha256, method, "
                "form, source) SELECT id, reader_id, purpose, newsletter, 'withdrawn', at, '', '', '', '', '' FROM storage_consent")
    else:
        _refuse("TRUNCATE storage_consent")
        _refuse("TRUNCATE storage_reader CASCADE")
    assert Consent.objects.get().action == ConsentAction.GIVEN


def test_the_rows_of_an_erased_reader_may_go(consent: Consent) -> None:
    Removal.objects.create(reader_number=consent.reader_id, reason="erased")
    with open_plainly() as plain:
        plain.execute(f"DELETE FROM storage_consent WHERE reader_id = {consent.reader_id}")
    assert not Consent.objects.exists()


@pytest.mark.parametrize(("whole", "short"), [
    ("192.0.2.77", "192.0.2.0"), ("2001:db8:1:2::3", "2001:db8:1::"), ("2001:db8::5", "2001:db8::")])
def test_a_network_address_may_be_shortened_to_its_network(transactional_db: None, whole: str, short: str) -> None:
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    record(reader, Purpose.TERMS, ConsentAction.GIVEN, method="form", network_address=whole)
    with open_plainly() as plain:
        plain.execute(f"UPDATE storage_consent SET network_address = '{short}'")
    assert Consent.objects.get().network_address == short


def test_the_guards_are_there_after_all_migrations(transactional_db: None) -> None:
    """A migration that makes the table anew on SQLite loses its triggers: then this fails, and it must call guard_ledger again."""
    found: Any
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'storage_consent'")
            expected = {"consent_is_not_changed", "consent_is_not_deleted", "consent_is_not_replaced"}
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = 'storage_consent'::regclass AND NOT tgisinternal "
                           "AND tgenabled = 'O'")
            expected = {"consent_is_kept", "consent_is_not_emptied"}
        found = {row[0] for row in cursor.fetchall()}
    assert found == expected
