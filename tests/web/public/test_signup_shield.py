"""What keeps sign-up from being used against people: limits, the same answer for all, hasty and hidden fields, spellings."""

import contextlib
import json
import re
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests.audit import time_machine
from tests.confirming import confirm
from worker import tasks
from worker.readers.links import sign_link
from worker.readers.subscribe import decide_sign_ups
from worker.readers.suppress import suppress
from worker.storage.models import AuditEntry, Notice, Reader, SignUp

pytestmark = pytest.mark.usefixtures("fresh_counts")
DEAD = "redis://127.0.0.1:9/0"


@pytest.mark.parametrize("url", ["", DEAD, "valkey"])
def test_a_network_that_signs_up_too_many_is_asked_to_wait(send: Callable[..., Any], settings: Any, unhurried: None, url: str,
                                                           redis_url: str) -> None:
    """With Redis, with a dead one, and without any: the limit holds."""
    settings.REDIS_URL = redis_url if url == "valkey" else url
    settings.SIGNUP_NETWORK_LIMIT = 3
    answers = [send(f"a{n}@example.com") for n in range(5)]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 429, 429]
    assert answers[-1].headers["Retry-After"] == "3600"
    assert "Too many sign-ups came from your network" in answers[-1].content.decode()
    assert 'value="a4@example.com"' in answers[-1].content.decode(), "what was typed is not lost"
    assert SignUp.objects.count() == 3
    assert send("b@example.com", "192.0.2.2").status_code == 303, "another network is not held up"
    assert send("c@example.com", "2001:db8:1:2::1").status_code == 303


def test_a_redis_that_takes_calls_and_never_answers_loses_no_sign_up(
    send: Callable[..., Any], settings: Any, unhurried: None, monkeypatch: pytest.MonkeyPatch, finish_nudges: Callable[[], None]
) -> None:
    """Counting and waking the worker each try it once; then it is left alone, and the next visitors do not wait for it."""
    monkeypatch.setattr(tasks, "_silent_until", 0.0)
    monkeypatch.setattr(tasks, "NUDGE_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        for email in ("first@example.com", "second@example.com"):
            assert send(email).status_code == 303
            finish_nudges()
        assert count_calls(silent) == 2
    assert decide_sign_ups() == 2
    assert set(Reader.objects.values_list("email", flat=True)) == {"first@example.com", "second@example.com"}


def count_calls(server: socket.socket) -> int:
    """Return how many connections were made to a server that accepted none of them so far."""
    calls = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            calls += 1
    return calls


def test_a_flood_closes_the_form_and_raises_one_alarm(send: Callable[..., Any], settings: Any, unhurried: None,
                                                       editor: Any) -> None:
    settings.SIGNUP_TOTAL_LIMIT = 2
    codes = [send(f"a{n}@example.com", f"192.0.2.{n}").status_code for n in range(5)]
    assert codes == [303, 303, 503, 503, 503]
    alarm = AuditEntry.objects.get(actor="sign-up")
    assert alarm.detail["limit"] == 2
    desk = Client()
    desk.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    assert "A flood of sign-ups" in desk.get("/desk/").content.decode()
    with time_machine():
        AuditEntry.objects.update(at=alarm.at - timedelta(days=2))
    assert "A flood of sign-ups" not in desk.get("/desk/").content.decode()


def test_a_form_sent_within_a_blink_counts_five_times(send: Callable[..., Any], settings: Any) -> None:
    settings.SIGNUP_NETWORK_LIMIT = 11
    assert [send(f"a{n}@example.com").status_code for n in range(3)] == [303, 303, 429]


def test_nothing_tells_a_known_address_from_a_stranger(send: Callable[..., Any], unhurried: None, settings: Any,
                                                       django_assert_num_queries: Any) -> None:
    """Known, confirmed, suppressed, erased, blocked, new: the same bytes after the same one statement."""
    settings.SIGNUP_BLOCKED_DOMAINS = ["throwaway.example"]
    send("reader@example.com")
    decide_sign_ups()
    confirm(sign_link("confirm", notice=Notice.objects.get().pk))
    send("pending@example.com")
    decide_sign_ups()
    for reason in ("bounce", "complaint", "erased"):
        suppress(f"{reason}@example.com", reason)
    answers = set()
    for email in ("reader@example.com", "pending@example.com", "bounce@example.com", "complaint@example.com", "erased@example.com",
                  "who@throwaway.example", "who@mail.throwaway.example", "new@example.com"):
        with django_assert_num_queries(1):
            answer = send(email)
        answers.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
    assert len(answers) == 1
    decide_sign_ups()
    assert set(Reader.objects.values_list("email", flat=True)) == {"reader@example.com", "pending@example.com", "new@example.com"}
    assert Notice.objects.filter(kind="confirm").count() == 3


def test_one_confirmation_a_day_in_all_spellings_of_a_mailbox(send: Callable[..., Any], unhurried: None) -> None:
    for email in ("ada.o@gmail.com", "ADAO@gmail.com", "a.d.a.o+news@googlemail.com", "adao+2@gmail.com"):
        assert send(email).status_code == 303
    decide_sign_ups()
    assert Notice.objects.filter(kind="confirm").count() == 1
    assert Reader.objects.get().email == "ada.o@gmail.com"


def test_a_misspelt_provider_is_asked_about_once(send: Callable[..., Any], unhurried: None) -> None:
    asked = send("ada@gmial.com")
    page = asked.content.decode()
    assert asked.status_code == 422
    assert "Did you mean ada@gmail.com?" in page
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert send("ada@gmial.com", spelling=hidden["spelling"]).status_code == 303, "sent again, it is kept as it is"
    assert send("bob@gmial.com", spelling=hidden["spelling"]).status_code == 422


@pytest.mark.parametrize("typed", ["ada@bücher.example", "ada@xn--bcher-kva.example", "ADA@BÜCHER.example"])
def test_an_international_address_is_one_however_it_is_written(send: Callable[..., Any], unhurried: None, typed: str) -> None:
    send(typed)
    decide_sign_ups()
    assert Reader.objects.get().email_key == "ada@xn--bcher-kva.example"


def ask_json(method: str = "post", body: Any = None, **headers: str) -> Any:
    client = Client(enforce_csrf_checks=True)
    if method == "get":
        return client.get("/subscribe/", headers={"Accept": "application/json", **headers})
    return client.post("/subscribe/", body if isinstance(body, str) else json.dumps(body), content_type="application/json",
                       headers=headers)


def test_a_program_signs_up_by_the_same_rules(terms: Any, unhurried: None) -> None:
    offer = ask_json("get").json()
    assert [one["key"] for one in offer["newsletters"]] == ["aitrends", "daily"]
    assert offer["topics"] == [{"key": "labs", "name": "Labs and their models"}]
    assert offer["wordings"]["newsletter"]["sha256"] == terms.sha256
    assert "Harbour Conferences" in offer["wordings"]["partners"]["wording"]
    wish = {"email": "ada@example.com", "newsletters": ["daily"], "topics": ["labs"], "agree": True, "tracking": True,
            "partners": False, "shown": offer["shown"]}
    answer = ask_json(body=wish, Origin="https://app.example")
    assert (answer.status_code, answer.json()) == (202, {"status": "check your inbox"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    row = SignUp.objects.get()
    assert (row.newsletters, row.topics, row.partners, row.tracking, row.form) == (["daily"], "labs", False, True, "api")


@pytest.mark.parametrize(("change", "field"), [
    ({"agree": False}, "agree"), ({"agree": None}, "agree"), ({"email": "ada"}, "email"), ({"newsletters": []}, "newsletters"),
    ({"newsletters": ["weekly"]}, "newsletters"), ({"topics": ["gossip"]}, "topics"), ({"shown": ""}, "__all__"),
    ({"shown": "made-up"}, "agree"), ({"email": "ada@gmial.com"}, "email"), ({"email": ["a@example.com", "b"]}, "email")])
def test_a_program_is_told_what_is_wrong_by_field(terms: Any, change: dict[str, Any], field: str) -> None:
    wish = {"email": "ada@example.com", "newsletters": ["daily"], "agree": True, "shown": ask_json("get").json()["shown"]}
    answer = ask_json(body=wish | change)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert answer.json().get("did_you_mean", "") == ("ada@gmail.com" if change.get("email") == "ada@gmial.com" else "")
    assert not SignUp.objects.exists()


@pytest.mark.parametrize("body", ["x", "[]", "null", '"ada"', "{", "[" * 5000])
def test_rubbish_from_a_program_is_refused(terms: Any, body: str) -> None:
    answer = ask_json(body=body)
    assert answer.status_code == 400
    assert "JSON object" in answer.json()["errors"]["body"][0]


def test_a_script_on_another_site_may_ask_first(terms: Any) -> None:
    answer = Client().options("/subscribe/", headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_sign_up_for_what_is_there_no_more_is_dropped_and_holds_nobody_up(send: Callable[..., Any], unhurried: None) -> None:
    send("first@example.com")
    SignUp.objects.update(newsletters=["gone"])
    send("second@example.com")
    assert decide_sign_ups() == 2
    assert [reader.email for reader in Reader.objects.all()] == ["second@example.com"]
    assert not SignUp.objects.exists()
