"""Stories for the tests of issues and press: what gathering, grouping and summarising would have left."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import QuerySet

from worker.storage.models import Correction, Feed, Issue, IssueState, Item, ItemState, Story, StoryState

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # a Monday, half an hour after aitrends' time to draft


def make_story(
    headline: str,
    feeds: Sequence[str] = ("first-outlet",),
    *,
    at: datetime = NOW - timedelta(hours=2),
    seen_at: datetime | None = None,
    sentences: Sequence[str] = ("One sentence.", "Another one."),
    url: str = "https://outlet.example/{feed}/{story}",
) -> Story:
    """Return a summarised story, one item a feed, whose sentences are traced to the first item."""
    story = Story.objects.create(state=StoryState.SUMMARISED, headline=headline, first_at=at, last_at=at)
    items = [
        Item.objects.create(
            feed=Feed.objects.get_or_create(name=name)[0], identity=f"{story.pk}-{name}", title=headline[:500],
            url=url.format(feed=name, story=story.pk), summary=" ".join(sentences), published_at=at, at=at,
            seen_at=seen_at or at, state=ItemState.GROUPED, story=story)
        for name in feeds
    ]
    story.sentences = [{"text": text, "support": [{"item": items[0].pk, "passage": text}], "doubts": []} for text in sentences]
    story.save()
    return story


def send_out(issue: Issue, at: datetime = NOW) -> Issue:
    """Return the issue as delivery leaves it."""
    issue.state, issue.started_at, issue.sent_at = IssueState.SENT, at, at
    issue.save()
    return issue


def offer_digest(editorial_file: Path, day: str = "sun", newsletter: str = "daily") -> None:
    """Give the newsletter a weekly digest."""
    head = f"[newsletters.{newsletter}]\n"
    editorial_file.write_text(editorial_file.read_text().replace(head, f'{head}digest_on = "{day}"\n'))


def unprinted(newsletter: str) -> QuerySet[Correction]:
    """Return the newsletter's corrections that no issue has printed yet."""
    return Correction.objects.filter(issue__newsletter=newsletter, printed_in=None)


def headlines(issue: Issue) -> list[str]:
    """Return what the issue prints, in order."""
    return [placement.headline for placement in issue.placements.filter(dropped=False)]


def sections(issue: Issue) -> list[str]:
    """Return the sections of what the issue prints, in order."""
    return [placement.section for placement in issue.placements.filter(dropped=False)]
