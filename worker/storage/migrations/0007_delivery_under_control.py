"""What sending under control needs: an hour to start at, a canary, turns to tell an older database by, and how fast mail may go."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0006_ledger_replaced_by_nothing'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=100, unique=True)),
                ('day', models.DateField(null=True)),
                ('begun_today', models.PositiveIntegerField(default=0)),
                ('free_at', models.DateTimeField(null=True)),
                ('queue_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='delivery',
            name='claims',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='edition',
            name='from_email',
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='edition',
            name='from_name',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='edition',
            name='list_title',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='issue',
            name='canary_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='issue',
            name='send_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='issue',
            name='send_zone',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='issue',
            name='turns',
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='notice',
            name='claims',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='issue',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='storage.issue'),
        ),
    ]
