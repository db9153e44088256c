"""People who read: their subscriptions, what they agreed to, and the addresses that must never be written to again."""

from datetime import UTC, date

from django.db import models
from django.db.models import Q
from django.utils import timezone


class SubscriptionState(models.TextChoices):
    """pending > confirmed > left, or suppressed."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    LEFT = "left"
    SUPPRESSED = "suppressed"


class Purpose(models.TextChoices):
    """What a consent is for. Each is asked, given and withdrawn by itself."""

    NEWSLETTER = "newsletter"
    TERMS = "terms"
    PARTNERS = "partners"
    TRACKING = "tracking"


class ConsentAction(models.TextChoices):
    """What the reader did, or what became of what they gave."""

    ASKED = "asked"  # signed up, not yet confirmed
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"  # given to a wording that a material change has replaced, and not given again


class Frequency(models.TextChoices):
    """How often a newsletter comes to one reader."""

    EVERY = "every"  # each issue
    WEEKLY = "weekly"  # the weekly digest instead


def today() -> date:
    """Return the day it is in UTC."""
    return timezone.now().astimezone(UTC).date()


class Terms(models.Model):
    """One published wording, as it was shown. Never changed once somebody agreed to it."""

    kind = models.CharField(max_length=20)  # newsletter, privacy; partners and tracking: the words beside those boxes
    version = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    wording = models.TextField()  # Markdown with the publisher's values filled in
    sha256 = models.CharField(max_length=64)
    material = models.BooleanField(default=False)
    effective = models.DateField()
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "version"], name="terms_version_once")]
        ordering = ["kind", "-effective", "-id"]
        verbose_name_plural = "terms"

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    @classmethod
    def in_force(cls, kind: str, day: date) -> "Terms | None":
        """Return the newest wording of a kind that is in force on a day (UTC)."""
        return cls.objects.filter(kind=kind, effective__lte=day).order_by("-effective", "-id").first()


class Reader(models.Model):
    """A person who asked for a newsletter."""

    email = models.EmailField(max_length=254)  # as it is written to
    email_key = models.CharField(max_length=254, unique=True)  # in lower case: one address, one row
    mailbox = models.CharField(max_length=254, null=True)  # what its provider takes the key for, if for another
    name = models.CharField(max_length=120, blank=True)
    partners = models.BooleanField(default=False)  # the ledger's last word on each purpose, kept for fast selection
    tracking = models.BooleanField(default=False)
    topics = models.CharField(max_length=200, blank=True)  # the chosen ones, in order, with spaces between; "": all of them
    paused_until = models.DateTimeField(null=True)  # the reader's own wish: no issue before then
    terms_since = models.DateField(default=today)  # material terms in force since a later day wait for the reader's answer
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["mailbox"], name="reader_mailbox", condition=Q(mailbox__isnull=False))]

    def __str__(self) -> str:
        return self.email


class FormerAddress(models.Model):
    """A mailbox that a reader's mail went to before they moved it, as a keyed hash: old lists and wishes may name it."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="former_addresses")
    email_hash = models.CharField(max_length=64, unique=True)  # as of Suppression; it goes once another reader proves the mailbox
    at = models.DateTimeField(default=timezone.now)  # of the move

    def __str__(self) -> str:
        return f"former address of {self.reader_id}"


class Subscription(models.Model):
    """One reader's place on one newsletter's list."""

    state = models.CharField(max_length=10, choices=SubscriptionState.choices, default=SubscriptionState.PENDING)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="subscriptions")
    newsletter = models.CharField(max_length=40)
    frequency = models.CharField(max_length=6, choices=Frequency.choices, default=Frequency.EVERY)
    confirm_round = models.PositiveIntegerField(default=0)  # grows with each use; a link of an older round is stale
    asked_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "newsletter"], name="reader_once_per_newsletter")]
        indexes = [models.Index(fields=["newsletter", "state"])]

    def __str__(self) -> str:
        return f"{self.reader_id} {self.newsletter} {self.state}"


class SignUp(models.Model):
    """A sign-up as it came in; the row goes when the step that reads it has decided what it means."""

    email = models.EmailField(max_length=254)
    newsletters = models.JSONField()
    topics = models.CharField(max_length=200, blank=True)
    partners = models.BooleanField(default=False)
    tracking = models.BooleanField(default=False)
    shown = models.JSONField()  # kind > [id, beginning of the hash] of the wording beside its box
    form = models.CharField(max_length=20)
    network_address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"sign-up {self.pk}"


class Consent(models.Model):
    """Append-only ledger: what a reader agreed to or withdrew, when, and to which exact wording.

    The database itself refuses to change a row, but for shortening its network address, and to delete one unless a
    Removal names its reader (triggers in migration 0003).
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    newsletter = models.CharField(max_length=40, blank=True)  # for purpose newsletter
    action = models.CharField(max_length=10, choices=ConsentAction.choices)
    at = models.DateTimeField(default=timezone.now)
    version = models.CharField(max_length=20, blank=True)
    wording_sha256 = models.CharField(max_length=64, blank=True)
    method = models.CharField(max_length=30)  # form, confirm page, one-click, mail, preferences, import
    form = models.CharField(max_length=20, blank=True)  # where it was asked: site, elsewhere, api, preferences, terms page
    source = models.CharField(max_length=200, blank=True)  # for imports: what the publisher says of their origin
    network_address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.action}"


class Suppression(models.Model):
    """An address that must not be written to: only a keyed hash of it is kept, so that it survives erasure."""

    email_hash = models.CharField(max_length=64, unique=True)  # HMAC-SHA-256 under a key derived from SECRET_KEY
    reason = models.CharField(max_length=30)  # bounce, complaint, erased, request
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.reason


class Removal(models.Model):
    """That a reader's rows may go: the ledger's triggers let a reader's consents be deleted only if this names them.

    It stays, as a number and a reason: how many were erased, and when, can be shown without saying who.
    """

    reader_number = models.BigIntegerField(unique=True)
    reason = models.CharField(max_length=30)  # erased, unconfirmed
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.reason} {self.reader_number}"


class Departure(models.Model):
    """Why somebody left, if they said: about a newsletter, with nothing that says who. `key` keeps two presses one row."""

    newsletter = models.CharField(max_length=40)
    reason = models.CharField(max_length=20)
    words = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)
    key = models.CharField(max_length=64, unique=True)

    def __str__(self) -> str:
        return f"{self.newsletter} {self.reason}"


class ImportRun(models.Model):
    """How far the import of one file got: run again, it goes on from there."""

    sha256 = models.CharField(max_length=64)  # of the file's bytes
    name = models.CharField(max_length=200)
    newsletter = models.CharField(max_length=40)
    source = models.CharField(max_length=200)
    line = models.PositiveIntegerField(default=0)  # the last line of the file that is done
    imported = models.PositiveIntegerField(default=0)
    already = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sha256", "newsletter"], name="one_run_per_file_and_newsletter")]

    def __str__(self) -> str:
        return f"import of {self.name}"
