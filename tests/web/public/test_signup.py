"""Sign-up and confirmation as a person meets them, without script."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from worker.readers.leaving import leave
from worker.readers.links import sign_link
from worker.readers.subscribe import decide_sign_ups
from worker.readers.suppress import suppress
from worker.readers.terms import current_terms
from worker.storage.models import Consent, Notice, Reader, SignUp, Subscription, Terms


def _state() -> str:
    return Subscription.objects.get().state


def test_the_form_names_the_newsletters_the_terms_and_the_partners_with_nothing_ticked(browser: Client, terms: Terms) -> None:
    for path in ("/", "/subscribe/"):
        page = browser.get(path).content.decode()
        for word in ("AITrends", "Mondays to Fridays", "Every day", "The day&#x27;s technology news", "Harbour Conferences",
                     f"/terms/{terms.version}/"):
            assert word in page
        boxes = re.findall(r"<input type=\"checkbox\"[^>]*>", page)
        assert {re.search(r'id="([\w-]+)"', box)[1] for box in boxes} == {  # type: ignore[index]
            "newsletter-aitrends", "newsletter-daily", "topic-labs", "agree", "partners", "tracking"}
        assert not [box for box in boxes if "checked" in box]


def test_without_partners_nobody_is_asked_about_partners(browser: Client, editorial_file: Any) -> None:
    editorial_file.write_text(editorial_file.read_text().replace('partners = ["Harbour Conferences"]', "partners = []"))
    page = browser.get("/subscribe/").content.decode()
    assert 'name="partners"' not in page
    assert 'name="tracking"' in page


def test_opt_in_twice(sign_up: Callable[..., Any], browser: Client, confirm_path: Callable[[], str], press: Callable[..., Any],
                      terms: Terms) -> None:
    answer = sign_up(tracking="on")
    assert (answer.status_code, "Check your inbox" in answer.content.decode()) == (200, True)
    assert _state() == "pending"
    page = browser.get(confirm_path()).content.decode()
    assert "Daily" in page
    assert "measure" in page, "what is confirmed is said"
    assert "Harbour" not in page
    for _ in range(3):
        browser.get(confirm_path())
        browser.head(confirm_path())
    assert _state() == "pending", "scanners follow links: only the button confirms"
    assert "You are subscribed" in press().content.decode()
    assert _state() == "confirmed"
    given = Consent.objects.filter(action="given")
    assert {(row.purpose, row.wording_sha256, row.network_address) for row in given} == {
        ("newsletter", terms.sha256, "127.0.0.1"), ("terms", terms.sha256, "127.0.0.1"),
        ("tracking", current_terms("tracking").sha256, "127.0.0.1")}
    rows = Consent.objects.count()
    assert "You are subscribed" in press().content.decode()
    assert Consent.objects.count() == rows


def test_the_answer_is_the_same_for_everybody(sign_up: Callable[..., Any], ada: Reader) -> None:
    suppress("gone@example.com", "erased")
    pages = []
    for email in ("ada@example.com", "new@example.com", "gone@example.com", "new@example.com"):
        answer = sign_up(email)
        pages.append((answer.status_code, answer.content.decode().replace(email, "X")))
    assert len(set(pages)) == 1
    assert Notice.objects.filter(kind="confirm").count() == 2, "one for Ada long ago, one for the new reader"
    assert not Reader.objects.filter(email="gone@example.com").exists()


@pytest.mark.parametrize(("fields", "says"), [
    ({"email": ""}, "Give your e-mail address"), ({"email": "ada"}, "not an e-mail address"),
    ({"email": "ada@example.com\r\nBcc: x@example.com"}, "not an e-mail address"),
    ({"email": "a" * 300 + "@example.com"}, "254"), ({"newsletters": None}, "at least one newsletter"),
    ({"newsletters": ["weekly"]}, "valid choice"), ({"agree": None}, "agree to them"),
    ({"shown": "made-up"}, "agree again")])
def test_a_form_that_will_not_do_says_why_and_writes_nothing(sign_up: Callable[..., Any], fields: dict[str, Any],
                                                             says: str) -> None:
    answer = sign_up(**fields)
    assert (answer.status_code, says in answer.content.decode()) == (422, True)
    assert not Reader.objects.exists()


def test_what_was_ticked_stays_ticked_when_the_form_comes_back(sign_up: Callable[..., Any]) -> None:
    page = sign_up("ada@", tracking="on").content.decode()
    assert 'value="ada@"' in page
    ticked = {re.search(r'id="([\w-]+)"', box)[1] for box in re.findall(r"<input type=\"checkbox\"[^>]*checked[^>]*>", page)}  # type: ignore[index]
    assert ticked == {"newsletter-daily", "agree", "tracking"}


def test_a_machine_that_fills_in_everything_gets_the_same_answer_and_nothing_else(sign_up: Callable[..., Any]) -> None:
    assert "Check your inbox" in sign_up(website="https://spam.example").content.decode()
    assert not Reader.objects.exists()


def test_a_form_on_another_site_leads_to_ours_filled_in_with_nothing_agreed_to(browser: Client) -> None:
    """A plain form anywhere: no cookie, no token, no script. What is agreed to was read on our page."""
    elsewhere = Client(enforce_csrf_checks=True).post(
        "/subscribe/", {"email": "ada@example.com", "newsletters": "daily", "topics": "labs", "agree": "on", "tracking": "on"},
        headers={"Origin": "https://blog.example", "Referer": "https://blog.example/"})
    page = elsewhere.content.decode()
    assert "One more step" in page
    assert "Please mend" not in page
    assert 'value="ada@example.com"' in page
    assert not SignUp.objects.exists()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert hidden["elsewhere"] == "on"
    sent = browser.post("/subscribe/", {**hidden, "email": "ada@example.com", "newsletters": "daily", "agree": "on"})
    assert sent.status_code == 303
    decide_sign_ups()
    assert {row.form for row in Consent.objects.all()} == {"elsewhere"}


def test_the_version_the_form_showed_is_recorded_though_a_new_one_came_between(browser: Client, terms: Terms) -> None:
    page = browser.get("/subscribe/").content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    Terms.objects.create(kind="newsletter", version="2.0", title="T", wording="new", sha256="2" * 64,
                         effective=terms.effective)
    browser.post("/subscribe/", {**fields, "email": "ada@example.com", "newsletters": "daily", "agree": "on"})
    decide_sign_ups()
    assert {row.version for row in Consent.objects.all()} == {terms.version}


def test_without_terms_sign_up_is_closed_and_the_pages_still_stand(browser: Client) -> None:
    Terms.objects.all().delete()
    for path in ("/", "/subscribe/"):
        answer = browser.get(path)
        assert (answer.status_code, "closed" in answer.content.decode()) == (200, True)


def test_a_broken_feeds_toml_tells_readers_to_come_back_and_half_does_nothing(
        sign_up: Callable[..., Any], browser: Client, confirm_path: Callable[[], str], editorial_file: Any) -> None:
    sign_up()
    path = confirm_path()
    editorial_file.write_text("[publisher]\nname = 1\n")
    for answer in (browser.get("/"), browser.get(path), browser.post(path)):
        assert answer.status_code == 503
        assert "come back" in answer.text
        assert "feeds.toml" not in answer.text
    assert Subscription.objects.get().state == "pending"


def test_hostile_input_is_shown_as_text(sign_up: Callable[..., Any]) -> None:
    page = sign_up('"><script>alert(1)</script>@example.com').content.decode()
    assert "<script>alert" not in page


def test_a_huge_form_is_refused(browser: Client) -> None:
    answer = browser.post("/confirm/x/", data=b"a=" + b"x" * 30_000, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413


@pytest.mark.parametrize("token", ["x", "a.b.c", "%00", "x" * 3000, "../..", "é"])
@pytest.mark.parametrize("path", ["confirm", "preferences", "unsubscribe"])
def test_a_damaged_link_gets_a_friendly_page(browser: Client, path: str, token: str) -> None:
    answer = browser.get(f"/{path}/{token}/", follow=True)
    assert answer.status_code == 404
    assert "<h1>" in answer.content.decode()


def test_a_link_of_another_purpose_confirms_nothing(sign_up: Callable[..., Any], browser: Client) -> None:
    sign_up()
    notice, reader = Notice.objects.get(), Reader.objects.get()
    for token in (sign_link("preferences", reader=reader.pk, notice=notice.pk),
                  sign_link("unsubscribe", reader=reader.pk, newsletter="daily", notice=notice.pk)):
        assert browser.post(f"/confirm/{token}/").status_code == 404
    assert _state() == "pending"


def test_a_stale_link_says_so_and_brings_nobody_back(ada: Reader, browser: Client, confirm_path: Callable[[], str]) -> None:
    leave(ada.pk, "daily", method="one-click")
    for answer in (browser.get(confirm_path()), browser.post(confirm_path())):
        assert "has been used" in answer.content.decode()
    assert _state() == "left"


def test_an_old_link_says_so(sign_up: Callable[..., Any], browser: Client, confirm_path: Callable[[], str],
                             monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    path = confirm_path()
    monkeypatch.setattr("worker.readers.links._MAX_AGE", {"confirm": -1})
    answer = browser.post(path)
    assert (answer.status_code, "too old" in answer.content.decode()) == (410, True)
    assert _state() == "pending"


def test_confirming_needs_no_cookie_and_a_cut_slash_does_no_harm(sign_up: Callable[..., Any], confirm_path: Callable[[], str],
                                                                 press: Callable[..., Any]) -> None:
    sign_up()
    answer = press(confirm_path().rstrip("/"))
    assert (answer.status_code, answer.cookies) == (200, {})
    assert _state() == "confirmed"


def test_pages_of_one_person_are_kept_by_no_cache_and_no_search_engine(ada: Reader, browser: Client,
                                                                       confirm_path: Callable[[], str]) -> None:
    for path in (confirm_path(), f"/preferences/{sign_link('preferences', reader=ada.pk)}/"):
        answer = browser.get(path)
        assert "no-store" in answer.headers["Cache-Control"]
        assert "noindex" in answer.headers["X-Robots-Tag"]


def test_a_link_too_old_offers_a_new_one_and_the_limits_hold(
        sign_up: Callable[..., Any], browser: Client, confirm_path: Callable[[], str], press: Callable[..., Any],
        monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up(tracking="on")
    path = confirm_path()
    monkeypatch.setattr("worker.readers.links._MAX_AGE", {"confirm": -1})
    assert "Send me a new link" in browser.get(path).content.decode()
    for _ in range(2):
        assert browser.post(path, {"again": "yes"}).headers["Location"] == "/subscribe/sent/"
    decide_sign_ups()
    assert Notice.objects.count() == 1, "today's letter went to that mailbox already"
    monkeypatch.undo()
    assert press().status_code == 200

    Notice.objects.filter(kind="confirm").update(key="confirm:of-another-day")
    Notice.objects.filter(kind="welcome").delete()
    Subscription.objects.update(state="pending", confirm_round=5)
    monkeypatch.setattr("worker.readers.links._MAX_AGE", {"confirm": -1})
    browser.post(path, {"again": "yes"})
    decide_sign_ups()
    monkeypatch.undo()
    assert confirm_path() != path
    assert "measure" in browser.get(confirm_path()).content.decode(), "it asks what the first one asked"


def test_a_made_up_link_brings_no_new_one(browser: Client) -> None:
    assert browser.post("/confirm/made.up.link/", {"again": "yes"}).status_code == 404
    assert not SignUp.objects.exists()


def test_the_page_says_which_topics_were_chosen_and_confirming_keeps_them(
        sign_up: Callable[..., Any], browser: Client, confirm_path: Callable[[], str], press: Callable[..., Any]) -> None:
    sign_up(topics=["labs"])
    assert "Labs and their models" in browser.get(confirm_path()).content.decode()
    press()
    assert Reader.objects.get().topics == "labs"
