"""The consent ledger's two ways round its guards: REPLACE on SQLite fires no delete trigger, TRUNCATE on PostgreSQL no row's.

A later migration that alters storage_consent on SQLite must call `guard` again too, as 0003 says of `guard_ledger`.
"""

from django.db import migrations

GUARDS = {
    "sqlite": ("""
        CREATE TRIGGER consent_is_not_replaced BEFORE INSERT ON storage_consent
        WHEN EXISTS (SELECT 1 FROM storage_consent WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only: its rows are not replaced'); END
        """,),
    "postgresql": ("""
        CREATE FUNCTION storage_keep_consents() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the consent ledger is append-only: it is not emptied'; END $$
        """, """
        CREATE TRIGGER consent_is_not_emptied BEFORE TRUNCATE ON storage_consent
        FOR EACH STATEMENT EXECUTE FUNCTION storage_keep_consents()
        """),
}
UNGUARD = {
    "sqlite": ("DROP TRIGGER consent_is_not_replaced",),
    "postgresql": ("DROP TRIGGER consent_is_not_emptied ON storage_consent", "DROP FUNCTION storage_keep_consents()"),
}


def guard(apps, schema_editor):
    for statement in GUARDS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    for statement in UNGUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0005_mailboxes_anew'),
    ]

    operations = [
        migrations.RunPython(guard, unguard),
    ]
