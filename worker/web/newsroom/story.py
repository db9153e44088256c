"""A story's number in, its page out: every report and why it joined, what bears the summary out, memory, merge and split."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.editorial import FeedSource
from worker.errors import NotFoundError
from worker.issues.evidence import read_story_articles
from worker.storage.models import AuditEntry, Item, Placement, Ruling, Story, StoryState
from worker.stories.memory import Memory, read_memory
from worker.stories.nearest import find_near, search_stories
from worker.stories.reasons import explain_in_words
from worker.stories.rulings import find_undoable
from worker.stories.threads import Chapter, read_timeline
from worker.web.newsroom.guards import for_viewers
from worker.web.newsroom.placed import Evidence, Source, make_source, show_sentences

FOUND_SHOWN = 12
START_LENGTH = 240  # characters of a report's text


@dataclass(frozen=True)
class Report:
    """One item of a story. `copies` are the places that repeat it word for word; `ruled` says who put it here by hand."""

    item: Item
    source: Source
    start: str
    why: str
    ruled: str
    copies: Sequence[Source]
    chosen: bool


@dataclass(frozen=True)
class StoryPage:
    """What templates/web/desk/story.html needs."""

    story: Story
    title: Evidence
    evidence: Sequence[Evidence]
    reports: Sequence[Report]
    outlets: int
    timeline: Sequence[Chapter]
    memory: Sequence[tuple[str, Memory]]
    placements: Sequence[Placement]
    near: Sequence[Story]
    words: str
    found: Sequence[Story]
    undoable: Sequence[AuditEntry]
    chosen: Collection[int]
    number: str
    trouble: str


@for_viewers
@require_safe
def story(request: HttpRequest, story_id: int) -> HttpResponse:
    """The page of one story."""
    return show_story(request, story_id)


def show_story(request: HttpRequest, story_id: int, *, status: int = 200, trouble: str = "") -> HttpResponse:
    """Answer with the story as it stands now; what was ticked or typed in a form that was refused is still there."""
    page = read_page(
        find_story(story_id), words=request.GET.get("q", ""), trouble=trouble, number=request.POST.get("other", ""),
        chosen={int(value) for name in ("item", "story") for value in request.POST.getlist(name)
                if value.isdecimal() and len(value) < 19})
    return render(request, "web/desk/story.html", {"page": page, "story": page.story, "here": "story"}, status=status)


def find_story(story_id: int) -> Story:
    """Return the story; raises NotFoundError in words."""
    found = Story.objects.select_related("merged_into", "thread").filter(pk=story_id).first()
    if found is None:
        raise NotFoundError(f"There is no story {story_id}.")
    return found


def read_page(story: Story, *, words: str, trouble: str, number: str, chosen: Collection[int]) -> StoryPage:
    """Read all of it afresh; `words` are looked for among the other stories."""
    known = editorial.load()
    items = list(story.items.select_related("feed").order_by("at", "id"))
    shown = show_sentences([story.headline, *(sentence["text"] for sentence in story.sentences)],
                           read_story_articles([story.pk]).get(story.pk, ()))
    lives = story.state != StoryState.MERGED
    titles = {key: newsletter.title for key, newsletter in known.newsletters.items()}
    memories = [(titles[memory.newsletter], memory) for memory in read_memory(story, now=timezone.now())] if lives else []
    others = Story.objects.exclude(pk=story.pk)
    return StoryPage(
        story=story, title=shown[0], evidence=shown[1:], reports=_read_reports(items, known.feeds_by_name(), chosen),
        outlets=len({_outlet(item, known.feeds_by_name()) for item in items if item.copy_of_id is None}),
        timeline=read_timeline(story) if lives else [], memory=memories,
        placements=list(story.placements.filter(dropped=False).select_related("issue").order_by("-issue__drafted_at")),
        near=find_near(story) if lives and not words.strip() else [], words=words,
        found=list(search_stories(words, others)[:FOUND_SHOWN]) if words.strip() else [],
        undoable=find_undoable(story.pk), chosen=chosen, number=number, trouble=trouble,
    )


def _read_reports(items: Sequence[Item], feeds: dict[str, FeedSource], chosen: Collection[int]) -> list[Report]:
    by_id = {item.pk: item for item in items}
    ruled = _read_rulings(by_id)
    copies: dict[int, list[Source]] = {}
    for item in items:
        if item.copy_of_id in by_id:
            copies.setdefault(item.copy_of_id, []).append(_as_source(item, feeds))
    return [Report(
        item=item, source=_as_source(item, feeds), start=_begin(item.summary), why=_explain(item, by_id, feeds),
        ruled=ruled.get(item.pk, ""), copies=copies.get(item.pk, ()), chosen=item.pk in chosen,
    ) for item in items if item.copy_of_id not in by_id]


def _explain(item: Item, by_id: dict[int, Item], feeds: dict[str, FeedSource]) -> str:
    closest = str(item.reason.get("closest", ""))
    near = by_id.get(int(closest)) if closest.isdecimal() else None
    if not item.reason and item.pk != next(iter(by_id)):
        return "began a story of its own"
    words = explain_in_words(item.reason, _outlet(near, feeds) if near else "")
    return words if near or not item.reason else f"{words}; what it was closest to is in another story now"


def _read_rulings(by_id: dict[int, Item]) -> dict[int, str]:
    """Who ruled that an item is the same event as another one here, and when."""
    rulings = Ruling.objects.filter(together=True, one__in=by_id, other__in=by_id).select_related("made_by")
    return {pk: f"{ruling.made_by or 'an editor'} ruled it the same event on {ruling.made_at:%-d %B %Y}"
            for ruling in rulings.order_by("made_at") for pk in (ruling.one_id, ruling.other_id)}


def _as_source(item: Item, feeds: dict[str, FeedSource]) -> Source:
    return make_source(_outlet(item, feeds), item.title or item.url, item.url, item.at)


def _outlet(item: Item, feeds: dict[str, FeedSource]) -> str:
    return feeds[item.feed.name].title if item.feed.name in feeds else item.feed.name


def _begin(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= START_LENGTH else line[:START_LENGTH].rsplit(" ", 1)[0] + "…"
