"""Addresses are told apart in lower case, and mailboxes by what their providers say today: both are worked out anew."""

from django.db import migrations


def work_out_anew(apps, schema_editor):
    from worker.readers.addresses import address_key, mailbox_of  # noqa: PLC0415  as in 0004

    # No key can be another's on the way: what lower case makes one, case-folding had made one.
    model = apps.get_model("storage", "Reader")
    changed = []
    for row in model.objects.only("email", "email_key", "mailbox").iterator(chunk_size=2000):
        key = address_key(row.email)
        mailbox = mailbox_of(key)
        now = (key, mailbox if mailbox != key else None)
        if now != (row.email_key, row.mailbox):
            row.email_key, row.mailbox = now
            changed.append(row)
    model.objects.bulk_update(changed, ["email_key", "mailbox"], batch_size=400)


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0004_people_by_mailbox'),
    ]

    operations = [
        migrations.RunPython(work_out_anew, migrations.RunPython.noop),
    ]
