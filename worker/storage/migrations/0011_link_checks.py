"""What the gate asks of the world, with the answers; links that may stand though they are dead, and outlets left out."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("storage", "0010_history")]

    operations = [
        migrations.AddField("issue", "links_waived", models.JSONField(blank=True, default=list)),
        migrations.AddField("placement", "sources_left_out", models.JSONField(blank=True, default=list)),
        migrations.CreateModel(
            name="Inquiry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(choices=[
                    ("link", "Link"), ("spf", "Spf"), ("dkim", "Dkim"), ("dmarc", "Dmarc"), ("way-out", "Way Out"),
                    ("site", "Site")], max_length=8)),
                ("key", models.CharField(max_length=64)),
                ("about", models.TextField()),
                ("verdict", models.CharField(blank=True, choices=[
                    ("good", "Good"), ("bad", "Bad"), ("unsure", "Unsure")], max_length=6)),
                ("words", models.CharField(blank=True, max_length=300)),
                ("asked_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("asking_until", models.DateTimeField(null=True)),
            ],
            options={"verbose_name_plural": "inquiries"},
        ),
        migrations.AddConstraint("inquiry", models.UniqueConstraint(fields=("subject", "key"), name="one_inquiry_a_subject")),
    ]
