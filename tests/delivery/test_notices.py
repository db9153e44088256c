"""Letters to single readers: the confirmation that was asked for, once, and the ones that are no longer wanted."""

import time
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from tests.confirming import confirm
from tests.fakes.sendgrid_server import KEY, Answer, SendGridServer
from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.deliver import settle_expired
from worker.delivery.notices import send_notices
from worker.delivery.senders import SenderRefusedError, open_sender
from worker.errors import TransientError
from worker.readers.erase import erase
from worker.readers.links import sign_link
from worker.readers.subscribe import sign_up
from worker.readers.suppress import suppress
from worker.readers.terms import publish_terms
from worker.storage import bulk
from worker.storage.models import Issue, Notice, Pace, Placement, Story, Subscription

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _published(db: None, editorial_file: Path) -> None:
    publish_terms()


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Callable[[], list[Any]]:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return lambda: [message_from_bytes(file.read_bytes(), policy=policy.default)
                    for file in sorted((tmp_path / "box" / "new").glob("*"))]


def test_a_sign_up_is_answered_by_one_confirmation_mail(box: Callable[[], list[Any]]) -> None:
    sign_up("New.Reader@example.com", ["aitrends", "daily"])
    assert send_notices() == 1
    assert send_notices() == 0
    (mail,) = box()
    assert mail["To"] == "New.Reader@example.com"
    assert "AITrends and Daily" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe-Post" not in mail
    for kind in ("plain", "html"):
        assert "/confirm/" in mail.get_body((kind,)).get_content()
    assert "reader.invalid" not in mail.as_string()


def test_whoever_confirms_is_welcomed_and_can_leave(box: Callable[[], list[Any]]) -> None:
    sign_up("new@example.com", ["daily"])
    send_notices()
    confirm(sign_link("confirm", notice=Notice.objects.get().pk))
    assert send_notices() == 1
    welcome = box()[-1]
    assert "Welcome" in welcome["Subject"]
    assert welcome["From"].addresses[0].addr_spec == "daily@example.com"
    assert "/unsubscribe/" in welcome.get_body(("plain",)).get_content()


def test_a_letter_that_is_no_longer_wanted_is_not_sent(box: Callable[[], list[Any]]) -> None:
    for name in ("confirmed", "suppressed", "erased", "moved-on"):
        sign_up(f"{name}@example.com", ["aitrends"])
    Subscription.objects.filter(reader__email="confirmed@example.com").update(state="confirmed")
    Subscription.objects.filter(reader__email="moved-on@example.com").update(confirm_round=7)
    suppress("suppressed@example.com", "bounce")
    erase("erased@example.com")
    assert send_notices() == 0
    assert dict(Notice.objects.values_list("reader__email", "state")) == {
        "confirmed@example.com": "cancelled", "suppressed@example.com": "suppressed", "moved-on@example.com": "cancelled"}


def test_a_crash_in_the_call_leaves_the_letter_uncertain(box: Callable[[], list[Any]]) -> None:
    sign_up("new@example.com", ["aitrends"])
    ids = bulk.claim_rows(Notice.objects.all(), "gone", limit=5, seconds=60)
    bulk.mark_attempting(Notice, ids, "gone", 60)
    Notice.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
    assert settle_expired() == 1
    assert send_notices() == 0
    assert Notice.objects.get().state == "uncertain"


def test_after_a_429_no_letter_asks_again_before_its_time(settings: Any) -> None:
    sign_up("new@example.com", ["daily"])
    with SendGridServer() as server:
        settings.SENDER_URL, settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = "sendgrid:", KEY, server.url
        server.script = [Answer(429, headers={"X-RateLimit-Reset": str(int(time.time()) + 600)})]
        assert send_notices() == send_notices() == 0
        assert server.script == []
        assert (Notice.objects.get().state, Notice.objects.get().attempts) == ("queued", 0)
        Pace.objects.update(free_at=Now())
        assert send_notices() == 1


def test_letters_that_cannot_be_claimed_leave_nothing_open(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **more: Any) -> list[int]:
        raise OperationalError("gone")

    monkeypatch.setattr(bulk, "claim_rows", fail)
    with pytest.raises(OperationalError):
        send_notices()
    assert not list(settings.BROADSHEET_HOME.glob("replies/*"))


def test_without_a_server_the_letters_wait() -> None:
    for name in "ab":
        sign_up(f"{name}@example.com", ["aitrends"])
    with SmtpSink() as sink:
        url = sink.url
    with pytest.raises(TransientError):
        send_notices(open_sender(url))
    assert set(Notice.objects.values_list("state", "attempts", "lease_token")) == {("queued", 0, "")}
    with SmtpSink(Rules(rcpt={"a@example.com": "550 5.1.1 unknown"})) as sink:
        sender = open_sender(sink.url)
        assert send_notices(sender) == 1
        sender.close()
    assert dict(Notice.objects.values_list("reader__email", "state")) == {"a@example.com": "failed", "b@example.com": "accepted"}


def test_letters_go_through_sendgrid_without_the_list_headers(settings: Any) -> None:
    sign_up("new@example.com", ["aitrends"])
    with SendGridServer() as server:
        settings.SENDER_URL, settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = "sendgrid:", KEY, server.url
        assert send_notices() == 1
        (call,) = server.calls
        assert call["headers"]["Auto-Submitted"] == "auto-generated"
        (one,) = call["personalizations"]
        assert one["custom_args"] == {"notice_id": str(Notice.objects.get().pk)}
        assert "List-Unsubscribe-Post" not in one["headers"]
        settings.SENDGRID_API_KEY = "SG.wrong"
        sign_up("next@example.com", ["aitrends"])
        with pytest.raises(SenderRefusedError):
            send_notices()
    assert Notice.objects.get(reader__email="next@example.com").state == "queued"


def test_the_welcome_brings_the_latest_issue(box: Callable[[], list[Any]], make_issue: Callable[..., int]) -> None:
    sign_up("new@example.com", ["aitrends"])
    confirm(sign_link("confirm", notice=Notice.objects.get().pk))
    send_notices()
    assert "latest issue" not in box()[-1].get_body(("plain",)).get_content(), "before the first there is none"
    issue = Issue.objects.get(pk=make_issue(0))
    Issue.objects.update(state="sent")
    story = Story.objects.create(headline="Chip maker slips", first_at=issue.drafted_at, last_at=issue.drafted_at)
    Placement.objects.create(issue=issue, story=story, section="lead", position=0, headline="Chip maker slips",
                             summary="By a year.", sources=[{"outlet": "First Outlet", "url": "https://outlet.example/a"}])
    sign_up("late@example.com", ["aitrends"])
    confirm(sign_link("confirm", notice=Notice.objects.filter(kind="confirm").latest("pk").pk))
    send_notices()
    welcome = next(mail for mail in box() if mail["To"] == "late@example.com" and "Welcome" in mail["Subject"])
    for kind in ("plain", "html"):
        part = welcome.get_body((kind,)).get_content()
        for words in ("Chip maker slips", "By a year.", "https://outlet.example/a", f"/archive/aitrends/{issue.slug}/"):
            assert words in part
