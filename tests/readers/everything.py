"""One reader of whom every table holds a row, with distinct values in every column; and a walk through all columns there are."""

from datetime import UTC, date, datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.db import connection, models

from worker.readers.addresses import address_key
from worker.readers.hashes import email_hash
from worker.readers.terms import name_wordings
from worker.storage.models import (
    Consent,
    Delivery,
    Departure,
    FormerAddress,
    Issue,
    Measurement,
    Notice,
    ProviderEvent,
    Reader,
    SignUp,
    Subscription,
    Suppression,
    Terms,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
EMAIL, LOCAL, NAME = "wilhelmina.quux@example.com", "wilhelmina.quux", "Wilhelmina Quux-Ostrander"
WORDS = f"550 5.1.1 no such user {LOCAL}"


def make_reader(email: str = EMAIL, name: str = NAME) -> Reader:
    """Store a reader and a row of every table that can hold something of them."""
    reader = Reader.objects.create(email=email, email_key=address_key(email), mailbox=f"mailbox.of.{email}", name=name,
                                   partners=True, tracking=True, topics="chips robots", paused_until=at(1),
                                   terms_since=date(2026, 10, 2), created_at=at(2))
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed", frequency="weekly", confirm_round=777,
                                asked_at=at(3), confirmed_at=at(4), left_at=at(5))
    Consent.objects.create(reader=reader, purpose="newsletter", newsletter="daily", action="given", at=at(6), version="1.7",
                           wording_sha256="a1" * 32, method="confirm page", form="elsewhere", source=f"list of {name}",
                           network_address="192.0.2.77")
    FormerAddress.objects.create(reader=reader, email_hash=email_hash(f"old.{email}"), at=at(19))
    Notice.objects.create(reader=reader, kind="address", key=f"address:{reader.pk}:1", to=email, state="accepted", error=WORDS,
                          provider_id=f"letter-{LOCAL}", details={"newsletters": ["daily"], "old": email}, created_at=at(7),
                          updated_at=at(8), attempts=4711)
    issue, later = (Issue.objects.create(newsletter="daily", period=day, subject="S", state=state, window_start=NOW, window_end=NOW)
                    for day, state in (("2026-11-20", "sent"), ("2026-11-23", "sending")))
    delivery = Delivery.objects.create(issue=issue, reader=reader, state="bounced", error=WORDS, provider_id=f"msg-{LOCAL}",
                                       updated_at=at(9), attempts=1147)
    Delivery.objects.create(issue=later, reader=reader, state="queued", updated_at=at(18))
    ProviderEvent.objects.create(provider="sendgrid", event_id="event-77", kind="bounced", delivery=delivery, at=at(10),
                                 detail=WORDS)
    Measurement.objects.create(delivery=delivery, link=41, at=at(11))
    _add_by_address(email)
    return reader


def _add_by_address(email: str) -> None:
    wording = Terms.objects.create(kind="newsletter", version="9.9", title="Terms", wording="Words", sha256="b2" * 32,
                                   effective=date(2026, 1, 1))
    SignUp.objects.create(email=email.upper(), newsletters=["daily"], topics="chips", partners=True, tracking=True,
                          shown=name_wordings({"newsletter": wording}), form="embedded", network_address="2001:db8::77", at=at(12))
    Suppression.objects.create(email_hash=email_hash(email), reason="bounce", at=at(13))
    Departure.objects.create(newsletter="daily", reason="other", words="Too long for me", key="c3" * 32)
    for model in (AccessAttempt, AccessLog, AccessFailureLog):
        given = {"failures_since_start": 1, "get_data": "", "post_data": f"email={email}"} if model is AccessAttempt else {}
        model.objects.create(username=email, ip_address="198.51.100.9", user_agent="Quuxbrowser", http_accept="", path_info="/",
                             **given)


def at(minute: int) -> datetime:
    """Return a moment that no other column has."""
    return NOW.replace(minute=minute)


def columns_with(words: str) -> set[str]:
    """Return every column of the database that holds these words in any row, in any capitals, whatever its table is for."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                found |= {f"{table}.{name}" for name, value in zip(columns, row, strict=True)
                          if words.casefold() in _as_text(value).casefold()}
    return found


def _as_text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)


def models_of_a_reader() -> dict[type[models.Model], str]:
    """Return every model from which foreign keys lead to Reader, with the path, found by looking at the models."""
    paths: dict[type[models.Model], str] = {Reader: "pk"}
    grown = True
    while grown:
        grown = False
        for model in apps.get_models(include_auto_created=True):
            for field in model._meta.get_fields():
                if model not in paths and isinstance(field, models.ForeignKey) and field.related_model in paths:
                    onward = paths[field.related_model]
                    paths[model] = field.name if onward == "pk" else f"{field.name}__{onward}"
                    grown = True
    return paths
