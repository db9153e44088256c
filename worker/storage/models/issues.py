"""Issues of a newsletter: what is placed in them, the edition an approval froze, and corrections made afterwards."""

from django.db import models
from django.utils import timezone

from worker.storage.models.editors import Editor
from worker.storage.models.news import Story


class IssueState(models.TextChoices):
    """draft > approved > sending > sent, or rejected, cancelled, held."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    HELD = "held"  # stopped by the breaker or a missed deadline; an editor decides


class Section(models.TextChoices):
    """Where in the issue a story stands."""

    LEAD = "lead"
    TOP = "top"
    SHORT = "short"


class Kind(models.TextChoices):
    """What the story is to the newsletter's readers."""

    NEW = "new"
    UPDATE = "update"  # they have had the event; `Placement.since` says when, and the summary begins with what is new


class Issue(models.Model):
    """One issue of one newsletter. `period` is its day (ISO date); `edition_number` above 1 is another issue of that day.

    A `digest` gathers a week's issues again, for the readers who asked for one mail a week instead of every issue.
    """

    state = models.CharField(max_length=10, choices=IssueState.choices, default=IssueState.DRAFT, db_index=True)
    newsletter = models.CharField(max_length=40)  # the key in feeds.toml
    period = models.CharField(max_length=10)
    digest = models.BooleanField(default=False)
    edition_number = models.PositiveIntegerField(default=1)
    subject = models.CharField(max_length=200)
    preheader = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)  # why it was rejected, held or cancelled
    tops = models.PositiveSmallIntegerField(null=True)  # how many top stories; null: as many as the newsletter's top_stories
    left_out = models.JSONField(default=list, blank=True)  # [{"story", "headline", "reason"}] that drafting passed over
    revision = models.PositiveIntegerField(default=1)  # counts the editor's changes; edits name the one they saw
    drafted_at = models.DateTimeField(default=timezone.now)
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    send_at = models.DateTimeField(null=True)  # when an approved issue starts by itself; null: when somebody says so
    send_zone = models.CharField(max_length=64, blank=True)  # the time zone in which that was said, to say it back
    started_at = models.DateTimeField(null=True)  # audience frozen
    canary_at = models.DateTimeField(null=True)  # when the last of the copies that go first was handed over
    turns = models.PositiveBigIntegerField(db_default=0, default=0)  # batches begun: see `delivery.fence`
    sent_at = models.DateTimeField(null=True)
    traces_kept = models.BooleanField(default=True)  # what its copies meet (answers, reports, openings) is taken down
    traces_swept = models.BooleanField(default=False)  # and of what was taken down nothing is left

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["newsletter", "period", "digest", "edition_number"], name="one_issue_per_period"),
        ]
        ordering = ["-drafted_at", "-id"]

    def __str__(self) -> str:
        return f"{self.newsletter} {self.slug}"

    @property
    def slug(self) -> str:
        """The issue's part of its archive address: 2026-11-23, 2026-11-23-2 for a second one, 2026-11-23-week for a digest."""
        name = f"{self.period}-week" if self.digest else self.period
        return name if self.edition_number == 1 else f"{name}-{self.edition_number}"


class Placement(models.Model):
    """A story in an issue, with the issue's own copy of its words and sources, free to be edited."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="placements")
    story = models.ForeignKey(Story, on_delete=models.PROTECT, related_name="placements")
    section = models.CharField(max_length=5, choices=Section.choices)
    position = models.PositiveIntegerField()  # from 0, over the whole issue
    dropped = models.BooleanField(default=False)
    pinned = models.BooleanField(default=False)  # it keeps its place, whatever becomes of the others
    headline = models.CharField(max_length=500)
    summary = models.TextField(blank=True)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.NEW)
    since = models.ForeignKey(Issue, on_delete=models.SET_NULL, null=True, related_name="+")  # the issue an update follows
    topics = models.JSONField(default=list, blank=True)  # what it is about, of the topics readers may choose; []: for everybody
    reasons = models.JSONField(default=list, blank=True)  # why it was chosen and stands where it stands, in words
    sentences = models.JSONField(default=list)  # as Story.sentences; of an editor's words as checked when they were saved
    sources = models.JSONField(default=list)  # [{"outlet", "title", "url", "published"}], one per outlet, first first
    edited_by = models.ForeignKey(Editor, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "story"], name="story_once_per_issue")]
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.headline


class PartnerBlock(models.Model):
    """A partner's content in an issue, labelled as such; only readers who asked for partners' content get it."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="partner_blocks")
    partner = models.CharField(max_length=300)  # one of those named in feeds.toml, and so in what readers agreed to
    headline = models.CharField(max_length=200)
    text = models.TextField(max_length=1000)
    url = models.URLField(max_length=1000)
    position = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(Editor, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.partner}: {self.headline}"


class Waiver(models.Model):
    """An editor lets words stand that no source bears out, and says why. Kept for good; it covers these words alone."""

    placement = models.ForeignKey(Placement, on_delete=models.CASCADE, related_name="waivers")
    text = models.TextField()  # the sentence or headline
    doubts = models.JSONField(default=list)  # [{"kind", "text"}]: what was not found in the sources
    reason = models.TextField()
    made_by = models.ForeignKey(Editor, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    withdrawn = models.DateTimeField(null=True)  # when it was taken back; it covers nothing since

    def __str__(self) -> str:
        return self.text[:80]


class Edition(models.Model):
    """The bytes an approver approved: what is sent and archived, and by whom it was let go."""

    issue = models.OneToOneField(Issue, on_delete=models.CASCADE, related_name="edition")
    subject = models.CharField(max_length=200)
    html = models.TextField()  # with readers' links (press.proof.MARKS) and what only some get (press.blocks) still marked
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    from_name = models.CharField(max_length=300, blank=True)  # who it comes from, as feeds.toml said when it was approved
    from_email = models.CharField(max_length=254, blank=True)
    list_title = models.CharField(max_length=300, blank=True)
    preflight = models.JSONField(default=list)
    approved_by = models.ForeignKey(Editor, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"edition of {self.issue}"


class Correction(models.Model):
    """What was wrong in an issue that went out, said in the next one and on the corrections page."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="corrections")
    text = models.TextField()
    made_by = models.ForeignKey(Editor, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    printed_in = models.ForeignKey(Issue, on_delete=models.SET_NULL, null=True, related_name="printed_corrections")

    class Meta:
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return self.text[:80]
