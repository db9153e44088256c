"""A story's address in; its page out: what was printed of it, its sources with their times, its issues and its thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from worker import editorial
from worker.issues.wording import clean_line, clean_url
from worker.readers.preferences import title_of
from worker.storage.models import Placement, Section, Story
from worker.stories.memory import find_survivor, trace_merged
from worker.stories.threads import read_timeline
from worker.web.public.archive import issue_day, published_issues


@dataclass(frozen=True)
class Report:
    """One item of the story; `copies` are the outlets that carry the same words."""

    outlet: str
    title: str
    url: str
    at: datetime
    copies: Sequence[tuple[str, str]]


@require_safe
def story(request: HttpRequest, slug: str) -> HttpResponse:
    """One story that readers have had. One that was merged leads on to the story it lives on in, for good."""
    row = Story.objects.filter(slug=slug).select_related("merged_into").first()
    if row is None:
        raise Http404
    lives_in = find_survivor(row)
    printed = find_printed([lives_in]).get(lives_in.pk, [])
    if not printed:
        raise Http404
    if lives_in.pk != row.pk and lives_in.slug:
        return HttpResponsePermanentRedirect(f"/stories/{lives_in.slug}/")
    row = lives_in
    latest = printed[-1]
    summaries = [placement.summary for placement in printed if placement.section != Section.SHORT and placement.summary]
    return render(request, "web/public/story.html", {
        "story": row, "headline": clean_line(latest.headline), "summary": summaries[-1] if summaries else "",
        "reports": _list_reports(row), "timeline": _read_timeline(row),
        "issues": [{"issue": placement.issue, "title": title_of(placement.issue.newsletter), "day": issue_day(placement.issue),
                    "headline": placement.headline, "update": placement.kind == "update"} for placement in printed]})


def find_printed(stories: Sequence[Story]) -> dict[int, list[Placement]]:
    """Return where each story was printed in an issue that went out, the earliest first; so too what was merged into it."""
    lives_in = trace_merged(one.pk for one in stories)
    rows = Placement.objects.filter(story__in=lives_in, dropped=False, issue__in=published_issues()).select_related("issue")
    printed: dict[int, list[Placement]] = {}
    for placement in rows.order_by("issue__window_end", "issue_id"):
        printed.setdefault(lives_in[placement.story_id], []).append(placement)
    return printed


def _list_reports(row: Story) -> list[Report]:
    feeds = editorial.load().feeds_by_name()
    items = list(row.items.select_related("feed").order_by("at", "id"))

    def outlet(name: str) -> str:
        return clean_line(feeds[name].title if name in feeds else name)

    here = {item.pk for item in items}
    copies: dict[int, list[tuple[str, str]]] = {}
    for item in items:
        if item.copy_of_id in here:
            copies.setdefault(item.copy_of_id or 0, []).append((outlet(item.feed.name), clean_url(item.url)))
    return [Report(outlet(item.feed.name), clean_line(item.title), clean_url(item.url), item.published_at or item.at,
                   copies.get(item.pk, [])) for item in items if item.copy_of_id not in here]


def _read_timeline(row: Story) -> list[dict[str, Any]]:
    """The published stories of its thread, the oldest first; nothing if it is the only one."""
    chapters = read_timeline(row)
    printed = find_printed([chapter.story for chapter in chapters])
    told = [{"slug": chapter.story.slug, "at": chapter.at, "headline": clean_line(printed[chapter.story.pk][-1].headline),
             "here": chapter.story.pk == row.pk} for chapter in chapters if chapter.story.pk in printed]
    return told if len(told) > 1 else []
