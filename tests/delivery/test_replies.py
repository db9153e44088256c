"""What a process had been told before it ended: answers count, what was never begun goes back, the rest is uncertain."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.press import states_of
from worker.delivery import ledger, replies
from worker.delivery.deliver import deliver_batch, deliver_issue, settle_expired, status
from worker.delivery.replies import Replies
from worker.delivery.senders import open_sender
from worker.errors import TransientError
from worker.storage import bulk
from worker.storage.models import Delivery, DeliveryState, Issue

pytestmark = pytest.mark.django_db
Make = Callable[..., int]
TOKEN = "0" * 32


@pytest.fixture
def five(sending: Make) -> list[int]:
    """Return the ids of an issue's five copies, four of them attempted by a worker that is gone, which had begun three."""
    issue_id = sending(5)
    ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), TOKEN, limit=5, seconds=60)
    bulk.mark_attempting(Delivery, ids[:4], TOKEN, 60)
    kept = Replies(Delivery, TOKEN)
    kept.open()
    kept.begin(ids[:2])
    kept.begin(ids[2:3])
    kept.end([bulk.Ending(ids[0], DeliveryState.ACCEPTED, provider_id='250 "queued" as 1'),
              bulk.Ending(ids[1], DeliveryState.QUEUED, error="451 later", wait=30.0)])
    kept.close(keep=True)
    return ids


def states(ids: list[int]) -> list[str]:
    found = dict(Delivery.objects.filter(pk__in=ids).values_list("pk", "state"))
    return [found[row_id] for row_id in ids]


def expire() -> None:
    Delivery.objects.exclude(leased_until=None).update(leased_until=timezone.now() - timedelta(seconds=5))


def test_answers_count_and_what_was_never_begun_goes_back_at_once(five: list[int], settings: Any) -> None:
    settle_expired()
    assert states(five) == ["accepted", "queued", "uncertain", "queued", "queued"]
    rows = {row.pk: row for row in Delivery.objects.all()}
    assert rows[five[0]].provider_id == '250 "queued" as 1'
    assert (rows[five[1]].error, rows[five[1]].attempts) == ("451 later", 1)
    wait = rows[five[1]].not_before
    assert wait
    assert 20 < (wait - timezone.now()).total_seconds() < 40
    assert [(rows[row_id].attempts, rows[row_id].leased_until) for row_id in five[3:]] == [(0, None)] * 2
    assert not list(settings.BROADSHEET_HOME.glob("replies/*"))


def test_after_a_restart_of_the_machine_nothing_is_taken_for_never_begun(five: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "_boot", lambda: "another start")
    settle_expired()
    assert states(five) == ["accepted", "queued", "uncertain", "uncertain", "queued"]


def test_a_line_that_broke_off_says_nothing(five: list[int], settings: Any) -> None:
    (file,) = settings.BROADSHEET_HOME.glob("replies/*")
    with file.open("ab") as end:
        end.write(b'["ended",%d,"accep' % five[2])
    settle_expired()
    assert states(five)[2] == "uncertain"


def test_a_process_that_lives_is_left_alone_until_its_lease_is_over(sending: Make) -> None:
    issue_id = sending(3)
    ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), TOKEN, limit=3, seconds=60)
    bulk.mark_attempting(Delivery, ids, TOKEN, 60)
    kept = Replies(Delivery, TOKEN)
    kept.open()
    kept.begin(ids[:2])
    settle_expired()
    assert states(ids) == ["attempting"] * 3
    # It is stalled past its lease: what it has been told counts, and what it had not begun by then it never will.
    kept.end([bulk.Ending(ids[0], DeliveryState.ACCEPTED)])
    expire()
    settle_expired()
    assert states(ids) == ["accepted", "uncertain", "queued"]
    assert Delivery.objects.get(pk=ids[2]).lease_token == ""
    kept.close(keep=False)


def test_what_was_taken_from_a_worker_that_lives_it_does_not_begin(sending: Make, settings: Any) -> None:
    """By its own clock there is time; the database's has jumped."""
    issue_id = sending(3)
    ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), TOKEN, limit=3, seconds=60)
    bulk.mark_attempting(Delivery, ids, TOKEN, 60)
    kept = Replies(Delivery, TOKEN)
    kept.open()
    kept.begin(ids[:1])
    expire()
    settle_expired()
    assert states(ids) == ["uncertain", "queued", "queued"]
    with pytest.raises(TransientError, match="left to another worker"):
        kept.begin(ids[1:])
    kept.end([bulk.Ending(ids[0], DeliveryState.ACCEPTED)])
    kept.close(keep=True)
    settle_expired()
    assert states(ids) == ["accepted", "queued", "queued"]
    assert not list(settings.BROADSHEET_HOME.glob("replies/*"))


def test_a_worker_that_was_stalled_begins_nothing_more(sending: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops after it has looked at the clock, in the middle of noting that it begins."""
    issue_id = sending(1)
    sender = open_sender(f"maildir:{tmp_path / 'box'}")
    begin = Replies.begin

    def stall(self: Replies, row_ids: Any) -> None:
        monkeypatch.setattr(ledger, "monotonic", lambda: time.monotonic() + 3600)
        begin(self, row_ids)

    monkeypatch.setattr(Replies, "begin", stall)
    with pytest.raises(TransientError, match="left to another worker"):
        deliver_batch(issue_id, sender)
    assert not list((tmp_path / "box" / "new").iterdir())


def test_an_answer_found_late_settles_what_was_given_up_but_nobody_settled_since(five: list[int], settings: Any) -> None:
    """As when another machine's sweep was quicker than this one's next start."""
    (file,) = settings.BROADSHEET_HOME.glob("replies/*")
    away = file.rename(settings.BROADSHEET_HOME / file.name)
    expire()
    assert settle_expired() == 4
    Delivery.objects.filter(pk=five[0]).update(state="failed", lease_token="")  # an editor did
    text = away.read_text() + json.dumps(["ended", five[2], "accepted", "250 ok", "", 0, True]) + "\n"
    file.write_text(text)
    away.unlink()
    settle_expired()
    assert states(five) == ["failed", "queued", "accepted", "queued", "queued"]  # the fourth was never begun


def test_nothing_is_handed_over_that_cannot_be_noted(sending: Make, tmp_path: Path, settings: Any) -> None:
    issue_id = sending(3)
    folder = settings.BROADSHEET_HOME / "replies"
    folder.write_text("in the way")
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    try:
        with pytest.raises(TransientError, match=r"BROADSHEET_HOME.*nothing is sent"):
            deliver_issue(issue_id)
    finally:
        folder.unlink()
    assert not (tmp_path / "box").exists()
    assert set(states_of(issue_id).values()) == {"queued"}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert deliver_issue(issue_id).state == "sent"


def test_copies_begun_at_the_same_moment_stand_in_one_file(five: list[int]) -> None:
    for number in range(20):
        kept = Replies(Delivery, f"{number:032x}")
        kept.open()
        gate = threading.Barrier(8)

        def begin(row_id: int, gate: threading.Barrier = gate, kept: Replies = kept) -> None:
            gate.wait()
            kept.begin([row_id])

        threads = [threading.Thread(target=begin, args=(row_id,)) for row_id in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        begun = {json.loads(line)[1] for line in kept.path.read_text().splitlines()[1:]}
        kept.close(keep=False)
        assert begun == set(range(8))


def test_after_a_line_that_could_not_be_written_nothing_more_is_begun(five: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Replies(Delivery, "1" * 32)
    kept.open()
    kept.begin(five[:1])
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))  # the disk is full in the middle of a line
    kept.end([bulk.Ending(five[0], DeliveryState.ACCEPTED)])
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(TransientError, match="broken"):
        kept.begin(five[1:2])
    kept.close(keep=False)


def test_a_copy_that_ends_its_workers_is_set_aside_and_the_others_go_out(sending: Make, tmp_path: Path, settings: Any) -> None:
    issue_id = sending(4)
    poison = Delivery.objects.order_by("pk")[1].pk
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    for number in range(30):  # each worker dies before the first call in which the copy is
        ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), f"{number:032}", limit=10, seconds=60)
        if not ids:
            break
        if poison in ids:
            expire()
            continue
        bulk.mark_attempting(Delivery, ids, f"{number:032}", 60)
        bulk.record_endings(Delivery, f"{number:032}", [bulk.Ending(row_id, DeliveryState.ACCEPTED) for row_id in ids])
    assert deliver_issue(issue_id).state == "sent"
    assert status(issue_id)["states"] == {"accepted": 3, "failed": 1}
    assert "set aside" in Delivery.objects.get(pk=poison).error


def test_a_worker_that_gives_its_claims_back_brings_no_suspicion(sending: Make) -> None:
    issue_id = sending(2)
    for number in range(10):
        token = f"{number:032}"
        ids = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), token, limit=10, seconds=60)
        assert len(ids) == 2
        bulk.release_rows(Delivery, ids, token)


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_read(five: list[int], settings: Any) -> None:
    Path(settings.BROADSHEET_HOME, "replies", f"delivery-{'0' * 31}.jsonl").mkdir()
    try:
        settle_expired()
    finally:
        Path(settings.BROADSHEET_HOME, "replies", f"delivery-{'0' * 31}.jsonl").rmdir()
    assert states(five) == ["accepted", "queued", "uncertain", "queued", "queued"]


def test_its_lock_goes_with_its_process(tmp_path: Path, sending: Make, settings: Any) -> None:
    """A real process that is killed while its file is open."""
    issue_id = sending(1)
    (row_id,) = bulk.claim_rows(Delivery.objects.filter(issue_id=issue_id), TOKEN, limit=1, seconds=60)
    bulk.mark_attempting(Delivery, [row_id], TOKEN, 60)
    program = ("import django, os, signal; django.setup()\n"
               "from worker.delivery.replies import Replies\nfrom worker.storage import bulk\n"
               "from worker.storage.models import Delivery\n"
               f"kept = Replies(Delivery, '{TOKEN}'); kept.open(); kept.begin([{row_id}])\n"
               f"kept.end([bulk.Ending({row_id}, 'accepted', '250 ok')])\n"
               "os.kill(os.getpid(), signal.SIGKILL)")
    home = {"BROADSHEET_HOME": str(settings.BROADSHEET_HOME)}
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **home}, timeout=60)
    settle_expired()
    assert list(states_of(issue_id).values()) == ["accepted"]
    assert Issue.objects.get().state == "sending"
