"""Leaving and choosing in a real browser, by keyboard alone, on a phone and on a desktop."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.web.browser.hands import assert_fits, tab_to
from worker.readers.links import address_url, preferences_url, unsubscribe_url
from worker.readers.moving import ask_move
from worker.readers.terms import publish_terms
from worker.storage.models import Consent, Departure, Notice, Reader, Subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def script() -> bool:
    return False


@pytest.fixture
def ada(editorial_file: Path, live_server: Any) -> Reader:
    """A reader of Daily, which has a weekly digest; the feeds are about labs and chips."""
    text = editorial_file.read_text().replace('title = "Daily"', 'title = "Daily"\ndigest_on = "sat"')
    editorial_file.write_text(text.replace('newsletters = ["aitrends"]', 'newsletters = ["aitrends"]\ntopic = "chips"'))
    publish_terms()
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    now = timezone.now()
    Subscription.objects.create(reader=reader, newsletter="daily", state="confirmed", asked_at=now, confirmed_at=now)
    return reader


def test_leave_undo_and_say_why_by_keyboard(page: Any, ada: Reader) -> None:
    page.goto(unsubscribe_url(ada.pk, "daily"))
    assert_fits(page)
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")  # the button has the focus: opening the link and one key is all it takes
    page.get_by_role("heading", name="You have left Daily").wait_for()
    assert_fits(page)
    assert Subscription.objects.get().state == "left"
    tab_to(page, page.get_by_role("button", name="Undo"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You are back").wait_for()
    assert_fits(page)
    assert Subscription.objects.get().state == "confirmed"

    page.goto(unsubscribe_url(ada.pk, "daily"))
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You have left Daily").wait_for()
    tab_to(page, page.get_by_role("radio").first)
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("textbox"))
    page.keyboard.type("I read about other things.")
    tab_to(page, page.get_by_role("button", name="Send"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    assert_fits(page)
    told = Departure.objects.get()
    assert (told.reason, told.words) == ("not-for-me", "I read about other things.")


def _save(page: Any, name: str, says: str) -> None:
    tab_to(page, page.get_by_role("button", name=name))
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text=says).wait_for()
    assert_fits(page)


def test_every_choice_is_made_by_keyboard(page: Any, ada: Reader) -> None:
    page.goto(preferences_url(ada.pk))
    assert_fits(page)
    tab_to(page, page.get_by_role("checkbox", name="AITrends"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("radio", name="Every issue"))
    page.keyboard.press("ArrowRight")
    _save(page, "Save newsletters", "Saved. You get AITrends and Daily once a week.")
    assert dict(Subscription.objects.values_list("newsletter", "frequency")) == {"aitrends": "every", "daily": "weekly"}

    tab_to(page, page.get_by_role("checkbox", name="Labs and their models"))
    page.keyboard.press("Space")
    _save(page, "Save topics", "Of these topics you hear of Chips and data centres only.")
    ada.refresh_from_db()
    assert ada.topics == "chips"

    _save(page, "4 weeks", "No issue comes before")
    _save(page, "Resume now", "Issues come again")

    tab_to(page, page.get_by_role("checkbox", name="measure"))
    page.keyboard.press("Space")
    _save(page, "Save agreements", "Measuring: yes.")
    assert Consent.objects.get(purpose="tracking").action == "given"
    tab_to(page, page.get_by_role("checkbox", name="measure"))
    page.keyboard.press("Space")
    _save(page, "Save agreements", "Measuring: no.")

    tab_to(page, page.get_by_role("textbox", name="New e-mail address"))
    page.keyboard.type("ada@new.example")
    _save(page, "Change my address", "a letter with a link is on its way")
    _save(page, "Leave everything", "You get no newsletter of ours any more.")
    assert set(Subscription.objects.values_list("state", flat=True)) == {"left"}


def test_the_new_address_says_yes_by_keyboard(page: Any, ada: Reader) -> None:
    ask_move(ada.pk, "ada@new.example")
    page.goto(address_url(ada.pk, Notice.objects.get().pk))
    assert_fits(page)
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your address is changed").wait_for()
    assert_fits(page)
    ada.refresh_from_db()
    assert ada.email == "ada@new.example"


def test_who_will_not_be_written_to_any_more_erases_themselves_by_keyboard(page: Any, ada: Reader) -> None:
    page.goto(preferences_url(ada.pk))
    tab_to(page, page.get_by_role("link", name="Erase me"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Erase me for good"))
    assert_fits(page)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="It is erased").wait_for()
    assert not Reader.objects.exists()
