"""News: feeds, the items found in them, and the stories the items make."""

from django.db import models
from django.utils import timezone


class FeedState(models.TextChoices):
    """What became of the last fetch."""

    NEW = "new"
    OK = "ok"
    FAILING = "failing"
    GONE = "gone"  # the server answered 410: not asked again


class ItemState(models.TextChoices):
    """new > grouped."""

    NEW = "new"
    GROUPED = "grouped"


class StoryState(models.TextChoices):
    """open (items have joined since the last summary) > summarised."""

    OPEN = "open"
    SUMMARISED = "summarised"


class Feed(models.Model):
    """What is known of a feed's server. Its address, weight and newsletters stand in feeds.toml under the same name."""

    name = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=10, choices=FeedState.choices, default=FeedState.NEW)
    etag = models.CharField(max_length=300, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    configured_url = models.CharField(max_length=2000, blank=True)  # feeds.toml's address when moved_to was learnt
    moved_to = models.CharField(max_length=2000, blank=True)  # where a permanent redirect led
    fetched_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)  # when it last held something new
    next_fetch_at = models.DateTimeField(default=timezone.now)
    interval_seconds = models.PositiveIntegerField(default=3600)
    leased_until = models.DateTimeField(null=True)  # a worker is fetching it
    failures = models.PositiveIntegerField(default=0)  # in a row
    error = models.CharField(max_length=500, blank=True)  # of the last fetch, in words
    entries_seen = models.PositiveIntegerField(default=0)  # in the last document read
    entries_skipped = models.PositiveIntegerField(default=0)  # of those: too old, no title and no text, or repeated

    def __str__(self) -> str:
        return self.name


class Story(models.Model):
    """Items of many outlets that report one event. Headline and summary are the machine's; an issue holds its own copy."""

    state = models.CharField(max_length=12, choices=StoryState.choices, default=StoryState.OPEN, db_index=True)
    slug = models.CharField(max_length=120, unique=True, null=True)
    headline = models.CharField(max_length=500, blank=True)
    sentences = models.JSONField(default=list)  # [{"text", "item" (an Item's id), "passage"}]
    first_at = models.DateTimeField(db_index=True)
    last_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "stories"

    def __str__(self) -> str:
        return self.headline or f"story {self.pk}"

    @property
    def summary(self) -> str:
        """The sentences as one paragraph."""
        return " ".join(sentence["text"] for sentence in self.sentences)


class Item(models.Model):
    """One entry of one feed, as text: entities decoded, markup gone, tracking parameters removed."""

    state = models.CharField(max_length=8, choices=ItemState.choices, default=ItemState.NEW)
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="items")
    identity = models.CharField(max_length=64)  # SHA-256 of the guid, else of the canonical link, else of the content
    url = models.CharField(max_length=2000, blank=True)
    title = models.CharField(max_length=500, blank=True)
    summary = models.TextField(blank=True)
    author = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=20, blank=True)
    published_at = models.DateTimeField(null=True)  # as the outlet says, if it says
    seen_at = models.DateTimeField(default=timezone.now)
    at = models.DateTimeField(db_index=True)  # published_at, never later than seen_at: the time windows use
    story = models.ForeignKey(Story, on_delete=models.SET_NULL, null=True, related_name="items")
    reason = models.JSONField(default=dict, blank=True)  # why it joined its story

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "identity"], name="item_once_per_feed")]
        indexes = [models.Index(fields=["state", "at"])]
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.title or self.url
