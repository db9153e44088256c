"""Who leaves, or must not be written to, is written to the erasure journal: after the commit, together, and never in the way."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from structlog.testing import capture_logs

from tests.readers.departing import ADA, by_report, join, one_click, state
from worker.delivery.events import Event, apply_events
from worker.readers.leaving import leave
from worker.readers.replay import Again, replay_journal
from worker.readers.suppress import suppress
from worker.storage.models import Delivery, Issue, Reader, Terms

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(transactional_db: None, terms: Terms) -> Reader:
    """Return a reader who has confirmed AITrends."""
    return join()


@pytest.mark.parametrize("journal", ["/dev/full", "/dev"])
def test_who_leaves_has_left_also_while_the_journal_cannot_be_written(ada: Reader, settings: Any, journal: str) -> None:
    settings.ERASURE_JOURNAL = Path(journal)
    with capture_logs() as lines:
        one_click(ada)
    assert state() == "left"
    said = next(line for line in lines if "is not in the erasure journal" in line["event"])
    assert (said["log_level"], said["journal"], said["lines"]) == ("error", journal, 1)
    assert said["reason"] in ("No space left on device", "Is a directory")
    assert "make room there" in said["event"]


def test_what_was_taken_back_by_the_database_is_in_no_journal(ada: Reader) -> None:
    with transaction.atomic():
        leave(ada.pk, "aitrends", method="one-click")
        suppress(ADA, "bounce")
        transaction.set_rollback(True)
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert state() == "confirmed"


def test_many_at_once_wait_for_the_disk_once(ada: Reader, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail provider reports thousands in one call."""
    by_report("left")(ada)  # the file is there
    issue, waits, really = Issue.objects.get(), [], os.fsync
    readers = [join(f"reader{number}@example.com") for number in range(5)]
    events = [Event("complained", Delivery.objects.create(issue=issue, reader=reader, state="accepted").pk, f"c{reader.pk}",
                    timezone.now(), email=reader.email) for reader in readers]
    monkeypatch.setattr("worker.readers.journal.os.fsync", lambda descriptor: (waits.append(1), really(descriptor)))
    apply_events(events)
    assert len(waits) == 1
    said = [json.loads(line) for line in settings.ERASURE_JOURNAL.read_text().splitlines()]
    assert sorted(line["did"] for line in said) == ["left"] * 6 + ["suppressed"] * 5
    assert not any("@" in line for line in settings.ERASURE_JOURNAL.read_text().splitlines()), "no address stands there"
