"""Signing in: the throttle, the one-time link, passwords, and where one lands."""

import time
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from worker.storage.models import Editor
from worker.web.newsroom.entry import BY_LINK, BY_LINK_SECONDS, make_entry_link

PASSWORD = "correct horse battery"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _newsroom(editorial_file: object) -> None:
    """The pages name the publisher."""


def _sign_in(client: Client, email: str, password: str = PASSWORD, **more: str):
    return client.post("/desk/sign-in/", {"email": email, "password": password, **more})


def test_an_editor_signs_in_whatever_the_case_of_the_address(editor: Editor) -> None:
    client = Client()
    answer = _sign_in(client, "Editor@Example.COM")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/desk/")
    assert client.get("/desk/").status_code == 200


def test_a_wrong_password_says_so_and_signs_nobody_in(editor: Editor) -> None:
    client = Client()
    answer = _sign_in(client, editor.email, "wrong")
    assert answer.status_code == 422
    assert "do not belong together" in answer.text
    assert client.get("/desk/").status_code == 302


def test_an_unknown_address_gets_the_same_answer_as_a_wrong_password(editor: Editor) -> None:
    known, unknown = (_sign_in(Client(), email, "wrong") for email in (editor.email, "nobody@example.com"))
    assert known.status_code == unknown.status_code
    assert "do not belong together" in unknown.text


def test_after_too_many_failures_even_the_right_password_waits(editor: Editor, approver: Editor) -> None:
    client = Client()
    spellings = [editor.email, editor.email.upper()]
    for attempt in range(settings.AXES_FAILURE_LIMIT):
        answer = _sign_in(client, spellings[attempt % 2], "wrong")
    assert answer.status_code == 429
    answer = _sign_in(client, editor.email)
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert client.get("/desk/").status_code == 302
    assert _sign_in(Client(), approver.email).status_code == 302, "others are not shut out with them"


def test_failures_from_many_addresses_of_one_ipv6_network_count_as_one(editor: Editor) -> None:
    known = {"email": editor.email, "password": "wrong"}
    codes = [Client(REMOTE_ADDR=f"2001:db8:1:2::{n + 1:x}").post("/desk/sign-in/", known).status_code
             for n in range(settings.AXES_FAILURE_LIMIT + 1)]
    assert codes[-2:] == [429, 429]
    assert Client(REMOTE_ADDR="2001:db8:1:3::1").post("/desk/sign-in/", known).status_code == 422, "another network is not shut out"


def test_an_editor_who_left_cannot_sign_in(editor: Editor) -> None:
    Editor.objects.filter(pk=editor.pk).update(is_active=False)
    assert _sign_in(Client(), editor.email).status_code == 422


@pytest.mark.parametrize(("asked", "landed"), [
    ("/desk/feeds/", "/desk/feeds/"), ("https://evil.example/", "/desk/"), ("//evil.example/", "/desk/"),
    ("javascript:alert(1)", "/desk/"), ("/\\evil.example", "/desk/"), ("abc", "/desk/"), ("?page=2", "/desk/"),
])
def test_signing_in_leads_on_within_the_site_only(editor: Editor, asked: str, landed: str) -> None:
    client = Client()
    assert _sign_in(client, editor.email, next=asked).headers["Location"] == landed
    assert client.get("/desk/sign-in/", {"next": asked}).headers["Location"] == landed, "who is signed in is led on as well"


def test_signing_out_takes_a_post(editor: Editor) -> None:
    client = Client()
    _sign_in(client, editor.email)
    assert client.get("/desk/sign-out/").status_code == 405
    client.post("/desk/sign-out/")
    assert client.get("/desk/").status_code == 302


def test_a_link_signs_in_once() -> None:
    newcomer = Editor.objects.create_user("new@example.com")
    link = make_entry_link(newcomer)
    assert link.startswith(settings.BASE_URL + "/desk/enter/")
    path = urlsplit(link).path
    first, second = Client(), Client()
    assert "Sign in as new@example.com" in first.get(path).text
    assert first.get("/desk/").status_code == 302, "a scanner that opens the link has not used it"
    assert first.post(path).headers["Location"] == "/desk/account/"
    assert first.get("/desk/").status_code == 200
    for answer in (second.get(path), second.post(path)):
        assert answer.status_code == 410
        assert "no longer works" in answer.text
    assert second.get("/desk/").status_code == 302


def test_a_link_used_in_the_second_it_was_made_does_not_work_twice(editor: Editor) -> None:
    first = Client()
    _sign_in(first, editor.email)
    editor.refresh_from_db()
    path = urlsplit(make_entry_link(editor)).path
    assert Client().post(path).status_code == 302
    assert Client().post(path).status_code == 410


@pytest.mark.parametrize("path", [
    "/desk/enter/MQ/abc-def/", "/desk/enter/!!/x/", "/desk/enter/OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5/a-b/",
    "/desk/enter/w6k/a-b/",
])
def test_a_made_up_link_gets_the_same_friendly_page(editor: Editor, path: str) -> None:
    for answer in (Client().get(path), Client().post(path)):
        assert answer.status_code == 410
        assert "no longer works" in answer.text


def test_the_link_of_an_editor_who_left_is_dead(editor: Editor) -> None:
    path = urlsplit(make_entry_link(editor)).path
    Editor.objects.filter(pk=editor.pk).update(is_active=False)
    assert Client().post(path).status_code == 410


def test_who_came_by_link_chooses_a_password_and_comes_back_with_it() -> None:
    newcomer = Editor.objects.create_user("new@example.com")
    client = Client()
    client.post(urlsplit(make_entry_link(newcomer)).path)
    weak = client.post("/desk/account/", {"new_password1": "short", "new_password2": "short"})
    assert weak.status_code == 422
    chosen = "a long and quiet harbour"
    assert client.post("/desk/account/", {"new_password1": chosen, "new_password2": chosen}).status_code == 302
    assert client.get("/desk/").status_code == 200, "this session goes on"
    assert _sign_in(Client(), "new@example.com", chosen).status_code == 302


def test_an_hour_after_a_link_the_old_password_is_asked_for_again(editor: Editor) -> None:
    client = Client()
    client.post(urlsplit(make_entry_link(editor)).path)
    new = {"new_password1": "a long and quiet harbour", "new_password2": "a long and quiet harbour"}
    assert "old_password" not in client.get("/desk/account/").text
    session = client.session
    session[BY_LINK] = int(time.time()) - BY_LINK_SECONDS
    session.save()
    assert client.post("/desk/account/", new).status_code == 422
    assert client.post("/desk/account/second-factor/").status_code == 422
    assert client.post("/desk/account/", {"old_password": PASSWORD, **new}).status_code == 302


def test_changing_a_password_needs_the_old_one_and_ends_other_sessions(editor: Editor) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        _sign_in(client, editor.email)
    new = {"new_password1": "a long and quiet harbour", "new_password2": "a long and quiet harbour"}
    assert here.post("/desk/account/", new).status_code == 422
    assert here.post("/desk/account/", {"old_password": PASSWORD, **new}).status_code == 302
    assert here.get("/desk/").status_code == 200
    assert elsewhere.get("/desk/").status_code == 302


def test_a_form_from_elsewhere_is_refused_in_words(editor: Editor) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = _sign_in(client, editor.email)
    assert answer.status_code == 403
    assert "Please send that again" in answer.text
    token = client.get("/desk/sign-in/").context["csrf_token"]
    assert _sign_in(client, editor.email, csrfmiddlewaretoken=str(token)).status_code == 302
