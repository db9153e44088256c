"""A story of two reports, and a model server to sum it up: what the tests of abstractive summaries stand on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.model_server import MODEL, ModelServer
from worker.storage.models import Feed, Item, ItemState, ModelCall, Story, StoryState
from worker.stories import model_client
from worker.stories.summarise import summarise_stories

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
REPORTS = [
    ("first-outlet", "Norvane to buy speech firm Larkspur for $900 million",
     "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash, the companies said on Monday. "
     "Larkspur's 140 people will stay in Wellmund."),
    ("second-outlet", "Larkspur goes to Norvane for $900M",
     "Regulators in Brussels will look at the purchase of Larkspur by Norvane and are to decide by May. "
     "“We are not selling our customers,” said Larkspur's founder, Ida Brandt."),
]  # fmt: skip
GOOD: dict[str, Any] = {
    "headline": "Norvane buys the speech firm Larkspur for $900 million",
    "sentences": [
        {"text": "Norvane is buying Larkspur, which makes speech software, for $900 million in cash.", "items": [1, 2]},
        {"text": "Regulators in Brussels are to decide on the purchase of Larkspur by May.", "items": [2]},
    ],
}


def serve(settings: Any) -> Iterator[ModelServer]:
    """Yield a running server that the settings name; what a process learns of a server is forgotten before it."""
    model_client._ways.clear()
    with ModelServer() as server:
        settings.SUMMARISER_URL, settings.SUMMARISER_MODEL = f"{server.url}/v1", MODEL
        settings.SUMMARISER_TIMEOUT_SECONDS = 5
        server.drafts = [GOOD]
        yield server


def add_story(reports: list[tuple[str, str, str]] = REPORTS, *, number: int = 0) -> Story:
    """Add an open story of these (feed, title, text)."""
    story = Story.objects.create(first_at=NOW, last_at=NOW + timedelta(hours=number))
    for place, (feed, title, text) in enumerate(reports):
        row, _ = Feed.objects.get_or_create(name=feed)
        Item.objects.create(feed=row, identity=f"{number}-{place}", url=f"https://{feed}.example/{number}", title=title,
                            summary=text, author="Jo Reporter", at=NOW, seen_at=NOW, state=ItemState.GROUPED, story=story)
    return story


def summarised(story: Story) -> Story:
    """Run the step; the story is then summarised, one way or the other."""
    summarise_stories()
    story.refresh_from_db()
    assert story.state == StoryState.SUMMARISED
    return story


def outcomes() -> list[str]:
    """What the requests came to, in order."""
    return list(ModelCall.objects.order_by("pk").values_list("outcome", flat=True))


def assert_extractive(story: Story) -> None:
    """What readers get has been taken word for word from the reports, and says so."""
    said = " ".join(f"{title} {text}" for _, title, text in REPORTS)
    assert (story.written_by, story.doubts) == ("", [])
    assert story.headline in said
    assert story.sentences
    assert all(one["text"] in said and one["support"] and not one["doubts"] for one in story.sentences)
