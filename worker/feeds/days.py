"""A fetch that is over in; the day's row of its feed counted up, and rows past their time deleted, out."""

from datetime import UTC, date, datetime, timedelta

from django.db.models import F

from worker.storage.models import Feed, FeedDay

KEPT_DAYS = 90
FORGOTTEN_AT_ONCE = 5000  # rows


def count_visit(feed: Feed, now: datetime, *, items: int, failed: bool, size: int) -> None:
    """Count one fetch, in the caller's transaction. Two that count at once are both counted: the database adds."""
    day = now.astimezone(UTC).date()
    FeedDay.objects.bulk_create([FeedDay(feed=feed, day=day)], ignore_conflicts=True)
    FeedDay.objects.filter(feed=feed, day=day).update(
        fetches=F("fetches") + 1, failures=F("failures") + int(failed), items=F("items") + items, size=F("size") + size)


def forget_days(today: date) -> int:
    """Delete the rows of days that are more than ninety days past; return how many. The next run takes what is left."""
    old = FeedDay.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).order_by("pk").values_list("pk", flat=True)
    gone, _ = FeedDay.objects.filter(pk__in=list(old[:FORGOTTEN_AT_ONCE])).delete()
    return gone
