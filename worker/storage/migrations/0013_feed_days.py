"""What each feed brought day by day, and whether an editor wants it left alone for a while."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def note_successes(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("storage", "Feed").objects.filter(state="ok").update(succeeded_at=models.F("fetched_at"))


class Migration(migrations.Migration):
    dependencies = [("storage", "0012_approval")]

    operations = [
        migrations.AddField("feed", "paused_at", models.DateTimeField(null=True)),
        migrations.AddField("feed", "succeeded_at", models.DateTimeField(null=True)),
        migrations.RunPython(note_successes, migrations.RunPython.noop),
        migrations.CreateModel(
            name="FeedDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("fetches", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("items", models.PositiveIntegerField(default=0)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("feed", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="days", to="storage.feed")),
            ],
            options={
                "ordering": ["-day", "feed"],
                "constraints": [models.UniqueConstraint(fields=("feed", "day"), name="feed_day_once")],
            },
        ),
    ]
