"""What approval needs: two signatures, the heads counted, alarms by mail; and an audit log that the database keeps append-only.

A later migration that alters storage_auditentry on SQLite makes the table anew, without its triggers: it must call `guard_log`
again.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# As of the consent ledger (0003, 0006): REPLACE on SQLite fires no delete trigger, TRUNCATE on PostgreSQL no row's.
GUARDS = {
    "sqlite": ("""
        CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON storage_auditentry
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its entries are not changed'); END
        """, """
        CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON storage_auditentry
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its entries are not deleted'); END
        """, """
        CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON storage_auditentry
        WHEN EXISTS (SELECT 1 FROM storage_auditentry WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its entries are not replaced'); END
        """),
    "postgresql": ("""
        CREATE FUNCTION storage_keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit log is append-only: its entries are not changed, deleted or emptied'; END $$
        """, """
        CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON storage_auditentry
        FOR EACH ROW EXECUTE FUNCTION storage_keep_audit()
        """, """
        CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON storage_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION storage_keep_audit()
        """),
}
UNGUARD = {
    "sqlite": ("DROP TRIGGER audit_is_not_changed", "DROP TRIGGER audit_is_not_deleted", "DROP TRIGGER audit_is_not_replaced"),
    "postgresql": ("DROP TRIGGER audit_is_kept ON storage_auditentry", "DROP TRIGGER audit_is_not_emptied ON storage_auditentry",
                   "DROP FUNCTION storage_keep_audit()"),
}


def guard_log(apps, schema_editor):
    for statement in GUARDS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def unguard_log(apps, schema_editor):
    for statement in UNGUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0011_link_checks'),
    ]

    operations = [
        migrations.AddField(
            model_name='edition',
            name='headcount',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.CreateModel(
            name='Alarm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('attempting', 'Attempting'), ('accepted', 'Accepted'), ('delivered', 'Delivered'), ('bounced', 'Bounced'), ('failed', 'Failed'), ('uncertain', 'Uncertain'), ('cancelled', 'Cancelled'), ('suppressed', 'Suppressed')], default='queued', max_length=10)),
                ('lease_token', models.CharField(blank=True, max_length=32)),
                ('leased_until', models.DateTimeField(null=True)),
                ('not_before', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('claims', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('provider_id', models.CharField(blank=True, max_length=200)),
                ('error', models.CharField(blank=True, max_length=500)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('soon', 'Soon'), ('late', 'Late'), ('stopped', 'Stopped'), ('missed', 'Missed')], max_length=8)),
                ('key', models.CharField(max_length=320, unique=True)),
                ('event', models.CharField(db_index=True, max_length=60)),
                ('to', models.EmailField(max_length=254)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alarms', to='storage.issue')),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'id'], name='alarm_due')],
            },
        ),
        migrations.CreateModel(
            name='Signature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('editor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='signatures', to='storage.issue')),
            ],
            options={
                'ordering': ['at', 'id'],
                'constraints': [models.UniqueConstraint(fields=('issue', 'editor'), name='one_signature_each')],
            },
        ),
        migrations.RunPython(guard_log, unguard_log),
    ]
