"""Where somebody is signed in: the list, the end of one or of all, and that none lasts for ever."""

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.web.newsroom.browsers import sign_in
from worker.storage.models import AuditEntry, Editor
from worker.web.newsroom.entry import make_entry_link
from worker.web.newsroom.sessions import describe_browser, end_sessions, list_sessions, shorten_network

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
          "Mobile/15E148 Safari/604.1")
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _newsroom(editorial_file: object) -> None:
    """The pages name the publisher."""


@pytest.fixture
def browsers(editor: Editor) -> list[Client]:
    """Three browsers of one person, each of which has been at the desk."""
    opened = [sign_in(editor, headers={"User-Agent": FIREFOX}),
              sign_in(editor, headers={"User-Agent": SAFARI}, REMOTE_ADDR="203.0.113.77"),
              sign_in(editor, headers={"User-Agent": "<script>alert(1)</script>"}, REMOTE_ADDR="2001:db8:1:2::3")]
    for browser in opened:
        assert browser.get("/desk/").status_code == 200
    return opened


def test_ones_own_sessions_are_listed_in_words_and_no_others(browsers: list[Client], approver: Editor) -> None:
    sign_in(approver, headers={"User-Agent": "Edg/1"}).get("/desk/")
    page = browsers[0].get("/desk/account/").text
    for words in ("Firefox on Linux", "this one", "from this machine", "Safari on an iPhone", "from 203.0.113.0/24",
                  "An unknown browser", "from 2001:db8:1::/48"):
        assert words in page
    assert "203.0.113.77" not in page
    assert "alert(1)" not in page
    assert "Edge" not in page
    assert not any(key in page for key in Session.objects.values_list("session_key", flat=True)), "what opens one is not shown"


def test_one_session_is_ended_by_its_mark(browsers: list[Client], editor: Editor) -> None:
    phone = next(one for one in list_sessions(editor.pk) if one.browser == "Safari on an iPhone")
    for _ in range(2):  # the second press finds nothing, and does no harm
        assert browsers[0].post("/desk/account/sessions/end/", {"session": phone.mark, "password": PASSWORD}).status_code == 302
    assert [browser.get("/desk/").status_code for browser in browsers] == [200, 302, 200]
    assert AuditEntry.objects.filter(action="ended own sessions").count() == 1


def test_all_the_others_are_ended(browsers: list[Client]) -> None:
    answer = browsers[1].post("/desk/account/sessions/end/", {"password": PASSWORD}, follow=True)
    assert "2 sessions ended" in answer.text
    assert [browser.get("/desk/").status_code for browser in browsers] == [302, 200, 302]


@pytest.mark.parametrize("password", ["", "wrong"])
def test_who_sits_down_at_a_browser_left_open_ends_no_other_session(browsers: list[Client], password: str) -> None:
    mark = next(one.mark for one in list_sessions(Editor.objects.get().pk) if one.browser == "Safari on an iPhone")
    for asked in ({}, {"session": mark}):
        answer = browsers[0].post("/desk/account/sessions/end/", {**asked, "password": password})
        assert (answer.status_code, "That is not your password" in answer.text) == (422, True)
    assert {browser.get("/desk/").status_code for browser in browsers} == {200}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = browsers[0].post("/desk/account/sessions/end/", {"password": password})
    assert answer.status_code == 429, "nor is the password tried out there"


def test_who_came_by_a_link_ends_the_others_without_a_password(browsers: list[Client], editor: Editor) -> None:
    here = Client()
    here.post(urlsplit(make_entry_link(Editor.objects.get(pk=editor.pk))).path)
    assert "Your own password" not in here.get("/desk/account/").text
    assert here.post("/desk/account/sessions/end/").status_code == 302
    assert {browser.get("/desk/").status_code for browser in browsers} == {302}


def test_somebody_elses_session_cannot_be_ended(browsers: list[Client], editor: Editor, approver: Editor) -> None:
    other = sign_in(approver)
    for one in list_sessions(editor.pk):
        other.post("/desk/account/sessions/end/", {"session": one.mark, "password": PASSWORD})
    other.post("/desk/account/sessions/end/", {"password": PASSWORD})
    assert {browser.get("/desk/").status_code for browser in browsers} == {200}


def test_the_session_one_is_in_ends_like_signing_out(browsers: list[Client], editor: Editor) -> None:
    here = next(one for one in list_sessions(editor.pk, browsers[0].session.session_key) if one.is_here)
    answer = browsers[0].post("/desk/account/sessions/end/", {"session": here.mark}, follow=True)
    assert answer.redirect_chain[-1][0] == "/desk/sign-in/"
    assert [browser.get("/desk/").status_code for browser in browsers] == [302, 200, 200]


def test_a_new_password_ends_the_others_and_they_leave_the_list(browsers: list[Client], editor: Editor) -> None:
    new = {"old_password": PASSWORD, "new_password1": "a long and quiet harbour", "new_password2": "a long and quiet harbour"}
    assert browsers[0].post("/desk/account/", new).status_code == 302
    assert [browser.get("/desk/").status_code for browser in browsers] == [200, 302, 302]
    assert len(list_sessions(editor.pk)) == 1


def _age(browser: Client, **seconds: int) -> None:
    session = browser.session
    session["kept"] = {**session["kept"], **{name: int(time.time()) - ago for name, ago in seconds.items()}}
    session.save()


def test_no_session_outlives_thirty_days_however_busy(browsers: list[Client]) -> None:
    _age(browsers[0], since=settings.SESSION_LONGEST_AGE - 60)
    assert browsers[0].get("/desk/").status_code == 200
    _age(browsers[0], since=settings.SESSION_LONGEST_AGE)
    answer = browsers[0].get("/desk/feeds/")
    assert answer.headers["Location"] == "/desk/sign-in/?next=/desk/feeds/"
    assert browsers[0].get("/desk/sign-in/").status_code == 200
    assert (settings.SESSION_COOKIE_AGE, settings.SESSION_LONGEST_AGE) == (12 * 3600, 30 * 24 * 3600)


def test_twelve_hours_without_use_end_it_and_use_puts_the_end_off(browsers: list[Client]) -> None:
    row = Session.objects.get(session_key=browsers[0].session.session_key)
    Session.objects.filter(pk=row.pk).update(expire_date=timezone.now() + timezone.timedelta(minutes=2))
    browsers[0].get("/desk/")
    row.refresh_from_db()
    assert row.expire_date < timezone.now() + timezone.timedelta(minutes=3), "a click within five minutes writes nothing"
    _age(browsers[0], used=301)
    Session.objects.filter(pk=row.pk).update(expire_date=timezone.now() + timezone.timedelta(minutes=2))
    answer = browsers[0].get("/desk/")
    row.refresh_from_db()
    assert row.expire_date > timezone.now() + timezone.timedelta(hours=11)
    assert answer.cookies["sessionid"]["max-age"] == 12 * 3600
    Session.objects.filter(pk=row.pk).update(expire_date=timezone.now())
    assert browsers[0].get("/desk/").status_code == 302


def test_a_request_under_way_does_not_bring_an_ended_session_back(editor: Editor) -> None:
    browser = sign_in(editor)
    browser.get("/desk/")
    session = browser.session
    assert session["kept"]  # it is read, as at the beginning of a request
    end_sessions(editor.pk)
    session["late"] = True
    with pytest.raises(UpdateError):
        session.save()
    assert browser.get("/desk/").status_code == 302


def test_visitors_have_no_sessions_to_look_through(editor: Editor) -> None:
    for page in ("/", "/desk/sign-in/", "/subscribe/", "/desk/"):
        Client().get(page)
    Client().post("/desk/sign-in/", {"email": "nobody@example.com", "password": "x"})
    assert not Session.objects.exists()


@pytest.mark.parametrize(("agent", "words"), [
    (FIREFOX, "Firefox on Linux"), (SAFARI, "Safari on an iPhone"), ("", "an unknown browser"), ("curl/8", "an unknown browser"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/126.0", "Edge on Windows"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36", "Chrome on a Mac"),
    (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36", "Chrome on Android"),
    ("something (Windows)", "a browser on Windows")])
def test_a_browser_is_named_as_its_owner_knows_it(agent: str, words: str) -> None:
    assert describe_browser(agent) == words


@pytest.mark.parametrize(("address", "network"), [
    ("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("::ffff:203.0.113.77", "203.0.113.0/24"),
    ("127.0.0.1", "this machine"), ("::1", "this machine"), (None, "")])
def test_a_network_is_shortened(address: Any, network: str) -> None:
    assert shorten_network(address) == network
