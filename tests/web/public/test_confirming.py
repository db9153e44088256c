"""The page behind a confirmation letter's link: its button confirms what stood there, and nothing that came after it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from worker.storage.models import Consent, Notice, Reader, Subscription, Terms

SignUp = Callable[..., Any]
Press = Callable[..., Any]


def states() -> dict[str, str]:
    return dict(Subscription.objects.values_list("newsletter", "state"))


def nothing_is_confirmed() -> bool:
    return (set(states().values()) == {"pending"} and not Consent.objects.filter(action="given").exists()
            and not Notice.objects.filter(kind="welcome").exists())


@pytest.fixture
def look(browser: Client, confirm_path: Callable[[], str]) -> Callable[[], str]:
    """Return a function that opens the page of the newest letter."""

    def read() -> str:
        return str(browser.get(confirm_path()).content.decode())

    return read


def test_a_newsletter_that_came_after_the_look_is_shown_before_it_is_confirmed(sign_up: SignUp, look: Callable[[], str],
                                                                               press: Press) -> None:
    sign_up()
    page = look()
    sign_up(newsletters=["aitrends"])
    answer = press(page=page)
    said = answer.content.decode()
    assert answer.status_code == 409
    assert "Nothing is confirmed yet" in said
    assert "added AITrends" in said
    assert nothing_is_confirmed()
    assert "that you want to get <strong>AITrends</strong>" in said, "the page names all of it now"
    assert press(page=said).status_code == 200
    assert states() == {"daily": "confirmed", "aitrends": "confirmed"}


@pytest.mark.parametrize("fewer", [{"tracking": None}, {"partners": None}, {"topics": []}])
def test_boxes_and_topics_that_another_form_did_not_ask_for_are_shown_to_be_gone(
        sign_up: SignUp, look: Callable[[], str], press: Press, fewer: dict[str, Any]) -> None:
    ticked = {"tracking": "on", "partners": "on", "topics": ["labs"]}
    sign_up(**ticked)
    page = look()
    sign_up(**ticked | fewer)
    answer = press(page=page)
    assert (answer.status_code, "changed what it asks" in answer.content.decode()) == (409, True)
    assert nothing_is_confirmed()
    press()
    reader = Reader.objects.get()
    kept = {"tracking": reader.tracking, "partners": reader.partners, "topics": reader.topics == "labs"}
    assert kept == {name: name not in fewer for name in kept}


def test_a_wording_that_was_not_shown_is_not_agreed_to(sign_up: SignUp, look: Callable[[], str], press: Press,
                                                       terms: Terms) -> None:
    sign_up()
    page = look()
    newer = Terms.objects.create(kind="newsletter", version="9.0", title="Terms", wording="New.", sha256="9" * 64,
                                 effective=terms.effective)
    letter = Notice.objects.get()
    letter.details["shown"] |= {"newsletter": [newer.pk, newer.sha256[:16]]}
    letter.save()
    answer = press(page=page)
    assert (answer.status_code, "version 9.0" in answer.content.decode()) == (409, True)
    assert nothing_is_confirmed()


@pytest.mark.parametrize("fields", [{}, {"shown": ""}, {"shown": "made.up"}, {"shown": "x" * 5000},
                                    {"List-Unsubscribe": "One-Click"}])
def test_what_was_not_sent_by_the_page_confirms_nothing(sign_up: SignUp, confirm_path: Callable[[], str], press: Press,
                                                        fields: dict[str, str]) -> None:
    sign_up()
    answer = Client().post(confirm_path(), fields)
    assert answer.status_code == 422
    assert "Nothing is confirmed yet" in answer.content.decode()
    assert nothing_is_confirmed()
    assert press(page=answer.content.decode()).status_code == 200
    assert states() == {"daily": "confirmed"}


def test_the_page_of_another_letter_confirms_nothing(sign_up: SignUp, look: Callable[[], str], press: Press) -> None:
    sign_up("ada@example.com")
    page = look()
    sign_up("bo@example.com")
    assert press(page=page).status_code == 409
    assert nothing_is_confirmed()


def test_a_sign_up_that_asks_nothing_new_asks_for_no_second_press(sign_up: SignUp, look: Callable[[], str], press: Press) -> None:
    sign_up()
    page = look()
    sign_up("ADA@example.com")
    assert "You are subscribed" in press(page=page).content.decode()
