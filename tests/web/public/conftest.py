"""A browser without script, published terms, an issue that went out, and a reader, for the tests of the public pages."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

# The rows can only be imported once the settings stand, and this file is read before: hence the imports inside.
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture
def terms(db: None, editorial_file: Path) -> Any:
    """Return the published newsletter terms."""
    from worker.readers.terms import current_terms, publish_terms

    publish_terms()
    return current_terms()


@pytest.fixture
def browser(terms: Any) -> Any:
    """Return a client that is held to the same cross-site rules as a browser."""
    from django.test import Client

    return Client(enforce_csrf_checks=True)


@pytest.fixture
def fill_in(browser: Any) -> Callable[..., Any]:
    """Return a function that opens a page, fills in the first form on it and sends it, as a person would."""

    def open_and_send(path: str, **fields: Any) -> Any:
        page = browser.get(path).content.decode().partition("</form>")[0]
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        given = {key: value for key, value in fields.items() if value is not None}
        return browser.post(path, {**{key: unescape(value) for key, value in hidden.items()}, **given})

    return open_and_send


@pytest.fixture
def sign_up(browser: Any, fill_in: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that signs an address up for Daily through the form, and lets the worker decide what it means.

    It returns the page the visitor is left with.
    """
    from worker.readers.subscribe import decide_sign_ups

    def send(email: str = "ada@example.com", **fields: Any) -> Any:
        answer = fill_in("/subscribe/", **{"email": email, "newsletters": ["daily"], "agree": "on", **fields})
        decide_sign_ups()
        return browser.get(answer.headers["Location"]) if answer.status_code == 303 else answer

    return send


@pytest.fixture
def finish_nudges() -> Callable[[], None]:
    """Return a function that waits until nobody is about to wake a worker."""
    def wait() -> None:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join(30)

    return wait


@pytest.fixture
def fresh_counts(settings: Any, redis_url: str, finish_nudges: Callable[[], None]) -> Iterator[None]:
    """Begin with nothing counted, in a real Valkey, and leave no nudge behind."""
    import redis

    from worker.readers import shield

    finish_nudges()
    redis.Redis.from_url(redis_url).flushdb()
    shield._make_counts.cache_clear()
    settings.REDIS_URL = redis_url
    yield
    finish_nudges()
    shield._make_counts.cache_clear()


@pytest.fixture
def send(terms: Any) -> Callable[..., Any]:
    """Return a function that posts the form from a network address, its wordings shown some time ago."""
    from django.test import Client

    page = Client().get("/subscribe/").content.decode()
    seal = re.search(r'name="shown" value="([^"]+)"', page)[1]  # type: ignore[index]

    def post(email: str = "ada@example.com", address: str = "192.0.2.1", client: Any = None, **fields: Any) -> Any:
        return (client or Client(REMOTE_ADDR=address)).post("/subscribe/", {
            "email": email, "newsletters": "daily", "agree": "on", "shown": seal, **fields})

    return post


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every form had been read before it was sent."""
    from worker.readers import shield

    monkeypatch.setattr(shield, "HASTY_SECONDS", 0)


@pytest.fixture
def confirm_path() -> Callable[[], str]:
    """Return a function that gives the path in the newest confirmation letter."""
    from django.conf import settings

    from worker.readers.links import confirm_url
    from worker.storage.models import Notice, NoticeKind

    def read() -> str:
        return confirm_url(Notice.objects.filter(kind=NoticeKind.CONFIRM).latest("id").pk).removeprefix(settings.BASE_URL)

    return read


@pytest.fixture
def press(terms: Any, confirm_path: Callable[[], str]) -> Callable[..., Any]:
    """Return a function that presses the button of a confirmation page (of the newest letter) as a browser would, without a
    cookie: of the page as it stands now, or of one that was opened before.
    """
    from django.test import Client

    def send(path: str = "", page: str = "") -> Any:
        visitor, path = Client(enforce_csrf_checks=True), path or confirm_path()
        page = page or visitor.get(path).content.decode()
        return visitor.post(path, {key: unescape(value) for key, value in
                                   re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)})

    return send


@pytest.fixture
def ada(terms: Any) -> Any:
    """Return a reader who confirmed Daily, straight through the steps."""
    from tests.confirming import confirm
    from worker.readers.links import sign_link
    from worker.readers.subscribe import sign_up as sign_up_step
    from worker.storage.models import Notice, Reader

    sign_up_step("ada@example.com", ["daily"])
    confirm(sign_link("confirm", notice=Notice.objects.get().pk))
    return Reader.objects.get()


@pytest.fixture
def make_issue(terms: Any) -> Callable[..., Any]:
    """Return a function that stores an issue with a lead story and a short item."""
    from worker.storage.models import Issue, Placement, Story

    def make(state: str = "sent", *, period: str = "2026-11-23", headline: str = "Chip maker slips", summary: str = "It slipped.",
             newsletter: str = "daily", number: int = 1, url: str = "https://outlet.example/story", digest: bool = False) -> Any:
        issue = Issue.objects.create(newsletter=newsletter, period=period, digest=digest, edition_number=number, subject=headline,
                                     preheader="And more", state=state, window_start=NOW, window_end=NOW, drafted_at=NOW,
                                     started_at=NOW if state in ("sent", "sending") else None)
        for position, (section, dropped) in enumerate([("lead", False), ("short", False), ("short", True)]):
            story = Story.objects.create(headline=headline, first_at=NOW, last_at=NOW)
            Placement.objects.create(
                issue=issue, story=story, section=section, position=position, dropped=dropped,
                headline="Withdrawn words" if dropped else headline if section == "lead" else "A short item",
                summary=summary if section == "lead" else "",
                sources=[{"outlet": "First Outlet", "title": "Its title", "url": url, "published": NOW.isoformat()}])
        return issue

    return make
