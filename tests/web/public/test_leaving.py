"""Leaving with one click as mail providers do it (RFC 8058), and with a button as a person does, who may undo it and say why."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from tests.delivery.press import build_issue, states_of
from tests.web.troubles import database_gone, database_locked
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.deliver import deliver_batch
from worker.delivery.senders import open_sender
from worker.readers.links import sign_link, undo_url, unsubscribe_url
from worker.readers.suppress import suppress
from worker.readers.terms import publish_terms
from worker.storage.models import Consent, Departure, Reader, Subscription

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def _state(newsletter: str = "daily") -> str:
    return Subscription.objects.get(newsletter=newsletter).state


def _post(path: str, kind: str) -> Any:
    """Post as a mail provider does: a fresh client, no cookie, no CSRF token."""
    provider = Client(enforce_csrf_checks=True)
    if kind == "urlencoded":
        return provider.post(path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    if kind == "multipart":
        return provider.post(path, ONE_CLICK)
    if kind == "empty":
        return provider.post(path, b"", content_type="application/x-www-form-urlencoded")  # as a browser sends a button alone
    return provider.post(path, b"\xff\x00 nonsense", content_type="multipart/form-data; boundary=")


@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "empty", "broken"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_one_post_leaves_at_once(ada: Reader, kind: str, slash: str) -> None:
    answer = _post(_path(unsubscribe_url(ada.pk, "daily")).rstrip("/") + slash, kind)
    assert (answer.status_code, answer.cookies) == (200, {})
    assert _state() == "left"
    row = Consent.objects.get(action="withdrawn")
    assert row.method == ("one-click" if kind in ("urlencoded", "multipart") else "unsubscribe page")


def test_repeats_and_unknown_links_are_answered_alike(ada: Reader) -> None:
    path = _path(unsubscribe_url(ada.pk, "daily"))
    for _ in range(3):
        assert _post(path, "urlencoded").status_code == 200
    assert Consent.objects.filter(action="withdrawn").count() == 1
    for token in (sign_link("unsubscribe", reader=10**9, newsletter="daily"), "damaged", "a.b.c", "x" * 2000,
                  sign_link("unsubscribe", reader=ada.pk, newsletter="no-longer-there")):
        assert _post(f"/unsubscribe/{token}/", "urlencoded").status_code == 200


def test_who_gets_no_mail_any_more_can_still_say_that_they_leave(ada: Reader) -> None:
    suppress(ada.email, "bounce")
    for kind in ("urlencoded", "empty"):
        answer = _post(_path(unsubscribe_url(ada.pk, "daily")), kind)
        assert (answer.status_code, "Undo" in answer.content.decode()) == (200, False)
    assert _state() == "suppressed"
    assert Consent.objects.get(action="withdrawn").method == "one-click"


def test_a_complaint_has_said_it_already(ada: Reader) -> None:
    suppress(ada.email, "complaint")
    assert _post(_path(unsubscribe_url(ada.pk, "daily")), "urlencoded").status_code == 200
    assert Consent.objects.get(action="withdrawn").method == "complaint"


def test_a_link_that_a_slow_clock_signed_leaves_all_the_same(ada: Reader) -> None:
    """By the clock of the machine that wrote the mail the reader's row, which another one made, is still to come."""
    path = _path(unsubscribe_url(ada.pk, "daily"))
    Reader.objects.update(created_at=timezone.now() + timedelta(hours=3))
    assert _post(path, "urlencoded").status_code == 200
    assert _state() == "left"


def test_looking_does_not_leave(ada: Reader, browser: Client) -> None:
    path = _path(unsubscribe_url(ada.pk, "daily"))
    assert "Daily" in browser.get(path).content.decode()
    browser.head(path)
    assert _state() == "confirmed"


@pytest.mark.parametrize("purpose", ["confirm", "preferences", "undo", "address"])
def test_a_link_of_another_purpose_leaves_nothing(ada: Reader, purpose: Any) -> None:
    token = sign_link(purpose, reader=ada.pk, newsletter="daily")
    assert _post(f"/unsubscribe/{token}/", "urlencoded").status_code == 200
    assert _state() == "confirmed"


def test_other_methods_are_refused(ada: Reader, browser: Client) -> None:
    assert browser.put(_path(unsubscribe_url(ada.pk, "daily"))).status_code == 405
    assert _state() == "confirmed"




@pytest.mark.parametrize("proxy_says", [{}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "http"}])
@pytest.mark.parametrize("trusts", [True, False])
def test_one_click_behind_a_proxy_with_tls_is_never_redirected(ada: Reader, settings: Any, proxy_says: dict[str, str],
                                                               trusts: bool) -> None:
    path = _path(unsubscribe_url(ada.pk, "daily"))
    settings.SECURE_SSL_REDIRECT = True  # as with BASE_URL=https://...; the proxy speaks plain HTTP to us
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusts else None
    answer = Client(enforce_csrf_checks=True, headers=proxy_says).post(path, ONE_CLICK)
    assert (answer.status_code, answer.cookies, _state()) == (200, {}, "left")


def test_leaving_needs_no_queue(ada: Reader, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert _post(_path(unsubscribe_url(ada.pk, "daily")), "urlencoded").status_code == 200
    assert _state() == "left"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", [database_gone, database_locked])
def test_an_unsubscribe_that_was_not_recorded_is_not_called_done(
    transactional_db: None, editorial_file: Path, trouble: Callable[[], Any]
) -> None:
    publish_terms()
    ada = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    Subscription.objects.create(reader=ada, newsletter="daily", state="confirmed", confirmed_at=timezone.now())
    path = _path(unsubscribe_url(ada.pk, "daily"))
    with trouble():
        for kind in ("urlencoded", "multipart", "empty"):
            answer = _post(path, kind)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")
            assert answer.headers["Content-Type"].startswith("text/html" if kind == "empty" else "text/plain")
        assert "was not recorded" in answer.content.decode()
        assert "Try again" in answer.content.decode()
    assert _state() == "confirmed"
    assert _post(path, "urlencoded").status_code == 200, "tried again later, it is done"
    assert _state() == "left"


@pytest.mark.django_db(transaction=True)
def test_an_unsubscribe_takes_effect_before_the_next_mail_is_attempted(
    transactional_db: None, editorial_file: Path, tmp_path: Path
) -> None:
    issue_id = build_issue([f"r{n}@example.com" for n in range(4)])
    start_issue(issue_id, by="chief@example.com")
    freeze_audience(issue_id)
    sender = open_sender(f"maildir:{tmp_path / 'box'}")
    deliver_batch(issue_id, sender, limit=1)
    assert sorted(states_of(issue_id).values()) == ["accepted", "queued", "queued", "queued"]
    next_one = Reader.objects.get(email=next(email for email, state in states_of(issue_id).items() if state == "queued"))
    assert _post(_path(unsubscribe_url(next_one.pk, "aitrends")), "urlencoded").status_code == 200
    while deliver_batch(issue_id, sender, limit=1).claimed:
        pass
    assert states_of(issue_id)[next_one.email] == "cancelled"
    mails = [file.read_text() for file in (tmp_path / "box" / "new").glob("*")]
    assert len(mails) == 3
    assert not any(next_one.email in mail for mail in mails)


def _press(ada: Reader) -> str:
    """Leave Daily with the button, without a script or a cookie; return the page that follows."""
    page: str = Client(enforce_csrf_checks=True).post(_path(unsubscribe_url(ada.pk, "daily"))).content.decode()
    assert "You have left Daily" in page
    return page


def _undo_path(page: str) -> str:
    found = re.search(r'action="[^"]*(/undo/[^"]+)"', page)
    return found[1] if found else ""


def test_a_person_presses_the_button_and_undoes_it(ada: Reader) -> None:
    before = Consent.objects.get(action="given", purpose="newsletter")
    confirmed_at = Subscription.objects.get().confirmed_at
    undo = _undo_path(_press(ada))
    assert _state() == "left"
    assert "Come back to Daily" in Client().get(undo).content.decode()
    assert _state() == "left", "looking brings nobody back"
    answer = Client(enforce_csrf_checks=True).post(undo)
    assert (answer.status_code, "You are back" in answer.content.decode(), _state()) == (200, True, "confirmed")
    given = Consent.objects.filter(action="given", purpose="newsletter").last()
    assert given is not None
    assert (given.method, given.newsletter, given.version, given.wording_sha256) == (
        "undo", "daily", before.version, before.wording_sha256)
    assert (Subscription.objects.get().confirmed_at, Subscription.objects.get().left_at) == (confirmed_at, None)


def test_undo_works_once(ada: Reader) -> None:
    undo = _undo_path(_press(ada))
    for _ in range(2):
        assert Client().post(undo).status_code == 200
    assert Consent.objects.filter(method="undo").count() == 1
    again = _undo_path(_press(ada))
    assert again != undo
    answer = Client().post(undo)
    assert (answer.status_code, "too late" in answer.content.decode(), _state()) == (410, True, "left")


def test_a_second_press_still_offers_to_undo(ada: Reader) -> None:
    _press(ada)
    assert Client().post(_undo_path(_press(ada))).status_code == 200
    assert _state() == "confirmed"


def test_the_link_that_stands_in_a_mails_headers_opens_nothing_but_the_way_out(ada: Reader) -> None:
    left = _press(ada)
    back = Client().post(_undo_path(left))
    assert back.status_code == 200
    assert "/preferences/" not in left + back.content.decode()


def test_undo_ends_with_the_hour(ada: Reader) -> None:
    undo = _undo_path(_press(ada))
    Subscription.objects.update(left_at=timezone.now() - timedelta(minutes=61))
    answer = Client().post(undo)
    assert (answer.status_code, _state()) == (410, "left")
    again = _press(ada)
    assert _undo_path(again) == "", "it is not offered any more either"


def test_an_old_undo_link_is_too_late_in_words(ada: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    Reader.objects.update(created_at=timezone.now() - timedelta(hours=2))
    with monkeypatch.context() as patch:
        patch.setattr("django.core.signing.time.time", lambda: timezone.now().timestamp() - 3700)
        undo = _undo_path(_press(ada))
    for answer in (Client().get(undo), Client().post(undo)):
        assert (answer.status_code, "too late" in answer.content.decode()) == (410, True)
    assert _state() == "left"


def test_undo_confirms_nothing_that_was_only_asked_for(ada: Reader, sign_up: Callable[..., Any]) -> None:
    Subscription.objects.update(state="pending", asked_at=timezone.now() + timedelta(seconds=1))
    assert _undo_path(_press(ada)) == ""
    row = Subscription.objects.get()
    assert Client().post(_path(undo_url(ada.pk, "daily", row.confirm_round))).status_code == 410
    assert _state() == "left"


def test_undo_brings_back_nobody_who_must_not_be_written_to(ada: Reader) -> None:
    undo = _undo_path(_press(ada))
    suppress("ada@example.com", "complaint")
    assert Client().post(undo).status_code == 410
    assert _state() == "left"


@pytest.mark.parametrize("purpose", ["unsubscribe", "confirm", "preferences", "address"])
def test_no_other_link_undoes(ada: Reader, purpose: Any) -> None:
    _press(ada)
    number = Subscription.objects.get().confirm_round
    token = sign_link(purpose, reader=ada.pk, newsletter="daily", round=number, notice=1)
    assert Client().post(f"/undo/{token}/").status_code == 404
    assert _state() == "left"


def _tell(ada: Reader, **fields: str) -> Any:
    return Client(enforce_csrf_checks=True).post(_path(unsubscribe_url(ada.pk, "daily")) + "reason/", fields)


def test_who_left_may_say_why_and_nothing_says_who_it_was(ada: Reader) -> None:
    assert "You need not" in _press(ada)
    answer = _tell(ada, reason="too-often", words=" Every day\r\nis\x00 too much. ")
    assert (answer.status_code, "Thank you" in answer.content.decode()) == (200, True)
    row = Departure.objects.get()
    assert (row.newsletter, row.reason, row.words) == ("daily", "too-often", "Every day is too much.")
    assert (row.at.hour, row.at.minute, row.at.second, row.at.microsecond) == (0, 0, 0, 0), "no time to lay beside another"
    assert not {str(ada.pk), "ada"} & set(re.split(r"\W", f"{row.words} {row.key}"))
    _tell(ada, reason="other")
    assert list(Departure.objects.values_list("reason", "words")) == [("other", "")], "two presses are one row"
    Client().post(_undo_path(_press(ada)))
    _press(ada)
    _tell(ada, reason="quality")
    assert Departure.objects.count() == 2, "leaving again is another departure"


@pytest.mark.parametrize("fields", [{}, {"reason": ""}, {"reason": "nonsense"}, {"words": "only words"}])
def test_a_reason_that_is_none_is_asked_for_again(ada: Reader, fields: dict[str, str]) -> None:
    _press(ada)
    answer = _tell(ada, **fields)
    assert (answer.status_code, Departure.objects.count()) == (422, 0)
    assert fields.get("words", "") in answer.content.decode()


def test_words_are_kept_up_to_five_hundred_characters(ada: Reader) -> None:
    _press(ada)
    _tell(ada, reason="other", words="ж" * 600)
    assert Departure.objects.get().words == "ж" * 500


def test_a_reason_counts_only_from_somebody_who_left_just_now(ada: Reader) -> None:
    assert _tell(ada, reason="other").status_code == 200
    _press(ada)
    Subscription.objects.update(left_at=F("left_at") - timedelta(days=2))
    assert _tell(ada, reason="other").status_code == 200
    assert not Departure.objects.exists()
    assert Client().post("/unsubscribe/damaged/reason/", {"reason": "other"}).status_code == 404
