"""Who did not get an issue and why: after a real send, by state, and as a CSV for a spreadsheet."""

import csv
import io
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.deliver import cancel_issue, deliver_batch
from worker.delivery.senders import open_sender
from worker.delivery.undelivered import Copy, export_undelivered, find_copies, find_undelivered, read_copies
from worker.errors import BroadsheetError, NotFoundError
from worker.readers.erase import erase
from worker.readers.leaving import leave
from worker.readers.suppress import suppress
from worker.storage.models import AuditEntry, Delivery, Reader

pytestmark = pytest.mark.django_db
Make = Callable[..., int]
RULES = {"gone@example.com": "550 5.2.1 no longer here", "busy@example.com": "450 4.2.1 mailbox busy"}


@pytest.fixture
def sent(sending: Make) -> int:
    """An issue that was sent to seven readers of whom one got it."""
    issue_id = sending(["fine@example.com", "gone@example.com", "busy@example.com", "lost@example.com", "left@example.com",
                        "barred@example.com", "erased@example.com"])
    leave(Reader.objects.get(email="left@example.com").pk, "aitrends", method="one-click")
    suppress("barred@example.com", "bounce")
    with SmtpSink(Rules(rcpt=RULES)) as sink, closing(open_sender(sink.url)) as sender:
        deliver_batch(issue_id, sender)
    erase("erased@example.com")
    Delivery.objects.filter(reader=None).update(state="failed")  # it had been refused before the reader was erased
    Delivery.objects.filter(reader__email="lost@example.com").update(state="uncertain")  # kept no words, as after some years
    return issue_id


def read(issue_id: int, state: str = "") -> dict[str, Copy]:
    return {copy.email: copy for copy in read_copies(find_undelivered(issue_id, state))}


def test_everybody_who_got_nothing_is_listed_with_the_reason(sent: int) -> None:
    copies = read(sent)
    assert {email: (copy.state, copy.reason) for email, copy in copies.items()} == {
        "gone@example.com": ("failed", "550 5.2.1 no longer here"),
        "busy@example.com": ("queued", "450 4.2.1 mailbox busy"),
        "lost@example.com": ("uncertain", "it was handed over, but the answer was lost"),
        "left@example.com": ("cancelled", "the reader left before the copy's turn"),
        "barred@example.com": ("suppressed", "the address must not be written to"),
        "(erased)": ("failed", "it was refused for good"),
    }
    assert copies["busy@example.com"].next_try
    assert copies["busy@example.com"].next_try > copies["busy@example.com"].at
    assert [copies[name].attempts for name in ("gone@example.com", "left@example.com")] == [1, 0]
    assert copies["gone@example.com"].next_try is None
    assert copies["(erased)"].reader is None


def test_the_list_can_be_of_one_state(sent: int) -> None:
    assert set(read(sent, "failed")) == {"gone@example.com", "(erased)"}
    assert set(read(sent, "queued")) == {"busy@example.com"}
    assert set(read(sent, "bounced")) == set()
    with pytest.raises(BroadsheetError, match="'accepted' is no state of a copy that was not delivered"):
        find_undelivered(sent, "accepted")


def test_whose_turn_is_still_to_come_was_not_left_out(sending: Make) -> None:
    issue_id = sending(3)
    assert read(issue_id) == {}
    cancel_issue(issue_id, by="x")
    assert {copy.reason for copy in read(issue_id).values()} == {"the issue was cancelled before the copy’s turn"}


def test_one_readers_copy_is_found_by_their_address_whatever_became_of_it(sent: int, make_issue: Make) -> None:
    other = make_issue(["other@example.com"], period="2026-11-24")
    start_issue(other, by="x")
    freeze_audience(other)
    assert [(copy.email, copy.state) for copy in find_copies(sent, "FINE@", limit=5)] == [("fine@example.com", "accepted")]
    assert find_copies(sent, "other@example.com", limit=5) == []
    assert find_copies(sent, "erased@", limit=5) == []


def test_the_csv_runs_nothing_in_a_spreadsheet_and_is_noted(sent: int) -> None:
    Delivery.objects.filter(state="failed", reader__isnull=False).update(error='=HYPERLINK("http://x")')
    rows = list(csv.DictReader(io.StringIO("".join(export_undelivered(sent, by="chief@example.com")))))
    assert {row["email"]: row["state"] for row in rows} == {copy.email: copy.state for copy in read(sent).values()}
    by_email = {row["email"]: row for row in rows}
    assert by_email["gone@example.com"]["reason"] == "'=HYPERLINK(\"http://x\")"
    assert by_email["busy@example.com"]["next_try"].endswith("+00:00")
    assert by_email["gone@example.com"]["next_try"] == ""
    entry = AuditEntry.objects.get(action="export undelivered")
    assert (entry.actor, entry.subject, entry.detail) == ("chief@example.com", f"issue {sent}", {"state": "all", "copies": 6})
    with pytest.raises(NotFoundError):
        export_undelivered(sent + 100, by="x")
