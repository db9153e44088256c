"""The gate in a real browser: what blocks is mended where it is said, by hand and by keyboard, with script and without."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.utils import timezone

from tests.web.browser.hands import assert_fits, show_pane, tab_to
from tests.web.newsroom.browsers import sign_in
from tests.web.newsroom.conftest import make_story  # noqa: F401  (a fixture)
from worker.issues.draft import draft_issue
from worker.press.preflight.links import hash_about
from worker.storage.models import Editor, Inquiry, Issue, Subject, Verdict

HOSTILE = '"><script>document.title="stolen"</script><img src=x onerror="document.title=\'stolen\'">'
WAIT = 60_000
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def issue(make_story: Callable[..., Any]) -> Issue:  # noqa: F811
    """Return a draft of three stories, one of them hostile; of the first one's two outlets the second is gone."""
    for headline in (HOSTILE, "Ferry fleet goes electric", "Tram line extended"):
        make_story(headline, text=f"{headline}, the council said on Monday.")
    drafted = draft_issue("aitrends")
    answer(drafted.placements.all()[0].sources[1]["url"], Verdict.BAD, f"is gone: {HOSTILE}")
    answer(drafted.placements.all()[1].sources[1]["url"], Verdict.UNSURE, "refuses programs that ask (the server answers 403)")
    return drafted


def answer(url: str, verdict: Verdict, words: str) -> None:
    now = timezone.now()
    Inquiry.objects.update_or_create(subject=Subject.LINK, key=hash_about(url), defaults={
        "about": url, "verdict": verdict, "words": words, "asked_at": now, "due_at": now + timedelta(hours=1)})


def open_desk(page: Any, issue: Issue, editor: Editor) -> None:
    cookie = sign_in(editor).cookies["sessionid"]
    page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": settings.BASE_URL}])
    page.goto(f"/desk/issues/{issue.pk}/")
    show_pane(page, "decision")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pane_fits_and_no_rule_of_wcag_is_broken(page: Any, issue: Issue, editor: Editor, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    open_desk(page, issue, editor)
    for summary in page.locator("#preflight summary").all():
        if not summary.evaluate("one => one.parentElement.open"):
            summary.click()
    assert_fits(page)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, context="#preflight", options=rules)
    assert found.violations_count == 0, found.generate_report()


def test_a_dead_outlet_is_left_out_by_keyboard_and_the_finding_clears(page: Any, issue: Issue, editor: Editor) -> None:
    open_desk(page, issue, editor)
    assert page.get_by_text("1 finding: approval is blocked").is_visible()
    button = page.get_by_role("button", name="Leave this outlet out")
    page.locator("#preflight a").first.focus()
    tab_to(page, button)
    page.keyboard.press("Enter")
    page.get_by_text("Nothing blocks approval").wait_for(timeout=WAIT)
    assert page.get_by_text("(left out of the mail)").count() == 1
    assert_fits(page)


def test_a_reason_typed_survives_another_change_and_lets_the_link_stand(page: Any, issue: Issue, editor: Editor) -> None:
    open_desk(page, issue, editor)
    page.get_by_text("Let the link stand", exact=True).click()
    reason = page.get_by_label("Why this link may stand")
    reason.fill("It is back on Monday.")
    page.locator(f"#drop-{issue.placements.all()[2].pk}").dispatch_event("click")  # inside a story that is not opened
    page.get_by_text("Dropped", exact=True).wait_for(timeout=WAIT, state="attached")
    assert page.get_by_label("Why this link may stand").input_value() == "It is back on Monday."
    page.get_by_role("button", name="Let it stand").click()
    page.get_by_text("Nothing blocks approval").wait_for(timeout=WAIT)


def test_what_a_worker_finds_out_comes_to_the_page_by_itself(page: Any, issue: Issue, approver: Editor) -> None:
    open_desk(page, issue, approver)
    button = page.get_by_role("button", name="Approve, send later")
    assert button.is_disabled()
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("This looks again by itself").wait_for(timeout=WAIT)
    now = timezone.now()
    Inquiry.objects.update(asked_at=now, due_at=now + timedelta(hours=1), verdict=Verdict.GOOD, words="answers (200)")
    page.get_by_text("Nothing blocks approval").wait_for(timeout=WAIT)
    page.locator("button:not([disabled])", has_text="Approve, send later").wait_for(timeout=WAIT)
    page.get_by_text("This looks again by itself").wait_for(state="detached", timeout=WAIT)


def test_go_there_leads_to_the_story(page: Any, issue: Issue, editor: Editor) -> None:
    open_desk(page, issue, editor)
    first = issue.placements.all()[0]
    page.get_by_role("link", name="Go there: links answer").click()
    page.wait_for_url(f"**#story-{first.pk}", timeout=WAIT)
    assert page.locator(f"#story-{first.pk}:target").count() == 1


class TestWithoutScript:
    """The same with script switched off."""

    @pytest.fixture
    def script(self) -> bool:
        return False

    def test_an_outlet_is_left_out_all_the_same(self, page: Any, issue: Issue, editor: Editor) -> None:
        open_desk(page, issue, editor)
        with page.expect_navigation():
            page.get_by_role("button", name="Leave this outlet out").click()
        show_pane(page, "decision")
        assert page.get_by_text("Nothing blocks approval").is_visible()
        with page.expect_navigation():
            page.get_by_role("button", name="Check now").click()
        assert page.url.endswith("#preflight")
        assert page.get_by_role("button", name="Check now").is_visible()
