"""While the database cannot answer, every page says so with 503: to people in words, to programs in theirs. A mistake is a 500."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.confirming import confirm
from tests.web.newsroom.browsers import sign_in
from tests.web.troubles import database_gone, database_locked
from tests.wordings import publish
from worker.readers.confirm import read_confirmation
from worker.readers.leaving import leave
from worker.readers.links import (
    address_url,
    agree_url,
    confirm_url,
    preferences_url,
    sign_link,
    undo_url,
    unsubscribe_url,
)
from worker.readers.moving import ask_move
from worker.readers.subscribe import sign_up
from worker.readers.terms import box_wordings, current_terms, publish_terms, seal_shown
from worker.storage.models import Consent, Editor, Notice, Reader, SignUp, Subscription, Suppression

pytestmark = pytest.mark.django_db(transaction=True)


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


@pytest.fixture
def ada(editorial_file: Path) -> Reader:
    """Return a reader of Daily who has left AITrends this moment, and who is asked about another address and new terms."""
    publish_terms()
    sign_up("ada@example.com", ["daily", "aitrends"])
    confirm(sign_link("confirm", notice=Notice.objects.get().pk))
    reader = Reader.objects.get()
    leave(reader.pk, "aitrends", method="unsubscribe page")
    ask_move(reader.pk, "ada@example.org")
    publish("9.0", effective=timezone.now().date())
    return reader


@pytest.fixture
def forms(ada: Reader) -> dict[str, dict[str, Any]]:
    """Return the forms of the readers' pages, by path, as a browser would send them."""
    terms = current_terms()
    sign_up("new@example.com", ["daily"])
    asking = Notice.objects.filter(kind="confirm").latest("pk")
    left = Subscription.objects.get(newsletter="aitrends")
    own, leaving = path_of(preferences_url(ada.pk)), path_of(unsubscribe_url(ada.pk, "daily"))
    return {
        "/subscribe/": {"email": "bob@example.com", "newsletters": "daily", "agree": "on", "shown": seal_shown(box_wordings())},
        path_of(confirm_url(asking.pk)): {"shown": read_confirmation(sign_link("confirm", notice=asking.pk)).seal},
        own: {"change": "pause", "weeks": "2"},
        path_of(agree_url(ada.pk, terms.pk)): {"shown": seal_shown({"newsletter": terms})},
        leaving: {},
        f"{path_of(unsubscribe_url(ada.pk, 'aitrends'))}reason/": {"reason": "other"},
        path_of(undo_url(ada.pk, "aitrends", left.confirm_round)): {},
        path_of(address_url(ada.pk, Notice.objects.get(kind="address").pk)): {"shown": "ada@example.org"},  # last
    }


def everything() -> list[list[Any]]:
    return [list(model.objects.order_by("pk").values()) for model in (Reader, Subscription, Consent, Notice, SignUp)]


@pytest.mark.parametrize("trouble", [database_gone, database_locked])
def test_what_a_reader_sends_is_not_recorded_and_they_are_told_so(forms: dict[str, Any], trouble: Callable[[], Any]) -> None:
    before, browser = everything(), Client()
    with trouble():
        answers = {path: browser.post(path, form) for path, form in forms.items()}
    assert everything() == before
    for path, answer in answers.items():
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120"), path
        page = answer.content.decode()
        assert "nothing was changed" in page, path
        assert "try again in a few minutes" in page, path
        assert "no-store" in answer.headers["Cache-Control"]
    for path, form in forms.items():
        assert browser.post(path, form).status_code in (200, 302, 303), f"{path}: later it works"


def test_pages_that_cannot_be_read_say_so(forms: dict[str, Any]) -> None:
    own = path_of(preferences_url(Reader.objects.get(email="ada@example.com").pk))
    paths = [path for path in forms if "/unsubscribe/" not in path and "/undo/" not in path]  # those two ask no database
    with database_gone():
        for path in [*paths, f"{own}data/", f"{own}erase/", "/", "/archive/", "/archive/daily/", "/stories/one-1/", "/corrections/",
                     "/terms/", "/privacy/", "/feed.atom", "/feed.json", f"/go/{sign_link('measure', delivery=1)}/1/"]:
            answer = Client().get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120"), path
            assert "try again in a few minutes" in answer.content.decode(), path
            assert "Example Press" in answer.content.decode(), "it is a page of the site"


@pytest.mark.parametrize("trouble", [database_gone, database_locked])
def test_a_program_that_signs_somebody_up_reads_it_as_json(ada: Reader, trouble: Callable[[], Any]) -> None:
    fields = {"email": "bob@example.com", "newsletters": ["daily"], "agree": True, "shown": seal_shown(box_wordings())}
    with trouble():
        answer = Client().post("/subscribe/", fields, content_type="application/json", headers={"Origin": "https://blog.example"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")
    assert answer.headers["Access-Control-Allow-Origin"] == "*", "the script that sent it may read it"
    assert "nothing was changed" in answer.json()["errors"]["busy"][0]
    assert not SignUp.objects.exists()


def test_a_program_that_asks_what_there_is_reads_it_as_json(ada: Reader) -> None:
    with database_gone():
        answer = Client().get("/subscribe/", headers={"Accept": "application/json"})
    assert (answer.status_code, "try again" in answer.json()["errors"]["busy"][0]) == (503, True)


@pytest.mark.parametrize("trouble", [database_gone, database_locked])
def test_a_wish_to_be_erased_stands_once_it_is_written_down(ada: Reader, trouble: Callable[[], Any]) -> None:
    path = f"{path_of(preferences_url(ada.pk))}erase/"
    with trouble():
        answer = Client().post(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")
    said = answer.content.decode()
    if trouble is database_gone:
        assert "nothing was changed" in said, "who it is could not be looked up"
    else:
        assert "nothing was changed" not in said, "it will be"
        assert "The erasure is written down" in said
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("path", ["/desk/", "/desk/stories/", "/desk/feeds/", "/desk/readers/", "/desk/audit/", "/nowhere/"])
def test_the_desk_says_so_and_nobody_is_signed_out(editor: Editor, editorial_file: Path, path: str) -> None:
    desk = sign_in(editor, raise_request_exception=False)
    with database_gone():
        answer = desk.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")
    assert "Please try again in a few minutes" in answer.content.decode()
    assert desk.get("/desk/").status_code == 200


@pytest.mark.parametrize("trouble", [database_gone, database_locked])
def test_nobody_can_sign_in_meanwhile(editor: Editor, editorial_file: Path, trouble: Callable[[], Any]) -> None:
    given = {"email": "editor@example.com", "password": "correct horse battery"}
    with trouble():
        answer = Client().post("/desk/sign-in/", given)
    assert (answer.status_code, "nothing was changed" in answer.content.decode()) == (503, True)
    assert "correct horse battery" not in answer.content.decode()
    assert Client().post("/desk/sign-in/", given).status_code == 302


def test_a_piece_of_a_desk_page_says_that_the_text_is_still_there(editor: Editor, editorial_file: Path) -> None:
    """The script of the issue page shows such words instead of swapping a page into the pane, which would wipe what was typed."""
    desk = sign_in(editor)
    with database_gone():
        answer = desk.post("/desk/issues/1/stories/1/rewrite/", {"headline": "Typed"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert "Your text is still here" in answer.content.decode()


@pytest.mark.parametrize("mistake", [
    "ALTER TABLE storage_signup RENAME TO elsewhere", "ALTER TABLE storage_signup RENAME form TO elsewhere",
    "CREATE UNIQUE INDEX mistake ON storage_signup (form)"])
@pytest.mark.django_db(transaction=False)
def test_a_mistake_of_ours_is_not_called_a_database_that_does_not_answer(ada: Reader, mistake: str) -> None:
    form = {"email": "bob@example.com", "newsletters": "daily", "agree": "on", "shown": seal_shown(box_wordings())}
    browser = Client(raise_request_exception=False)
    assert browser.post("/subscribe/", form).status_code == 303
    with connection.cursor() as cursor:
        cursor.execute(mistake)
    answer = browser.post("/subscribe/", form | {"email": "carl@example.com"})
    assert (answer.status_code, "Something broke" in answer.content.decode()) == (500, True)
