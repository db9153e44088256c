"""Every page of the desk as axe sees it, on a phone and a desktop, by day and in the dark: nothing serious against WCAG 2.2 AA."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.web.browser.hands import assert_fits
from tests.web.browser.pages import list_pages, sign_in_there
from tests.web.newsroom.conftest import issue, make_story, readers  # noqa: F401  fixtures
from worker.storage.models import AuditEntry, Editor, Issue, Reader, Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]
# A proof can run nothing, not axe either: what its text and colours are like is the preflight's to say.
RULES = {"iframes": False, "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture
def chief(settings: Any) -> Editor:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return Editor.objects.create_user("chief@example.com", "correct horse battery", role=Role.ADMIN)


def find_faults(page: Any) -> list[str]:
    """Return what axe calls serious or critical on the page as it stands, each with its first element."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found
            if one["impact"] in ("serious", "critical")]


def test_axe_finds_nothing_serious(
    page: Any, live_server: Any, issue: Issue, readers: None, chief: Editor,  # noqa: F811
) -> None:
    AuditEntry.objects.create(actor=chief.email, action="split", subject="story 1", detail={"items": [1, 2], "why": "two events"})
    reader = Reader.objects.get(email="one@example.com")
    sign_in_there(page, chief)
    faults = {}
    pages = list_pages(issue, chief, reader_id=reader.pk)
    del pages["proof-html"]
    for name, address in pages.items():
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(address)
            assert_fits(page)
            if found := find_faults(page):
                faults[f"{name} ({scheme})"] = found
    assert faults == {}
