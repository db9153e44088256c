"""The pixel and the counted links as mail programs, scanners and strangers ask for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from tests.delivery.editions import add_reader, make_edition
from worker.delivery import measuring
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.measuring import Measured, count_measured
from worker.press.measure import list_links
from worker.readers.consent import lock_reader
from worker.readers.erase import erase
from worker.readers.links import sign_link
from worker.readers.preferences import change
from worker.storage.models import OPENED, Delivery, Edition, Measurement, Reader

pytestmark = pytest.mark.django_db
TARGET = "https://conferences.example/?a=1&b=2"


@pytest.fixture
def copy(terms: Any, editorial_file: Path) -> int:
    """Return the number of a copy whose reader agreed to be measured; another reader's has no consent."""
    issue_id = make_edition(editorial_file)
    add_reader("yes@example.com", tracking=True)
    add_reader("no@example.com")
    start_issue(issue_id, by="x")
    freeze_audience(issue_id)
    Delivery.objects.update(state="accepted")
    return Delivery.objects.get(reader__email="yes@example.com").pk


def pixel(delivery_id: int) -> str:
    return f"/seen/{sign_link('measure', delivery=delivery_id)}.gif"


def link(delivery_id: int, to: str = TARGET) -> str:
    number = list_links(Edition.objects.get().html).index(to)
    return f"/go/{sign_link('measure', delivery=delivery_id)}/{number}/"


def rows() -> list[tuple[int, int]]:
    return list(Measurement.objects.order_by("link").values_list("delivery_id", "link"))


def test_an_opened_mail_is_counted_once(copy: int) -> None:
    browser = Client()
    for _ in range(3):
        answer = browser.get(pixel(copy))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/gif")
        assert answer.content.startswith(b"GIF89a\x01\x00\x01\x00")
        assert "no-store" in answer.headers["Cache-Control"]
        assert not answer.cookies
    assert rows() == [(copy, OPENED)]


def test_a_followed_link_leads_on_and_is_counted_once(copy: int) -> None:
    for address in (link(copy), link(copy), link(copy).rstrip("/")):
        answer = Client().get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, TARGET)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer.headers["Cache-Control"]
    assert len(rows()) == 1
    assert count_measured(Delivery.objects.get(pk=copy).issue_id) == Measured(agreed=1, opened=0, followed=1)


def test_a_head_gets_the_same_answer_and_counts_nothing(copy: int) -> None:
    assert Client().head(pixel(copy)).headers["Content-Type"] == "image/gif"
    assert Client().head(link(copy)).headers["Location"] == TARGET
    assert rows() == []
    assert Client().post(pixel(copy)).status_code == Client().post(link(copy)).status_code == 405


@pytest.mark.parametrize("leave", [
    lambda: change(Reader.objects.get(email="yes@example.com").pk, tracking=False),
    lambda: erase("yes@example.com"),
])
def test_who_does_not_agree_now_is_not_counted_and_gets_everything(copy: int, leave: Callable[[], object]) -> None:
    addresses = pixel(copy), link(copy)
    leave()
    assert Client().get(addresses[0]).headers["Content-Type"] == "image/gif"
    assert Client().get(addresses[1]).headers["Location"] == TARGET
    assert rows() == []


def test_who_withdraws_while_the_picture_is_asked_for_is_not_counted(copy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def withdraw_then_lock(reader_id: int) -> Reader | None:
        Reader.objects.filter(pk=reader_id).update(tracking=False)
        return lock_reader(reader_id)

    monkeypatch.setattr(measuring, "lock_reader", withdraw_then_lock)
    assert Client().get(pixel(copy)).status_code == 200
    assert rows() == []


def test_who_never_agreed_is_not_counted_even_with_a_real_token(copy: int) -> None:
    other = Delivery.objects.get(reader__email="no@example.com").pk
    assert Client().get(pixel(other)).status_code == 200
    assert Client().get(link(other)).status_code == 302
    assert rows() == []


def test_a_broken_or_foreign_token_leads_nowhere(copy: int) -> None:
    good = sign_link("measure", delivery=copy)
    foreign = [good[:-1] + ("A" if good[-1] != "A" else "B"), "x", "." * 40, sign_link("preferences", reader=1), "x" * 2000,
               sign_link("unsubscribe", reader=1, newsletter="aitrends"), sign_link("measure", delivery=10**9)]
    for token in foreign:
        assert Client().get(f"/seen/{token}.gif").headers["Content-Type"] == "image/gif"
        answer = Client().get(f"/go/{token}/0/")
        assert answer.status_code == 404
        assert "This link does not work" in answer.text
        assert "Location" not in answer.headers
    assert rows() == []
    for door in ("unsubscribe", "preferences"):
        assert Client().get(f"/{door}/{good}/").status_code == 404


@pytest.mark.parametrize("number", ["999", "99999999999999999999", "1000000000000"])
def test_only_links_of_the_edition_can_be_reached(copy: int, number: str) -> None:
    answer = Client().get(f"/go/{sign_link('measure', delivery=copy)}/{number}/?to=https://evil.example/")
    assert answer.status_code == 404
    assert Client().get(f"/go/{sign_link('measure', delivery=copy)}/-1/").status_code == 404
    assert rows() == []


def test_a_database_that_does_not_answer_spoils_no_mail(copy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(Measurement.objects, "bulk_create", fail)
    assert Client().get(pixel(copy)).headers["Content-Type"] == "image/gif"
    assert Client().get(link(copy)).headers["Location"] == TARGET


def test_robots_are_kept_away(copy: int) -> None:
    text = Client().get("/robots.txt").text
    assert "Disallow: /seen/\n" in text
    assert "Disallow: /go/\n" in text
    assert Client().get(pixel(copy)).headers["X-Robots-Tag"] == "noindex, nofollow"


def test_the_site_and_the_feeds_never_show_a_partners_content(copy: int) -> None:
    for path in ("/archive/aitrends/2026-11-23/", "/archive/", "/feed.atom", "/feed.json", "/"):
        page = Client().get(path)
        assert page.status_code == 200
        assert "talks by the sea" not in page.text
        assert "From our partner" not in page.text
    assert "Chip plant doubles its output" in Client().get("/archive/aitrends/2026-11-23/").text
