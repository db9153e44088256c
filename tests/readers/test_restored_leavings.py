"""A backup is made, somebody leaves or must not be written to any more, the backup is restored: they get no mail all the same."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from tests.confirming import confirm
from tests.delivery.press import build_issue
from tests.readers.departing import ADA, by_report, join, last_link, one_click, post, state
from tests.restore import Backup, database_url
from worker.checkup import check_all
from worker.delivery.audience import start_issue
from worker.delivery.deliver import deliver_issue
from worker.readers.importing import import_readers
from worker.readers.leaving import leave, undo
from worker.readers.links import address_url, preferences_url, sign_link, undo_url, unsubscribe_url
from worker.readers.mailbag import receive
from worker.readers.moving import ask_move
from worker.readers.replay import Again, replay_journal
from worker.readers.subscribe import sign_up
from worker.readers.suppress import is_suppressed, suppress
from worker.storage.models import Consent, Delivery, Notice, Reader, Subscription, Terms

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db(transaction=True)


def _undo(reader: Reader) -> None:
    post(undo_url(reader.pk, "aitrends", Subscription.objects.get(reader=reader).confirm_round))


@pytest.fixture
def ada(transactional_db: None, terms: Terms) -> Reader:
    """Return a reader who has confirmed AITrends."""
    return join()


@pytest.fixture
def backup(ada: Reader, tmp_path: Path) -> Iterator[Backup]:
    """Return a backup in which Ada reads AITrends."""
    made = Backup(tmp_path)
    yield made
    made.throw_away()


def _make_backup(folder: Path) -> Backup:
    folder.mkdir()
    return Backup(folder)


@pytest.fixture
def mail(tmp_path: Path, settings: Any) -> Callable[[], list[str]]:
    """Return a function that sends an issue, and says to whom it went."""
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"

    def send() -> list[str]:
        issue_id = build_issue([])
        start_issue(issue_id, by="x")
        deliver_issue(issue_id)
        assert len(list((tmp_path / "box").glob("new/*"))) == Delivery.objects.filter(issue=issue_id).count()
        return sorted(Delivery.objects.filter(issue=issue_id).values_list("reader__email", flat=True))

    return send


def test_who_left_by_one_click_has_left_after_a_restore(backup: Backup, ada: Reader, mail: Callable[[], list[str]]) -> None:
    join("bob@example.com")
    one_click(ada)
    left_at = Subscription.objects.get(reader=ada).left_at
    backup.restore()
    assert state() == "confirmed", "the backup is of before"
    finding = next(one for one in check_all() if one.part == "erasures")
    assert (finding.ok, finding.message.partition(" entries")[0]) == (False, "1 of 1")
    with capture_logs() as lines:
        assert replay_journal() == Again(0, 1, 0)
    assert any(line["event"] == "left again after a restore" and line["subscriptions"] == 1 for line in lines)
    row = Consent.objects.get(action="withdrawn")
    assert (row.method, row.newsletter, row.at) == ("restore", "aitrends", left_at)
    assert (state(), mail()) == ("left", [])
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert next(one for one in check_all() if one.part == "erasures").ok


def test_an_issue_goes_to_nobody_who_left_although_nothing_else_looked(
    backup: Backup, ada: Reader, mail: Callable[[], list[str]]
) -> None:
    one_click(ada)
    backup.restore()
    join("bob@example.com")
    assert mail() == ["bob@example.com"]


def _by_letter(reader: Reader) -> None:
    token = sign_link("unsubscribe", reader=reader.pk, newsletter="aitrends")
    assert receive(f"Subject: unsubscribe {token}\n\n".encode()) == "left"


@pytest.mark.parametrize("way", [
    one_click, _by_letter, by_report("left"), by_report("complained"),
    lambda reader: post(unsubscribe_url(reader.pk, "aitrends")),
    lambda reader: post(preferences_url(reader.pk), {"change": "leave"}),
    lambda reader: post(preferences_url(reader.pk), {"change": "newsletters"})],
    ids=["one click", "letter", "provider", "complaint", "page", "leave everything", "preferences"])
def test_each_way_out_holds(backup: Backup, ada: Reader, way: Callable[[Reader], None]) -> None:
    way(ada)
    assert state() == "left"
    for _ in range(2):
        backup.restore()
        assert replay_journal().left == 1
        assert state() == "left"


def test_who_had_not_confirmed_yet_cannot_by_the_old_link(backup: Backup, tmp_path: Path) -> None:
    sign_up("bob@example.com", ["aitrends"])
    later = _make_backup(tmp_path / "later")
    bob, link = Reader.objects.get(email="bob@example.com"), last_link()
    one_click(bob)
    later.restore()
    assert replay_journal().left == 1
    assert confirm(link).state == "stale"
    assert state("bob@example.com") == "left"
    later.throw_away()


def test_an_undo_stays(backup: Backup, ada: Reader) -> None:
    one_click(ada)
    _undo(ada)
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    backup.restore()
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert state() == "confirmed"


def test_who_left_again_after_an_undo_has_left(backup: Backup, ada: Reader) -> None:
    one_click(ada)
    _undo(ada)
    one_click(ada)
    backup.restore()
    assert replay_journal().left == 1
    assert state() == "left"


@pytest.mark.parametrize("slow", [0, 120])
def test_an_undo_stays_also_if_it_is_not_in_this_journal(ada: Reader, settings: Any, tmp_path: Path, slow: int) -> None:
    """Another machine took it, with a journal of its own, and perhaps a slow clock."""
    one_click(ada)
    own, settings.ERASURE_JOURNAL = settings.ERASURE_JOURNAL, tmp_path / "other.jsonl"
    token = sign_link("undo", reader=ada.pk, newsletter="aitrends", round=Subscription.objects.get().confirm_round)
    assert undo(token, now=timezone.now() - timedelta(seconds=slow)).state == "back"
    settings.ERASURE_JOURNAL = own
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert state() == "confirmed"


def _come_back_by_letter(reader: Reader) -> None:
    Notice.objects.filter(kind="confirm").update(key="confirm:of-another-day")
    sign_up(reader.email, ["aitrends"])
    confirm(last_link())


def _come_back_by_preferences(reader: Reader) -> None:
    page = Client().get("/" + preferences_url(reader.pk).split("/", 3)[3]).content.decode()
    shown = page.partition('name="shown" value="')[2].partition('"')[0]
    post(preferences_url(reader.pk), {"change": "newsletters", "newsletters": ["aitrends"], "shown": shown})


@pytest.mark.parametrize("back", [_come_back_by_letter, _come_back_by_preferences])
def test_who_came_back_stays_whenever_the_backup_was_made(backup: Backup, ada: Reader, back: Callable[[Reader], None],
                                                          tmp_path: Path) -> None:
    one_click(ada)
    between = _make_backup(tmp_path / "between")
    back(ada)
    assert state() == "confirmed"
    after = _make_backup(tmp_path / "after")
    for made, wanted in ((backup, "confirmed"), (between, "left"), (after, "confirmed")):
        made.restore()
        assert replay_journal(look_at="all") == Again(0, 0, 0)
        assert state() == wanted
    between.throw_away()
    after.throw_away()


def test_who_signs_up_after_the_restore_stays(backup: Backup, ada: Reader) -> None:
    one_click(ada)
    backup.restore()
    assert replay_journal().left == 1
    _come_back_by_letter(ada)
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert state() == "confirmed"


def test_who_is_not_in_the_backup_at_all_may_sign_up_again(backup: Backup) -> None:
    one_click(join("bob@example.com"))
    backup.restore()
    assert replay_journal() == Again(0, 0, 0)
    join("bob@example.com")
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert state("bob@example.com") == "confirmed"


def test_who_has_the_number_of_one_who_left_stays(backup: Backup, tmp_path: Path) -> None:
    lost = join("bob@example.com")
    one_click(lost)
    backup.restore()
    (tmp_path / "list.csv").write_text("email\ncarol@example.com\n")
    import_readers(tmp_path / "list.csv", newsletter="aitrends", consent_source="a list")
    assert Reader.objects.get(email="carol@example.com").pk == lost.pk, "the number was given out again"
    assert replay_journal(look_at="all") == Again(0, 0, 0)
    assert state("carol@example.com") == "confirmed"


def test_who_moved_before_they_left_has_left_at_the_old_address(backup: Backup, ada: Reader) -> None:
    ask_move(ada.pk, "ada@example.org")
    post(address_url(ada.pk, Notice.objects.get(kind="address").pk), {"shown": "ada@example.org"})
    assert Reader.objects.get(pk=ada.pk).email == "ada@example.org"
    one_click(ada)
    backup.restore()
    assert replay_journal().left == 1
    assert state() == "left"


@pytest.mark.parametrize(("way", "says"), [
    (["readers", "replay-erasures"], "0 erased, 1 left, 1 suppressed again, of 2 in the journal"),
    (["migrate"], "by the erasure journal: 0 erased, 1 left, 1 suppressed again"),
    (["readers", "retain"], "subscriptions left again"),
    (["readers", "import", "list.csv", "--newsletter", "daily", "--consent-source", "x"], "1 imported")])
def test_each_command_that_replays_says_so(backup: Backup, ada: Reader, settings: Any, way: list[str], says: str,
                                           tmp_path: Path) -> None:
    one_click(ada)
    suppress("bob@example.com", "bounce")
    backup.restore()
    (tmp_path / "list.csv").write_text("email\ncarol@example.com\n")
    done = _run(way, settings, tmp_path)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert (state(), is_suppressed("bob@example.com")) == ("left", True)


def _run(way: list[str], settings: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "worker", *way], capture_output=True, text=True, timeout=60, cwd=folder, env={
        **os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": database_url(), "ERASURE_JOURNAL": str(settings.ERASURE_JOURNAL),
        "FEEDS_FILE": str(settings.FEEDS_FILE)})


def test_a_list_that_holds_who_left_brings_nobody_back(backup: Backup, settings: Any, tmp_path: Path) -> None:
    """Bob was imported after the backup, and left: the restored database knows nothing of him, and the list is imported again."""
    (tmp_path / "list.csv").write_text("email\nbob@example.com\ncarol@example.com\n")
    import_readers(tmp_path / "list.csv", newsletter="aitrends", consent_source="a list")
    leave(Reader.objects.get(email="bob@example.com").pk, "aitrends", method="one-click")
    backup.restore()
    done = _run(["readers", "import", "list.csv", "--newsletter", "aitrends", "--consent-source", "a list"], settings, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (state("bob@example.com"), state("carol@example.com")) == ("left", "confirmed")


@pytest.mark.parametrize(("reason", "withdrawn"), [("bounce", 0), ("complaint", 1)])
def test_who_must_not_be_written_to_gets_nothing_after_a_restore(
    backup: Backup, mail: Callable[[], list[str]], reason: str, withdrawn: int
) -> None:
    suppress(ADA, reason)
    backup.restore()
    assert not is_suppressed(ADA)
    finding = next(one for one in check_all() if one.part == "erasures")
    assert (finding.ok, finding.message.partition(" entries")[0]) == (False, "1 of 1")
    assert mail() == []
    assert (is_suppressed(ADA), state()) == (True, "suppressed")
    assert Consent.objects.filter(action="withdrawn", method="restore").count() == withdrawn
    sign_up(ADA, ["daily"])
    assert not Subscription.objects.filter(newsletter="daily").exists()
    assert replay_journal(look_at="all") == Again(0, 0, 0)
