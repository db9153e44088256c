"""What a reader is shown of themselves: everything of every table, held to the models there are."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import models

from tests.readers.everything import EMAIL, make_reader, models_of_a_reader
from worker.readers.disclose import disclose
from worker.storage.models import (
    Consent,
    Delivery,
    FormerAddress,
    Measurement,
    Notice,
    ProviderEvent,
    Reader,
    SignUp,
    Subscription,
    Suppression,
)

pytestmark = pytest.mark.django_db

# Columns that say nothing of a person, or say what another one does. Anything else must be disclosed.
_PLUMBING = {"lease_token", "leased_until", "not_before"}
WITHHELD: dict[type[models.Model], set[str]] = {
    Subscription: {"id"}, Consent: {"id"}, ProviderEvent: {"id"}, Measurement: {"id", "link"},  # the link counts from 1 there
    FormerAddress: {"id"}, Notice: {"id", "key", *_PLUMBING}, Delivery: {"id", *_PLUMBING},
    SignUp: {"id", "shown"},  # the versions shown, not their rows' numbers
    Suppression: {"id", "email_hash"},  # the address as compared stands there itself
    AccessAttempt: {"id", "get_data", "post_data", "failures_since_start", "http_accept", "path_info"},
    AccessLog: {"id", "http_accept", "path_info", "logout_time", "session_hash"},
    AccessFailureLog: {"id", "http_accept", "path_info", "locked_out"},
}


def _told(value: Any) -> set[str]:
    """Return how a column's value may stand in the answer."""
    if isinstance(value, datetime):
        return {value.astimezone(UTC).isoformat()}
    if isinstance(value, date):
        return {value.isoformat()}
    if isinstance(value, str) and " " in value:
        return {value, json.dumps(value.split())}
    return {str(value), json.dumps(value)}


def test_every_table_that_leads_to_a_reader_is_known_here() -> None:
    assert models_of_a_reader().keys() - {Reader} - WITHHELD.keys() == set(), "a new table: disclose it, then name it here"


def test_every_column_of_every_table_is_disclosed() -> None:
    reader = make_reader()
    answer = json.dumps(disclose(reader.pk), ensure_ascii=False)
    rows: list[models.Model] = [reader]
    paths = models_of_a_reader()
    for model in WITHHELD:
        found = model._default_manager.filter(**{paths[model]: reader}) if model in paths else model._default_manager.all()
        assert found, f"{model.__name__}: give it a row in tests/readers/everything.py"
        rows += found
    untold = {f"{type(row).__name__}.{field.name}" for row in rows for field in row._meta.concrete_fields
              if field.name not in WITHHELD.get(type(row), set()) and not isinstance(field, models.ForeignKey)
              and (value := getattr(row, field.attname)) not in (None, "") and not any(words in answer for words in _told(value))}
    assert untold == set()


def test_nobody_else_is_disclosed() -> None:
    other = make_reader()
    Reader.objects.filter(pk=other.pk).update(email="x@example.net", email_key="x@example.net")
    ada = Reader.objects.create(email="ada@example.org", email_key="ada@example.org")
    assert EMAIL not in json.dumps(disclose(ada.pk)).lower()
    assert [len(value) for value in disclose(ada.pk).values() if isinstance(value, list)] == [0] * 11


def test_a_path_to_the_reader_is_found_through_other_tables() -> None:
    assert models_of_a_reader()[Measurement] == "delivery__reader"
