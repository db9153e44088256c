"""The ledger: one row per issue and reader, and one per letter the service owes a person by itself."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from worker.storage.models.issues import Issue
from worker.storage.models.readers import Reader


class DeliveryState(models.TextChoices):
    """queued > attempting > accepted > delivered, or bounced, failed, uncertain, cancelled, suppressed."""

    QUEUED = "queued"
    ATTEMPTING = "attempting"  # committed before the network call
    ACCEPTED = "accepted"  # the next hop took it
    DELIVERED = "delivered"  # the provider says the mailbox took it
    BOUNCED = "bounced"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # a crash or lost answer came between: never sent again by the machine
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"  # left or became unwritable between the freeze and the attempt


class NoticeKind(models.TextChoices):
    """Letters the service sends on its own account."""

    CONFIRM = "confirm"
    WELCOME = "welcome"
    TERMS = "terms"
    ADDRESS = "address"  # asks a new address whether it is the reader's
    MOVED = "moved"  # tells the old address that mail goes elsewhere now


class Ledger(models.Model):
    """What every row of post has: its state, who is working on it, and how the last attempt ended."""

    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.QUEUED)
    lease_token = models.CharField(max_length=32, blank=True)  # fencing: a worker may change only rows that carry its own
    leased_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)  # a deferred attempt waits until then
    attempts = models.PositiveSmallIntegerField(default=0)
    claims = models.PositiveSmallIntegerField(db_default=0, default=0)  # whose worker ended before the attempt
    provider_id = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=500, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class Delivery(Ledger):
    """One copy of one issue for one reader."""

    # No index of its own: two of those below begin with it, and a million rows are frozen sooner without.
    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    reader = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="deliveries")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "reader"], name="one_delivery_per_reader")]
        indexes = [
            models.Index(fields=["issue", "state"]),
            models.Index(fields=["issue", "id"], name="delivery_open", condition=Q(state__in=["queued", "attempting"])),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk} {self.state}"


class Notice(Ledger):
    """One letter owed to one reader. `key` makes it unique: the same event never owes the same letter twice."""

    kind = models.CharField(max_length=10, choices=NoticeKind.choices)
    key = models.CharField(max_length=120, unique=True)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="notices")
    to = models.EmailField(max_length=254, blank=True)  # if it does not go to the reader's address of today
    details = models.JSONField(default=dict)  # what the template needs beyond the reader, never text a visitor typed
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["state", "kind", "id"])]  # a letter somebody waits for is found among a million others

    def __str__(self) -> str:
        return f"{self.kind} notice {self.pk} {self.state}"


class AlarmKind(models.TextChoices):
    """What the people who decide are told of by mail."""

    SOON = "soon"  # a deadline comes near, and nobody has approved
    LATE = "late"  # it has passed: the issue is held
    STOPPED = "stopped"  # held on its way to readers, by the machine
    MISSED = "missed"  # approved, and not started at its hour


class Alarm(Ledger):
    """One alarm by mail to one person of the newsroom. `key` is the event and the address: nobody is told of one event twice."""

    kind = models.CharField(max_length=8, choices=AlarmKind.choices)
    key = models.CharField(max_length=320, unique=True)
    event = models.CharField(max_length=60, db_index=True)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="alarms")
    to = models.EmailField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="alarm_due")]

    def __str__(self) -> str:
        return f"{self.kind} alarm {self.pk} {self.state}"


class ProviderEvent(models.Model):
    """An event a mail provider reported, kept once by its own id."""

    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)  # delivered, bounced, deferred, dropped, complained, left
    delivery = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, related_name="events")
    at = models.DateTimeField()
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"


class Pace(models.Model):
    """How fast mail goes to one group of mailboxes, shared by all workers: `delivery.pace` says what it means."""

    key = models.CharField(max_length=100, unique=True)  # a mailbox provider's domain, "*", or "warm-up"
    day = models.DateField(null=True)  # in UTC
    begun_today = models.PositiveIntegerField(default=0)  # copies let through on that day
    free_at = models.DateTimeField(null=True)  # when the next copy may go
    queue_until = models.DateTimeField(null=True)  # the turn of the last copy that was told to come back

    def __str__(self) -> str:
        return f"pace of {self.key}"


OPENED = -1


class Measurement(models.Model):
    """A mail opened or a link followed by a reader who agreed to be measured. Of nobody else is there a row."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="measurements")
    link = models.IntegerField()  # its place in the edition, from 0; OPENED: the mail itself
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "link"], name="measured_once")]

    def __str__(self) -> str:
        return f"delivery {self.delivery_id} " + ("opened" if self.link == OPENED else f"link {self.link}")
