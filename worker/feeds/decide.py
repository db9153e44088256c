"""What a fetch found in; which entries are news, and when to ask the feed again, out. Pure decisions, no rows."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from worker.feeds.document import Entry

OLDEST = timedelta(days=30)  # an entry that turns up later than this is a move of an archive, not news
UNDATED = 20  # entries without a date that one fetch may bring in
LONGEST_INTERVAL = 86_400  # seconds; as feeds.toml allows
LONGEST_PATIENCE = 7 * 86_400  # seconds that a Retry-After is believed
BACK_OFF = 1.5  # a feed that holds nothing new is asked this much less often each time
FAILURES_BEFORE_RETURN = 3  # after so many in a row, the address that a redirect led to is given up


def choose_fresh(entries: Sequence[Entry], known: Collection[str], *, now: datetime, first_seen: datetime | None,
                 recent: timedelta) -> list[Entry]:
    """Return the entries to store: those not `known` (identities), and not from before the feed was first read.

    `first_seen` is when the feed's first item was stored, None if there is none: then only `recent` entries are news.
    An entry without a date counts as of now, so it is news only where a feed puts news: above those known already (or
    anywhere in a short feed, all of which was known).
    """
    earliest = now - recent if first_seen is None else max(now - OLDEST, first_seen - recent)
    is_short = len(entries) <= UNDATED
    is_above, undated = True, 0
    fresh: list[Entry] = []
    for entry in entries:
        if entry.identity in known:
            is_above = False
        elif entry.published_at is None:
            if undated < UNDATED and (is_above or is_short):
                undated += 1
                fresh.append(entry)
        elif entry.published_at >= earliest:
            fresh.append(entry)
    return fresh


def next_interval(current: int, configured: int, *, has_news: bool) -> int:
    """Return the seconds until the next fetch: as configured after news, else longer each time, up to a day."""
    if has_news:
        return configured
    return min(LONGEST_INTERVAL, max(configured, round(current * BACK_OFF)))


def retry_delay(configured: int, failures: int, retry_after: int | None) -> int:
    """Return the seconds until the next fetch after so many failures in a row: doubled each time, up to a day.

    Never sooner than the server asks for with Retry-After, which is believed up to a week.
    """
    delay = min(LONGEST_INTERVAL, configured << min(max(failures - 1, 0), 10))
    return max(delay, min(retry_after or 0, LONGEST_PATIENCE))
