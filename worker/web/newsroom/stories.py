"""The stories of the last days, or those that hold some words, in; a page of them out, to open or to tick and merge."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.core.paginator import Paginator
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.storage.models import Item, Story, StoryState
from worker.stories.memory import Memory, recall
from worker.stories.nearest import search_stories
from worker.stories.reasons import join_words, say_number
from worker.web.newsroom.guards import for_viewers
from worker.web.newsroom.placed import Source, make_source

DAYS = 4
SEARCHED_DAYS = 30
SHOWN = 40
_NAMES, _NUMBERS = 4, 2


@dataclass(frozen=True)
class Line:
    """One story in the list. `together` says in short what its reports share."""

    story: Story
    reports: Sequence[Source]
    together: str
    memory: Sequence[tuple[str, Memory]]
    chosen: bool


@for_viewers
@require_safe
def stories(request: HttpRequest) -> HttpResponse:
    """The stories of the last four days of news (counted from the newest item), or of thirty when words are looked for."""
    return show_stories(request)


def show_stories(request: HttpRequest, *, status: int = 200, trouble: str = "") -> HttpResponse:
    """Answer with the list as it stands now; the stories ticked in a form that was refused are still ticked."""
    words = (request.POST.get("q") or request.GET.get("q", "")).strip()
    days = SEARCHED_DAYS if words else DAYS
    living = Story.objects.exclude(state=StoryState.MERGED)
    newest = living.aggregate(newest=Max("last_at"))["newest"] or timezone.now()
    found = living.filter(last_at__gte=newest - timedelta(days=days))
    if words:
        found = search_stories(words, found)
    ranked = found.annotate(outlets=Count("items__feed", filter=Q(items__copy_of=None), distinct=True))
    ranked = ranked.order_by("-outlets", "-last_at", "-id").prefetch_related("items__feed")
    page = Paginator(ranked, SHOWN).get_page(request.GET.get("page"))
    chosen = set(request.POST.getlist("story"))
    return render(request, "web/desk/stories.html", {
        "here": "stories", "lines": _read_lines(list(page), chosen), "page": page, "days": days, "words": words,
        "trouble": trouble}, status=status)


def _read_lines(stories: Sequence[Story], chosen: set[str]) -> list[Line]:
    known = editorial.load()
    feeds = known.feeds_by_name()
    memories: dict[int, list[tuple[str, Memory]]] = {story.pk: [] for story in stories}
    for key, newsletter in known.newsletters.items():
        own = [story for story in stories if any(
            key in feeds[item.feed.name].newsletters for item in story.items.all() if item.feed.name in feeds)]
        for pk, memory in recall(key, own, now=timezone.now()).items():
            memories[pk].append((newsletter.title, memory))
    return [Line(
        story=story, together=_say_together(list(story.items.all())), memory=memories[story.pk], chosen=str(story.pk) in chosen,
        reports=[make_source(feeds[item.feed.name].title if item.feed.name in feeds else item.feed.name,
                             item.title, item.url, item.at) for item in story.items.all()],
    ) for story in stories]


def _say_together(items: Sequence[Item]) -> str:
    """The names and numbers that most of a story's reports joined by; "" if a single report makes the story."""
    names = Counter(name for item in items for name in item.reason.get("names") or ())
    numbers = Counter(number for item in items for number in item.reason.get("numbers") or ())
    shared = [str(name) for name, _ in names.most_common(_NAMES)]
    return join_words([*shared, *(say_number(str(number)) for number, _ in numbers.most_common(_NUMBERS))])
