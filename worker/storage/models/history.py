"""What was changed in a draft, so that it can be taken back; and who has it on the screen."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from worker.storage.models.editors import Editor
from worker.storage.models.issues import Issue


class Change(models.Model):
    """One change to an issue. `before` and `after` hold the values of what it changed, and no others (issues.snapshot).

    Undone ones stay: they can be done again until another change is made (`lost`), and the history tells of them.
    """

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="changes")
    number = models.PositiveIntegerField()  # from 1 within the issue, in the order in which they were made
    editor = models.ForeignKey(Editor, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=40)  # as in the audit log
    row = models.CharField(max_length=40, blank=True)  # "story 12", "partner 3" or "titles"; "" of what concerns more than one
    label = models.CharField(max_length=400)  # what was done, in words: "dropped “…”"
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    ruling = models.BigIntegerField(null=True)  # the audit entry of the merge or split that it followed
    running = models.BooleanField(default=False)  # saved by itself while the editor goes on writing: more may be folded in
    revision = models.PositiveIntegerField()  # of the issue since it was last made, added to, undone or done again
    last_by = models.ForeignKey(Editor, on_delete=models.SET_NULL, null=True, related_name="+")  # who did that, and when
    last_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)
    lost = models.BooleanField(default=False)  # undone, and something else was done since

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "number"], name="change_numbered_once")]
        ordering = ["number"]

    def __str__(self) -> str:
        return self.label


class Visit(models.Model):
    """That an editor has an issue on the screen, and where they write."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="visits")
    editor = models.ForeignKey(Editor, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)
    doing = models.CharField(max_length=40, blank=True)  # "story 12", "partner 3" or "titles"; "" of who only reads

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "editor"], name="one_visit_per_editor")]

    def __str__(self) -> str:
        return f"{self.editor} at {self.issue}"
