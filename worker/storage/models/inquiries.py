"""What the gate asked of the world outside, and what was answered: links, a sender's DNS records, the way out."""

from django.db import models
from django.utils import timezone


class Verdict(models.TextChoices):
    """What an answer means. "": nobody has asked yet."""

    GOOD = "good"
    BAD = "bad"  # certainly not: the page is gone, the record is missing, the way out is closed
    UNSURE = "unsure"  # it could not be asked, or the answer says nothing certain


class Subject(models.TextChoices):
    """What was asked about."""

    LINK = "link"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    WAY_OUT = "way-out"  # through our own application
    SITE = "site"  # at BASE_URL, over the network


class Inquiry(models.Model):
    """One question, kept with its last answer and the time at which it is to be asked again."""

    subject = models.CharField(max_length=8, choices=Subject.choices)
    key = models.CharField(max_length=64)  # SHA-256 (hex) of `about`, which may be too long for an index
    about = models.TextField()  # the address or the domain
    verdict = models.CharField(max_length=6, choices=Verdict.choices, blank=True)
    words = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    asking_until = models.DateTimeField(null=True)  # a worker has it; if it is killed, another one may ask from then on

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "key"], name="one_inquiry_a_subject")]
        verbose_name_plural = "inquiries"

    def __str__(self) -> str:
        return f"{self.subject} {self.about[:80]}"
