"""A backup is made, a person is erased, the backup is restored: the journal erases them again, and nothing brings them back."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from tests.readers.everything import EMAIL, LOCAL, columns_with, make_reader
from tests.restore import Backup, database_url
from worker.checkup import check_all
from worker.delivery.headcount import count_heads
from worker.readers.erase import erase
from worker.readers.importing import import_readers
from worker.readers.replay import replay_journal
from worker.readers.subscribe import sign_up
from worker.storage.models import Consent, Delivery, Reader, SignUp, Terms
from worker.tasks import retain, sign_ups

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(transactional_db: None, terms: Terms, tmp_path: Path) -> Iterator[Backup]:
    """Return a backup of a database in which a person reads Daily, and another one too."""
    make_reader()
    ada = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    Consent.objects.create(reader=ada, purpose="newsletter", newsletter="daily", action="given", method="form")
    made = Backup(tmp_path)
    yield made
    made.throw_away()


def _says(part: str) -> Any:
    return next(finding for finding in check_all() if finding.part == part)


def test_the_person_is_gone_again_and_nothing_brings_them_back(backup: Backup, settings: Any, tmp_path: Path) -> None:
    erase(EMAIL)
    backup.restore()
    assert Reader.objects.filter(email=EMAIL).exists(), "the backup is of before the erasure"
    finding = _says("erasures")
    assert (finding.ok, finding.message.partition(" entries")[0]) == (False, "2 of 2")
    assert "broadsheet readers replay-erasures" in finding.message
    assert replay_journal().erased == 2, "the mailbox, and the one they moved away from"
    assert _says("erasures").ok
    assert columns_with(EMAIL) | columns_with(LOCAL) == set()
    assert list(Reader.objects.values_list("email", flat=True)) == ["ada@example.com"]
    assert Consent.objects.count() == 1

    _import(tmp_path)
    _sign_up_through_the_form()
    sign_up(EMAIL, ["daily"])
    delivery = Delivery.objects.get(state="bounced")
    for kind in ("delivered", "bounce", "spamreport", "unsubscribe"):
        _report(settings, kind, delivery.pk)
    retain.run()
    assert list(Reader.objects.values_list("email", flat=True)) == ["ada@example.com"]
    assert columns_with(EMAIL) | columns_with(LOCAL) == set()
    assert count_heads("daily").readers == 0


def _import(folder: Path) -> None:
    (folder / "list.csv").write_text(f"email,name\n{EMAIL},Somebody\n{EMAIL.upper()},Somebody\n")
    import_readers(folder / "list.csv", newsletter="daily", consent_source="an old list, exported before the erasure")


def _sign_up_through_the_form() -> None:
    browser = Client()
    form = browser.get("/subscribe/").content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert browser.post("/subscribe/", {**hidden, "email": EMAIL, "newsletters": ["daily"], "agree": "on"}).status_code == 303
    assert SignUp.objects.get().email == EMAIL, "the visitor's answer is the same for everybody"
    sign_ups.run()
    assert not SignUp.objects.exists()


def _report(settings: Any, kind: str, delivery_id: int) -> None:
    """Call the hook as the provider would, signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    settings.SENDGRID_WEBHOOK_KEY = base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    body = json.dumps([{"event": kind, "sg_event_id": kind, "delivery_id": str(delivery_id), "timestamp": int(time.time()),
                        "email": EMAIL, "reason": f"550 no mailbox {LOCAL}"}]).encode()
    stamp = str(int(time.time()))
    answer = Client().post("/hooks/sendgrid/", body, content_type="application/json", headers={
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp})
    assert answer.status_code == 200


@pytest.mark.parametrize(("way", "says"), [
    (["readers", "replay-erasures"], "2 erased, 0 left, 0 suppressed again, of 2 in the journal"),
    (["migrate"], "by the erasure journal: 2 erased, 0 left, 0 suppressed again"),
    (["readers", "retain"], "mailboxes erased again")])
def test_each_command_that_replays_says_so(backup: Backup, settings: Any, way: list[str], says: str) -> None:
    erase(EMAIL)
    backup.restore()
    done = subprocess.run([sys.executable, "-m", "worker", *way], capture_output=True, text=True, timeout=60, cwd=ROOT, env={
        **os.environ, "DATABASE_URL": database_url(), "ERASURE_JOURNAL": str(settings.ERASURE_JOURNAL)})
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert not Reader.objects.filter(email=EMAIL).exists()
    assert replay_journal(look_at="all").erased == 0


def test_restoring_twice_is_replayed_twice(backup: Backup) -> None:
    erase(EMAIL)
    for _ in range(2):
        backup.restore()
        assert replay_journal().erased == 2, "the mailbox, and the one they moved away from"
        assert not Reader.objects.filter(email=EMAIL).exists()


def test_the_commands_by_themselves(service_environment: dict[str, str], tmp_path: Path) -> None:
    """As an operator would: erase with no room for the journal, then with room, in programs of their own."""
    def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "worker", *arguments], env={**service_environment, **changes}, cwd=ROOT,
                              capture_output=True, text=True, timeout=60)

    (tmp_path / "list.csv").write_text(f"email\n{EMAIL}\n")
    assert run("readers", "import", str(tmp_path / "list.csv"), "--newsletter", "daily", "--consent-source", "x").returncode == 0
    refused = run("readers", "erase", "--yes", EMAIL, ERASURE_JOURNAL="/dev/full")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.strip() == ("broadsheet: ERASURE_JOURNAL /dev/full: No space left on device; nothing was erased: "
                                      "make room there, or let this user write to it")
    shown = json.loads(run("readers", "show", EMAIL, "--json").stdout)
    assert shown["subscriptions"] == [{"newsletter": "daily", "state": "confirmed", "frequency": "every"}]
    assert run("readers", "erase", "--yes", EMAIL).returncode == 0
    assert (Path(service_environment["BROADSHEET_HOME"]) / "erasures.jsonl").read_text().count("\n") == 1
    assert "no reader" in run("readers", "show", EMAIL).stderr
    kept = json.loads(run("readers", "retain", "--json").stdout)
    assert (kept["mailboxes erased again"], kept["readers never confirmed"]) == (0, 0)
    assert "network addresses shortened" in run("readers", "retain").stdout
