"""From an invitation to the end of a session in a real browser: two people, each with a browser of their own."""

import mailbox
import re
from pathlib import Path
from typing import Any

import pyotp
import pytest

from tests.web.browser.hands import assert_fits, tab_to
from worker.storage.models import Editor, Role, SecondFactor

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD, CHOSEN = "correct horse battery", "a long and quiet harbour"


def _letter(folder: Path) -> str:
    """Return the one letter's text with its lines put together again."""
    [message] = mailbox.Maildir(folder)
    [part] = [part for part in message.walk() if part.get_content_type() == "text/plain"]
    return part.get_payload(decode=True).decode()


def _press(page: Any, name: str) -> None:
    button = page.get_by_role("button", name=name)
    tab_to(page, button)
    page.keyboard.press("Enter")


def test_an_invited_editor_enrols_signs_in_with_a_code_and_is_signed_out_by_another_role(
    page: Any, chromium: Any, live_server: Any, editorial_file: Path, settings: Any, tmp_path: Path
) -> None:
    page.set_default_timeout(60_000)
    settings.SENDER_URL = f"maildir:{tmp_path / 'inbox'}"
    Editor.objects.create_user("admin@example.com", PASSWORD, role=Role.ADMIN)
    context = chromium.new_context(viewport=page.viewport_size, base_url=live_server.url)
    context.set_default_timeout(60_000)
    admin = context.new_page()
    admin.goto("/desk/people/")
    admin.get_by_label("E-mail address").fill("admin@example.com")
    admin.get_by_label("Password").fill(PASSWORD)
    _press(admin, "Sign in")
    admin.get_by_role("heading", name="People").wait_for()
    assert_fits(admin)
    admin.get_by_label("E-mail address").fill("new@example.com")
    admin.get_by_label("Role").select_option("editor")
    admin.get_by_label("Your own password").fill(PASSWORD)
    _press(admin, "Send the invitation")
    admin.get_by_text("new@example.com is invited as editor").wait_for()
    assert_fits(admin)

    page.goto(re.search(r"http\S+/desk/enter/\S+", _letter(tmp_path / "inbox"))[0])
    assert_fits(page)
    _press(page, "Sign in as new@example.com")
    page.get_by_role("heading", name="Choose a password").wait_for()
    assert_fits(page)
    page.locator("input[name=new_password1]").fill(CHOSEN)
    page.locator("input[name=new_password2]").fill(CHOSEN)
    _press(page, "Save the password")
    page.get_by_text("Your password is set").wait_for()
    assert_fits(page)

    page.get_by_role("link", name="Set up a second factor").click()
    page.get_by_label("Your own password").fill(CHOSEN)
    _press(page, "Set it up")
    page.locator("svg.qr").wait_for()
    whole = """one => one.viewBox.baseVal.width > one.querySelector('path[stroke]').getBBox().width && one.clientWidth >= 200"""
    assert page.locator("svg.qr").evaluate(whole), "an app can read the picture: nothing of it is cut off"
    assert_fits(page)
    app = pyotp.TOTP(page.locator(".secret").inner_text().replace(" ", ""))
    page.get_by_label("Code").fill(app.now())
    _press(page, "Turn it on")
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    assert page.locator(".recovery li").count() == 10
    assert_fits(page)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_text("this one").wait_for()
    _press(page, "Sign out")
    page.get_by_text("You are signed out").wait_for()

    page.get_by_label("E-mail address").fill("new@example.com")
    page.get_by_label("Password").fill(CHOSEN)
    _press(page, "Sign in")
    page.get_by_role("heading", name="Your code, please").wait_for()
    assert_fits(page)
    assert page.locator("input[name=code]:focus").count() == 1
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="That code is not right").wait_for()
    SecondFactor.objects.update(last_step=0)  # as if half a minute had passed since the app's code was used
    page.get_by_label("Code", exact=True).fill(app.now())
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Issues").wait_for()

    admin.get_by_role("link", name="new@example.com").click()
    admin.get_by_label("What they may do").select_option("viewer")
    admin.get_by_label("Your own password").first.fill(PASSWORD)
    assert_fits(admin)
    _press(admin, "Change the role")
    admin.get_by_text("They are viewer now").wait_for()
    assert_fits(admin)
    context.close()
    page.goto("/desk/")
    page.get_by_role("heading", name="Sign in to the desk").wait_for()
