"""The audit log is append-only for everybody: the database refuses a change, a deletion and a replacement."""

import pytest
from django.db import DatabaseError, connection, transaction

from tests.conftest import KIND
from worker.storage.models import AuditEntry

pytestmark = pytest.mark.django_db
WAYS = {
    "change by SQL": "UPDATE storage_auditentry SET actor = 'nobody'",
    "delete by SQL": "DELETE FROM storage_auditentry",
    **({"replace": "REPLACE INTO storage_auditentry (id, at, actor, action, subject, detail) "
                   "SELECT id, at, 'nobody', action, subject, detail FROM storage_auditentry"} if KIND == "sqlite" else
       {"empty": "TRUNCATE storage_auditentry",
        "upsert": "INSERT INTO storage_auditentry SELECT * FROM storage_auditentry "
                   "ON CONFLICT (id) DO UPDATE SET actor = 'nobody'"}),
}


@pytest.fixture
def entry() -> AuditEntry:
    return AuditEntry.objects.create(actor="approver@example.com", action="approve", subject="issue 1")


@pytest.mark.parametrize("statement", WAYS.values(), ids=WAYS)
def test_no_statement_takes_an_entry_back(entry: AuditEntry, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.get().actor == "approver@example.com"


def test_nor_does_a_row_of_the_program(entry: AuditEntry) -> None:
    entry.actor = "nobody"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.delete()
    assert AuditEntry.objects.get().actor == "approver@example.com"


def test_new_entries_are_taken(entry: AuditEntry) -> None:
    AuditEntry.objects.bulk_create([AuditEntry(actor="a", action="b", subject="c"), AuditEntry(actor="d", action="e", subject="f")])
    assert AuditEntry.objects.count() == 3
