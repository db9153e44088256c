"""A newsroom with a draft on the desk: three stories, an approver, an editor, and readers."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.newsroom.browsers import sign_in

if TYPE_CHECKING:  # models can be imported only once Django is set up, which is after this file is read
    from worker.storage.models import Editor, Issue, Story


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hash passwords fast: hundreds of sign-ins at production's cost would take minutes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def make_story(editorial_file: Path, db: None) -> "Callable[..., Story]":
    """Return a maker of summarised stories, each reported by the two outlets of AITrends an hour ago."""
    from worker.storage.models import Feed, Item, ItemState, Story, StoryState

    feeds = [Feed.objects.create(name=name, state="ok", fetched_at=timezone.now())
             for name in ("first-outlet", "second-outlet", "third-outlet")]

    def make(headline: str, *, text: str = "The hall was full.", url: str = "https://news.example.com/") -> "Story":
        at = timezone.now() - timedelta(hours=1)
        story = Story.objects.create(state=StoryState.SUMMARISED, headline=headline, first_at=at, last_at=at)
        for number, feed in enumerate(feeds[:2]):
            item = Item.objects.create(
                state=ItemState.GROUPED, feed=feed, identity=f"{story.pk}-{number}", story=story, title=headline,
                url=f"{url}{story.pk}/{number}", summary=text, published_at=at, at=at)
            story.sentences = [{"text": text, "support": [{"item": item.pk, "passage": text}], "doubts": []}]
        story.save()
        return story

    return make


@pytest.fixture
def issue(make_story: "Callable[..., Story]") -> "Issue":
    """Return a draft of AITrends with three stories."""
    from worker.issues.draft import draft_issue

    for headline in ("Harbour bridge opens", "Ferry fleet goes electric", "Tram line extended"):
        make_story(headline, text=f"{headline}, the council said on Monday.")
    return draft_issue("aitrends")


@pytest.fixture
def readers(db: None) -> None:
    """Make two confirmed readers of AITrends."""
    from worker.storage.models import Reader, Subscription

    for name in ("one", "two"):
        reader = Reader.objects.create(email=f"{name}@example.com", email_key=f"{name}@example.com")
        Subscription.objects.create(
            reader=reader, newsletter="aitrends", state="confirmed", confirmed_at=timezone.now())


@pytest.fixture
def editors_desk(editor: "Editor") -> Client:
    """Return the browser of an editor who may not approve."""
    return sign_in(editor)


@pytest.fixture
def desk(approver: "Editor") -> Client:
    """Return the browser of an approver."""
    return sign_in(approver)


@pytest.fixture
def admins_desk(db: None) -> Client:
    """Return the browser of an admin of the desk."""
    from worker.storage.models import Editor, Role

    return sign_in(Editor.objects.create_user("admin@example.com", "correct horse battery", role=Role.ADMIN))
