"""People let in by a mailed invitation, one-time links that a use of another one ends, and a second factor with its recovery codes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("storage", "0008_roles")]

    operations = [
        migrations.AddField("editor", "invited_at", models.DateTimeField(null=True)),
        migrations.AddField("editor", "links_used", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.CreateModel("SecondFactor", [
            ("editor", models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="second_factor", serialize=False,
                to=settings.AUTH_USER_MODEL)),
            ("secret", models.CharField(max_length=300)),
            ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
            ("confirmed_at", models.DateTimeField(null=True)),
            ("last_step", models.BigIntegerField(default=0)),
            ("failures", models.PositiveSmallIntegerField(default=0)),
        ]),
        migrations.CreateModel("RecoveryCode", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("digest", models.CharField(max_length=64)),
            ("used_at", models.DateTimeField(null=True)),
            ("factor", models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="recovery_codes", to="storage.secondfactor")),
        ]),
        migrations.AddConstraint("recoverycode", models.UniqueConstraint(
            fields=("factor", "digest"), name="recovery_code_once")),
    ]
