"""Published wordings and the readers who agreed to them, for the tests of how terms change."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

FIRST, SECOND = date(2026, 1, 1), date(2026, 12, 12)
PUBLISHED = datetime(2026, 11, 28, 9, tzinfo=UTC)  # when the second version is
OLD = """# Terms

## 1. What you get

You get the newsletters you choose, and no others.

## 2. Your use

You may forward an issue and quote from it with our name.
"""
NEW = OLD.replace("and no others", "and now and then a letter from us").replace("## 2. Your use", "## 2. Our use")

# The rows can only be imported once the settings stand, and this file may be read before: hence the imports inside.


def publish(version: str = "2.0", wording: str = NEW, *, kind: str = "newsletter", effective: date = SECOND,
            material: bool = True, at: datetime = PUBLISHED) -> Any:
    """Store a published wording."""
    from worker.storage.models import Terms

    return Terms.objects.create(kind=kind, version=version, title="Terms", wording=wording, material=material,
                                sha256=hashlib.sha256(wording.encode()).hexdigest(), effective=effective, published_at=at)


def publish_first() -> Any:
    """Store the first version of every kind, and return the terms'."""
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    for kind, words in (("privacy", "We keep your address.\n"), ("partners", "Partners' content, please.\n"),
                        ("tracking", "You may measure.\n")):
        publish("1.0", words, kind=kind, effective=FIRST, at=long_ago)
    return publish("1.0", OLD, effective=FIRST, at=long_ago)


def join(email: str, *newsletters: str, since: date = FIRST, state: str = "confirmed", at: datetime | None = None,
         **fields: Any) -> Any:
    """Store a reader who confirmed these newsletters (AITrends if none are named) under the terms of the day `since`."""
    from worker.readers.addresses import address_key
    from worker.storage.models import Reader, Subscription

    reader = Reader.objects.create(email=email, email_key=address_key(email), terms_since=since, **fields)
    for key in newsletters or ("aitrends",):
        Subscription.objects.create(reader=reader, newsletter=key, state=state, confirmed_at=at or PUBLISHED - timedelta(days=90))
    return reader


def on(day: date, hour: int = 6) -> datetime:
    """Return a moment of a day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
