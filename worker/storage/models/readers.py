"""People who read: their subscriptions, what they agreed to, and the addresses that must never be written to again."""

from django.db import models
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
    """What the reader did."""

    ASKED = "asked"  # signed up, not yet confirmed
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


class Terms(models.Model):
    """One published wording, as it was shown. Never changed once somebody agreed to it."""

    kind = models.CharField(max_length=20)  # newsletter, privacy
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


class Reader(models.Model):
    """A person who asked for a newsletter."""

    email = models.EmailField(max_length=254)  # as it is written to
    email_key = models.CharField(max_length=254, unique=True)  # case-folded: one person, one row
    name = models.CharField(max_length=120, blank=True)
    partners = models.BooleanField(default=False)  # the ledger's last word on each purpose, kept for fast selection
    tracking = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.email


class Subscription(models.Model):
    """One reader's place on one newsletter's list."""

    state = models.CharField(max_length=10, choices=SubscriptionState.choices, default=SubscriptionState.PENDING)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="subscriptions")
    newsletter = models.CharField(max_length=40)
    confirm_round = models.PositiveIntegerField(default=0)  # grows with each use; a link of an older round is stale
    asked_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "newsletter"], name="reader_once_per_newsletter")]
        indexes = [models.Index(fields=["newsletter", "state"])]

    def __str__(self) -> str:
        return f"{self.reader_id} {self.newsletter} {self.state}"


class Consent(models.Model):
    """Append-only ledger: what a reader agreed to or withdrew, when, and to which exact wording."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    newsletter = models.CharField(max_length=40, blank=True)  # for purpose newsletter
    action = models.CharField(max_length=10, choices=ConsentAction.choices)
    at = models.DateTimeField(default=timezone.now)
    version = models.CharField(max_length=20, blank=True)
    wording_sha256 = models.CharField(max_length=64, blank=True)
    method = models.CharField(max_length=30)  # form, confirm page, one-click, preferences, import: SOURCE
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
