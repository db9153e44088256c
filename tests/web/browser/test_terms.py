"""The pages about terms in a real browser, on a phone and on a desktop: they fit, and a reader agrees by keyboard alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.web.browser.hands import assert_fits, tab_to
from tests.wordings import FIRST, join, publish
from worker.readers.links import agree_url
from worker.readers.terms import current_terms, publish_terms
from worker.storage.models import Consent, Reader, Terms

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_the_pages_fit(page: Any, second: Terms) -> None:
    for path in ("/terms/", "/terms/2.0/", "/terms/2.0/changes/", "/privacy/", "/terms/box/tracking/1.0/"):
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
    tab_to(page, page.get_by_role("button", name="I agree to version 2.0"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    assert_fits(page)
    assert Consent.objects.get(action="given").wording_sha256 == second.sha256
    ada.refresh_from_db()
    assert ada.terms_since == second.effective
