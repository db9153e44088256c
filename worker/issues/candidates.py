"""A newsletter and a window of time in; the summarised stories its readers have not had, with their sources, out."""

from datetime import datetime, timedelta

from django.db.models import Max, Min, Q

from worker.editorial import Editorial, FeedSource
from worker.issues.choose import Candidate
from worker.issues.wording import clean_line
from worker.storage.models import Issue, IssueState, Item, Story
from worker.stories.memory import carried_before

LATE = timedelta(hours=12)  # an item that reached us after the last draft may be dated this much before it


def find_last_end(newsletter: str, now: datetime) -> datetime | None:
    """Return up to when the newsletter's issues before `now` have told the news; None if there are none.

    Issues that never went out have told nothing, and what they held is news still: those rejected, cancelled, or held
    because nobody approved them. If there are no others, the news begins where the first of them began.
    """
    untold = Q(started_at__isnull=True, state__in=[IssueState.REJECTED, IssueState.CANCELLED, IssueState.HELD])
    issues = Issue.objects.filter(newsletter=newsletter, window_end__lte=now)
    told: datetime | None = issues.exclude(untold).aggregate(end=Max("window_end"))["end"]
    begun: datetime | None = issues.aggregate(begin=Min("window_start"))["begin"]
    return told or begun


def find_stories(
    paper: Editorial, newsletter: str, begin: datetime, end: datetime, *, late_after: datetime | None = None
) -> dict[int, Story]:
    """Return the summarised stories with an item of the newsletter's feeds in (begin, end], not carried before.

    `late_after`: also those whose item reached us after that moment but is dated up to 12 hours before the window;
    otherwise an item published just before a draft and fetched just after it would be in no issue at all.
    """
    names = [feed.name for feed in paper.feeds if newsletter in feed.newsletters]
    inside = Q(at__gt=begin)
    if late_after is not None:
        inside |= Q(seen_at__gt=late_after, at__gt=begin - LATE)
    # A story with a headline was summarised at least once: an item that joined it a minute ago must not keep it out.
    items = Item.objects.filter(inside, at__lte=end, feed__name__in=names).exclude(story__headline="")
    items = items.filter(story__isnull=False)
    ids = set(items.values_list("story_id", flat=True))
    ids -= carried_before(newsletter, ids, now=end)
    stories = Story.objects.filter(pk__in=ids).prefetch_related("items__feed").order_by("id")
    return {story.pk: story for story in stories if clean_line(story.headline)}


def as_candidate(story: Story, paper: Editorial, newsletter: str) -> Candidate:
    """Return the story as `choose` sees it: its independent outlets, and the weight and topics of its feeds."""
    feeds = [feed for feed in _feeds_of(story, paper) if newsletter in feed.newsletters] or _feeds_of(story, paper)
    reporters = [feed for feed in feeds if feed.topic != "aggregator"] or feeds
    return Candidate(
        story_id=story.pk,
        outlets=frozenset(feed.title for feed in reporters),
        weight=max((feed.weight for feed in feeds), default=1.0),
        newest=max(item.at for item in story.items.all()),
        topics=frozenset(feed.topic for feed in reporters),
        has_summary=bool(story.sentences),
    )


def _feeds_of(story: Story, paper: Editorial) -> list[FeedSource]:
    known = paper.feeds_by_name()
    return [known[item.feed.name] for item in story.items.all() if item.feed.name in known]


def list_sources(story: Story, paper: Editorial) -> list[dict[str, str]]:
    """Return [{"outlet", "title", "url", "published" (ISO)}], one per outlet, the first to report first.

    An aggregator repeats what others wrote, so it stands there only if there is nobody else.
    """
    known = paper.feeds_by_name()
    items = sorted(story.items.all(), key=lambda item: (item.at, item.pk))
    reported = [item for item in items if _topic(item, known) != "aggregator"] or items
    sources: dict[str, dict[str, str]] = {}
    for item in reported:
        feed = known.get(item.feed.name)
        outlet = clean_line(feed.title if feed else item.feed.name)
        if outlet not in sources or not sources[outlet]["url"]:
            sources[outlet] = {"outlet": outlet, "title": clean_line(item.title), "url": item.url,
                               "published": (item.published_at or item.at).isoformat()}
    return list(sources.values())


def _topic(item: Item, known: dict[str, FeedSource]) -> str:
    feed = known.get(item.feed.name)
    return feed.topic if feed else ""
