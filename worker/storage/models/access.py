"""What proves beside a password who somebody of the newsroom is: a code of an app, or one of the codes kept for a bad day."""

from django.db import models
from django.utils import timezone

from worker.storage.models.editors import Editor


class SecondFactor(models.Model):
    """The app that makes somebody's codes (RFC 6238). It counts once a code of it was seen."""

    editor = models.OneToOneField(Editor, on_delete=models.CASCADE, related_name="second_factor", primary_key=True)
    secret = models.CharField(max_length=300)  # encrypted under a key derived from SECRET_KEY
    made_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)  # of the last code taken: neither it nor an earlier one is taken again
    failures = models.PositiveSmallIntegerField(default=0)  # wrong codes in a row, from whatever network

    def __str__(self) -> str:
        return f"second factor of editor {self.editor_id}"


class RecoveryCode(models.Model):
    """A code that takes the app's place once. Only its hash is kept."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["factor", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"
