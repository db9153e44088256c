"""A reader's mail moves to another address: asked for on their page, confirmed by the new one, told to the old one."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from worker.delivery.events import Event, apply_events
from worker.delivery.notices import send_notices
from worker.readers.erase import erase
from worker.readers.links import address_url, confirm_url, preferences_url, sign_link, unsubscribe_url
from worker.readers.subscribe import sign_up as sign_up_step
from worker.readers.suppress import is_suppressed, suppress
from worker.storage.models import Consent, Delivery, Issue, Notice, Reader, Subscription

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


@pytest.fixture(autouse=True)
def _no_queue(settings: Any) -> None:
    """With Redis down all of this works; the timetable sends the letters."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def ask(browser: Client) -> Callable[..., Any]:
    """Return a function that gives a new address on the reader's own page, and returns the page that follows."""

    def send(reader: Reader, email: str) -> Any:
        path = _path(preferences_url(reader.pk))
        page = browser.get(path).content.decode()
        form = page[page.index('id="address"'):].partition("</form>")[0]
        hidden = {key: unescape(value) for key, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)}
        return browser.post(path, {**hidden, "email": email}, follow=True)

    return send


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Callable[[], list[Any]]:
    """Return a function that sends the letters owed and returns all that were ever sent, oldest first."""
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"

    def read() -> list[Any]:
        Notice.objects.filter(kind__in=["confirm", "welcome"], state="queued").update(state="cancelled")
        send_notices()
        files = sorted((tmp_path / "box" / "new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    return read


def _link_in(mail: Any) -> str:
    found = re.search(r"(/address/\S+/)", mail.get_body(("plain",)).get_content())
    assert found
    return found[1]


def _press(path: str, page: Any = None) -> Any:
    """Open the page and press its button as the new address's owner does: another browser, no cookie. `page`: opened before."""
    words = (page or Client().get(path)).content.decode()
    hidden = {key: unescape(value) for key, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', words)}
    return Client(enforce_csrf_checks=True).post(path, hidden)


def test_mail_moves_once_the_new_address_says_so(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]]) -> None:
    issue = Issue.objects.create(newsletter="daily", period="2026-11-23", subject="S", state="sending", window_start=NOW,
                                 window_end=NOW)
    Delivery.objects.create(issue=issue, reader=ada)
    ledger = Consent.objects.count()
    answer = ask(ada, " Ada@New.example ")
    assert "Saved. If the new address can get mail from us" in answer.content.decode()
    (letter,) = box()
    assert (letter["To"], letter["From"].addresses[0].addr_spec) == ("Ada@new.example", "daily@example.com")
    words = letter.as_string() + letter.get_body(("plain",)).get_content()
    assert "a…@example.com" in letter.get_body(("plain",)).get_content()
    assert "ada@example.com" not in words, "a stranger who gets it by mistake does not learn the old address"
    assert letter["Auto-Submitted"] == "auto-generated"
    link = _link_in(letter)
    page = Client().get(link).content.decode()
    assert ("Ada@new.example" in page, "ada@example.com" in page) == (True, False)
    ada.refresh_from_db()
    assert ada.email == "ada@example.com", "looking moves nothing: scanners follow links"
    answer = _press(link)
    assert (answer.status_code, "Your address is changed" in answer.content.decode()) == (200, True)
    ada.refresh_from_db()
    assert (ada.email, ada.email_key) == ("Ada@new.example", "ada@new.example")
    assert (Consent.objects.count(), Subscription.objects.get().state) == (ledger, "confirmed"), "consents stay with the reader"
    told = box()[-1]
    assert told["To"] == "ada@example.com"
    text = " ".join(told.get_body(("plain",)).get_content().split())
    assert "send Daily to A…@new.example" in text
    assert "write to daily@example.com" in text
    assert "Ada@new.example" not in told.as_string()
    assert _press(link).status_code == 200
    assert len(box()) == 2, "a second press tells nobody again"


def test_a_queued_copy_goes_to_the_new_address(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]],
                                               tmp_path: Path) -> None:
    from tests.delivery.press import build_issue
    from worker.delivery.audience import freeze_audience, start_issue
    from worker.delivery.deliver import deliver_issue

    Subscription.objects.update(newsletter="aitrends")
    issue_id = build_issue(0)
    start_issue(issue_id, by="chief@example.com")
    freeze_audience(issue_id)
    ask(ada, "ada@new.example")
    _press(_link_in(box()[-1]))
    box()
    before = len(list((tmp_path / "box" / "new").glob("*")))
    deliver_issue(issue_id, seconds=30)
    mails = [message_from_bytes(file.read_bytes()) for file in (tmp_path / "box" / "new").glob("*")]
    assert len(mails) == before + 1
    assert [mail["To"] for mail in mails if mail["List-Unsubscribe"]] == ["ada@new.example"]


def test_the_answer_is_the_same_whoever_s_address_it_is(ada: Reader, ask: Callable[..., Any]) -> None:
    Reader.objects.create(email="bo@example.com", email_key="bo@example.com")
    suppress("gone@example.com", "bounce")
    pages = {ask(ada, email).content.decode().partition("role=\"status\">")[2].partition("</p>")[0]
             for email in ("new@example.com", "bo@example.com", "gone@example.com", "ada@example.com")}
    assert len(pages) == 1
    assert "Saved" in pages.pop()


def test_nobody_is_written_to_who_must_not_be(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]]) -> None:
    suppress("gone@example.com", "request")
    ask(ada, "Gone@example.com")
    assert box() == []
    assert Notice.objects.get(kind="address").state == "suppressed"
    answer = _press(_path(address_url(ada.pk, Notice.objects.get(kind="address").pk)))
    assert (answer.status_code, "cannot write to this address" in answer.content.decode()) == (409, True)
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"


def test_an_address_of_another_reader_is_not_taken_over(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]]) -> None:
    ask(ada, "bo@example.com")
    link = _link_in(box()[-1])
    sign_up_step("BO@example.com", ["daily"])
    answer = _press(link)
    assert (answer.status_code, "has a subscription already" in answer.content.decode()) == (409, True)
    ada.refresh_from_db()
    assert (ada.email, Notice.objects.filter(kind="moved").count()) == ("ada@example.com", 0)


@pytest.mark.parametrize("email", ["", "no-address", "two@example.com, three@example.com", "a@example.com\r\nBcc: b@example.com"])
def test_what_is_no_address_is_said_to_be_none(ada: Reader, ask: Callable[..., Any], email: str) -> None:
    answer = ask(ada, email)
    assert (answer.status_code, "That was not saved" in answer.content.decode()) == (422, True)
    assert not Notice.objects.filter(kind="address").exists()


def test_only_the_address_given_last_can_become_the_reader_s(ada: Reader, ask: Callable[..., Any],
                                                             box: Callable[[], list[Any]]) -> None:
    ask(ada, "slip@example.com")
    first = _link_in(box()[-1])
    ask(ada, "right@example.com")
    second = _link_in(box()[-1])
    answer = _press(first)
    assert (answer.status_code, "has been used, or is too old" in answer.content.decode()) == (410, True)
    assert _press(second).status_code == 200
    ada.refresh_from_db()
    assert ada.email == "right@example.com"
    assert _press(first).status_code == 410, "after the move too"


def test_a_mailbox_is_asked_once_a_day_and_its_link_holds_again(ada: Reader, ask: Callable[..., Any],
                                                                box: Callable[[], list[Any]]) -> None:
    ask(ada, "new@example.com")
    ask(ada, "other@example.com")
    ask(ada, "NEW@example.com")
    letters = box()
    assert [mail["To"] for mail in letters] == ["NEW@example.com"], "and the one that is no longer meant is not sent"
    assert _press(_link_in(letters[0])).status_code == 200


def test_of_two_spellings_of_a_mailbox_the_last_one_gets_the_mail(ada: Reader, ask: Callable[..., Any],
                                                                  box: Callable[[], list[Any]]) -> None:
    ask(ada, "a+1@gmail.com")
    link = _link_in(box()[-1])
    ask(ada, "a+2@gmail.com")
    page = Client().get(link)
    assert ("a+2@gmail.com" in page.content.decode(), "a+1@gmail.com" in page.content.decode()) == (True, False)
    assert "a+2@gmail.com" in _press(link, page).content.decode()
    ada.refresh_from_db()
    assert (ada.email, ada.mailbox) == ("a+2@gmail.com", "a@gmail.com")
    assert [mail["To"] for mail in box()] == ["a+1@gmail.com", "ada@example.com"], "no second letter to the mailbox"


def test_a_button_moves_nothing_to_an_address_its_page_did_not_show(ada: Reader, ask: Callable[..., Any],
                                                                    box: Callable[[], list[Any]]) -> None:
    ask(ada, "a+1@gmail.com")
    link = _link_in(box()[-1])
    page = Client().get(link)
    ask(ada, "a+2@gmail.com")
    for answer in (_press(link, page), Client().post(link)):
        words = answer.content.decode()
        assert (answer.status_code, "Nothing is changed yet" in words, "a+2@gmail.com" in words) == (409, True, True)
        ada.refresh_from_db()
        assert ada.email == "ada@example.com"
    assert _press(link, answer).status_code == 200, "the page is shown again, and its button holds"
    ada.refresh_from_db()
    assert ada.email == "a+2@gmail.com"


def test_a_reader_cannot_have_many_strangers_asked(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]]) -> None:
    for number in range(3):
        assert "Saved" in ask(ada, f"n{number}@example.com").content.decode()
    answer = ask(ada, "n3@example.com")
    assert (answer.status_code, "try again tomorrow" in answer.content.decode()) == (422, True)
    assert "Saved" in ask(ada, "n2@example.com").content.decode(), "one that was asked may be given again"
    assert [mail["To"] for mail in box()] == ["n2@example.com"]
    Notice.objects.filter(kind="address").delete()
    assert "Saved" in ask(ada, "n3@example.com").content.decode()


def test_a_letter_that_was_not_sent_since_another_was_asked_is_owed_again(ada: Reader, ask: Callable[..., Any],
                                                                          box: Callable[[], list[Any]]) -> None:
    ask(ada, "first@example.com")
    ask(ada, "second@example.com")
    assert [mail["To"] for mail in box()] == ["second@example.com"]
    ask(ada, "first@example.com")
    assert [mail["To"] for mail in box()] == ["second@example.com", "first@example.com"]


def test_the_link_ends_after_seven_days(ada: Reader, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ask(ada, "new@example.com")
    with monkeypatch.context() as patch:
        patch.setattr("django.core.signing.time.time", lambda: (timezone.now() - timedelta(days=8)).timestamp())
        link = _path(address_url(ada.pk, Notice.objects.get(kind="address").pk))
    for answer in (Client().get(link), _press(link)):
        assert (answer.status_code, "too old" in answer.content.decode()) == (410, True)
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"


def test_a_link_is_bound_to_reader_and_purpose(ada: Reader, ask: Callable[..., Any]) -> None:
    ask(ada, "new@example.com")
    notice = Notice.objects.get(kind="address")
    other = Reader.objects.create(email="bo@example.com", email_key="bo@example.com")
    welcome = Notice.objects.get(kind="welcome")
    for token in (sign_link("address", reader=other.pk, notice=notice.pk), sign_link("address", reader=ada.pk, notice=welcome.pk),
                  sign_link("confirm", reader=ada.pk, notice=notice.pk), sign_link("preferences", reader=ada.pk), "damaged"):
        assert _press(f"/address/{token}/").status_code == 404
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"


def test_after_erasure_nothing_of_a_move_is_left(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]]) -> None:
    ask(ada, "new@example.com")
    link = _link_in(box()[-1])
    _press(link)
    ask(Reader.objects.get(), "newer@example.com")
    assert Notice.objects.filter(kind__in=["address", "moved"]).count() == 3
    erase("new@example.com")
    assert not Notice.objects.exists()
    assert _press(link).status_code == 404


def test_who_is_unreachable_moves_and_can_choose_again(ada: Reader, ask: Callable[..., Any], box: Callable[[], list[Any]],
                                                       browser: Client) -> None:
    suppress("ada@example.com", "bounce")
    ask(ada, "new@example.com")
    _press(_link_in(box()[-1]))
    assert [mail["To"] for mail in box()] == ["new@example.com"], "the old mailbox is not written to"
    assert Subscription.objects.get().state == "suppressed", "moving by itself begins nothing"
    page = browser.get(_path(preferences_url(ada.pk))).content.decode()
    assert 'id="newsletters"' in page


def test_a_late_bounce_of_the_old_mailbox_does_not_silence_the_new_one(ada: Reader, ask: Callable[..., Any],
                                                                       box: Callable[[], list[Any]]) -> None:
    issue = Issue.objects.create(newsletter="daily", period="2026-11-23", subject="S", state="sent", window_start=NOW,
                                 window_end=NOW)
    delivery = Delivery.objects.create(issue=issue, reader=ada, state="accepted")
    ask(ada, "new@example.com")
    _press(_link_in(box()[-1]))
    apply_events([Event("bounced", delivery.pk, "e1", NOW, email="ada@example.com")])
    assert (is_suppressed("ada@example.com"), is_suppressed("new@example.com")) == (True, False)
    assert Subscription.objects.get().state == "confirmed"


def test_what_lies_in_the_old_mailbox_shows_nothing_more_and_still_leaves(ada: Reader, ask: Callable[..., Any],
                                                                          box: Callable[[], list[Any]],
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the old mailbox now, an employer or whom the provider gave it to, does not learn where the reader went."""
    Reader.objects.update(created_at=timezone.now() - timedelta(days=9))
    letter = Notice.objects.create(kind="confirm", key="confirm:old", reader=ada, created_at=timezone.now() - timedelta(days=9),
                                   details={"rounds": {"daily": 1}, "partners": False, "tracking": False, "shown": {}})
    with monkeypatch.context() as patch:
        patch.setattr("django.core.signing.time.time", lambda: (timezone.now() - timedelta(days=2)).timestamp())
        old = [_path(preferences_url(ada.pk)), _path(confirm_url(letter.pk))]
        leave = _path(unsubscribe_url(ada.pk, "daily"))
    assert [Client().get(path).status_code for path in old] == [200, 200]
    ask(ada, "new@example.com")
    page = _press(_link_in(box()[-1])).content.decode()
    for path in old:
        answer = Client().get(path)
        assert (answer.status_code, "new@example.com" in answer.content.decode()) == (404, False)
        assert "has been changed since" in answer.content.decode()
    assert Client().get(re.search(r'"(/preferences/[^"]+|http[^"]+/preferences/[^"]+)"', page)[1]).status_code == 200
    assert Client().post(leave).status_code == 200
    assert Subscription.objects.get(newsletter="daily").state == "left"


def test_my_data_does_not_tell_whether_another_address_is_written_to(ada: Reader, ask: Callable[..., Any],
                                                                     box: Callable[[], list[Any]], browser: Client) -> None:
    def my_data() -> str:
        return browser.get(_path(preferences_url(ada.pk)) + "data/").content.decode()

    suppress("gone@example.com", "erased")
    told = []
    for address in ("gone@example.com", "free@example.com"):
        ask(ada, address)
        box()
        told.append(next({key: one[key] for key in one if key not in ("owed_since", "to")}
                         for one in json.loads(my_data())["letters"] if one["to"] == address))
    assert told[0] == told[1]
