"""The decision in a real browser, on a phone and a desktop: it fits, is accessible, previews live, stops by keyboard."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.delivery.editions import add_offer, add_reader, draft_for_topics
from tests.web.browser.hands import assert_fits, show_pane, tab_to
from worker.delivery.audience import freeze_audience, start_issue
from worker.press.approve import approve_issue
from worker.press.render import render_proof
from worker.storage.models import Delivery, Editor, Issue, Role

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 60_000


@pytest.fixture
def draft(editorial_file: Any, live_server: Any, settings: Any) -> Issue:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    chief = Editor.objects.create_user("chief@example.com", "correct horse battery", role=Role.APPROVER)
    issue = draft_for_topics(editorial_file)
    add_offer(issue, chief)
    for number in range(3):
        add_reader(f"reader{number}@example.com")
    return issue


def _sign_in(page: Any, onward: str) -> None:
    page.goto(f"/desk/sign-in/?next={onward}")
    page.get_by_label("E-mail address").fill("chief@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    show_pane(page, "decision")


def _assert_accessible(page: Any) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, context="#decision", options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"


def test_a_draft_is_decided_about(page: Any, draft: Issue) -> None:
    _sign_in(page, f"/desk/issues/{draft.pk}/")
    assert page.locator("#decision").get_by_text("3; 0 suppressed; 3 without partner blocks").is_visible()
    assert_fits(page)
    _assert_accessible(page)
    whole = page.locator(".hash .whole").first
    tab_target = page.locator(".hash summary").first
    tab_target.focus()
    page.keyboard.press("Enter")
    assert whole.is_visible()
    assert_fits(page)


def test_words_are_previewed_while_they_are_typed(page: Any, draft: Issue) -> None:
    _sign_in(page, f"/desk/issues/{draft.pk}/")
    page.get_by_label("Try a subject").fill('A bridge, "><img src=x onerror="document.title=1">')
    row = page.locator(".mails.light .mail.gmail-wide .title")
    row.get_by_text("A bridge").wait_for(timeout=SECONDS)
    page.get_by_role("button", name="Save these words").wait_for(timeout=SECONDS)
    assert_fits(page)
    _assert_accessible(page)
    with page.expect_navigation():
        page.get_by_role("button", name="Save these words").click()
    draft.refresh_from_db()
    assert draft.subject.startswith("A bridge")


def test_the_presses_are_stopped_by_keyboard_while_copies_go(page: Any, draft: Issue, live_server: Any) -> None:
    draft.refresh_from_db()
    approve_issue(draft.pk, editor=Editor.objects.get(), proof_sha256=render_proof(draft).sha256)
    start_issue(draft.pk, by="chief@example.com")
    freeze_audience(draft.pk)
    _sign_in(page, f"/desk/issues/{draft.pk}/")
    stop = page.locator("#stop > summary")
    stop.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Nobody has a copy yet").wait_for(timeout=SECONDS)
    assert_fits(page)
    _assert_accessible(page)
    page.get_by_label("Why (optional").fill("The lead is wrong")
    Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state="accepted")
    page.get_by_text("1 copy is out and cannot be called back").wait_for(timeout=SECONDS)
    assert page.get_by_label("Why (optional").input_value() == "The lead is wrong", "the live figures take no words away"
    tab_to(page, page.get_by_role("button", name="Stop this issue for good"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    draft.refresh_from_db()
    assert (draft.state, draft.note) == ("cancelled", "The lead is wrong")
    assert page.get_by_text("2 readers will not get it").is_visible()


class TestWithoutScript:
    @pytest.fixture
    def script(self) -> bool:
        return False

    def test_words_are_tried_and_saved_and_the_presses_stop(self, page: Any, draft: Issue) -> None:
        _sign_in(page, f"/desk/issues/{draft.pk}/")
        page.get_by_label("Try a subject").fill("A bridge opens to all the trains")
        with page.expect_navigation():
            page.get_by_role("button", name="Show it").click()
        assert_fits(page)
        with page.expect_navigation():
            page.get_by_role("button", name="Save these words").click()
        show_pane(page, "decision")
        with page.expect_navigation():
            page.get_by_role("button", name="Approve, send later").click()
        page.locator("#stop > summary").click()
        with page.expect_navigation():
            page.get_by_role("button", name="Stop this issue for good").click()
        draft.refresh_from_db()
        assert (draft.state, draft.subject) == ("cancelled", "A bridge opens to all the trains")
