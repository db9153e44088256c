"""After a restored backup the database gives numbers out again: what was sent before opens and does nothing to who has them now."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.confirming import confirm
from tests.restore import Backup
from worker.delivery.events import apply_events, parse_sendgrid_events
from worker.readers.intake import take_in
from worker.readers.links import agree_url, confirm_url, preferences_url, sign_link, unsubscribe_url
from worker.readers.mailbag import receive
from worker.readers.subscribe import decide_sign_ups, sign_up
from worker.readers.suppress import is_suppressed
from worker.readers.terms import name_wordings
from worker.storage.models import Notice, Reader, SignUp, Subscription, Terms

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(transactional_db: None, terms: Terms, tmp_path: Path) -> Iterator[Backup]:
    """Return a backup of before anybody signed up."""
    made = Backup(tmp_path)
    yield made
    made.throw_away()


def _join(email: str, hours: int) -> Reader:
    """Sign somebody up so many hours from now, and confirm, as nobody waits so long in a test."""
    now = timezone.now() + timedelta(hours=hours)
    sign_up(email, ["daily"], now=now)
    confirm(sign_link("confirm", notice=Notice.objects.get(kind="confirm").pk) if not hours else _later(hours), now=now)
    return Reader.objects.get(email=email)


def _later(hours: int) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.core.signing.time.time", lambda: (timezone.now() + timedelta(hours=hours)).timestamp())
        return sign_link("confirm", notice=Notice.objects.get(kind="confirm").pk)


def test_links_of_a_lost_reader_do_nothing_to_the_one_with_their_number(backup: Backup) -> None:
    lost = _join("ada@example.com", 0)
    urls = [url.removeprefix(settings.BASE_URL) for url in (
        unsubscribe_url(lost.pk, "daily"), preferences_url(lost.pk), agree_url(lost.pk, 1),
        confirm_url(Notice.objects.get(kind="confirm").pk))]
    backup.restore()
    found = _join("bob@example.com", 25)  # a link to leave by is held to the day
    assert found.pk == lost.pk, "the number was given out again"

    for url in urls:
        answers: list[Any] = [Client().get(url), Client().post(url)]
        if url.startswith("/unsubscribe/"):
            answers.append(Client().post(url, {"List-Unsubscribe": "One-Click"}))
            assert [answer.status_code for answer in answers] == [404, 200, 200], "RFC 8058: unknown tokens are answered alike"
        else:
            assert [answer.status_code for answer in answers] == [404, 404], url
        assert not any(b"bob" in answer.content for answer in answers)
    letter = f"From: ada@example.com\r\nSubject: unsubscribe {urls[0].split('/')[2]}\r\n\r\n"
    assert receive(letter.encode()) == "without a link"
    assert Subscription.objects.get().state == "confirmed"


def test_a_lost_letter_that_comes_back_does_nothing_to_who_gets_its_number(backup: Backup) -> None:
    sign_up("ada@example.com", ["daily"])
    lost = Notice.objects.get().pk
    backup.restore()
    _join("bob@example.com", 1)
    assert Notice.objects.filter(reader__email="bob@example.com", pk=lost).exists(), "the number was given out again"
    events = [{"event": kind, "type": "bounce", "sg_event_id": kind, "timestamp": timezone.now().timestamp(),
               "notice_id": str(lost), "email": "ada@example.com"} for kind in ("bounce", "spamreport")]
    assert apply_events(parse_sendgrid_events(events)) == 2
    assert (is_suppressed("ada@example.com"), is_suppressed("bob@example.com")) == (True, False)
    assert Subscription.objects.get().state == "confirmed"


def test_links_made_after_the_restore_work(backup: Backup) -> None:
    backup.restore()
    reader = _join("bob@example.com", 0)
    assert Client().post(unsubscribe_url(reader.pk, "daily").removeprefix(settings.BASE_URL)).status_code == 200
    assert Subscription.objects.get().state == "left"


def test_a_sign_up_that_waited_in_the_backup_makes_a_reader_of_today(terms: Terms) -> None:
    """It came in before the lost reader did whose number it gets."""
    take_in("bob@example.com", ["daily"], topics=[], partners=False, tracking=False, form="site", network_address=None,
            shown=name_wordings({"newsletter": terms}), form_age=60)
    SignUp.objects.update(at=timezone.now() - timedelta(hours=2))
    assert decide_sign_ups() == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.core.signing.time.time", lambda: (timezone.now() - timedelta(hours=1)).timestamp())
        urls = [preferences_url(Reader.objects.get().pk), confirm_url(Notice.objects.get().pk)]
    assert {Client().get(url.removeprefix(settings.BASE_URL)).status_code for url in urls} == {404}
    fresh = confirm_url(Notice.objects.get().pk).removeprefix(settings.BASE_URL)
    assert Client().get(fresh).status_code == 200
