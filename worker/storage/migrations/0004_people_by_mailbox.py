"""Readers are found by their mailbox in any spelling, and by the one they moved away from; old issues' traces go by issue."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def work_out_mailboxes(apps, schema_editor):
    from worker.readers.addresses import mailbox_of  # noqa: PLC0415  not before it is needed: migrations are loaded at every start

    model = apps.get_model("storage", "Reader")
    changed = []
    for row in model.objects.only("email_key").iterator(chunk_size=2000):
        mailbox = mailbox_of(row.email_key)
        if mailbox != row.email_key:
            row.mailbox = mailbox
            changed.append(row)
    model.objects.bulk_update(changed, ["mailbox"], batch_size=400)


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0003_readers_rights'),
    ]

    operations = [
        migrations.CreateModel(
            name='FormerAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email_hash', models.CharField(max_length=64, unique=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name='issue',
            name='traces_kept',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='issue',
            name='traces_swept',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='reader',
            name='mailbox',
            field=models.CharField(max_length=254, null=True),
        ),
        migrations.AddIndex(
            model_name='reader',
            index=models.Index(condition=models.Q(('mailbox__isnull', False)), fields=['mailbox'], name='reader_mailbox'),
        ),
        migrations.AddField(
            model_name='formeraddress',
            name='reader',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='former_addresses', to='storage.reader'),
        ),
        migrations.RunPython(work_out_mailboxes, migrations.RunPython.noop),
    ]
