"""A reader of AITrends, and ways out of it, as people, mail programs and mail providers take them."""

from collections.abc import Callable
from typing import Any

from django.test import Client
from django.utils import timezone

from tests.confirming import confirm
from worker.delivery.events import Event, apply_events
from worker.readers.links import sign_link, unsubscribe_url
from worker.readers.subscribe import sign_up
from worker.storage.models import Delivery, Issue, Notice, Reader, Subscription

ADA = "ada@example.com"


def join(email: str = ADA) -> Reader:
    """Return a reader who has signed up for AITrends and confirmed it."""
    sign_up(email, ["aitrends"])
    confirm(last_link())
    return Reader.objects.get(email=email)


def last_link() -> str:
    """Return the token of the newest confirmation letter."""
    return sign_link("confirm", notice=Notice.objects.filter(kind="confirm").latest("id").pk)


def post(url: str, data: Any = None) -> None:
    """Press the button behind a link."""
    assert Client().post("/" + url.split("/", 3)[3], data or {}).status_code in (200, 302, 303)


def one_click(reader: Reader) -> None:
    """Leave AITrends as a mail provider does it."""
    post(unsubscribe_url(reader.pk, "aitrends"), {"List-Unsubscribe": "One-Click"})


def state(email: str = ADA) -> str:
    """Return the state of this reader's one subscription."""
    return Subscription.objects.get(reader__email=email).state


def by_report(kind: str) -> Callable[[Reader], None]:
    """Return a function that lets a mail provider report this of a copy that the reader got."""
    def report(reader: Reader) -> None:
        issue, _ = Issue.objects.get_or_create(newsletter="aitrends", period="2026-11-20", defaults={
            "subject": "S", "state": "sent", "window_start": timezone.now(), "window_end": timezone.now()})
        delivery = Delivery.objects.create(issue=issue, reader=reader, state="accepted", updated_at=timezone.now())
        apply_events([Event(kind, delivery.pk, "e1", timezone.now(), email=reader.email)])

    return report
