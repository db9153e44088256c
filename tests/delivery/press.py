"""Rows as the rooms before delivery leave them: readers who confirmed, an edition that was approved."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from worker.press.proof import PREFERENCES_MARK, UNSUBSCRIBE_MARK, hash_proof
from worker.readers.addresses import address_key
from worker.storage.models import (
    Delivery,
    Edition,
    Editor,
    Issue,
    IssueState,
    Pace,
    Reader,
    Role,
    Subscription,
    SubscriptionState,
)

SUBJECT = "Chips, models – and a “slipped” date"
HTML = (f'<!doctype html><html lang="en"><body><h1>Größe</h1><p>.dots and = signs</p>{"<p>long line </p>" * 40}\n'
        f'<a href="{UNSUBSCRIBE_MARK}">Unsubscribe</a> <a href="{PREFERENCES_MARK}">Preferences</a></body></html>\n')
TEXT = f"Größe\n.dots\nFrom the wire \n\nUnsubscribe: {UNSUBSCRIBE_MARK}\nPreferences:\n{PREFERENCES_MARK}\n"


def add_readers(addresses: Sequence[str], newsletter: str = "aitrends",
                state: str = SubscriptionState.CONFIRMED) -> None:
    """Store readers with a subscription in this state."""
    readers = Reader.objects.bulk_create([Reader(email=email, email_key=address_key(email)) for email in addresses],
                                         batch_size=500)
    Subscription.objects.bulk_create([Subscription(reader=reader, newsletter=newsletter, state=state,
                                                   confirmed_at=timezone.now()) for reader in readers], batch_size=500)


def build_issue(readers: int | Sequence[str] = 5, *, html: str = HTML, text: str = TEXT, subject: str = SUBJECT,
                period: str = "2026-11-23", at: datetime | None = None) -> int:
    """Store an approved issue of AITrends and its confirmed readers; return the issue's number."""
    addresses = [f"reader{n}@example.com" for n in range(readers)] if isinstance(readers, int) else readers
    add_readers(addresses)
    now = at or timezone.now()
    issue = Issue.objects.create(newsletter="aitrends", period=period, subject=subject, state=IssueState.APPROVED,
                                 window_start=now, window_end=now)
    editor, _ = Editor.objects.get_or_create(email="chief@example.com", defaults={"role": Role.APPROVER})
    Edition.objects.create(issue=issue, subject=subject, html=html, text=text, approved_by=editor,
                           sha256=hash_proof(subject, html, text))
    return issue.pk


def states_of(issue_id: int) -> dict[str, str]:
    """Return address > state of the issue's deliveries."""
    return dict(Delivery.objects.filter(issue_id=issue_id, reader__isnull=False).values_list("reader__email", "state"))


def make_due(issue_id: int) -> None:
    """Let the waiting time of deferred copies be over, and the next hop's."""
    Pace.objects.update(free_at=None)
    Delivery.objects.filter(issue_id=issue_id).update(not_before=None)


def gmail(count: int) -> list[tuple[int, str]]:
    """Return so many copies' numbers with addresses at one provider."""
    return [(number, f"reader{number}@gmail.com") for number in range(count)]
