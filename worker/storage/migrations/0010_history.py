"""Changes to a draft that can be taken back, who is at an issue, pinned stories, and waivers that were withdrawn."""

import django.db.models.deletion
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models
from django.utils import timezone


def _key() -> models.BigAutoField:
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def _editor() -> models.ForeignKey:
    return models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)


class Migration(migrations.Migration):
    dependencies = [("storage", "0008_roles")]

    operations = [
        migrations.AddField("issue", "tops", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField("placement", "pinned", models.BooleanField(default=False)),
        migrations.AddField("waiver", "withdrawn", models.DateTimeField(null=True)),
        migrations.CreateModel(
            "Change",
            [
                ("id", _key()),
                ("issue", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="storage.issue")),
                ("number", models.PositiveIntegerField()),
                ("editor", _editor()),
                ("at", models.DateTimeField(default=timezone.now)),
                ("action", models.CharField(max_length=40)),
                ("row", models.CharField(blank=True, max_length=40)),
                ("label", models.CharField(max_length=400)),
                ("before", models.JSONField(default=dict, encoder=DjangoJSONEncoder)),
                ("after", models.JSONField(default=dict, encoder=DjangoJSONEncoder)),
                ("ruling", models.BigIntegerField(null=True)),
                ("running", models.BooleanField(default=False)),
                ("revision", models.PositiveIntegerField()),
                ("last_by", _editor()),
                ("last_at", models.DateTimeField(default=timezone.now)),
                ("undone_at", models.DateTimeField(null=True)),
                ("lost", models.BooleanField(default=False)),
            ],
            options={"ordering": ["number"], "constraints": [
                models.UniqueConstraint(fields=["issue", "number"], name="change_numbered_once")]},
        ),
        migrations.CreateModel(
            "Visit",
            [
                ("id", _key()),
                ("issue", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="visits", to="storage.issue")),
                ("editor", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+",
                                             to=settings.AUTH_USER_MODEL)),
                ("seen_at", models.DateTimeField(db_index=True, default=timezone.now)),
                ("doing", models.CharField(blank=True, max_length=40)),
            ],
            options={"constraints": [models.UniqueConstraint(fields=["issue", "editor"], name="one_visit_per_editor")]},
        ),
    ]
