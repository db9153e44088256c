"""Leaving and choosing in a real browser, by keyboard alone, on a phone and on a desktop."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from worker.readers.links import address_url, preferences_url, unsubscribe_url
from worker.readers.moving import ask_move
from worker.readers.terms import publish_terms
from worker.storage.models import Consent, Departure, Notice, Reader, Subscription

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not there"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page without script; whatever its console calls an error fails the test."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the test's own thread
    from playwright.sync_api import sync_playwright

    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    width, height = SIZES[request.param]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        context = chromium.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
        opened = context.new_page()
        troubles: list[str] = []
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        yield opened
        chromium.close()
    assert troubles == []


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


def _tab_to(page: Any, locator: Any) -> None:
    """Press Tab until this has the focus, as somebody without a mouse does; say which was not reached."""
    for _ in range(60):
        if locator.evaluate("one => one === document.activeElement"):
            shown = locator.evaluate("one => getComputedStyle(one).outlineStyle")
            assert shown != "none", "the focus can be seen"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{locator} cannot be reached by keyboard")


def _assert_fits(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url
    small = page.evaluate("""[...document.querySelectorAll('main button, main .button')]
        .filter(one => one.getBoundingClientRect().height < 44).map(one => one.textContent)""")
    assert small == [], "a thumb can press every button"


def test_leave_undo_and_say_why_by_keyboard(page: Any, ada: Reader) -> None:
    page.goto(unsubscribe_url(ada.pk, "daily"))
    _assert_fits(page)
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")  # the button has the focus: opening the link and one key is all it takes
    page.get_by_role("heading", name="You have left Daily").wait_for()
    _assert_fits(page)
    assert Subscription.objects.get().state == "left"
    _tab_to(page, page.get_by_role("button", name="Undo"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You are back").wait_for()
    _assert_fits(page)
    assert Subscription.objects.get().state == "confirmed"

    page.goto(unsubscribe_url(ada.pk, "daily"))
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You have left Daily").wait_for()
    _tab_to(page, page.get_by_role("radio").first)
    page.keyboard.press("ArrowDown")
    _tab_to(page, page.get_by_role("textbox"))
    page.keyboard.type("I read about other things.")
    _tab_to(page, page.get_by_role("button", name="Send"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    _assert_fits(page)
    told = Departure.objects.get()
    assert (told.reason, told.words) == ("not-for-me", "I read about other things.")


def _save(page: Any, name: str, says: str) -> None:
    _tab_to(page, page.get_by_role("button", name=name))
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text=says).wait_for()
    _assert_fits(page)


def test_every_choice_is_made_by_keyboard(page: Any, ada: Reader) -> None:
    page.goto(preferences_url(ada.pk))
    _assert_fits(page)
    _tab_to(page, page.get_by_role("checkbox", name="AITrends"))
    page.keyboard.press("Space")
    _tab_to(page, page.get_by_role("radio", name="Every issue"))
    page.keyboard.press("ArrowRight")
    _save(page, "Save newsletters", "Saved. You get AITrends and Daily once a week.")
    assert dict(Subscription.objects.values_list("newsletter", "frequency")) == {"aitrends": "every", "daily": "weekly"}

    _tab_to(page, page.get_by_role("checkbox", name="Labs and their models"))
    page.keyboard.press("Space")
    _save(page, "Save topics", "Of these topics you hear of Chips and data centres only.")
    ada.refresh_from_db()
    assert ada.topics == "chips"

    _save(page, "4 weeks", "No issue comes before")
    _save(page, "Resume now", "Issues come again")

    _tab_to(page, page.get_by_role("checkbox", name="measure"))
    page.keyboard.press("Space")
    _save(page, "Save agreements", "Measuring: yes.")
    assert Consent.objects.get(purpose="tracking").action == "given"
    _tab_to(page, page.get_by_role("checkbox", name="measure"))
    page.keyboard.press("Space")
    _save(page, "Save agreements", "Measuring: no.")

    _tab_to(page, page.get_by_role("textbox", name="New e-mail address"))
    page.keyboard.type("ada@new.example")
    _save(page, "Change my address", "a letter with a link is on its way")
    _save(page, "Leave everything", "You get no newsletter of ours any more.")
    assert set(Subscription.objects.values_list("state", flat=True)) == {"left"}


def test_the_new_address_says_yes_by_keyboard(page: Any, ada: Reader) -> None:
    ask_move(ada.pk, "ada@new.example")
    page.goto(address_url(ada.pk, Notice.objects.get().pk))
    _assert_fits(page)
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your address is changed").wait_for()
    _assert_fits(page)
    ada.refresh_from_db()
    assert ada.email == "ada@new.example"


def test_who_will_not_be_written_to_any_more_erases_themselves_by_keyboard(page: Any, ada: Reader) -> None:
    page.goto(preferences_url(ada.pk))
    _tab_to(page, page.get_by_role("link", name="Erase me"))
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("button", name="Erase me for good"))
    _assert_fits(page)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="It is erased").wait_for()
    assert not Reader.objects.exists()
