"""Watching a send and settling uncertain copies in a real browser, by keyboard alone, on a phone and on a desktop."""

from typing import Any

import pytest

from tests.delivery.press import build_issue, states_of
from tests.web.browser.hands import assert_fits, tab_to
from tests.web.newsroom.browsers import sign_in
from worker.delivery.audience import freeze_audience, start_issue
from worker.storage.models import Delivery, Issue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def number(editorial_file: Any, approver: Any, page: Any) -> int:
    """An issue under way to 40 readers, one of them with a very long address, and an approver's browser."""
    issue_id = build_issue([f"{'averylongname' * 4}@{'sub.' * 8}example.com", *(f"reader{n}@example.com" for n in range(39))])
    start_issue(issue_id, by="x")
    freeze_audience(issue_id)
    page.context.add_cookies([{"name": "sessionid", "value": sign_in(approver).cookies["sessionid"].value,
                               "domain": "localhost", "path": "/"}])
    return issue_id


def settle_some(issue_id: int, count: int, state: str) -> None:
    rows = Delivery.objects.filter(issue_id=issue_id, state="queued").order_by("pk").values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(rows[:count])).update(state=state, error="" if state == "accepted" else "x" * 300)


@pytest.mark.parametrize("place", ["issues/{}/progress/", "issues/{}/"])
def test_the_figures_follow_the_send_while_the_focus_stays(page: Any, number: int, place: str) -> None:
    page.goto("/desk/" + place.format(number))
    pane = page.locator("#progress")
    pane.get_by_text("40").first.wait_for()
    link = pane.get_by_role("link", name="Who did not get it, and why")
    link.focus()
    settle_some(number, 25, "accepted")
    settle_some(number, 5, "failed")
    pane.get_by_text("75 %").wait_for()
    assert_fits(page)
    assert pane.locator("dt", has_text="Rate").locator("+ dd").inner_text() not in ("", "none")
    assert link.evaluate("one => one === document.activeElement"), "a poll takes the focus from nobody"
    widths = pane.locator("svg.bar rect").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert len(widths) == 3
    assert min(widths) > 0
    Delivery.objects.filter(state="queued").update(state="accepted")
    Issue.objects.filter(pk=number).update(state="sent")
    page.get_by_text("On its way.").wait_for(state="detached")


def test_an_approver_settles_by_keyboard(page: Any, number: int) -> None:
    settle_some(number, 2, "uncertain")
    Delivery.objects.filter(state="queued").update(state="accepted")
    Issue.objects.filter(pk=number).update(state="sent")
    page.goto(f"/desk/issues/{number}/progress/")
    tab_to(page, page.get_by_role("link", name="Who did not get it, and why"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Who did not get it").wait_for()
    assert_fits(page)
    tab_to(page, page.locator("input[name=copy]").last)
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Send them once more"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Send 1 copy once more?").wait_for()
    assert_fits(page)
    tab_to(page, page.get_by_role("button", name="Send 1 once more"))
    page.keyboard.press("Enter")
    page.get_by_text("1 copy queued once more. The issue is on its way again").wait_for()
    assert_fits(page)
    assert sorted(states_of(number).values()).count("queued") == 1
    assert Issue.objects.get(pk=number).state == "sending"


def test_an_approver_takes_the_list(page: Any, number: int) -> None:
    settle_some(number, 3, "failed")
    page.goto(f"/desk/issues/{number}/undelivered/?state=failed")
    assert_fits(page)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Export as CSV").click()
    assert taken.value.suggested_filename.startswith(f"issue-{number}-failed-")
    assert "reader1@example.com" in taken.value.path().read_text()
