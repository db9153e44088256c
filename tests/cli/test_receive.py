"""`broadsheet receive` at the end of a mail system's pipe: its exit status decides what becomes of the letter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a mail system's pipe and a reader's program would do, in one process that has the service's settings.
STAGE = """
import django; django.setup()
from django.utils import timezone
from worker.storage.schema import open_database
from worker.readers.links import sign_link
from worker.readers.leaving import tell_reason
from worker.storage.models import Consent, Reader, Subscription
open_database()
reader, _ = Reader.objects.get_or_create(email="ada@example.com", email_key="ada@example.com")
row, _ = Subscription.objects.get_or_create(reader=reader, newsletter="daily", defaults={"state": "confirmed"})
import sys
if sys.argv[1:] == ["tell"]:
    tell_reason(reader.pk, "daily", "too-often", "Every day!")
print(sign_link("unsubscribe", reader=reader.pk, newsletter="daily"), row.state,
      *Consent.objects.values_list("method", flat=True))
"""


def _receive(environment: dict[str, str], letter: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "worker", "receive"], cwd=ROOT, env=environment, input=letter,
                          capture_output=True, timeout=60)


def _stage(environment: dict[str, str], *arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", STAGE, *arguments], cwd=ROOT, text=True, capture_output=True, timeout=60,
                          env={**environment, "DJANGO_SETTINGS_MODULE": "worker.settings"})
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _letter(token: str, *headers: str) -> bytes:
    head = ["From ada@example.com  Mon Nov 23 10:00:00 2026", "Return-Path: <ada@example.com>", *headers,
            f"Subject: unsubscribe {token}"]
    return "\n".join([*head, "", "", "x" * 3_000_000]).encode()


def test_a_letter_leaves_and_the_reason_can_be_read(service_environment: dict[str, str]) -> None:
    token, state = _stage(service_environment)
    assert state == "confirmed"
    done = _receive(service_environment, _letter(token, "Auto-Submitted: auto-replied"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert _stage(service_environment)[1:] == ["confirmed"], "a holiday reply leaves nothing"
    done = _receive(service_environment, _letter(token))
    assert (done.returncode, done.stdout) == (0, b"")
    assert token.encode() not in done.stderr
    assert _stage(service_environment, "tell")[1:] == ["left", "mail"]
    shown = subprocess.run([sys.executable, "-m", "worker", "departures", "--json"], cwd=ROOT, env=service_environment,
                           capture_output=True, timeout=60, check=True)
    assert json.loads(shown.stdout) == [
        {"newsletter": "daily", "reason": "It came too often", "readers": 1, "words": ["Every day!"]}]


@pytest.mark.parametrize("letter", [b"", b"\xff\x00garbage", b"Subject: hello\n\n"])
def test_what_asks_for_nothing_is_done_with(service_environment: dict[str, str], letter: bytes) -> None:
    assert _receive(service_environment, letter).returncode == 0


@pytest.mark.parametrize("wrong", [
    {"DATABASE_URL": "sqlite:////nonexistent/dir/x.sqlite3"}, {"DATABASE_URL": "postgres://nobody:hunter2@127.0.0.1:1/none"},
    {"SECRET_KEY": "short"}, {"BROADSHEET_HOME": os.devnull, "SECRET_KEY": ""}])
def test_what_could_not_be_recorded_stays_with_the_mail_system(service_environment: dict[str, str], wrong: dict[str, str]) -> None:
    done = _receive({**service_environment, **wrong}, _letter("x"))
    assert done.returncode == 75, "EX_TEMPFAIL: anything else, and the letter is sent back"
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1
    assert "not recorded" in lines[0]
    assert "hunter2" not in lines[0]
