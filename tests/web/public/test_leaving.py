"""Leaving with one click as mail providers do it, and the preferences as a person does."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from worker.readers.links import preferences_url, read_link, sign_link, unsubscribe_url
from worker.storage.models import Consent, Reader, Subscription, Suppression

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
        return provider.post(path)
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


def test_looking_does_not_leave(ada: Reader, browser: Client) -> None:
    path = _path(unsubscribe_url(ada.pk, "daily"))
    assert "Daily" in browser.get(path).content.decode()
    browser.head(path)
    assert _state() == "confirmed"


def test_a_person_presses_the_button_and_can_take_it_back(ada: Reader, browser: Client) -> None:
    page = browser.post(_path(unsubscribe_url(ada.pk, "daily"))).content.decode()
    assert "You have left Daily" in page
    assert "/preferences/" in page
    assert _state() == "left"


@pytest.mark.parametrize("purpose", ["confirm", "preferences"])
def test_a_link_of_another_purpose_leaves_nothing(ada: Reader, purpose: Any) -> None:
    token = sign_link(purpose, reader=ada.pk, newsletter="daily")
    assert _post(f"/unsubscribe/{token}/", "urlencoded").status_code == 200
    assert _state() == "confirmed"


def test_an_unsubscribe_that_was_not_recorded_is_not_called_done(ada: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the database is gone")

    monkeypatch.setattr("worker.web.public.leaving.leave", broken)
    answer = _post(_path(unsubscribe_url(ada.pk, "daily")), "urlencoded")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")


def test_other_methods_are_refused(ada: Reader, browser: Client) -> None:
    assert browser.put(_path(unsubscribe_url(ada.pk, "daily"))).status_code == 405
    assert _state() == "confirmed"


def test_choices_are_shown_and_changed(ada: Reader, browser: Client, fill_in: Callable[..., Any]) -> None:
    path = _path(preferences_url(ada.pk))
    answer = fill_in(path, newsletters=["daily", "aitrends"], partners="on")
    assert (answer.status_code, answer.headers["Location"]) == (302, path + "?saved=1")
    assert "Saved" in browser.get(answer.headers["Location"]).content.decode()
    ada.refresh_from_db()
    assert (_state(), _state("aitrends"), ada.partners, ada.tracking) == ("confirmed", "confirmed", True, False)
    fill_in(path, newsletters=["aitrends"])
    ada.refresh_from_db()
    assert (_state(), _state("aitrends"), ada.partners) == ("left", "confirmed", False)
    fill_in(path, leave="all")
    assert (_state(), _state("aitrends")) == ("left", "left")


def test_changing_needs_the_page_s_own_form(ada: Reader, browser: Client) -> None:
    path = _path(preferences_url(ada.pk))
    assert browser.post(path, {"leave": "all"}).status_code == 403
    assert browser.post(path + "erase/").status_code == 403
    assert _state() == "confirmed"


def test_a_newsletter_that_does_not_exist_changes_nothing(ada: Reader, fill_in: Callable[..., Any]) -> None:
    answer = fill_in(_path(preferences_url(ada.pk)), newsletters=["weekly"], tracking="on")
    assert answer.status_code == 422
    assert _state() == "confirmed"
    ada.refresh_from_db()
    assert not ada.tracking


def test_a_newsletter_that_ended_can_still_be_left(ada: Reader, browser: Client, fill_in: Callable[..., Any]) -> None:
    Subscription.objects.create(reader=ada, newsletter="weekly", state="confirmed")
    path = _path(preferences_url(ada.pk))
    assert "No longer published" in browser.get(path).content.decode()
    fill_in(path, newsletters=["daily", "weekly"])
    assert _state("weekly") == "confirmed"
    fill_in(path, newsletters=["daily"])
    assert _state("weekly") == "left"


def test_who_has_not_confirmed_is_told_to(sign_up: Callable[..., Any], browser: Client, fill_in: Callable[..., Any]) -> None:
    sign_up()
    path = _path(preferences_url(Reader.objects.get().pk))
    assert "not confirmed" in browser.get(path).content.decode()
    assert 'name="newsletters"' not in browser.get(path).content.decode()


def test_my_data(ada: Reader, browser: Client) -> None:
    answer = browser.get(_path(preferences_url(ada.pk)) + "data/")
    assert "attachment" in answer.headers["Content-Disposition"]
    kept = json.loads(answer.content)
    assert (kept["email"], kept["subscriptions"][0]["newsletter"]) == ("ada@example.com", "daily")


def test_erase_me(ada: Reader, browser: Client, fill_in: Callable[..., Any]) -> None:
    path = _path(preferences_url(ada.pk))
    assert "cannot be undone" in browser.get(path + "erase/").content.decode()
    assert Reader.objects.exists()
    assert "erased" in fill_in(path + "erase/").content.decode()
    assert not Reader.objects.exists()
    assert Suppression.objects.get().reason == "erased"
    for left in ("", "data/", "erase/"):
        assert browser.get(path + left).status_code == 404
    assert _post(_path(unsubscribe_url(ada.pk or 1, "daily")), "urlencoded").status_code == 200


def test_a_link_for_one_reader_shows_nothing_of_another(ada: Reader, browser: Client) -> None:
    other = Reader.objects.create(email="bo@example.com", email_key="bo@example.com")
    page = browser.get(_path(preferences_url(other.pk))).content.decode()
    assert ("bo@example.com" in page, "ada@example.com" in page) == (True, False)
    assert read_link("preferences", _path(preferences_url(other.pk)).split("/")[2]) == {"reader": other.pk}
