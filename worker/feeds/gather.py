"""The names of feeds in; their news stored as items, each entry once, and each feed's row saying how it went, out."""

import queue
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Min
from django.utils import timezone

from worker import editorial
from worker.editorial import FeedSource, interval_seconds
from worker.feeds import days, decide
from worker.feeds.document import Document, Entry, ParseError
from worker.feeds.fetch import Fetched, FetchError, fetch
from worker.feeds.parse import WALL_SECONDS, parse_document
from worker.feeds.sources import find_source, meet_address
from worker.storage.models import Feed, FeedState, Item, ItemState, Story, StoryState

THREADS = 8
AT_ONCE_PER_HOST = 2
UPDATE_HOURS = 24  # how long an item follows its outlet's changes after it was grouped
_ETAG_LENGTH, _MODIFIED_LENGTH, _ERROR_LENGTH, _URL_LENGTH = 300, 100, 500, 2000  # as Feed's fields hold


class Gathered(NamedTuple):
    """What became of one feed: its state, and of the document's `seen` entries how many were new or skipped."""

    name: str
    state: str
    new: int = 0
    seen: int = 0
    skipped: int = 0
    error: str = ""
    note: str = ""  # why nothing was read: unchanged, not due, another worker has it


@dataclass(frozen=True)
class _Visit:
    """A fetch that is over: a document, or 304 or 410, or an error in words."""

    fetched: Fetched | None = None
    document: Document | None = None
    error: str = ""


def gather_feed(name: str, *, now: datetime | None = None, force: bool = False) -> Gathered:
    """Fetch one feed if it is due (or with `force`) and store what is new in it. A step: may run twice at once.

    Never raises for what a server or a document does: that is an error in the feed's row. What was stored stays.
    Raises NotFoundError if feeds.toml has no feed of this name.
    """
    moment = now or timezone.now()
    source = find_source(name)
    feed, note = _claim(source, moment, force)
    if note:
        return Gathered(name, feed.state, error=feed.error, note=note)
    try:
        visit = _visit(feed.moved_to or source.url, feed)
        with transaction.atomic():
            # Whoever holds the lease may write: one that ran out while we fetched is another worker's by now.
            mine = Feed.objects.select_for_update().filter(pk=feed.pk, leased_until=feed.leased_until).first()
            if mine is None:
                return Gathered(name, feed.state, note="another worker took it over")
            return _store(mine, source, visit, moment)
    except BaseException:  # Ctrl-C, or the database: the next one need not wait for the lease to run out
        Feed.objects.filter(pk=feed.pk, leased_until=feed.leased_until).update(leased_until=None)
        raise


def gather_feeds(names: Sequence[str] | None = None, *, now: datetime | None = None, force: bool = False,
                 on_done: Callable[[Gathered], None] | None = None) -> list[Gathered]:
    """Gather these feeds (None: all of feeds.toml), eight at once, two at once from one host; results in their order.

    `on_done` is called in the calling thread for each feed that is done, in the order they are done.
    """
    sources = editorial.load().feeds_by_name()
    wanted = list(dict.fromkeys(sources if names is None else names))
    turns = _Turns({name: urlsplit(find_source(name).url).hostname or "" for name in wanted})
    done: queue.SimpleQueue[Gathered | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            while (name := turns.take()) is not None:
                try:
                    done.put(gather_feed(name, now=now, force=force))
                finally:
                    turns.give_back(name)
        except BaseException as error:  # the database is gone: the caller must hear of it
            done.put(error)
        finally:
            connections.close_all()  # this thread's own

    threads = [threading.Thread(target=work, name=f"gather-{n}", daemon=True) for n in range(min(THREADS, len(wanted)))]
    for thread in threads:
        thread.start()
    results: dict[str, Gathered] = {}
    try:
        while len(results) < len(wanted):
            one = done.get()
            if isinstance(one, BaseException):
                raise one
            results[one.name] = one
            if on_done:
                on_done(one)
    finally:
        turns.stop()
        for thread in threads:
            thread.join()
    return [results[name] for name in wanted]


class _Turns:
    """Whose turn it is: the next feed of a host that is not being asked twice already."""

    def __init__(self, hosts: dict[str, str]) -> None:
        self._host = hosts
        self._waiting: defaultdict[str, deque[str]] = defaultdict(deque)
        for name, host in hosts.items():
            self._waiting[host].append(name)
        self._active: defaultdict[str, int] = defaultdict(int)
        self._changed = threading.Condition()

    def take(self) -> str | None:
        """Return the next name, waiting for a host if need be; None when nothing waits any more."""
        with self._changed:
            while self._waiting:
                for host, names in self._waiting.items():
                    if self._active[host] < AT_ONCE_PER_HOST:
                        self._active[host] += 1
                        name = names.popleft()
                        del self._waiting[host]  # and to the end of the line, if it has more
                        if names:
                            self._waiting[host] = names
                        return name
                self._changed.wait()
            return None

    def give_back(self, name: str) -> None:
        with self._changed:
            self._active[self._host[name]] -= 1
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()


def _claim(source: FeedSource, now: datetime, force: bool) -> tuple[Feed, str]:
    """Lease the feed's row to this worker; return it, and why not if it was not to be had."""
    with transaction.atomic():
        Feed.objects.get_or_create(name=source.name, defaults={
            "configured_url": source.url, "interval_seconds": interval_seconds(source.interval), "next_fetch_at": now})
        feed = Feed.objects.select_for_update().get(name=source.name)
        clock = timezone.now()  # leases run by the clock, whatever `now` the documents are read at
        if feed.leased_until and feed.leased_until > clock:
            return feed, "another worker is fetching it"
        meet_address(feed, source, now)
        if not force and feed.paused_at:
            return feed, "paused at the desk"
        if not force and feed.state == FeedState.GONE:
            return feed, "gone: not asked again until feeds.toml has a new address"
        if not force and feed.next_fetch_at > now:
            return feed, f"not due before {feed.next_fetch_at:%Y-%m-%d %H:%M} UTC"
        feed.leased_until = clock + timedelta(seconds=settings.FETCH_TIMEOUT_SECONDS + 2 * WALL_SECONDS)
        feed.save()
        return feed, ""


def _visit(url: str, feed: Feed) -> _Visit:
    fetched: Fetched | None = None
    try:
        fetched = fetch(url, etag=feed.etag, last_modified=feed.last_modified)
        if fetched.status in (HTTPStatus.NOT_MODIFIED, HTTPStatus.GONE):
            return _Visit(fetched)
        if fetched.status in (HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION, HTTPStatus.IM_USED):
            return _Visit(fetched, parse_document(fetched.body, content_type=fetched.content_type, url=fetched.url))
        return _Visit(fetched, error=f"the server answered {status_in_words(fetched)}")
    except (FetchError, ParseError) as error:
        return _Visit(fetched, error=str(error))


def status_in_words(fetched: Fetched) -> str:
    """Return what the server answered instead of a document, and what that may mean."""
    try:
        words = f"{fetched.status} {HTTPStatus(fetched.status).phrase}"
    except ValueError:
        words = str(fetched.status)
    if fetched.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        words += "; it may want a sign-in, which feeds here cannot have, or refuse feed readers"
    return words + (f", and to wait {fetched.retry_after} seconds" if fetched.retry_after else "")


def _store(feed: Feed, source: FeedSource, visit: _Visit, now: datetime) -> Gathered:
    """Write what a visit brought, in the caller's transaction."""
    configured = interval_seconds(source.interval)
    feed.fetched_at, feed.leased_until = now, None
    done = Gathered(feed.name, feed.state)
    if visit.error or visit.fetched is None:
        done = _note_failure(feed, visit, configured, now)
    elif visit.fetched.status == HTTPStatus.GONE:
        feed.state, feed.error = FeedState.GONE, "the server says this feed is gone for good (410): not asked again"
        done = Gathered(feed.name, feed.state, error=feed.error)
    else:
        feed.state, feed.failures, feed.error, feed.succeeded_at = FeedState.OK, 0, "", now
        if visit.fetched.permanent_url and len(visit.fetched.permanent_url) <= _URL_LENGTH:
            feed.moved_to = visit.fetched.permanent_url
        done = Gathered(feed.name, feed.state, note="unchanged")
        if visit.document is not None:
            done = _store_document(feed, source, visit.document, now)
            feed.etag = _fitting(visit.fetched.etag, _ETAG_LENGTH)
            feed.last_modified = _fitting(visit.fetched.last_modified, _MODIFIED_LENGTH)
        feed.interval_seconds = decide.next_interval(feed.interval_seconds, configured, has_news=done.new > 0)
        feed.next_fetch_at = now + timedelta(seconds=feed.interval_seconds)
    feed.save()
    days.count_visit(feed, now, items=done.new, failed=bool(done.error),
                     size=len(visit.fetched.body) if visit.fetched else 0)
    return done


def _fitting(validator: str, length: int) -> str:
    return validator if len(validator) <= length else ""  # half a validator matches nothing


def _note_failure(feed: Feed, visit: _Visit, configured: int, now: datetime) -> Gathered:
    error = "".join(character if character.isprintable() else " " for character in visit.error)[:_ERROR_LENGTH]
    feed.state, feed.failures, feed.error = FeedState.FAILING, feed.failures + 1, error
    if feed.failures >= decide.FAILURES_BEFORE_RETURN:
        feed.moved_to = ""  # the old address may know of a newer one
    retry_after = visit.fetched.retry_after if visit.fetched else None
    feed.next_fetch_at = now + timedelta(seconds=decide.retry_delay(configured, feed.failures, retry_after))
    return Gathered(feed.name, feed.state, error=feed.error)


def _store_document(feed: Feed, source: FeedSource, document: Document, now: datetime) -> Gathered:
    items = Item.objects.filter(feed=feed)
    known = {item.identity: item for item in items.filter(identity__in=[entry.identity for entry in document.entries])}
    fresh = decide.choose_fresh(document.entries, known, now=now, recent=timedelta(hours=settings.FETCH_RECENT_HOURS),
                                first_seen=items.aggregate(first=Min("seen_at"))["first"])
    Item.objects.bulk_create([_make_item(feed, source, entry, now) for entry in fresh], ignore_conflicts=True)
    _follow_changes(document, known, now)
    feed.entries_seen = len(document.entries) + document.dropped
    feed.entries_skipped = feed.entries_seen - len(known) - len(fresh)
    if fresh:
        feed.changed_at = now
    return Gathered(feed.name, feed.state, len(fresh), feed.entries_seen, feed.entries_skipped)


def _make_item(feed: Feed, source: FeedSource, entry: Entry, now: datetime) -> Item:
    return Item(feed=feed, identity=entry.identity, url=entry.url, title=entry.title, summary=entry.summary,
                author=entry.author, language=entry.language or source.language, published_at=entry.published_at,
                seen_at=now, at=min(entry.published_at or now, now))


def _follow_changes(document: Document, known: dict[str, Item], now: datetime) -> None:
    """Take over a corrected headline or text, while it is still news. The item keeps its story and its time.

    Its story is opened again: what it was told with may no longer stand in any source.
    """
    changed = []
    for entry in document.entries:
        item = known.get(entry.identity)
        if item is None or (item.state != ItemState.NEW and now - item.seen_at > timedelta(hours=UPDATE_HOURS)):
            continue
        title, summary, url = entry.title or item.title, entry.summary or item.summary, entry.url or item.url
        if (title, summary) != (item.title, item.summary):
            item.title, item.summary, item.url = title, summary, url
            changed.append(item)
    # Items, then stories, each by number, as grouping locks them: so that neither waits for the other for ever.
    ids = [item.pk for item in changed]
    list(Item.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    told = [item.story_id for item in changed if item.story_id is not None]
    list(Story.objects.select_for_update().filter(pk__in=told).order_by("pk").values_list("pk"))
    Item.objects.bulk_update(changed, ["title", "summary", "url"], batch_size=100)
    Story.objects.filter(items__in=changed).update(state=StoryState.OPEN)
