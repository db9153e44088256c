"""A real browser for the tests in this folder, on a phone and on a desktop. What its console calls an error fails the test."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
# Chromium remarks on each answer of 400 and more: a form that comes back with its mistakes is a 422, one that asks more now a 409.
REMARKS = re.compile("422|409")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """One browser for the whole folder: starting it takes longer than most tests."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not there")
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the tests' own thread
        launched = playwright.chromium.launch(executable_path=program, args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield launched
        launched.close()


@pytest.fixture
def script() -> bool:
    """Whether pages may run script; a file whose pages must do without says False."""
    return True


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, chromium: Any, live_server: Any, settings: Any, script: bool) -> Iterator[Any]:
    """A new visitor's page, which knows nothing of other tests' cookies; a blocked style or script is an error on its console."""
    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    width, height = SIZES[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height}, base_url=live_server.url,
                                   java_script_enabled=script)
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" and not REMARKS.search(said.text)
              else None)
    yield opened
    context.close()
    assert troubles == []
