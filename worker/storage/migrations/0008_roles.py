"""A role for everybody at the desk, in place of the mark for approvers; who was here first administers it."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

APPROVER, ADMIN = "approver", "admin"


def give_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    editors = apps.get_model("storage", "Editor").objects
    editors.filter(is_approver=True).update(role=APPROVER)
    first = editors.filter(is_approver=True, is_active=True).order_by("pk").first()
    if first is not None:
        editors.filter(pk=first.pk).update(role=ADMIN)


def mark_approvers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("storage", "Editor").objects.filter(role__in=[APPROVER, ADMIN]).update(is_approver=True)


class Migration(migrations.Migration):
    dependencies = [("storage", "0007_delivery_under_control")]

    operations = [
        migrations.AddField("editor", "role", models.CharField(
            choices=[("viewer", "Viewer"), ("editor", "Editor"), ("approver", "Approver"), ("admin", "Admin")],
            default="editor", max_length=8)),
        migrations.RunPython(give_roles, mark_approvers),
        migrations.RemoveField("editor", "is_approver"),
    ]
