"""Newsletters and stories in; what each story is to a newsletter's readers out: new, an update since an issue, or had already."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from django.db.models import Q, QuerySet
from django.utils import timezone

from worker import editorial
from worker.storage.models import Issue, IssueState, Item, Placement, Story
from worker.stories.articles import as_article
from worker.stories.following import WEEKS_BACK
from worker.stories.news import find_alike, find_news
from worker.stories.summary import Summary

Standing = Literal["new", "update", "had"]

_CARRYING = (IssueState.DRAFT, IssueState.APPROVED, IssueState.SENDING, IssueState.SENT)
_OUT = (IssueState.SENDING, IssueState.SENT)
_ALIKE = 0.72  # cosine of meaning from which a printed story is looked at sentence by sentence
_LOOKED_AT = 3  # printed stories, closest first


@dataclass(frozen=True)
class Memory:
    """What a story is to one newsletter's readers. `why` is in words; `since`, `news` and `fresh` are an update's."""

    newsletter: str
    kind: Standing
    why: str
    since: Issue | None = None
    news: Summary | None = None
    fresh: frozenset[int] = field(default=frozenset())  # items readers have not had, by id
    carried: tuple[Placement, ...] = ()  # where the story stood in the newsletter, the earliest first

    @property
    def what_is_new(self) -> str:
        """The news in a sentence or two; "" unless it is an update."""
        return "" if self.news is None else self.news.text or self.news.headline


def find_carried(newsletter: str, *, digest: bool = False) -> QuerySet[Placement]:
    """Return the placements that stand for "this newsletter's readers have had it, or are about to".

    Drafts count, and so does an issue that was stopped half-way, or cancelled after it had begun to go out. Whoever gets
    every issue gets no digest, and the other way round: `digest` asks what the readers of the weekly digest have had.
    """
    in_hand = Q(issue__state__in=_CARRYING) | Q(issue__started_at__isnull=False)
    return Placement.objects.filter(in_hand, issue__newsletter=newsletter, issue__digest=digest, dropped=False)


def went_out(issue: Issue) -> bool:
    """Whether readers hold the issue, or some of them do: also one that was stopped half-way."""
    return issue.state in _OUT or issue.started_at is not None


def read_memory(story: Story, *, now: datetime | None = None) -> list[Memory]:
    """Return what `story` is to the readers of each newsletter that has one of its feeds, as of `now` (aware); writes nothing."""
    paper = editorial.load()
    feeds = paper.feeds_by_name()
    names = {item.feed.name for item in story.items.select_related("feed")}
    newsletters = {newsletter for name in names & feeds.keys() for newsletter in feeds[name].newsletters}
    moment = now or timezone.now()
    return [recall(newsletter, [story], now=moment)[story.pk] for newsletter in sorted(newsletters)]


def recall(newsletter: str, stories: Sequence[Story], *, now: datetime) -> dict[int, Memory]:
    """Return, by the story's number, what each is to the readers of `newsletter`, from its issues drafted up to `now` (aware)."""
    earliest = min((story.first_at for story in stories), default=now)
    return Past(newsletter, now, since=earliest - WEEKS_BACK).recall(stories)


def say_day(issue: Issue) -> str:
    """The issue as one speaks of it: "the issue of 3 November", "the digest of 8 November"."""
    day = date.fromisoformat(issue.period)
    named = f"the {'digest' if issue.digest else 'issue'} of {day.day} {day:%B}"
    return named + (f", edition {issue.edition_number}" if issue.edition_number > 1 else "")


def find_survivor(story: Story) -> Story:
    """Return the story that one lives on in: itself, unless it was merged."""
    seen = {story.pk}
    while story.merged_into is not None and story.merged_into.pk not in seen:
        story = story.merged_into
        seen.add(story.pk)
    return story


def trace_merged(story_ids: Iterable[int]) -> dict[int, int]:
    """Return, by number, in which of the given stories each of them, and each that was ever merged into them, lives on."""
    lives_in = {story_id: story_id for story_id in story_ids}
    merged = list(Story.objects.filter(merged_into__in=lives_in))
    while merged:
        lives_in |= {one.pk: lives_in[one.merged_into_id] for one in merged if one.merged_into_id is not None}
        merged = list(Story.objects.filter(merged_into__in=[one.pk for one in merged]).exclude(pk__in=lives_in))
    return lives_in


class Past:
    """What a newsletter has carried up to `now` (aware), from `since` on: read once, asked for many stories."""

    def __init__(self, newsletter: str, now: datetime, *, since: datetime | None = None) -> None:
        self.newsletter = newsletter
        self._titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
        carried = find_carried(newsletter).filter(issue__window_end__lte=now)
        rows = (carried.filter(issue__window_end__gte=since) if since else carried).select_related("issue", "story__merged_into")
        self.placements = list(rows.order_by("issue__window_end", "issue_id", "position"))
        self._by_story: dict[int, list[Placement]] = defaultdict(list)
        self._by_thread: dict[int, list[Placement]] = defaultdict(list)
        self._by_item: dict[int, list[Placement]] = defaultdict(list)
        self._by_url: dict[str, list[Placement]] = defaultdict(list)
        for placement in self.placements:
            self._by_story[find_survivor(placement.story).pk].append(placement)
            if placement.story.thread_id is not None:
                self._by_thread[placement.story.thread_id].append(placement)
            for item in items_of(placement):
                self._by_item[item].append(placement)
            for source in placement.sources:
                if source.get("url"):
                    self._by_url[source["url"]].append(placement)

    def recall(self, stories: Sequence[Story]) -> dict[int, Memory]:
        """Return, by the story's number, what each is to the newsletter's readers; reads their items and the items' feeds."""
        near = self._find_alike(stories)
        return {story.pk: self._judge(story, near[story.pk]) for story in stories}

    def _find_alike(self, stories: Sequence[Story]) -> dict[int, list[Placement]]:
        """The printed stories closest in meaning to each story, however they came to be other rows."""
        if not self.placements or not stories:
            return {story.pk: [] for story in stories}
        asked = [f"{story.headline}. {story.summary}" for story in stories]
        alike = find_alike(asked, [f"{placement.headline}. {placement.summary}" for placement in self.placements], _ALIKE)
        return {story.pk: [near for place in places if _is_recent(near := self.placements[place], story)][:_LOOKED_AT]
                for story, places in zip(stories, alike, strict=True)}

    def _judge(self, story: Story, alike: Sequence[Placement]) -> Memory:
        """Weigh a story against what carried it, what its thread had, and what was printed like it, in this order."""
        items = [item for item in story.items.all() if item.copy_of_id is None] or list(story.items.all())
        carried = _in_order([*self._by_story[story.pk], *(placement for item in items for placement in self._carriers(item))])
        if carried:
            return replace(self._judge_carried(story, items, carried), carried=tuple(carried))
        thread = _in_order(self._by_thread[story.thread_id]) if story.thread_id is not None else []
        others = [placement for placement in _in_order([*thread, *alike]) if placement.story_id != story.pk]
        if not others:
            return self._remember("new", "no issue has had it")
        news = find_news([as_article(item, self._titles) for item in items], self._told(others))
        last = (thread or others)[-1]
        if news is None:
            return self._remember("had", f"says what {_told_in(last)} told under “{last.headline}”", last.issue)
        if not thread or all(item.seen_at <= last.issue.window_end for item in items):
            return self._remember("new", "no issue has had it")
        why = f"follows “{last.headline}” in {_told_in(last)}"
        return self._remember("update", why, last.issue, news, items)

    def _judge_carried(self, story: Story, items: Sequence[Item], carried: Sequence[Placement]) -> Memory:
        last = carried[-1]
        had = {item.pk for item in items if item.seen_at <= last.issue.window_end or self._carriers(item)}
        fresh = [item for item in items if item.pk not in had]
        where = _told_in(last)
        if not fresh:
            return self._remember("had", f"{_had_in(last)}: nothing new since", last.issue)
        told = [*self._told(carried), *(f"{item.title}. {item.summary}" for item in items if item.pk in had)]
        news = find_news([as_article(item, self._titles) for item in fresh], told)
        if news is None:
            return self._remember("had", f"{_had_in(last)}; {_count(fresh)} since, with nothing new", last.issue)
        return self._remember("update", f"first told in {where}; {_count(fresh)} since", last.issue, news, fresh)

    def _remember(
        self, kind: Standing, why: str, since: Issue | None = None, news: Summary | None = None, fresh: Iterable[Item] = ()
    ) -> Memory:
        return Memory(self.newsletter, kind, why, since, news, frozenset(item.pk for item in fresh))

    def _carriers(self, item: Item) -> list[Placement]:
        """The placements that named this very item, in whatever story it stands today."""
        return [*self._by_item.get(item.pk, ()), *(self._by_url.get(item.url, ()) if item.url else ())]

    def _told(self, placements: Sequence[Placement]) -> list[str]:
        """What readers had in these places: the printed words, and the reports the story had when its issue was drafted."""
        texts = [f"{placement.headline}. {placement.summary}" for placement in placements]
        ends = {placement.story_id: placement.issue.window_end for placement in placements}
        items = Item.objects.filter(story__in=ends).order_by("at", "id")
        named = Item.objects.filter(pk__in=[item for placement in placements for item in items_of(placement)]).order_by("at", "id")
        texts += [f"{item.title}. {item.summary}" for item in items if item.story_id and item.seen_at <= ends[item.story_id]]
        return [*texts, *(f"{item.title}. {item.summary}" for item in named)]


def _is_recent(placement: Placement, story: Story) -> bool:
    return story.first_at - placement.issue.window_end <= WEEKS_BACK


def items_of(placement: Placement) -> Iterator[int]:
    """The reports that a placed story's sentences rest on, by number."""
    return (passage["item"] for sentence in placement.sentences for passage in sentence.get("support", ()))


def _in_order(placements: Iterable[Placement]) -> list[Placement]:
    """Each once, the earliest issue first."""
    once = {placement.pk: placement for placement in placements}
    return sorted(once.values(), key=lambda one: (one.issue.window_end, one.issue_id, one.position))


def _told_in(placement: Placement) -> str:
    return say_day(placement.issue) + ("" if went_out(placement.issue) else ", not sent yet,")


def _had_in(placement: Placement) -> str:
    if went_out(placement.issue):
        return f"readers had it in {say_day(placement.issue)}"
    return f"it is in {say_day(placement.issue)}, not sent yet"


def _count(items: Sequence[Item]) -> str:
    return "one report" if len(items) == 1 else f"{len(items)} reports"
