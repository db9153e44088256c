"""The pages about terms in a real browser, on a phone and on a desktop: they fit, and a reader agrees by keyboard alone."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.wordings import FIRST, join, publish
from worker.readers.links import agree_url
from worker.readers.terms import current_terms, publish_terms
from worker.storage.models import Consent, Reader, Terms

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not there"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def second(editorial_file: Any) -> Terms:
    """The project's own terms, and a version to come that changes a word, an entry, a section, and adds a very long word."""
    publish_terms()
    first = current_terms()
    Terms.objects.filter(kind="newsletter").update(effective=FIRST, published_at=datetime(2026, 1, 1, tzinfo=UTC))
    wording = (first.wording.replace("free of charge", "free of charge for two years")
               .replace("You may forward an issue and quote from it with our name. ", "")
               .replace("## 12. Contact", f"## 12. A new section\n\n{'Averylongword' * 12} stands here.\n\n## 13. Contact"))
    terms: Terms = publish("2.0", wording, effective=datetime.now(UTC).date() + timedelta(days=20))
    return terms


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, live_server: Any, settings: Any) -> Iterator[Any]:
    """A page whose console errors fail the test: a blocked style or script is one."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the test's own thread
    from playwright.sync_api import sync_playwright

    settings.BASE_URL = live_server.url
    width, height = SIZES[request.param]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        opened = chromium.new_context(viewport={"width": width, "height": height}, base_url=live_server.url).new_page()
        troubles: list[str] = []
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        yield opened
        chromium.close()
    assert troubles == []


def assert_fits(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url


@pytest.mark.parametrize("path", ["/terms/", "/terms/2.0/", "/terms/2.0/changes/", "/privacy/", "/terms/box/tracking/1.0/"])
def test_the_pages_fit(page: Any, second: Terms, path: str) -> None:
    assert page.goto(path).status == 200
    for summary in page.locator("summary").all():
        summary.click()
    assert_fits(page)


def test_what_was_added_is_seen_and_heard(page: Any, second: Terms) -> None:
    page.goto("/terms/2.0/changes/")
    added = page.locator("ins", has_text="for two years").first
    assert added.is_visible()
    assert "Added:" in added.text_content()
    assert page.locator("del", has_text="You may forward an issue").first.is_visible()
    folded = page.get_by_text("Our name and address stand at the foot of every mail.")
    assert not folded.is_visible(), "what did not change is folded away"
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    folded.wait_for(state="visible")


def test_a_reader_agrees_by_keyboard(page: Any, second: Terms) -> None:
    ada: Reader = join("ada@example.com", since=FIRST)
    page.goto(agree_url(ada.pk, second.pk))
    assert_fits(page)
    button = page.get_by_role("button", name="I agree to version 2.0")
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    assert_fits(page)
    assert Consent.objects.get(action="given").wording_sha256 == second.sha256
    ada.refresh_from_db()
    assert ada.terms_since == second.effective
