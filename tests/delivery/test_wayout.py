"""The way out, walked by a reader whom nobody has ever heard of: what is proven by it, and that nothing is left of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as given

from tests.fakes.feed_server import FeedServer
from tests.wordings import publish_first
from worker.delivery.wayout import ask_own, call_site, try_here, try_outside
from worker.readers.links import unsubscribe_url
from worker.storage.models import Consent, Reader, Subscription, Verdict
from worker.web.public import leaving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def elsewhere(settings: Any) -> Iterator[FeedServer]:
    """Return a server that stands where BASE_URL points."""
    with FeedServer() as server:
        settings.BASE_URL = server.url
        yield server


def answer_with(server: FeedServer, body: bytes = b"You have left AITrends.\n", status: int = 200, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    class Everywhere(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            return lambda handler: handler.answer(status, body, named)

    server.behaviours = Everywhere()


def test_a_trial_reader_leaves_by_one_post_and_nothing_is_left_of_it() -> None:
    answer = try_here()
    assert (answer.verdict, answer.words) == (Verdict.GOOD, "a trial reader left with one POST, and was put back")
    assert (Reader.objects.count(), Subscription.objects.count(), Consent.objects.count()) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_to_the_erasure_journal() -> None:
    journal = Path(given.ERASURE_JOURNAL)
    before = journal.read_bytes() if journal.exists() else b""
    assert try_here().verdict == Verdict.GOOD
    assert (journal.read_bytes() if journal.exists() else b"") == before
    assert Reader.objects.count() == 0


def test_readers_who_are_there_stay_as_they_are() -> None:
    reader = Reader.objects.create(email="one@example.com", email_key="one@example.com")
    Subscription.objects.create(reader=reader, newsletter="aitrends", state="confirmed")
    try_here()
    try_outside()
    assert list(Subscription.objects.values_list("reader", "state")) == [(reader.pk, "confirmed")]
    assert list(Reader.objects.all()) == [reader]


def test_a_view_that_does_not_do_what_it_says_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "leave", lambda *args, **said: True)
    answer = try_here()
    assert answer.verdict == Verdict.BAD
    assert "the site says “You have left AITrends.”, but the reader has not left" in answer.words


def test_a_page_that_unsubscribes_who_only_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_looking(request: Any, token: str) -> Any:
        ids = leaving.read_link("unsubscribe", token)
        leaving.leave(ids["reader"], ids["newsletter"], method="looking")
        return leaving._say(request, "AITrends", {})

    monkeypatch.setattr(leaving, "_unsubscribe", on_looking)
    assert "every scanner would unsubscribe readers" in try_here().words


def test_a_redirect_to_https_is_found(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_REDIRECT_EXEMPT = True, []
    answer = try_here()
    assert (answer.verdict, "answered with a redirect to https://" in answer.words) == (Verdict.BAD, True)


def test_a_site_that_breaks_is_unsure_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*args: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("worker.delivery.wayout.call_site", fall)
    answer = try_here()
    assert (answer.verdict, answer.words) == (Verdict.UNSURE, "could not be tried here (RuntimeError); the log says why")


@pytest.mark.django_db(transaction=True)
def test_the_site_itself_answers_to_our_signature_over_the_network(live_server: Any, settings: Any) -> None:
    settings.BASE_URL = live_server.url
    answer = try_outside()
    assert (answer.verdict, answer.words) == (Verdict.GOOD, f"{live_server.url} answers to our signature")


@pytest.mark.django_db(transaction=True)
def test_a_site_with_another_secret_key_is_found(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BASE_URL = live_server.url
    forged = unsubscribe_url(0, "aitrends").rpartition(".")[0] + f".{'A' * 43}/"
    monkeypatch.setattr("worker.delivery.wayout.unsubscribe_url", lambda reader, newsletter: forged)
    answer = try_outside()
    assert answer.verdict == Verdict.BAD
    assert "the signature of the unsubscribe link is not accepted there" in answer.words


@pytest.mark.parametrize(("said", "verdict", "words"), [
    ({}, Verdict.GOOD, "answers to our signature"),
    ({"status": 301, "Location": "https://elsewhere.net/"}, Verdict.BAD, "a redirect to https://elsewhere.net/"),
    ({"Set_Cookie": "a=b"}, Verdict.BAD, "answered with a cookie"),
    ({"status": 404}, Verdict.BAD, "is answered with 404"),
    ({"status": 403}, Verdict.BAD, "is answered with 403"),
    ({"body": b"It works!"}, Verdict.BAD, "is it another service"),
    ({"status": 503}, Verdict.UNSURE, "out of order just now"),
])
def test_what_stands_at_the_address_is_judged_as_a_mail_provider_would(
    elsewhere: FeedServer, said: dict[str, Any], verdict: Verdict, words: str
) -> None:
    answer_with(elsewhere, **said)
    answer = try_outside()
    assert answer.verdict == verdict
    assert words in answer.words
    [asked] = elsewhere.asked
    assert (asked.method, asked.body) == ("POST", b"List-Unsubscribe=One-Click")


def test_a_site_that_cannot_be_reached_is_said_without_the_token(settings: Any) -> None:
    with FeedServer() as gone:
        settings.BASE_URL = gone.url
    answer = try_outside()
    assert (answer.verdict, "could not be reached from here" in answer.words) == (Verdict.UNSURE, True)
    assert "unsubscribe" not in answer.words


@pytest.mark.parametrize(("path", "verdict"), [("/terms/", Verdict.GOOD), ("/%74erms/", Verdict.GOOD),
                                               ("/archive/nothing/2026-01-01/", Verdict.BAD), ("/desk/", Verdict.GOOD)])
def test_pages_of_our_own_are_asked_without_the_network(settings: Any, path: str, verdict: Verdict) -> None:
    publish_first()
    assert ask_own(settings.BASE_URL + path).verdict == verdict


def test_a_call_is_a_request_like_any_other() -> None:
    reply = call_site("GET", "/desk/")
    assert (reply.status, reply.headers["location"]) == (302, "/desk/sign-in/?next=/desk/")
