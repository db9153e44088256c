"""News: feeds, the items found in them, the stories the items make, and the threads the stories make."""

from django.db import models
from django.utils import timezone

from worker.storage.models.editors import Editor


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
    """open (its items have changed since the last summary) > summarised; merged: its items went to another story."""

    OPEN = "open"
    SUMMARISED = "summarised"
    MERGED = "merged"


class Feed(models.Model):
    """What is known of a feed's server. Its address, weight and newsletters stand in feeds.toml under the same name."""

    name = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=10, choices=FeedState.choices, default=FeedState.NEW)
    etag = models.CharField(max_length=300, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    configured_url = models.CharField(max_length=2000, blank=True)  # feeds.toml's address when moved_to was learnt
    moved_to = models.CharField(max_length=2000, blank=True)  # where a permanent redirect led
    fetched_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)  # when it last answered with what can be read, or that nothing is new
    changed_at = models.DateTimeField(null=True)  # when it last held something new
    next_fetch_at = models.DateTimeField(default=timezone.now)
    interval_seconds = models.PositiveIntegerField(default=3600)
    leased_until = models.DateTimeField(null=True)  # a worker is fetching it
    failures = models.PositiveIntegerField(default=0)  # in a row
    error = models.CharField(max_length=500, blank=True)  # of the last fetch, in words
    entries_seen = models.PositiveIntegerField(default=0)  # in the last document read
    entries_skipped = models.PositiveIntegerField(default=0)  # of those: too old, no title and no text, or repeated
    paused_at = models.DateTimeField(null=True)  # an editor wants it left alone until it is let go on

    def __str__(self) -> str:
        return self.name


class FeedDay(models.Model):
    """What a feed brought on one day (UTC): counted by the gather step, in the transaction that stores the items."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    fetches = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)  # of those
    items = models.PositiveIntegerField(default=0)  # stored as new
    size = models.PositiveBigIntegerField(default=0)  # bytes of the documents, inflated; an unchanged one has none

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "day"], name="feed_day_once")]
        ordering = ["-day", "feed"]

    def __str__(self) -> str:
        return f"feed {self.feed_id} on {self.day}"


class Thread(models.Model):
    """Stories that follow from one another over days and weeks: a trial's day one and day three, a launch and its recall."""

    slug = models.CharField(max_length=120, unique=True, null=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.slug or f"thread {self.pk}"


class Story(models.Model):
    """Items of many outlets that report one event. Headline and summary are the machine's; an issue holds its own copy."""

    state = models.CharField(max_length=12, choices=StoryState.choices, default=StoryState.OPEN, db_index=True)
    slug = models.CharField(max_length=120, unique=True, null=True)
    headline = models.CharField(max_length=500, blank=True)
    # [{"text", "support": [{"item" (an Item's id), "passage"}], "doubts": [{"kind", "text"}]}]
    sentences = models.JSONField(default=list)
    doubts = models.JSONField(default=list, blank=True)  # of the headline: [{"kind", "text"}]
    written_by = models.CharField(max_length=80, blank=True)  # the language model; "" for sentences taken from the sources
    thread = models.ForeignKey(Thread, on_delete=models.SET_NULL, null=True, related_name="stories")
    thread_reason = models.JSONField(default=dict, blank=True)  # why it follows the story before it in its thread
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="merged")
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
    # The item this one repeats word for word, under another feed or as a wire copy on another site.
    copy_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="copies")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "identity"], name="item_once_per_feed")]
        indexes = [models.Index(fields=["state", "at"])]
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.title or self.url


class Ruling(models.Model):
    """An editor's word on two items: one event (`together`), or not. The machine never goes against it; a later one counts."""

    one = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")  # the lower id of the two
    other = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    together = models.BooleanField()
    made_by = models.ForeignKey(Editor, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="one_ruling_a_pair"),
            models.CheckConstraint(condition=models.Q(one__lt=models.F("other")), name="ruling_lower_id_first"),
        ]

    def __str__(self) -> str:
        return f"{self.one_id} {'with' if self.together else 'not with'} {self.other_id}"


class ModelCall(models.Model):
    """One request to the language model: what it was for, what came of it and what it cost."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    story = models.ForeignKey(Story, on_delete=models.SET_NULL, null=True, related_name="+")
    model = models.CharField(max_length=80)
    outcome = models.CharField(max_length=200)  # "ok", or what was wrong in words
    milliseconds = models.PositiveIntegerField()
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)  # in the currency the prices are given in

    def __str__(self) -> str:
        return f"{self.model} for story {self.story_id}: {self.outcome}"
