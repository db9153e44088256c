"""A newsletter and a window of time in; its summarised stories, as ranking sees them and with their sources, out."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db.models import Max, Min, Q

from worker.editorial import READER_TOPICS, Editorial, FeedSource
from worker.issues.choose import Candidate
from worker.issues.wording import clean_line
from worker.storage.models import Issue, IssueState, Item, Section, Story
from worker.stories.articles import as_article
from worker.stories.entities import read_mentions
from worker.stories.memory import Memory, find_carried, say_day
from worker.stories.news import find_alike, find_news
from worker.stories.vectors import default_vectors

UNTOLD = Q(started_at__isnull=True, state__in=[IssueState.REJECTED, IssueState.CANCELLED, IssueState.HELD])  # issues
LAST_LEADS = 3  # issues whose lead story is not to lead again at once
ALIKE = 0.8  # cosine of meaning from which two stories of one draft are compared sentence by sentence
_NO_ACTORS = {"ai", "us", "uk", "eu", "ceo"}
LATE = timedelta(hours=12)  # an item that reached us after the last draft may be dated this much before it
GRACE = timedelta(hours=1)  # what was fetched just before a draft may have been grouped only after it


def find_last_end(newsletter: str, now: datetime) -> datetime | None:
    """Return up to when the newsletter's issues before `now` have told the news; None if there are none.

    Issues that never went out have told nothing, and what they held is news still: those rejected, cancelled, or held
    because nobody approved them. If there are no others, the news begins where the first of them began. A digest tells
    no news at all.
    """
    issues = Issue.objects.filter(newsletter=newsletter, digest=False, window_end__lte=now)
    told: datetime | None = issues.exclude(UNTOLD).aggregate(end=Max("window_end"))["end"]
    begun: datetime | None = issues.aggregate(begin=Min("window_start"))["begin"]
    return told or begun


def find_stories(
    paper: Editorial, newsletter: str, begin: datetime, end: datetime, *, late_after: datetime | None = None
) -> dict[int, Story]:
    """Return the summarised stories with an item of the newsletter's feeds in (begin, end], whether told before or not.

    `late_after`: also those whose item reached us after that moment but is dated up to 12 hours before the window;
    otherwise an item published just before a draft and fetched just after it would be in no issue at all.
    """
    names = [feed.name for feed in paper.feeds if newsletter in feed.newsletters]
    inside = Q(at__gt=begin)
    if late_after is not None:
        inside |= Q(seen_at__gt=late_after - GRACE, at__gt=begin - LATE)
    # A story with a headline was summarised at least once: an item that joined it a minute ago must not keep it out.
    items = Item.objects.filter(inside, at__lte=end, feed__name__in=names).exclude(story__headline="")
    items = items.filter(story__isnull=False)
    ids = set(items.values_list("story_id", flat=True))
    stories = Story.objects.filter(pk__in=ids).prefetch_related("items__feed").order_by("id")
    return {story.pk: story for story in stories if clean_line(story.headline) and story.items.all()}


def as_candidate(
    story: Story, paper: Editorial, newsletter: str, memory: Memory | None = None, echoes: tuple[str, ...] = ()
) -> Candidate:
    """Return the story as `choose` sees it: its independent outlets, and the weight and topics of its feeds.

    Of an update only what came since the issue counts. An item that repeats another's words makes no outlet of its own.
    """
    update = memory is not None and memory.kind == "update"
    items = [item for item in story.items.all() if memory is None or not update or item.pk in memory.fresh]
    feeds = [feed for feed in _feeds_of(items, paper) if newsletter in feed.newsletters] or _feeds_of(items, paper)
    reporters = [feed for feed in feeds if feed.topic != "aggregator"] or feeds
    originals = {item.feed.name for item in items if item.copy_of_id is None}
    outlets = frozenset(feed.title for feed in reporters if feed.name in originals)
    copies = frozenset(feed.title for feed in reporters) - outlets
    topics = frozenset(feed.topic for feed in reporters)
    news = memory.news if memory and update else None
    return Candidate(
        story_id=story.pk, outlets=outlets or frozenset(sorted(copies)[:1]), copies=len(copies) if outlets else len(copies) - 1,
        weight=max((feed.weight for feed in feeds), default=1.0), newest=max(item.at for item in items), topics=topics,
        has_summary=bool(news.sentences if news else story.sentences), update=update, echoes=echoes,
        feeds_on_topic=sum(feed.topic in topics and newsletter in feed.newsletters for feed in paper.feeds))


def find_echoes(newsletter: str, stories: Sequence[Story], now: datetime) -> dict[int, tuple[str, ...]]:
    """Return, by story, in words which of the last issues led with the same affair or the same name."""
    leads = find_carried(newsletter).filter(section=Section.LEAD, issue__window_end__lte=now)
    echoes: dict[int, tuple[str, ...]] = {}
    last = list(leads.select_related("issue", "story").order_by("-issue__window_end", "-issue_id")[:LAST_LEADS])
    for story in stories:
        named = _names_in(story.headline)
        said = []
        for lead in last:
            actor = next(iter(_names_in(lead.headline)), "")
            if story.pk == lead.story_id or (story.thread_id is not None and story.thread_id == lead.story.thread_id):
                said.append(f"{say_day(lead.issue)} led with it")
            elif actor and actor in named:
                said.append(f"{say_day(lead.issue)} led with {named[actor]}")
        echoes[story.pk] = tuple(said)
    return echoes


def _names_in(headline: str) -> dict[str, str]:
    """The names a headline has, in its order, each with its spelling."""
    mentions = read_mentions(headline, headline, default_vectors().commonness)
    named = [(name, spelt) for name, spelt in mentions.spelt.items() if mentions.names[name] > 0.9 and name not in _NO_ACTORS]
    return dict(sorted(named, key=lambda one: headline.find(one[1])))


def find_repeats(ranked: Sequence[Story], paper: Editorial) -> dict[int, Story]:
    """Return the stories, by number, that say nothing beyond a stronger one among them, and which that is."""
    texts = [f"{story.headline}. {story.summary}" for story in ranked]
    titles = {name: feed.title for name, feed in paper.feeds_by_name().items()}
    repeats: dict[int, Story] = {}
    for place, (story, near) in enumerate(zip(ranked, find_alike(texts, texts, ALIKE), strict=True)):
        for other in (ranked[before] for before in near if before < place):
            if other.pk in repeats:
                continue
            told = [f"{other.headline}. {other.summary}", *(f"{item.title}. {item.summary}" for item in other.items.all())]
            if find_news([as_article(item, titles) for item in story.items.all()], told) is None:
                repeats[story.pk] = other
                break
    return repeats


def read_topics(story: Story, paper: Editorial) -> list[str]:
    """Return what the story is about, of the topics that readers may choose; [] if it is for everybody.

    It is for everybody as soon as an outlet reports it that writes for everybody, such as the general press. What
    aggregators repeat says nothing of that.
    """
    reporters = [feed.topic for feed in _feeds_of(list(story.items.all()), paper) if feed.topic != "aggregator"]
    found = [[key for key, (_, topics) in READER_TOPICS.items() if topic in topics] for topic in reporters]
    return sorted({key for keys in found for key in keys}) if all(found) else []


def _feeds_of(items: Sequence[Item], paper: Editorial) -> list[FeedSource]:
    known = paper.feeds_by_name()
    return [known[item.feed.name] for item in items if item.feed.name in known]


def list_sources(story: Story, paper: Editorial, first: Collection[int] = ()) -> list[dict[str, str]]:
    """Return [{"outlet", "title", "url", "published" (ISO)}], one per outlet, the first to report first.

    The items numbered in `first` go before the others. An aggregator repeats what others wrote, so it stands there only if
    there is nobody else.
    """
    known = paper.feeds_by_name()
    items = sorted(story.items.all(), key=lambda item: (item.pk not in first, item.at, item.pk))
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
