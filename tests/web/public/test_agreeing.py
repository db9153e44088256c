"""Answering to new terms as a reader does it: the link of the letter, the page, the button; and the pages of all versions."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.wordings import FIRST, NEW, OLD, join, publish, publish_first
from worker.readers.agree import asked_since
from worker.readers.erase import erase
from worker.readers.leaving import leave
from worker.readers.links import agree_url, preferences_url, sign_link
from worker.readers.renewal import owe_notices
from worker.readers.terms import seal_shown
from worker.storage.models import Consent, Notice, Reader, Terms

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)


@pytest.fixture
def browser(db: None, editorial_file: Path) -> Client:
    publish_first()
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def ada(browser: Client) -> Reader:
    reader: Reader = join("ada@example.com", since=FIRST)
    return reader


def path_of(reader: Reader, terms: Terms) -> str:
    return "/" + agree_url(reader.pk, terms.pk).split("/", 3)[3]


def press(browser: Client, path: str, page: str = "") -> Any:
    """Press the button of the page as it was shown."""
    shown = re.search(r'name="shown" value="([^"]*)"', page or browser.get(path).content.decode())
    return browser.post(path, {"shown": unescape(shown[1])} if shown else {})


def given() -> list[tuple[str, str, str, str]]:
    return [(row.version, row.wording_sha256, row.method, row.form) for row in Consent.objects.filter(action="given")]


def test_what_a_form_shows_is_no_link_and_a_link_is_not_what_a_form_shows(browser: Client, ada: Reader) -> None:
    terms = publish(effective=TODAY + 20 * DAY)
    seal = seal_shown({"newsletter": terms})
    assert browser.get(f"/terms/agree/{seal}/").status_code == 404
    link = path_of(ada, terms)
    assert browser.post(link, {"shown": link.strip("/").rpartition("/")[2]}).status_code == 422
    assert given() == []


@pytest.mark.parametrize("slash", ["/", ""])
def test_a_reader_reads_what_changes_and_agrees(browser: Client, ada: Reader, slash: str) -> None:
    terms = publish(effective=TODAY + 20 * DAY)
    path = path_of(ada, terms).rstrip("/") + slash
    page = browser.get(path)
    said = page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert "noindex" in page.headers["X-Robots-Tag"]
    for words in ("What changes", "I agree to version 2.0", terms.sha256,
                  "/unsubscribe/", "ada@example.com"):
        assert words in said
    assert "<ins>" in said
    assert given() == [], "looking agrees to nothing"
    done = press(browser, path, said)
    assert done.status_code == 200
    assert "Thank you" in done.content.decode()
    assert given() == [("2.0", terms.sha256, "terms page", "terms page")]
    assert Consent.objects.get().network_address == "127.0.0.1"
    ada.refresh_from_db()
    assert ada.terms_since == terms.effective
    owe_notices()
    assert not Notice.objects.exists(), "who has agreed is not asked"


def test_pressing_again_changes_nothing(browser: Client, ada: Reader) -> None:
    path = path_of(ada, publish(effective=TODAY + 20 * DAY))
    page = browser.get(path).content.decode()
    for _ in range(3):
        assert press(browser, path, page).status_code == 200
    assert len(given()) == 1
    assert "nothing to do" in browser.get(path).content.decode()


def test_one_press_ends_a_pause_at_once(browser: Client, ada: Reader) -> None:
    terms = publish(effective=TODAY - DAY)
    assert ada.terms_since < asked_since(TODAY)
    assert "paused for you" in browser.get(path_of(ada, terms)).content.decode()
    press(browser, path_of(ada, terms))
    ada.refresh_from_db()
    assert ada.terms_since >= asked_since(TODAY)


def test_the_preferences_of_who_is_paused_lead_to_the_page(browser: Client, ada: Reader) -> None:
    publish(effective=TODAY - DAY)
    own = "/" + preferences_url(ada.pk).split("/", 3)[3]
    link = re.search(r'href="[^"]*(/terms/agree/[^"]+)"', browser.get(own).content.decode())
    assert link
    press(browser, link[1])
    assert "/terms/agree/" not in browser.get(own).content.decode()


def test_the_link_of_an_older_letter_leads_to_the_newest_version(browser: Client, ada: Reader) -> None:
    second = publish(effective=TODAY + 5 * DAY)
    third = publish("3.0", NEW + "\nOne line more.\n", effective=TODAY + 20 * DAY)
    press(browser, path_of(ada, second))
    assert [row[0] for row in given()] == ["3.0"]
    ada.refresh_from_db()
    assert ada.terms_since == third.effective


def test_the_version_shown_is_recorded_though_a_newer_one_comes_in_between(browser: Client, ada: Reader) -> None:
    second = publish(effective=TODAY + 5 * DAY)
    path = path_of(ada, second)
    page = browser.get(path).content.decode()
    third = publish("3.0", NEW + "\nOne line more.\n", effective=TODAY + 20 * DAY)
    answer = press(browser, path, page).content.decode()
    assert given() == [("2.0", second.sha256, "terms page", "terms page")]
    assert "newer one has been published" in answer
    press(browser, path, answer)
    assert [row[0] for row in given()] == ["2.0", "3.0"]
    ada.refresh_from_db()
    assert ada.terms_since == third.effective


@pytest.mark.parametrize("seal", [None, "", "made-up", "first"])
def test_a_form_that_does_not_say_what_it_showed_agrees_to_nothing(browser: Client, ada: Reader, seal: str | None) -> None:
    terms = publish(effective=TODAY + 20 * DAY)
    if seal == "first":
        seal = seal_shown({"newsletter": Terms.objects.get(kind="newsletter", version="1.0")})
    answer = browser.post(path_of(ada, terms), {} if seal is None else {"shown": seal})
    assert answer.status_code == 422
    assert "Nothing was recorded" in answer.content.decode()
    assert given() == []


def test_who_gets_no_newsletter_is_asked_nothing_and_is_not_brought_back(browser: Client, ada: Reader) -> None:
    terms = publish(effective=TODAY + 20 * DAY)
    page = browser.get(path_of(ada, terms)).content.decode()
    leave(ada.pk, "aitrends", method="one-click")
    answer = press(browser, path_of(ada, terms), page)
    assert "nothing to agree to" in answer.content.decode()
    assert given() == []
    assert ada.subscriptions.get().state == "left"


def test_a_damaged_link_and_one_of_another_purpose_open_nothing(browser: Client, ada: Reader) -> None:
    terms = publish(effective=TODAY + 20 * DAY)
    good = path_of(ada, terms)
    for path in (good[:-4] + "/", good.swapcase(), "/terms/agree/x/", "/terms/agree/" + "x" * 3000 + "/",
                 f"/terms/agree/{sign_link('preferences', reader=ada.pk, terms=terms.pk)}/"):
        assert browser.get(path).status_code == 404
        assert browser.post(path, {"shown": seal_shown({"newsletter": terms})}).status_code == 404
    erase(ada.email)
    assert browser.get(good).status_code == 404
    assert given() == []


def test_a_huge_form_is_refused(browser: Client, ada: Reader) -> None:
    assert browser.post(path_of(ada, publish()), {"shown": "x" * 30_000}).status_code == 413


def test_the_terms_announce_what_is_coming_and_show_what_changes(browser: Client) -> None:
    publish(effective=TODAY + 20 * DAY)
    today = browser.get("/terms/").content.decode()
    assert "You get the newsletters you choose, and no others." in today
    assert "/terms/2.0/" in today
    assert "/terms/2.0/changes/" in today
    assert "newer version" not in today
    assert "not in force yet" in browser.get("/terms/2.0/").content.decode()
    changes = browser.get("/terms/2.0/changes/").content.decode()
    assert "<del>" in changes
    assert "Added: </span>" in changes
    assert "/terms/1.0/" in changes
    first = browser.get("/terms/1.0/changes/")
    assert first.status_code == 200
    assert "first version" in first.content.decode()


def test_any_two_versions_can_be_compared(browser: Client) -> None:
    publish("2.0", NEW)
    publish("3.0", OLD + "\n<script>alert(1)</script> One line more.\n", effective=TODAY + 90 * DAY)
    page = browser.get("/terms/3.0/changes/?from=1.0").content.decode()
    assert "One line more." in page
    assert "a letter from us" not in page
    assert "<script>alert" not in page
    assert "a letter from us" in browser.get("/terms/3.0/changes/").content.decode()
    assert "is the same" in browser.get("/terms/3.0/changes/?from=3.0").content.decode()


@pytest.mark.parametrize("path", ["/terms/9/changes/", "/terms/1.0/changes/?from=9", "/terms/1.0/changes/?from=%00", "/terms/box/",
                                  "/terms/box/privacy/1.0/", "/terms/box/nothing/1.0/", "/terms/box/partners/9/",
                                  "/privacy/9/changes/"])
def test_what_is_not_there_is_not_found(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("kind", ["newsletter", "privacy", "partners", "tracking"])
def test_every_wording_the_ledger_can_name_is_readable(browser: Client, kind: str) -> None:
    place = {"newsletter": "/terms", "privacy": "/privacy"}.get(kind, f"/terms/box/{kind}")
    row = publish("2.0", "Other words altogether.\n", kind=kind)
    page = browser.get(f"{place}/2.0/").content.decode()
    assert row.sha256 in page
    assert "Other words altogether." in page
    assert f"{place}/1.0/" in page
    assert browser.get(f"{place}/2.0/changes/").status_code == 200


def test_robots_stay_off_the_pages_of_one_person(browser: Client) -> None:
    assert "Disallow: /terms/agree/" in browser.get("/robots.txt").content.decode()


def test_from_publishing_to_the_press_that_brings_it_back(browser: Client, ada: Reader, tmp_path: Path, settings: Any,
                                                        find_mail: Callable[[], str]) -> None:
    """The whole way with real letters, by the clock of the day."""
    from worker.delivery.notices import send_notices

    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    publish(effective=TODAY)
    owe_notices()
    send_notices()
    assert "Thank you" in press(browser, find_mail()).content.decode()
    ada.refresh_from_db()
    assert ada.terms_since >= asked_since()


@pytest.fixture
def find_mail(tmp_path: Path) -> Callable[[], str]:
    """Return a function that gives the path of the agree page in the only mail."""
    from email import message_from_bytes, policy

    def find() -> str:
        (file,) = (tmp_path / "box" / "new").glob("*")
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        text = "".join(mail.get_body(("plain",)).get_content().split("\n"))  # type: ignore[union-attr]
        return "/terms/agree/" + text.partition("/terms/agree/")[2].partition("/")[0] + "/"

    return find
