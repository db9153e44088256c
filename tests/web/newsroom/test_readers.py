"""Readers at the desk: found in any spelling, shown as evidence, erased by an approver; and each look is on record."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.confirming import confirm
from tests.readers.everything import EMAIL, LOCAL, NAME, columns_with, make_reader
from worker.readers.consent import evidence
from worker.readers.links import sign_link
from worker.readers.subscribe import sign_up
from worker.readers.suppress import is_suppressed
from worker.readers.terms import current_terms, publish_terms
from worker.storage.models import AuditEntry, Notice, Reader, Subscription


@pytest.fixture
def ada(db: None, editorial_file: Any) -> Reader:
    """Return a reader who signed up for Daily by the form, from a network, and confirmed."""
    publish_terms()
    sign_up("Ada.Lovelace@example.com", ["daily"], partners=True, network_address="192.0.2.77")
    confirm(sign_link("confirm", notice=Notice.objects.get().pk), network_address="2001:db8::5")
    return Reader.objects.get()


def _look_for(browser: Client, words: str) -> str:
    return browser.post("/desk/readers/", {"email": words}).text


@pytest.mark.parametrize("words", [
    "ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM", "  Ada.L", "ada", "ada.lovelace@EXAMPLE"])
def test_a_reader_is_found_by_their_address_or_its_beginning_in_any_capitals(ada: Reader, editors_desk: Client, words: str) -> None:
    page = _look_for(editors_desk, words)
    assert f'href="/desk/readers/{ada.pk}/">Ada.Lovelace@example.com</a>' in page
    assert "1 reader<" in page


@pytest.mark.parametrize("words", ["lovelace", "ada.lovelace@example.org", "%", "___", "ad", "", "x" * 300, "\x00abc", "💥💥💥"])
def test_nobody_else_is_found(ada: Reader, editors_desk: Client, words: str) -> None:
    answer = editors_desk.post("/desk/readers/", {"email": words})
    assert answer.status_code == 200
    assert "Ada.Lovelace" not in answer.text


def test_a_mailbox_is_found_in_all_its_spellings(editors_desk: Client, editorial_file: Any) -> None:
    Reader.objects.create(email="ada.lovelace@gmail.com", email_key="ada.lovelace@gmail.com", mailbox="adalovelace@gmail.com")
    assert "ada.lovelace@gmail.com</a>" in _look_for(editors_desk, "AdaLovelace+news@googlemail.com")


def test_an_address_in_another_script_is_found(editors_desk: Client, editorial_file: Any) -> None:
    sign_up_email = "Jürgen@bücher.example"
    Reader.objects.create(email="Jürgen@xn--bcher-kva.example", email_key="jürgen@xn--bcher-kva.example")
    assert "Jürgen@xn--bcher-kva.example</a>" in _look_for(editors_desk, sign_up_email.upper())


def test_many_are_cut_short_and_the_page_says_so(editors_desk: Client, editorial_file: Any) -> None:
    for number in range(26):
        Reader.objects.create(email=f"reader{number:02}@example.com", email_key=f"reader{number:02}@example.com")
    page = _look_for(editors_desk, "reader")
    assert page.count('href="/desk/readers/') - page.count('href="/desk/readers/"') == 25
    assert "There are more" in page
    assert "reader25@" not in page


def test_counts_per_newsletter_and_state(ada: Reader, editors_desk: Client) -> None:
    Subscription.objects.create(reader=ada, newsletter="gone", state="left")
    page = editors_desk.get("/desk/readers/").text
    cells = re.findall(r"<tr><td><strong>(\w+)</strong></td>(.*?)</tr>", page, re.DOTALL)
    assert {title: re.findall(r">(\d+)<", row)[:4] for title, row in cells} == {
        "AITrends": ["0", "0", "0", "0"], "Daily": ["0", "1", "0", "0"], "gone": ["0", "0", "1", "0"]}


def test_the_evidence_names_way_form_network_version_and_the_wording_by_its_hash(ada: Reader, editors_desk: Client) -> None:
    page = unescape(editors_desk.get(f"/desk/readers/{ada.pk}/").text)
    for one in evidence(ada.email)["consents"]:
        assert one["at"][:19].replace("T", " ") in page
        assert f'/desk/wordings/{one["wording_sha256"]}/' in page
        assert one["wording_sha256"][:12] in page
        assert one["network_address"] in page
    assert "confirm page" in page
    terms = current_terms()
    words = editors_desk.get(f"/desk/wordings/{terms.sha256}/").text
    assert terms.sha256 in words
    assert terms.wording in unescape(words), "byte for byte, so that anybody can hash it again"


def test_the_evidence_shows_letters_and_what_was_sent(editors_desk: Client, editorial_file: Any) -> None:
    reader = make_reader()
    page = editors_desk.get(f"/desk/readers/{reader.pk}/").text
    assert "daily 2026-11-20" in page
    assert "bounced" in page
    assert f"list of {NAME}" in page
    assert "once a week" in page


def test_looking_somebody_up_is_on_record_without_the_address(ada: Reader, editors_desk: Client) -> None:
    _look_for(editors_desk, "ada.lovelace@example.com")
    editors_desk.get(f"/desk/readers/{ada.pk}/")
    assert list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "subject", "detail")) == [
        ("editor@example.com", "look for a reader", "readers", {"found": str(ada.pk)}),
        ("editor@example.com", "look up", f"reader {ada.pk}", {})]
    assert "lovelace" not in str(list(AuditEntry.objects.values())).lower()
    assert f"reader {ada.pk}" in editors_desk.get("/desk/audit/").text


def test_the_address_looked_for_stands_in_no_address_of_a_page(ada: Reader, editors_desk: Client) -> None:
    assert "Ada.Lovelace" not in editors_desk.get("/desk/readers/?email=ada.lovelace@example.com").text


@pytest.mark.parametrize("path", [
    "/desk/readers/999999/", f"/desk/readers/{2**70}/", "/desk/readers/999999/erase/", "/desk/wordings/x/"])
def test_who_is_not_there_is_not_found_in_words(desk: Client, editorial_file: Any, path: str) -> None:
    answer = desk.get(path)
    assert answer.status_code == 404
    assert "There is no" in answer.text


def test_an_approver_erases_after_a_page_that_says_what_that_means(desk: Client, editorial_file: Any) -> None:
    reader = make_reader()
    path = f"/desk/readers/{reader.pk}/erase/"
    assert f'href="{path}"' in desk.get(f"/desk/readers/{reader.pk}/").text
    assert "cannot be undone" in desk.get(path).text
    assert Reader.objects.exists(), "the page alone erases nobody"
    answer = desk.post(path, follow=True)
    assert f"Reader {reader.pk} is erased" in answer.text
    assert columns_with(EMAIL) | columns_with(LOCAL) == set()
    assert is_suppressed(EMAIL)
    entry = AuditEntry.objects.get(action="erase")
    assert (entry.actor, entry.subject) == ("approver@example.com", f"reader {reader.pk}")
    assert desk.post(path).status_code == 404, "a second press finds nobody"


def test_an_editor_sees_no_button_to_erase_and_cannot(ada: Reader, editors_desk: Client) -> None:
    assert "erase" not in editors_desk.get(f"/desk/readers/{ada.pk}/").text.lower()
    assert editors_desk.post(f"/desk/readers/{ada.pk}/erase/").status_code == 403
    assert Reader.objects.exists()


def test_an_erasure_that_could_not_be_written_down_is_not_claimed(ada: Reader, desk: Client, settings: Any, tmp_path: Any) -> None:
    settings.ERASURE_JOURNAL = tmp_path
    answer = desk.post(f"/desk/readers/{ada.pk}/erase/")
    assert answer.status_code == 503
    assert "nothing was erased" in answer.text
    assert Reader.objects.exists()
    assert not AuditEntry.objects.filter(action="erase").exists()
