"""An issue's number in, how its copies come along out: live while they go, and afterwards who did not get it and why.

Whoever looks at addresses is written to the audit log, as for any reader (newsroom.readers).
"""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from worker import editorial
from worker.delivery.headcount import read_headcount
from worker.delivery.standing import count_copies, read_standing
from worker.delivery.stopping import count_stop
from worker.delivery.undelivered import STATES, Copy, export_undelivered, find_copies, find_undelivered, read_copies
from worker.errors import NotFoundError
from worker.readers.find import LEAST
from worker.storage.models import AuditEntry, DeliveryState, Issue
from worker.web.newsroom.guards import editor_of, for_approvers, for_editors, for_viewers
from worker.web.newsroom.picture import draw_slices, read_looks, write_looks
from worker.web.newsroom.sheet import find_issue

SHOWN = 50  # copies on a page
FOUND_SHOWN = 25
_LARGE = 200_000  # copies: counting them costs a tenth of a second, so it is done half as often


@for_viewers
@require_safe
def progress(request: HttpRequest, issue_id: int) -> HttpResponse:
    """How far the copies have come; the page asks again every few seconds while they are on their way, and says what it saw."""
    found = find_issue(issue_id)
    standing = read_standing(issue_id, read_looks(request.GET.get("seen", "")))
    context = {"issue": found, "here": "issue", "standing": standing, "seen": write_looks(standing),
               "audience": f"{standing.audience:,}", "slices": draw_slices(standing.states), "moving": standing.is_moving,
               "again": 5 if standing.audience > _LARGE else 2, "live": True,
               "stop": count_stop(standing.states, 0 if standing.states else read_headcount(
                   found.newsletter, digest=found.digest).readers)}
    template = "web/desk/_progress.html" if getattr(request, "htmx", False) else "web/desk/progress.html"
    response = render(request, template, context)
    if not standing.is_moving:
        response.headers["HX-Refresh"] = "true"  # the last copy is out: the rest of the page has changed too
    return response


@for_editors
@require_http_methods(["GET", "HEAD", "POST"])
def undelivered(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Who did not get the issue, by page and state. POST looks for a reader's copy by address, which so stands in no history."""
    found = find_issue(issue_id)
    if request.method == "POST":
        return _show_found(request, found, request.POST.get("email", "").strip()[:254])
    return show_undelivered(request, found, request.GET.get("state", ""))


@for_approvers
@require_POST
def download(request: HttpRequest, issue_id: int) -> HttpResponseBase:
    """The same as a CSV, all pages of it."""
    state = request.POST.get("state", "")
    lines = export_undelivered(issue_id, state, by=editor_of(request).email)
    name = f"issue-{issue_id}-{state or 'undelivered'}-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        (piece.encode() for piece in lines), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'})


def show_undelivered(request: HttpRequest, issue: Issue, state: str, *, status: int = 200, trouble: str = "") -> HttpResponse:
    """Answer with one page of the list as it stands now."""
    if state and state not in STATES:
        raise NotFoundError(f"There is no list of copies that are {state}.")
    counts = _count(issue.pk)
    rows = find_undelivered(issue.pk, state)
    pages = Paginator(rows, SHOWN)
    pages.count = counts[state]  # counted already
    page = pages.get_page(request.GET.get("page"))
    first = max(page.start_index() - 1, 0)
    copies = list(read_copies(rows[first : first + SHOWN]))
    if any(copy.reader for copy in copies):
        _note(request, issue, "list undelivered", state=state or "all", page=str(page.number))
    return _show(request, issue, copies, state, status, counts=counts, page=page, trouble=trouble)


def _show_found(request: HttpRequest, issue: Issue, words: str) -> HttpResponse:
    copies = find_copies(issue.pk, words, limit=FOUND_SHOWN + 1)
    more = len(copies) > FOUND_SHOWN
    copies = copies[:FOUND_SHOWN]
    _note(request, issue, "look for a reader", found=", ".join(str(copy.reader) for copy in copies) or "nobody")
    return _show(request, issue, copies, "", 200, counts=_count(issue.pk), asked=True, words=words, more=more)


def _show(request: HttpRequest, issue: Issue, copies: list[Copy], state: str, status: int, *, counts: dict[str, int],
          **more: object) -> HttpResponse:
    newsletter = editorial.load().newsletters.get(issue.newsletter)
    lists = [(name, f"{count:,}") for name, count in counts.items()]
    can_settle = editor_of(request).may_approve and any(copy.state == DeliveryState.UNCERTAIN for copy in copies)
    return render(request, "web/desk/undelivered.html", {
        "here": "issue", "issue": issue, "title": newsletter.title if newsletter else issue.newsletter, "copies": copies,
        "state": state, "lists": lists, "uncertain": f"{counts[DeliveryState.UNCERTAIN]:,}", "least": LEAST,
        "can_settle": can_settle, **more}, status=status)


def _count(issue_id: int) -> dict[str, int]:
    """Return how long the list is, by state; "" for all of them."""
    there = count_copies(issue_id)
    counts: dict[str, int] = {state: there.get(state, 0) for state in STATES}
    counts[DeliveryState.QUEUED] = counts[DeliveryState.QUEUED] and find_undelivered(issue_id, DeliveryState.QUEUED).count()
    return {"": sum(counts.values()), **counts}


def _note(request: HttpRequest, issue: Issue, action: str, **detail: str) -> None:
    AuditEntry.objects.create(actor=editor_of(request).email[:254], action=action, subject=f"issue {issue.pk}", detail=detail)
