"""What readers' rights need: sign-ups waiting, topics, frequency, pauses, partners' blocks, measurements; an append-only ledger.

A later migration that alters storage_consent on SQLite makes the table anew, without its triggers: it must call
`guard_ledger` again.
"""

import django.db.models.deletion
import django.utils.timezone
import worker.storage.models.readers
from django.conf import settings
from django.db import migrations, models


# The one change let through is the shortening of a network address: 192.0.2.77 > 192.0.2.0, 2001:db8:1:2::3 > 2001:db8:1::
SQLITE = ("""
    CREATE TRIGGER consent_is_not_changed BEFORE UPDATE ON storage_consent
    WHEN NOT (NEW.id IS OLD.id AND NEW.reader_id IS OLD.reader_id AND NEW.purpose IS OLD.purpose
              AND NEW.newsletter IS OLD.newsletter AND NEW.action IS OLD.action AND NEW.at IS OLD.at
              AND NEW.version IS OLD.version AND NEW.wording_sha256 IS OLD.wording_sha256
              AND NEW.method IS OLD.method AND NEW.form IS OLD.form AND NEW.source IS OLD.source
              AND CASE WHEN instr(OLD.network_address, ':')
                       THEN NEW.network_address LIKE '%::'
                            AND OLD.network_address LIKE rtrim(NEW.network_address, ':') || ':%'
                       ELSE NEW.network_address = rtrim(OLD.network_address, '0123456789') || '0' END IS TRUE)
    BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only: its rows are not changed'); END
    """, """
    CREATE TRIGGER consent_is_not_deleted BEFORE DELETE ON storage_consent
    WHEN NOT EXISTS (SELECT 1 FROM storage_removal WHERE reader_number = OLD.reader_id)
    BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only: its rows go only with an erased reader'); END
    """)
POSTGRES = ("""
    CREATE FUNCTION storage_guard_consent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF EXISTS (SELECT 1 FROM storage_removal WHERE reader_number = OLD.reader_id) THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'the consent ledger is append-only: its rows go only with an erased reader';
        END IF;
        IF (NEW.id, NEW.reader_id, NEW.purpose, NEW.newsletter, NEW.action, NEW.at, NEW.version, NEW.wording_sha256,
            NEW.method, NEW.form, NEW.source)
           IS NOT DISTINCT FROM
           (OLD.id, OLD.reader_id, OLD.purpose, OLD.newsletter, OLD.action, OLD.at, OLD.version, OLD.wording_sha256,
            OLD.method, OLD.form, OLD.source)
           AND host(NEW.network_address) = host(network(set_masklen(OLD.network_address,
                                                CASE family(OLD.network_address) WHEN 4 THEN 24 ELSE 48 END))) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the consent ledger is append-only: its rows are not changed';
    END $$
    """, """
    CREATE TRIGGER consent_is_kept BEFORE UPDATE OR DELETE ON storage_consent
    FOR EACH ROW EXECUTE FUNCTION storage_guard_consent()
    """)
UNGUARD = {
    "sqlite": ("DROP TRIGGER consent_is_not_changed", "DROP TRIGGER consent_is_not_deleted"),
    "postgresql": ("DROP TRIGGER consent_is_kept ON storage_consent", "DROP FUNCTION storage_guard_consent()"),
}


def guard_ledger(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRES}[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def unguard_ledger(apps, schema_editor):
    for statement in UNGUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def name_what_was_shown(apps, schema_editor):
    """Letters that were sent before name the terms by their row alone."""
    terms = {row.pk: row for row in apps.get_model("storage", "Terms").objects.all()}
    for letter in apps.get_model("storage", "Notice").objects.filter(kind="confirm").iterator():
        shown = terms.get(letter.details.get("terms"))
        if shown and "shown" not in letter.details:
            letter.details["shown"] = {"newsletter": [shown.pk, shown.sha256[:16]]}
            letter.save(update_fields=["details"])


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0002_stories_with_evidence_and_memory'),
    ]

    operations = [
        migrations.CreateModel(
            name='Departure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('newsletter', models.CharField(max_length=40)),
                ('reason', models.CharField(max_length=20)),
                ('words', models.CharField(blank=True, max_length=500)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('key', models.CharField(max_length=64, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=200)),
                ('newsletter', models.CharField(max_length=40)),
                ('source', models.CharField(max_length=200)),
                ('line', models.PositiveIntegerField(default=0)),
                ('imported', models.PositiveIntegerField(default=0)),
                ('already', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Measurement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('link', models.IntegerField()),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='PartnerBlock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('partner', models.CharField(max_length=300)),
                ('headline', models.CharField(max_length=200)),
                ('text', models.TextField(max_length=1000)),
                ('url', models.URLField(max_length=1000)),
                ('position', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Removal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reader_number', models.BigIntegerField(unique=True)),
                ('reason', models.CharField(max_length=30)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='SignUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('newsletters', models.JSONField()),
                ('topics', models.CharField(blank=True, max_length=200)),
                ('partners', models.BooleanField(default=False)),
                ('tracking', models.BooleanField(default=False)),
                ('shown', models.JSONField()),
                ('form', models.CharField(max_length=20)),
                ('network_address', models.GenericIPAddressField(null=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='issue',
            name='one_issue_per_period',
        ),
        migrations.AddField(
            model_name='consent',
            name='form',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name='issue',
            name='digest',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='notice',
            name='to',
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='placement',
            name='topics',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='reader',
            name='paused_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='reader',
            name='terms_since',
            field=models.DateField(default=worker.storage.models.readers.today),
        ),
        migrations.AddField(
            model_name='reader',
            name='topics',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='subscription',
            name='frequency',
            field=models.CharField(choices=[('every', 'Every'), ('weekly', 'Weekly')], default='every', max_length=6),
        ),
        migrations.AlterField(
            model_name='consent',
            name='action',
            field=models.CharField(choices=[('asked', 'Asked'), ('given', 'Given'), ('withdrawn', 'Withdrawn'), ('lapsed', 'Lapsed')], max_length=10),
        ),
        migrations.AlterField(
            model_name='notice',
            name='kind',
            field=models.CharField(choices=[('confirm', 'Confirm'), ('welcome', 'Welcome'), ('terms', 'Terms'), ('address', 'Address'), ('moved', 'Moved')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(fields=('newsletter', 'period', 'digest', 'edition_number'), name='one_issue_per_period'),
        ),
        migrations.AddConstraint(
            model_name='importrun',
            constraint=models.UniqueConstraint(fields=('sha256', 'newsletter'), name='one_run_per_file_and_newsletter'),
        ),
        migrations.AddField(
            model_name='measurement',
            name='delivery',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='measurements', to='storage.delivery'),
        ),
        migrations.AddField(
            model_name='partnerblock',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='partner_blocks', to='storage.issue'),
        ),
        migrations.AddField(
            model_name='partnerblock',
            name='made_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='measurement',
            constraint=models.UniqueConstraint(fields=('delivery', 'link'), name='measured_once'),
        ),
        migrations.RemoveIndex(
            model_name='notice',
            name='storage_not_state_668063_idx',
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(fields=['state', 'kind', 'id'], name='storage_not_state_18085d_idx'),
        ),
        migrations.RunPython(name_what_was_shown, migrations.RunPython.noop),
        migrations.RunPython(guard_ledger, unguard_ledger),
    ]
