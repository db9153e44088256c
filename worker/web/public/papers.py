"""A version in, the terms or the privacy notice with its fingerprint out; and what robots may fetch."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from worker.readers.terms import current_terms, find_terms, render_wording
from worker.storage.models import Terms

_ROBOTS = """User-agent: *
Disallow: /confirm/
Disallow: /preferences/
Disallow: /unsubscribe/
Disallow: /seen/
Disallow: /go/
Disallow: /hooks/
Disallow: /desk/
"""


@require_safe
def terms(request: HttpRequest, version: str = "") -> HttpResponse:
    """The newsletter's terms: today's, or an earlier version."""
    return _show(request, "newsletter", version)


@require_safe
def privacy(request: HttpRequest, version: str = "") -> HttpResponse:
    """The privacy notice: today's, or an earlier version."""
    return _show(request, "privacy", version)


def _show(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    wording = find_terms(version, kind) if version else current_terms(kind)
    html = mark_safe(render_wording(wording.wording))  # noqa: S308 - sanitised there, and written by the publisher
    context = {"wording": wording, "html": html, "kind": kind,
               "versions": Terms.objects.filter(kind=kind).order_by("-effective", "-id")}
    return render(request, "web/public/terms.html", context)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """robots.txt: everything but what belongs to one person."""
    return HttpResponse(_ROBOTS, content_type="text/plain; charset=utf-8")
