"""Uncertain copies settled by a person: taken, not sent, or sent once more; and nothing else changes by it, then or later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.press import states_of
from worker.delivery.deliver import cancel_issue, deliver_issue, finish_issue
from worker.delivery.ledger import Lease
from worker.delivery.settle import NOT_SENT, Verdict, describe_settlement, look_before, settle_uncertain
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.press.approve import check_edition
from worker.readers.erase import erase
from worker.readers.hashes import email_hash
from worker.readers.leaving import leave
from worker.readers.suppress import suppress
from worker.storage import bulk
from worker.storage.models import AuditEntry, Delivery, DeliveryState, Edition, Issue, Reader, Suppression

pytestmark = pytest.mark.django_db
Make = Callable[..., int]
CHIEF = "chief@example.com"


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


@pytest.fixture
def lost(sending: Make) -> Callable[..., tuple[int, Lease]]:
    """Return a function that makes an issue whose worker ended in the middle of its call: all its copies are uncertain."""

    def lose(readers: Any = 3) -> tuple[int, Lease]:
        issue_id = sending(readers)
        lease = Lease(Delivery)
        ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), lease.token, limit=1000, seconds=60)
        bulk.mark_attempting(Delivery, ids, lease.token, seconds=-1)
        bulk.expire_attempts(Delivery)
        return issue_id, lease

    return lose


def ids_of(issue_id: int) -> list[int]:
    return list(Delivery.objects.filter(issue_id=issue_id).order_by("pk").values_list("pk", flat=True))


def entries(issue_id: int) -> list[tuple[str, str, dict[str, Any]]]:
    found = AuditEntry.objects.filter(subject=f"issue {issue_id}", action__in=("settle uncertain", "send again"))
    return [(entry.actor, entry.action, entry.detail) for entry in found.order_by("pk")]


@pytest.mark.parametrize(("verdict", "state", "words"), [(Verdict.ACCEPTED, "accepted", ""), (Verdict.FAILED, "failed", NOT_SENT)])
def test_an_editor_says_what_became_of_them(lost: Any, box: Path, verdict: Verdict, state: str, words: str) -> None:
    issue_id, _ = lost(3)
    first, second, _ = ids_of(issue_id)
    done = settle_uncertain(issue_id, verdict, [first, second], by=CHIEF)
    assert (done.changed, done.meanwhile, done.barred, done.reopened, done.state) == (2, 0, 0, False, "sending")
    rows = Delivery.objects.filter(issue_id=issue_id).order_by("pk")
    assert [(row.state, row.error) for row in rows][:2] == [(state, words)] * 2
    assert rows[2].state == "uncertain"
    assert entries(issue_id) == [(CHIEF, "settle uncertain", {"as": verdict.value, "copies": 2})]
    deliver_issue(issue_id)
    assert list(box.glob("*")) == [], "nothing of it is sent again"


def test_all_at_once_and_only_of_this_issue(lost: Any, sending: Make) -> None:
    issue_id, _ = lost(3)
    other = sending(["else@example.com"], period="2026-11-24")
    Delivery.objects.filter(issue_id=other).update(state=DeliveryState.UNCERTAIN)
    assert settle_uncertain(issue_id, Verdict.ACCEPTED, by=CHIEF).changed == 3
    assert set(Delivery.objects.filter(issue_id=other).values_list("state", flat=True)) == {"uncertain"}


def test_what_was_settled_meanwhile_stays_as_it_is(lost: Any) -> None:
    issue_id, _ = lost(3)
    Delivery.objects.filter(pk=ids_of(issue_id)[0]).update(state=DeliveryState.DELIVERED)
    done = settle_uncertain(issue_id, Verdict.FAILED, ids_of(issue_id), by=CHIEF)
    assert (done.changed, done.meanwhile) == (2, 1)
    assert describe_settlement(done) == "2 copies settled as not sent. 1 had been settled meanwhile."
    assert sorted(states_of(issue_id).values()) == ["delivered", "failed", "failed"]
    assert entries(issue_id)[0][2] == {"as": "failed", "copies": 2, "settled meanwhile": 1}
    again = settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF)
    assert (again.changed, len(entries(issue_id))) == (0, 1), "what changes nothing is no settlement"


def test_what_became_uncertain_after_the_question_is_not_meant(lost: Any) -> None:
    issue_id, _ = lost(3)
    late = ids_of(issue_id)[0]
    Delivery.objects.filter(pk=late).update(state=DeliveryState.ATTEMPTING, lease_token="x")
    asked = look_before(issue_id, Verdict.ACCEPTED)
    assert (asked.copies, asked.barred) == (2, 0)
    Delivery.objects.filter(pk=late).update(leased_until="2020-01-01T00:00:00Z")
    while Delivery.objects.get(pk=late).updated_at <= asked.until:  # the database's clock ticks in milliseconds
        Delivery.objects.filter(pk=late).update(state=DeliveryState.ATTEMPTING)
        bulk.expire_attempts(Delivery)
    assert settle_uncertain(issue_id, Verdict.ACCEPTED, by=CHIEF, asked=asked).changed == 2
    assert Delivery.objects.get(pk=late).state == "uncertain"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_an_answer_that_comes_after_all_changes_nothing(lost: Any, verdict: Verdict) -> None:
    issue_id, lease = lost(2)
    Delivery.objects.filter(issue_id=issue_id).update(claims=4)  # what set them aside before is forgiven
    settle_uncertain(issue_id, verdict, by=CHIEF)
    assert set(Delivery.objects.filter(issue_id=issue_id).values_list("lease_token", "leased_until")) == {("", None)}
    assert verdict is not Verdict.AGAIN or set(Delivery.objects.values_list("claims", flat=True)) == {0}
    before = list(Delivery.objects.filter(issue_id=issue_id).order_by("pk").values_list("state", "error", "attempts"))
    late = [bulk.Ending(pk, DeliveryState.FAILED, error="550 no") for pk in ids_of(issue_id)]
    for kind in ({}, {"late": True}):
        assert bulk.record_endings(Delivery, lease.token, late, **kind) == 0
    lease.release()
    assert list(Delivery.objects.filter(issue_id=issue_id).order_by("pk").values_list("state", "error", "attempts")) == before


def test_sent_once_more_it_goes_under_the_same_message_id(lost: Any, box: Path) -> None:
    issue_id, _ = lost(["ada@example.com", "bo@example.com"])
    ada = Delivery.objects.get(reader__email="ada@example.com")
    done = settle_uncertain(issue_id, Verdict.AGAIN, [ada.pk], by=CHIEF)
    assert describe_settlement(done) == "1 copy queued once more."
    deliver_issue(issue_id)
    assert states_of(issue_id) == {"ada@example.com": "accepted", "bo@example.com": "uncertain"}
    (mail,) = box.iterdir()
    assert f"<{ada.pk}.{issue_id}." in mail.read_text()


def test_an_issue_that_was_sent_is_on_its_way_again(lost: Any, box: Path) -> None:
    issue_id, _ = lost(2)
    assert finish_issue(issue_id)
    done = settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF)
    assert (done.changed, done.reopened, done.state) == (2, True, "sending")
    assert describe_settlement(done) == "2 copies queued once more. The issue is on its way again until these are out."
    assert Issue.objects.get(pk=issue_id).state == "sending"
    assert entries(issue_id) == [(CHIEF, "send again", {}), (CHIEF, "settle uncertain", {"as": "again", "copies": 2})]
    deliver_issue(issue_id)
    assert len(list(box.iterdir())) == 2
    assert Issue.objects.get(pk=issue_id).state == "sent"


def test_an_edition_that_changed_is_not_sent_again(lost: Any) -> None:
    issue_id, _ = lost(2)
    finish_issue(issue_id)
    Edition.objects.filter(issue_id=issue_id).update(text="something else")
    with pytest.raises(BroadsheetError):
        check_edition(Edition.objects.get(issue_id=issue_id))
    with pytest.raises(BroadsheetError):
        settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF)
    assert set(states_of(issue_id).values()) == {"uncertain"}
    assert Issue.objects.get(pk=issue_id).state == "sent"
    assert entries(issue_id) == []


def test_a_held_issue_stays_held(lost: Any) -> None:
    issue_id, _ = lost(2)
    Issue.objects.filter(pk=issue_id).update(state="held")
    done = settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF)
    assert describe_settlement(done) == "2 copies queued once more. The issue is held: they go when it goes on."
    assert Issue.objects.get(pk=issue_id).state == "held"


def test_who_has_left_or_must_not_be_written_to_gets_no_second_copy(lost: Any) -> None:
    issue_id, _ = lost(["stays@example.com", "left@example.com", "barred@example.com", "erased@example.com", "hash@example.com"])
    leave(Reader.objects.get(email="left@example.com").pk, "aitrends", method="one-click")
    suppress("barred@example.com", "complaint")
    erase("erased@example.com")
    Suppression.objects.create(email_hash=email_hash("hash@example.com"), reason="bounce", at=timezone.now())
    asked = look_before(issue_id, Verdict.AGAIN)
    assert (asked.copies, asked.barred) == (5, 4)
    done = settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF, asked=asked)
    assert (done.changed, done.barred, done.meanwhile) == (1, 4, 0)
    assert states_of(issue_id) == {"stays@example.com": "queued", "left@example.com": "uncertain",
                                   "barred@example.com": "uncertain", "hash@example.com": "uncertain"}
    # But what became of their copies may be said.
    assert settle_uncertain(issue_id, Verdict.ACCEPTED, by=CHIEF).changed == 4


def test_no_address_stands_in_the_audit_log(lost: Any) -> None:
    issue_id, _ = lost(["ada@example.com"])
    settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF)
    assert "ada" not in str(list(AuditEntry.objects.values()))


def test_a_cancelled_issue_and_a_strangers_copy_are_refused(lost: Any, sending: Make) -> None:
    issue_id, _ = lost(1)
    other = sending(["else@example.com"], period="2026-11-24")
    with pytest.raises(NotFoundError, match=f"issue {issue_id} has no copy {ids_of(other)[0]}"):
        settle_uncertain(issue_id, Verdict.ACCEPTED, ids_of(other), by=CHIEF)
    with pytest.raises(NotFoundError):
        settle_uncertain(issue_id + 100, Verdict.ACCEPTED, by=CHIEF)
    cancel_issue(issue_id, by=CHIEF)
    with pytest.raises(ConflictError, match=f"issue {issue_id} is cancelled"):
        settle_uncertain(issue_id, Verdict.AGAIN, by=CHIEF)
    assert set(states_of(issue_id).values()) == {"uncertain"}
