"""Who did what to what, and when: written beside each decision of an editor, never changed."""

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """One decision. `subject` is like "issue 12"; `detail` holds what is needed to understand it later.

    The database itself refuses to change or delete a row (triggers in migration 0012). So none may hold a reader's address: a
    reader is named by number, and erasing one leaves the log as it is.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=254)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, db_index=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
