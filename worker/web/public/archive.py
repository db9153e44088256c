"""Issues that went out in; the archive, a page per issue and the corrections out."""

from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from worker import editorial
from worker.issues.corrections import printed_with
from worker.issues.links import printed_sources
from worker.issues.wording import clean_url
from worker.readers.preferences import title_of
from worker.storage.models import Correction, Issue, IssueState, Kind, Placement, Section

PAGE = 40  # issues, or corrections, on one page


def published_issues() -> QuerySet[Issue]:
    """Return the issues readers have, newest first: also one that was stopped half-way, since some hold it already."""
    out = Q(state__in=[IssueState.SENDING, IssueState.SENT])
    stopped = Q(state__in=[IssueState.HELD, IssueState.CANCELLED], started_at__isnull=False)
    return Issue.objects.filter(out | stopped).order_by("-period", "-id")


def latest_issue() -> Issue | None:
    """Return the newest issue readers have; None before the first. A digest is no news, so it is not the latest."""
    return published_issues().filter(digest=False).first()


def lay_out(issue: Issue) -> dict[str, Any]:
    """Return what the templates show of one issue."""
    placed = list(issue.placements.filter(dropped=False).select_related("story", "since").order_by("position", "id"))
    lead = next((row.headline for row in placed if row.section == Section.LEAD), "")
    return {
        "issue": issue, "newsletter_title": title_of(issue.newsletter), "day": issue_day(issue),
        "told_by_subject": bool(lead) and lead in issue.subject,  # then the lead needs no headline of its own below it
        "told": [_tell(row) for row in placed if row.section != Section.SHORT],
        "short": [_tell(row) for row in placed if row.section == Section.SHORT],
        "mistakes": list(issue.corrections.order_by("made_at")),
        "printed": list(printed_with(issue)),
    }


def _tell(placement: Placement) -> dict[str, Any]:
    sources = [{"outlet": source.get("outlet") or source.get("title") or "source", "title": source.get("title", ""),
                "url": clean_url(source.get("url", ""))} for source in printed_sources(placement)]
    return {"id": placement.pk, "lead": placement.section == Section.LEAD, "headline": placement.headline,
            "summary": "" if placement.section == Section.SHORT else placement.summary, "sources": sources,
            "page": f"/stories/{placement.story.slug}/" if placement.story.slug else "",
            "update": placement.kind == Kind.UPDATE, "since": placement.since,
            "since_day": issue_day(placement.since) if placement.since else None}


def issue_day(issue: Issue) -> date | None:
    """Return the day in the issue's period; None if it is not a day."""
    try:
        return date.fromisoformat(issue.period)
    except ValueError:
        return None


@require_safe
def archive(request: HttpRequest, newsletter: str = "") -> HttpResponse:
    """All issues, or one newsletter's."""
    configured = editorial.load().newsletters
    issues = published_issues()
    if newsletter:
        issues = issues.filter(newsletter=newsletter)
        if newsletter not in configured and not issues.exists():
            raise Http404
    page = Paginator(issues, PAGE).get_page(request.GET.get("page"))
    rows = [{"issue": issue, "title": title_of(issue.newsletter), "day": issue_day(issue)} for issue in page]
    return render(request, "web/public/archive.html", {
        "rows": rows, "page": page, "newsletter": newsletter, "title": title_of(newsletter) if newsletter else "",
        "newsletters": configured})


@require_safe
def issue(request: HttpRequest, newsletter: str, slug: str) -> HttpResponse:
    """One issue, from the same words and sources that its mail was made of."""
    for row in published_issues().filter(newsletter=newsletter, period=slug[:10]):
        if row.slug == slug:
            return render(request, "web/public/issue.html", lay_out(row))
    raise Http404


@require_safe
def corrections(request: HttpRequest) -> HttpResponse:
    """What was wrong, and where, newest first."""
    rows = Correction.objects.filter(issue__in=published_issues()).select_related("issue").order_by("-made_at", "-id")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    shown = [{"correction": row, "title": title_of(row.issue.newsletter), "day": issue_day(row.issue)} for row in page]
    return render(request, "web/public/corrections.html", {"rows": shown, "page": page})
