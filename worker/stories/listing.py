"""Stories as the command line lists them: plain dictionaries with every source, why it is there, and what readers have had."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from worker import editorial
from worker.editorial import FeedSource
from worker.errors import NotFoundError
from worker.storage.models import Item, Placement, Story
from worker.stories.memory import Memory, Past
from worker.stories.reasons import explain_in_words, explain_thread
from worker.stories.threads import read_timeline

CHUNK = 1_000  # stories whose items are read in one query: the number of its parameters has a limit


def list_stories() -> list[dict[str, Any]]:
    """Return all stories that have items, the newest first, each as `_describe` makes it."""
    return list(_describe_all(Story.objects.filter(items__isnull=False).distinct().order_by("-last_at", "-id")))


def read_story(story_id: int) -> dict[str, Any]:
    """Return one story as `list_stories` does, and with it `evidence` (each sentence with its passages and doubts) and `timeline`.

    Raises NotFoundError.
    """
    story = Story.objects.filter(pk=story_id).first()
    if story is None:
        raise NotFoundError(f"there is no story {story_id}; `broadsheet stories --all` lists them")
    described = next(_describe_all(Story.objects.filter(pk=story_id)))
    outlets = {item["id"]: item["source"] for item in described["items"]}
    outlets |= {copy["id"]: copy["source"] for item in described["items"] for copy in item["outlets"]}
    described["evidence"] = [
        {"text": sentence["text"], "doubts": sentence.get("doubts", []),
         "support": [{"source": outlets.get(one["item"], ""), **one} for one in sentence.get("support", [])]}
        for sentence in story.sentences]
    described["timeline"] = [
        {"id": chapter.story.pk, "headline": chapter.story.headline, "at": chapter.at.isoformat(), "reason": chapter.reason,
         "issues": [{"issue": issue.pk, "newsletter": issue.newsletter, "day": issue.period} for issue in chapter.issues]}
        for chapter in read_timeline(story)]
    return described


def _describe_all(stories: QuerySet[Story]) -> Iterator[dict[str, Any]]:
    paper, now = editorial.load(), timezone.now()
    feeds = paper.feeds_by_name()
    pasts = {newsletter: Past(newsletter, now) for newsletter in paper.newsletters}
    told = Item.objects.select_related("feed").order_by("at", "id")
    chunk: list[Story] = []
    for story in stories.select_related("thread").prefetch_related(Prefetch("items", told)).iterator(chunk_size=CHUNK):
        chunk.append(story)
        if len(chunk) == CHUNK:
            yield from _describe_chunk(chunk, feeds, pasts)
            chunk = []
    yield from _describe_chunk(chunk, feeds, pasts)


def _describe_chunk(
    stories: Sequence[Story], feeds: dict[str, FeedSource], pasts: dict[str, Past]
) -> Iterator[dict[str, Any]]:
    newsletters = {story.pk: _newsletters_of(story, feeds) for story in stories}
    memories = {newsletter: past.recall([story for story in stories if newsletter in newsletters[story.pk]])
                for newsletter, past in pasts.items()}
    for story in stories:
        memory = {newsletter: _describe_memory(memories[newsletter][story.pk]) for newsletter in newsletters[story.pk]}
        yield _describe(story, feeds, newsletters[story.pk], memory)


def _newsletters_of(story: Story, feeds: dict[str, FeedSource]) -> list[str]:
    return sorted({newsletter for item in story.items.all() if item.feed.name in feeds
                   for newsletter in feeds[item.feed.name].newsletters})


def _describe(story: Story, feeds: dict[str, FeedSource], newsletters: list[str], memory: dict[str, Any]) -> dict[str, Any]:
    """{id, headline, summary, items, newsletters, state, thread, memory, doubts}.

    An item is {id, title, url, source, published (ISO 8601), reason (why it joined, in words), outlets (who carries the same
    words: {id, source, url})}.
    """
    doubts = [*story.doubts, *(doubt for sentence in story.sentences for doubt in sentence.get("doubts", ()))]
    thread = None
    if story.thread is not None:
        thread = {"id": story.thread.pk, "slug": story.thread.slug, "reason": explain_thread(story.thread_reason)}
    return {
        "id": story.pk, "headline": story.headline, "summary": story.summary, "items": _list_items(list(story.items.all()), feeds),
        "newsletters": newsletters, "state": story.state, "thread": thread, "memory": memory, "doubts": doubts}


def _list_items(items: Sequence[Item], feeds: dict[str, FeedSource]) -> list[dict[str, Any]]:
    def outlet(item: Item) -> str:
        return feeds[item.feed.name].title if item.feed.name in feeds else item.feed.name

    here = {item.pk: item for item in items}
    copies: dict[int | None, list[dict[str, Any]]] = {}
    for item in items:
        copies.setdefault(item.copy_of_id, []).append({"id": item.pk, "source": outlet(item), "url": item.url})
    listed = []
    for item in items:
        if item.copy_of_id in here:
            continue
        closest = here.get(int(item.reason.get("closest") or 0))
        listed.append({
            "id": item.pk, "title": item.title, "url": item.url, "source": outlet(item),
            "published": (item.published_at or item.at).isoformat(),
            "reason": explain_in_words(item.reason, outlet(closest) if closest else ""), "outlets": copies.get(item.pk, [])})
    return listed


def _describe_memory(memory: Memory) -> dict[str, Any]:
    return {"kind": memory.kind, "why": memory.why, "since": memory.since.pk if memory.since else None,
            "since_day": memory.since.period if memory.since else None, "what_is_new": memory.what_is_new,
            "issues": list(_describe_placements(memory.carried))}


def _describe_placements(placements: Iterable[Placement]) -> Iterator[dict[str, Any]]:
    """Where the story stands, and as what; of an update, what was said first."""
    for one in placements:
        first = next((sentence["text"] for sentence in one.sentences), one.headline)
        yield {"issue": one.issue_id, "day": one.issue.period, "state": one.issue.state, "kind": one.kind, "since": one.since_id,
               "what_is_new": first if one.kind == "update" else ""}
