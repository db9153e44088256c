"""An hour given, a missed start decided, a test mail asked for: in a real browser, by keyboard, on a phone and a desktop."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.editions import add_offer, add_reader, draft_for_topics
from tests.web.browser.hands import assert_fits, tab_to
from worker.delivery.hours import Hour
from worker.delivery.schedule import schedule_issue, start_due
from worker.storage.models import Editor, Issue, Role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def box(settings: Any, tmp_path: Path) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


@pytest.fixture
def draft(editorial_file: Path, live_server: Any, settings: Any) -> Issue:
    """A draft with a partner's content in it, and one reader."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    chief = Editor.objects.create_user("chief@example.com", "correct horse battery", role=Role.APPROVER)
    issue = draft_for_topics(editorial_file)
    add_offer(issue, chief)
    add_reader("reader@example.com")
    return issue


def _sign_in(page: Any, onward: str) -> None:
    page.goto(f"/desk/sign-in/?next={onward}")
    page.get_by_label("E-mail address").fill("chief@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"^http://[^/]+{re.escape(onward)}"))  # not the sign-in page, which names it too


def _open(page: Any, summary: str) -> None:
    """Open one of the decision's folds without a mouse; the pages before it have too many stops to tab through them all."""
    tab = page.locator("#panetabs a[href='#decision']")
    if page.viewport_size["width"] < 1024:  # a phone shows one pane at a time
        tab.click()
    fold = page.locator("#decision summary", has_text=summary)
    fold.wait_for()
    fold.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("text => [...document.querySelectorAll('#decision details[open] > summary')].some("
                           "one => one.textContent.includes(text))", arg=summary)


def _type_hour(page: Any, day: str, clock: str, zone: str) -> None:
    page.get_by_label("Date").fill(day)
    page.get_by_label("Time", exact=True).fill(clock)
    page.get_by_label("Time zone").fill(zone)


def test_an_hour_is_given_and_a_missed_one_is_decided(page: Any, draft: Issue) -> None:
    _sign_in(page, f"/desk/issues/{draft.pk}/")
    _open(page, "Approve, start at an hour")
    assert_fits(page)
    assert page.get_by_label("Time zone").input_value() == "Europe/London"
    _type_hour(page, "2020-12-01", "07:00", "Europe/Berlin")
    page.keyboard.press("Enter")  # in the form's own field: it must never be the button that sends at once
    page.get_by_role("alert").filter(has_text="2020-12-01 07:00 is long past").wait_for()
    assert Issue.objects.get().state == "draft"
    assert page.get_by_label("Time zone").input_value() == "Europe/Berlin", "what was typed is still there"
    assert_fits(page)

    day = f"{timezone.now() + timedelta(days=2):%Y-%m-%d}"
    _type_hour(page, day, "07:00", "Europe/Berlin")
    tab_to(page, page.get_by_role("button", name="Approve, and start then"))
    page.keyboard.press("Enter")
    page.locator("#starts", has_text="07:00 in Europe/Berlin").wait_for()
    assert (Issue.objects.get().state, Issue.objects.get().send_zone) == ("approved", "Europe/Berlin")
    assert_fits(page)

    schedule_issue(draft.pk, Hour(timezone.now() - timedelta(hours=5), "Europe/Berlin"), by="chief@example.com")
    start_due()
    page.goto("/desk/")
    assert_fits(page)
    tab_to(page, page.get_by_role("link", name="See why, and decide"))
    page.keyboard.press("Enter")
    page.get_by_text("Nothing was sent: send it all the same").wait_for()
    _open(page, "Give it another hour")
    assert_fits(page)
    tab_to(page, page.get_by_role("button", name="Give it another hour"))
    _type_hour(page, day, "09:30", "UTC")
    page.keyboard.press("Enter")
    page.locator("#starts", has_text="09:30 UTC").wait_for()
    page.get_by_role("button", name="Take the hour back").focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="It has no hour now").wait_for()
    assert Issue.objects.get().send_at is None


def test_a_test_mail_is_asked_for_and_its_link_followed(page: Any, draft: Issue, box: Path) -> None:
    _sign_in(page, f"/desk/issues/{draft.pk}/")
    _open(page, "Send a test mail")
    assert_fits(page)
    page.get_by_label("To", exact=True).fill("reader@example.com")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="reader@example.com may not get test mails").wait_for()
    page.get_by_label("To", exact=True).fill("chief@example.com")
    tab_to(page, page.get_by_role("checkbox", name="With partners’ content"))
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="A test mail to chief@example.com was handed over").wait_for()
    [mail] = box.iterdir()
    link = re.search(r"^List-Unsubscribe: <([^>]+)>", mail.read_text(), re.MULTILINE)
    assert link
    page.goto(link[1])
    page.get_by_role("heading", name="This was a test mail").wait_for()
    assert_fits(page)
