"""A version in, the terms or the privacy notice with its fingerprint out, or what changed in it; and what robots may fetch."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from worker.readers.differences import compare_wordings, gather_stretches
from worker.readers.terms import (
    TOLD,
    current_terms,
    find_before,
    find_terms,
    list_versions,
    render_wording,
    terms_path,
)
from worker.readers.terms_file import KINDS
from worker.storage.models import Terms
from worker.storage.models.readers import today

_ROBOTS = """User-agent: *
Disallow: /confirm/
Disallow: /preferences/
Disallow: /terms/agree/
Disallow: /unsubscribe/
Disallow: /seen/
Disallow: /go/
Disallow: /undo/
Disallow: /address/
Disallow: /hooks/
Disallow: /desk/
"""


@require_safe
def terms(request: HttpRequest, version: str = "") -> HttpResponse:
    """The newsletter's terms: today's, or another version."""
    return _show(request, "newsletter", version)


@require_safe
def privacy(request: HttpRequest, version: str = "") -> HttpResponse:
    """The privacy notice: today's, or another version."""
    return _show(request, "privacy", version)


@require_safe
def box(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """The words that stood beside a box on a form (partners, tracking): the ledger names them by their hash."""
    return _show(request, _check_box(kind), version)


@require_safe
def terms_changes(request: HttpRequest, version: str) -> HttpResponse:
    """What a version of the terms changed."""
    return _show_changes(request, "newsletter", version)


@require_safe
def privacy_changes(request: HttpRequest, version: str) -> HttpResponse:
    """What a version of the privacy notice changed."""
    return _show_changes(request, "privacy", version)


@require_safe
def box_changes(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """What a version of the words beside a box changed."""
    return _show_changes(request, _check_box(kind), version)


def _check_box(kind: str) -> str:
    if kind not in KINDS or kind in TOLD:
        raise Http404
    return kind


def _show(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    wording = find_terms(version, kind) if version else current_terms(kind)
    versions = list_versions(kind)
    now = today()
    in_force = next((row for row in versions if row.effective <= now), None)
    context = {"wording": wording, "html": show_wording(wording), "kind": kind, "in_force": in_force,
               "upcoming": [_list(row, versions) for row in reversed(versions) if row.effective > now],
               "is_upcoming": wording.effective > now, "versions": [_list(row, versions) for row in versions]}
    return render(request, "web/public/terms.html", context)


def _list(row: Terms, versions: list[Terms]) -> dict[str, object]:
    path = terms_path(row)
    return {"row": row, "path": path, "changes": f"{path}changes/" if row != versions[-1] else ""}


def _show_changes(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """Show the differences to the version before, or to `?from=VERSION`."""
    wording = find_terms(version, kind)
    given = request.GET.get("from", "")
    before = find_terms(given, kind) if given else find_before(wording)
    others = [row for row in list_versions(kind) if row != wording]
    context = {"wording": wording, "before": before, "kind": kind, "path": terms_path(wording), "others": others,
               "before_path": terms_path(before) if before else "",
               "stretches": show_differences(before, wording) if before else []}
    return render(request, "web/public/terms_changes.html", context)


def show_wording(terms: Terms) -> SafeString:
    """Return a wording as HTML."""
    return mark_safe(render_wording(terms.wording))  # noqa: S308 - sanitised there, and written by the publisher


def show_differences(before: Terms, after: Terms) -> list[dict[str, object]]:
    """Return what changed from one wording to another, for `_differences.html`; nothing if nothing did."""
    passages = compare_wordings(before.wording, after.wording)
    if all(passage.change == "same" for passage in passages):
        return []
    return [{"changed": stretch.changed, "passages": [
        {"tag": passage.tag, "change": passage.change, "html": mark_safe(passage.html)}  # noqa: S308 - sanitised there
        for passage in stretch.passages]} for stretch in gather_stretches(passages)]


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """robots.txt: everything but what belongs to one person."""
    return HttpResponse(_ROBOTS, content_type="text/plain; charset=utf-8")
