"""Feeds in, how well each is out: in one list, and on a page of its own, from which it is asked, paused, changed or taken out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from worker import editorial, feeds_file
from worker.editorial import FeedSource, interval_seconds
from worker.errors import BroadsheetError
from worker.feeds.advice import advise
from worker.feeds.sources import find_source, sync_feeds
from worker.issues.wording import clean_url
from worker.storage.models import AuditEntry, Feed, FeedDay, FeedState
from worker.tasks import nudge
from worker.web.errors import status_of
from worker.web.newsroom.charts import DAYS, Day, Spark, draw_spark
from worker.web.newsroom.feed_forms import FeedForm
from worker.web.newsroom.guards import editor_of, for_approvers, for_editors, for_viewers

ITEMS_SHOWN = 30
SILENT = timedelta(days=7)
SLOW = 4  # times the interval that was chosen
_WORST_FIRST = {"gone": 0, "failing": 1, "paused": 2, "new": 3, "ok": 4}
FILTERS = {"": "All", "broken": "Broken", "slow": "Asked seldom", "silent": "Silent", "paused": "Paused"}
FILTER_WORDS = {
    "broken": "Their last fetch came to nothing.", "paused": "Nobody is asked until you let it go on.",
    "slow": f"They bring so little that they are asked {SLOW} times less often than was chosen, or less still.",
    "silent": "They answer, but have brought nothing new for seven days.",
}


@dataclass(frozen=True)
class Health:
    """One feed as the desk shows it. `feed` is None before it is first asked."""

    source: FeedSource
    feed: Feed | None
    spark: Spark
    fresh: int  # items of the last thirty days
    now: datetime

    @property
    def state(self) -> str:
        """How it is, in one word."""
        if self.feed is None:
            return "new"
        return "paused" if self.feed.paused_at else str(self.feed.state)

    @property
    def is_broken(self) -> bool:
        """Tell whether its last fetch came to nothing."""
        return self.feed is not None and self.feed.state in (FeedState.FAILING, FeedState.GONE)

    @property
    def is_slow(self) -> bool:
        """Tell whether it is asked much less often than was chosen."""
        return self.feed is not None and self.feed.interval_seconds >= SLOW * interval_seconds(self.source.interval)

    @property
    def is_silent(self) -> bool:
        """Tell whether it answers and brings nothing."""
        seen = self.feed.changed_at if self.feed else None
        return self.feed is not None and self.feed.state == FeedState.OK and (seen is None or seen < self.now - SILENT)

    @property
    def advice(self) -> str:
        """What to do about its error."""
        return advise(self.feed.error) if self.feed else ""

    @property
    def interval(self) -> str:
        """How often it is asked now, in words."""
        return say_interval(self.feed.interval_seconds) if self.feed else say_interval(interval_seconds(self.source.interval))

    def matches(self, wanted: str) -> bool:
        """Tell whether it is one of those a filter wants."""
        return {"broken": self.is_broken, "slow": self.is_slow, "silent": self.is_silent,
                "paused": self.state == "paused"}.get(wanted, True)


def say_interval(seconds: int) -> str:
    """Return a time between two fetches in words. Pure."""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"


def read_health(sources: Sequence[FeedSource]) -> list[Health]:
    """Return how these feeds are, in two queries however many they are."""
    now = timezone.now()
    rows = {feed.name: feed for feed in Feed.objects.filter(name__in=[source.name for source in sources])}
    days = _read_days(FeedDay.objects.filter(feed__in=[feed.pk for feed in rows.values()]), now.date())
    found = []
    for source in sources:
        feed = rows.get(source.name)
        own = days.get(feed.pk, {}) if feed else {}
        spark = draw_spark(own, now.date(), noun="new items", failing="fetches failed")
        found.append(Health(source, feed, spark, sum(day.number for day in own.values()), now))
    return found


def _read_days(rows: QuerySet[FeedDay], today: date) -> dict[int, dict[date, Day]]:
    found: dict[int, dict[date, Day]] = {}
    recent = rows.filter(day__gt=today - timedelta(days=DAYS)).order_by()
    for feed_id, day, items, failures in recent.values_list("feed_id", "day", "items", "failures"):
        found.setdefault(feed_id, {})[day] = Day(items, failures)
    return found


@for_viewers
@require_safe
def feeds(request: HttpRequest) -> HttpResponse:
    """Every configured feed, or those of a filter, the troubled ones first."""
    wanted = request.GET.get("show", "")
    wanted = wanted if wanted in FILTERS else ""
    known = read_health(editorial.load().feeds)
    lines = sorted((one for one in known if one.matches(wanted)),
                   key=lambda one: (_WORST_FIRST.get(one.state, 4), one.source.title.casefold()))
    filters = [(key, words, sum(one.matches(key) for one in known)) for key, words in FILTERS.items()]
    return render(request, "web/desk/feeds.html", {
        "here": "feeds", "lines": lines, "filters": filters, "wanted": wanted, "words": FILTER_WORDS.get(wanted, ""),
        "answering": sum(one.state == "ok" for one in known), "count": len(known)})


@for_viewers
@require_safe
def feed(request: HttpRequest, name: str) -> HttpResponse:
    """One feed: how it is, what it brought, and its settings."""
    return show_feed(request, find_source(name))


def show_feed(request: HttpRequest, source: FeedSource, *, status: int = 200, form: FeedForm | None = None, trouble: str = "",
              block: str = "") -> HttpResponse:
    """Answer with a feed's page as it stands now; a form that was refused keeps what was typed."""
    health = read_health([source])[0]
    row = health.feed
    items = row.items.select_related("story").order_by("-seen_at", "-pk")[:ITEMS_SHOWN] if row else ()
    if form is None and editor_of(request).may_approve:
        values = source.model_dump(exclude={"name"})
        form = FeedForm(initial={**values, "newsletters": list(source.newsletters), "mark": feeds_file.read_file().mark})
    return render(request, "web/desk/feed.html", {
        "here": "feeds", "health": health, "source": source, "feed": row, "form": form, "trouble": trouble, "paste": block,
        "items": [(item, clean_url(item.url)) for item in items], "days": row.days.all()[:DAYS] if row else (),
        "moved": clean_url(row.moved_to) if row else "", "address": clean_url(source.url),
        "unwritable": feeds_file.why_unwritable(), "stored": row.items.count() if row else 0}, status=status)


@for_editors
@require_POST
def gather(request: HttpRequest, name: str) -> HttpResponse:
    """Let a feed be asked at once: it is due now, and a worker is woken."""
    find_source(name)
    sync_feeds(editorial.load())
    is_due = Feed.objects.filter(name=name, paused_at=None).exclude(state=FeedState.GONE).update(next_fetch_at=timezone.now())
    if is_due:
        nudge("gather", [name])
        messages.success(request, "It is asked now. Look again in a few seconds.")
    else:
        messages.warning(request, "It is paused, or gone for good: let it go on, or give it a new address first.")
    _note(request, "gather now", name)
    return redirect("desk:feed", name)


@for_editors
@require_POST
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Leave a feed alone until somebody lets it go on; what it brought stays."""
    find_source(name)
    sync_feeds(editorial.load())
    if Feed.objects.filter(name=name, paused_at=None).update(paused_at=timezone.now()):
        _note(request, "pause feed", name)
    messages.success(request, "Paused: it is not asked until you let it go on.")
    return redirect("desk:feed", name)


@for_editors
@require_POST
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let a paused feed be asked again."""
    find_source(name)
    if Feed.objects.exclude(paused_at=None).filter(name=name).update(paused_at=None, next_fetch_at=timezone.now()):
        nudge("gather", [name])
        _note(request, "resume feed", name)
    messages.success(request, "It is asked again, as often as was chosen.")
    return redirect("desk:feed", name)


@for_approvers
@require_POST
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Write a feed's changed settings into feeds.toml."""
    source = find_source(name)
    form = FeedForm(request.POST)
    if not form.is_valid():
        return show_feed(request, source, status=422, form=form, trouble="Not saved: see below.")
    values = form.values()
    before = source.model_dump()
    try:
        feeds_file.change_file(feeds_file.edit_feed(name, values), mark=form.cleaned_data["mark"])
    except BroadsheetError as error:
        return show_feed(request, source, status=status_of(error), form=form, trouble=str(error), block=getattr(error, "block", ""))
    changed = {key: value for key, value in values.items() if (list(before[key]) if key == "newsletters" else before[key]) != value}
    _note(request, "change feed", name, **changed)
    sync_feeds(editorial.load())
    messages.success(request, "Saved in feeds.toml. The service reads it by itself.")
    return redirect("desk:feed", name)


@for_approvers
@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    """Take a feed out of feeds.toml. What it brought stays, and a feed of the same name goes on from there."""
    source = find_source(name)
    try:
        feeds_file.change_file(feeds_file.remove_feed(name), mark=request.POST.get("mark", ""))
    except BroadsheetError as error:
        return show_feed(request, source, status=status_of(error), trouble=str(error), block=getattr(error, "block", ""))
    _note(request, "remove feed", name, url=source.url)
    messages.success(request, f"{source.title} is taken out of feeds.toml. Its stories stay.")
    return redirect("desk:feeds")


def _note(request: HttpRequest, action: str, name: str, **detail: Any) -> None:
    AuditEntry.objects.create(actor=editor_of(request).email[:254], action=action, subject=f"feed {name}"[:80], detail=detail)


def count_states(names: Sequence[str]) -> tuple[int, Feed | None]:
    """Return how many of these feeds answer, and the one that has failed most often, in two queries."""
    rows = Feed.objects.filter(name__in=names)
    worst = rows.filter(paused_at=None, state__in=[FeedState.FAILING, FeedState.GONE]).order_by("-failures", "name").first()
    return rows.aggregate(well=Count("pk", filter=Q(state=FeedState.OK)))["well"], worst
