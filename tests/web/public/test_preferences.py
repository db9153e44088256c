"""The preferences page as a person uses it, without script: one form a choice, a plain answer, and nothing without its form."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from worker.readers.leaving import leave
from worker.readers.links import preferences_url, read_link, sign_link, unsubscribe_url
from worker.readers.suppress import suppress
from worker.readers.terms import current_terms
from worker.storage.models import Consent, Reader, Subscription, Suppression, Terms
from worker.storage.models.readers import today


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def _state(newsletter: str = "daily") -> str:
    return Subscription.objects.get(newsletter=newsletter).state


@pytest.fixture
def choose(browser: Client) -> Callable[..., Any]:
    """Return a function that opens a reader's page, sends one of its forms, and returns the page that follows."""

    def send(reader: Reader, form: str, **fields: Any) -> Any:
        path = _path(preferences_url(reader.pk))
        page = browser.get(path).content.decode()
        found = re.search(rf'<form method="post" id="{form}">(.*?)</form>', page, re.DOTALL)
        assert found, f"there is no form {form}"
        hidden = {key: unescape(value) for key, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[1])}
        return browser.post(path, {**hidden, **fields}, follow=True)

    return send


@pytest.fixture
def weekly(editorial_file: Path) -> None:
    """Let Daily have a weekly digest on Saturdays."""
    text = editorial_file.read_text()
    editorial_file.write_text(text.replace('title = "Daily"', 'title = "Daily"\ndigest_on = "sat"'))


def test_newsletters_are_chosen_and_left(ada: Reader, choose: Callable[..., Any], terms: Terms) -> None:
    answer = choose(ada, "newsletters", newsletters=["daily", "aitrends"])
    assert (answer.status_code, "Saved. You get AITrends and Daily." in answer.content.decode()) == (200, True)
    given = Consent.objects.filter(action="given", method="preferences", newsletter="aitrends").get()
    assert (given.version, given.wording_sha256, given.form) == (terms.version, terms.sha256, "preferences")
    choose(ada, "newsletters", newsletters=["aitrends"])
    assert (_state(), _state("aitrends")) == ("left", "confirmed")
    answer = choose(ada, "leave")
    assert "Saved. You get no newsletter of ours any more." in answer.content.decode()
    assert (_state(), _state("aitrends")) == ("left", "left")
    assert Consent.objects.filter(action="withdrawn", purpose="newsletter").count() == 2


def test_how_often_is_chosen_where_there_is_a_digest(ada: Reader, weekly: None, choose: Callable[..., Any],
                                                     browser: Client) -> None:
    page = browser.get(_path(preferences_url(ada.pk))).content.decode()
    assert "One mail a week, on Saturday" in page
    assert "often-aitrends" not in page, "it has no digest"
    ledger = Consent.objects.count()
    answer = choose(ada, "newsletters", newsletters=["daily"], **{"often-daily": "weekly"})
    assert "Saved. You get Daily once a week." in answer.content.decode()
    assert Subscription.objects.get(newsletter="daily").frequency == "weekly"
    assert re.search(r'value="weekly" id="weekly-daily" checked', answer.content.decode())
    choose(ada, "newsletters", newsletters=["daily"], **{"often-daily": "every"})
    assert Subscription.objects.get(newsletter="daily").frequency == "every"
    assert Consent.objects.count() == ledger, "how often is no consent"


def test_no_digest_is_promised_that_does_not_come(ada: Reader, choose: Callable[..., Any]) -> None:
    choose(ada, "newsletters", newsletters=["daily"], **{"often-daily": "weekly"})
    assert Subscription.objects.get().frequency == "every"


def test_a_frequency_that_is_none_changes_nothing_at_all(ada: Reader, weekly: None, choose: Callable[..., Any]) -> None:
    answer = choose(ada, "newsletters", newsletters=["daily", "aitrends"], **{"often-daily": "hourly"})
    assert (answer.status_code, Subscription.objects.count(), Subscription.objects.get().frequency) == (422, 1, "every")


@pytest.fixture
def two_topics(editorial_file: Path) -> None:
    """Let the feeds be about labs and chips."""
    text = editorial_file.read_text()
    editorial_file.write_text(text.replace('newsletters = ["aitrends"]', 'newsletters = ["aitrends"]\ntopic = "chips"'))


def test_topics_are_chosen(ada: Reader, two_topics: None, choose: Callable[..., Any], browser: Client) -> None:
    page = browser.get(_path(preferences_url(ada.pk))).content.decode()
    assert re.findall(r'value="(\w+)" id="topic-\w+"( checked)?', page) == [("chips", " checked"), ("labs", " checked")]
    ledger = Consent.objects.count()
    answer = choose(ada, "topics", topics=["chips"])
    assert "Of these topics you hear of Chips and data centres only." in answer.content.decode()
    ada.refresh_from_db()
    assert ada.topics == "chips"
    assert re.findall(r'id="topic-(\w+)"( checked)?', answer.content.decode()) == [("chips", " checked"), ("labs", "")]
    assert Consent.objects.count() == ledger


@pytest.mark.parametrize("ticked", [[], ["labs", "chips"]])
def test_all_topics_or_none_is_everything_also_of_topics_to_come(ada: Reader, two_topics: None, choose: Callable[..., Any],
                                                                 ticked: list[str]) -> None:
    Reader.objects.update(topics="chips")
    answer = choose(ada, "topics", topics=ticked)
    assert "Saved. You hear of every topic." in answer.content.decode()
    ada.refresh_from_db()
    assert ada.topics == ""


def test_a_topic_there_is_not_is_refused(ada: Reader, two_topics: None, choose: Callable[..., Any]) -> None:
    answer = choose(ada, "topics", topics=["chips", "gossip"])
    assert (answer.status_code, "gossip" in answer.content.decode()) == (422, True)
    ada.refresh_from_db()
    assert ada.topics == ""


@pytest.mark.parametrize("weeks", [2, 4, 8])
def test_a_pause_is_shown_with_its_end_and_can_be_ended(ada: Reader, choose: Callable[..., Any], weeks: int) -> None:
    answer = choose(ada, "pause", weeks=str(weeks))
    ends = timezone.now() + timedelta(weeks=weeks)
    day = f"{ends.day} {ends:%B %Y}"
    assert f"Saved. No issue comes before {day}." in answer.content.decode()
    assert f"You have paused until <strong>{day}</strong>" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.paused_until
    assert abs(ada.paused_until - ends) < timedelta(minutes=5)
    answer = choose(ada, "pause", weeks="0")
    assert "Issues come again" in answer.content.decode()
    assert "Resume now" not in answer.content.decode()
    ada.refresh_from_db()
    assert ada.paused_until is None


@pytest.mark.parametrize("weeks", ["", "3", "-2", "520", "x", "٢"])
def test_no_other_pause_is_taken(ada: Reader, choose: Callable[..., Any], weeks: str) -> None:
    answer = choose(ada, "pause", weeks=weeks)
    assert (answer.status_code, "2, 4 or 8 weeks" in answer.content.decode()) == (422, True)
    ada.refresh_from_db()
    assert ada.paused_until is None


def test_a_pause_that_is_over_is_not_shown(ada: Reader, browser: Client) -> None:
    Reader.objects.update(paused_until=timezone.now() - timedelta(minutes=1))
    assert "You have paused" not in browser.get(_path(preferences_url(ada.pk))).content.decode()


def test_agreements_are_given_and_taken_back_each_by_itself(ada: Reader, choose: Callable[..., Any], browser: Client) -> None:
    page = unescape(browser.get(_path(preferences_url(ada.pk))).content.decode())
    for kind in ("partners", "tracking"):
        assert current_terms(kind).wording.strip() in page, "the published wording is the label"
    answer = choose(ada, "agreements", partners="on", tracking="on")
    assert "Saved. Partners&#x27; content: yes. Measuring: yes." in answer.content.decode()
    answer = choose(ada, "agreements", tracking="on")
    assert "Partners&#x27; content: no. Measuring: yes." in answer.content.decode()
    rows = Consent.objects.filter(purpose__in=["partners", "tracking"]).values_list("purpose", "action", "method")
    assert list(rows) == [("partners", "given", "preferences"), ("tracking", "given", "preferences"),
                          ("partners", "withdrawn", "preferences")]
    assert Consent.objects.get(purpose="tracking").wording_sha256 == current_terms("tracking").sha256


def test_partners_who_are_gone_can_still_be_taken_back(ada: Reader, choose: Callable[..., Any], browser: Client,
                                                       editorial_file: Path) -> None:
    choose(ada, "agreements", partners="on")
    agreed = current_terms("partners").wording.strip()
    editorial_file.write_text(editorial_file.read_text().replace('partners = ["Harbour Conferences"]', "partners = []"))
    assert agreed in unescape(browser.get(_path(preferences_url(ada.pk))).content.decode())
    choose(ada, "agreements")
    ada.refresh_from_db()
    assert not ada.partners
    assert Consent.objects.filter(purpose="partners").last().action == "withdrawn"  # type: ignore[union-attr]
    assert 'name="partners"' not in browser.get(_path(preferences_url(ada.pk))).content.decode()
    choose(ada, "agreements", partners="on")
    ada.refresh_from_db()
    assert not ada.partners, "nobody is there to agree to"


def test_what_was_shown_is_what_is_recorded(ada: Reader, browser: Client) -> None:
    path = _path(preferences_url(ada.pk))
    page = browser.get(path).content.decode()
    form = page[page.index('id="agreements"'):]
    hidden = {key: unescape(value) for key, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)[:3]}
    old = current_terms("tracking")
    Terms.objects.create(kind="tracking", version="2", title="New", wording="New words", sha256="f" * 64, material=True,
                         effective=today())
    assert browser.post(path, {**hidden, "tracking": "on"}).status_code == 302
    row = Consent.objects.get(purpose="tracking")
    assert (row.version, row.wording_sha256) == (old.version, old.sha256)


@pytest.mark.parametrize("fields", [{"change": "agreements", "tracking": "on"},
                                    {"change": "newsletters", "newsletters": ["daily", "aitrends"]}])
def test_nothing_is_agreed_to_on_a_page_that_cannot_say_what_it_showed(ada: Reader, browser: Client,
                                                                       fields: dict[str, Any]) -> None:
    path = _path(preferences_url(ada.pk))
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', browser.get(path).content.decode())
    assert token
    ledger = Consent.objects.count()
    answer = browser.post(path, {**fields, "csrfmiddlewaretoken": token[1], "shown": "damaged"})
    assert (answer.status_code, "open for very long" in answer.content.decode()) == (422, True)
    assert Consent.objects.count() == ledger
    taken_back = {"change": "newsletters", "csrfmiddlewaretoken": token[1], "shown": "damaged"}
    assert browser.post(path, taken_back).status_code == 302, "taking back is as easy as ever"
    assert _state() == "left"


def test_terms_that_wait_for_an_answer_are_shown(ada: Reader, choose: Callable[..., Any], browser: Client) -> None:
    path = _path(preferences_url(ada.pk))
    assert "wait for your answer" not in browser.get(path).content.decode()
    Reader.objects.update(terms_since=today() - timedelta(days=1))
    Terms.objects.create(kind="newsletter", version="2.0", title="New", wording="New", sha256="f" * 64, material=True,
                         effective=today())
    page = browser.get(path).content.decode()
    assert "wait for your answer" in page
    assert "/terms/2.0/" in page
    answer_at = re.search(r'href="[^"]*?(/terms/agree/[^"]+)">', page)
    assert answer_at
    asked = browser.get(answer_at[1])
    assert (asked.status_code, "2.0" in asked.content.decode(), "<form" in asked.content.decode()) == (200, True, True)
    answer = choose(ada, "newsletters", newsletters=["daily", "aitrends"])
    assert (answer.status_code, "agree to the new ones first" in answer.content.decode()) == (422, True)
    assert Subscription.objects.count() == 1
    assert "Saved" in choose(ada, "leave").content.decode(), "leaving is never in the way of terms"


def test_who_reads_nothing_agrees_to_new_terms_by_joining(ada: Reader, choose: Callable[..., Any]) -> None:
    leave(ada.pk, "daily", method="one-click")
    Reader.objects.update(terms_since=today() - timedelta(days=1))
    new = Terms.objects.create(kind="newsletter", version="2.0", title="New", wording="New", sha256="f" * 64, material=True,
                               effective=today())
    assert "Saved. You get Daily." in choose(ada, "newsletters", newsletters=["daily"]).content.decode()
    row = Consent.objects.filter(purpose="terms").last()
    assert row is not None
    assert (row.action, row.version) == ("given", "2.0")
    ada.refresh_from_db()
    assert ada.terms_since == new.effective


def test_changing_needs_the_page_s_own_form(ada: Reader, browser: Client) -> None:
    path = _path(preferences_url(ada.pk))
    for form in ("newsletters", "topics", "pause", "agreements", "address", "leave"):
        assert browser.post(path, {"change": form, "email": "x@example.com", "weeks": "2"}).status_code == 403
    assert browser.post(path + "erase/").status_code == 403
    assert _state() == "confirmed"


def test_a_form_there_is_not_is_refused_in_words(ada: Reader, browser: Client) -> None:
    path = _path(preferences_url(ada.pk))
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', browser.get(path).content.decode())
    assert token
    answer = browser.post(path, {"csrfmiddlewaretoken": token[1], "change": "everything"})
    assert (answer.status_code, "not known" in answer.content.decode()) == (422, True)
    assert "Saved" not in browser.get(path + "?saved=everything").content.decode()


def test_a_newsletter_that_does_not_exist_changes_nothing(ada: Reader, choose: Callable[..., Any]) -> None:
    answer = choose(ada, "newsletters", newsletters=["weekly"])
    assert answer.status_code == 422
    assert _state() == "confirmed"


def test_a_newsletter_that_ended_can_still_be_left(ada: Reader, browser: Client, choose: Callable[..., Any]) -> None:
    Subscription.objects.create(reader=ada, newsletter="weekly", state="confirmed")
    assert "No longer published" in browser.get(_path(preferences_url(ada.pk))).content.decode()
    choose(ada, "newsletters", newsletters=["daily", "weekly"])
    assert _state("weekly") == "confirmed"
    choose(ada, "newsletters", newsletters=["daily"])
    assert _state("weekly") == "left"


def test_who_left_comes_back_by_their_own_page(ada: Reader, choose: Callable[..., Any]) -> None:
    leave(ada.pk, "daily", method="one-click")
    choose(ada, "newsletters", newsletters=["daily"])
    assert _state() == "confirmed"


def test_who_has_not_confirmed_is_told_to(terms: Terms, browser: Client) -> None:
    eve = Reader.objects.create(email="eve@example.com", email_key="eve@example.com")
    Subscription.objects.create(reader=eve, newsletter="daily", state="pending")
    page = browser.get(_path(preferences_url(eve.pk))).content.decode()
    assert "not confirmed" in page
    assert "<form" not in page


def test_a_mailbox_that_does_not_take_our_mail_can_only_be_changed(ada: Reader, browser: Client) -> None:
    suppress("ada@example.com", "bounce")
    page = browser.get(_path(preferences_url(ada.pk))).content.decode()
    assert "stopped writing to it" in page
    assert re.findall(r'<form method="post" id="(\w+)"', page) == ["address"]


def test_my_data(ada: Reader, browser: Client) -> None:
    answer = browser.get(_path(preferences_url(ada.pk)) + "data/")
    assert "attachment" in answer.headers["Content-Disposition"]
    kept = json.loads(answer.content)
    assert (kept["email"], kept["subscriptions"][0]["newsletter"]) == ("ada@example.com", "daily")


def test_erase_me(ada: Reader, browser: Client, fill_in: Callable[..., Any]) -> None:
    path = _path(preferences_url(ada.pk))
    assert "cannot be undone" in browser.get(path + "erase/").content.decode()
    assert Reader.objects.exists()
    assert "erased" in fill_in(path + "erase/").content.decode()
    assert not Reader.objects.exists()
    assert Suppression.objects.get().reason == "erased"
    for left in ("", "data/", "erase/"):
        assert browser.get(path + left).status_code == 404
    assert Client().post(_path(unsubscribe_url(ada.pk or 1, "daily"))).status_code == 200


def test_a_link_for_one_reader_shows_nothing_of_another(ada: Reader, browser: Client) -> None:
    other = Reader.objects.create(email="bo@example.com", email_key="bo@example.com")
    page = browser.get(_path(preferences_url(other.pk))).content.decode()
    assert ("bo@example.com" in page, "ada@example.com" in page) == (True, False)
    assert read_link("preferences", _path(preferences_url(other.pk)).split("/")[2]) == {"reader": other.pk}


@pytest.mark.parametrize("purpose", ["confirm", "unsubscribe", "undo", "address"])
def test_no_other_link_opens_the_preferences(ada: Reader, browser: Client, purpose: Any) -> None:
    token = sign_link(purpose, reader=ada.pk, newsletter="daily", notice=1, round=1)
    for part in ("", "data/", "erase/"):
        answer = browser.get(f"/preferences/{token}/{part}")
        assert (answer.status_code, "ada@example.com" in answer.content.decode()) == (404, False)
