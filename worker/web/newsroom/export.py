"""An approver's wish for the list in, a page with the button, and after it a CSV that is noted in the audit log, out."""

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from worker.readers.exporting import export_lines
from worker.web.newsroom.guards import editor_of, for_approvers


@for_approvers
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest) -> HttpResponseBase:
    """Show the button; after a POST, send the readers of one newsletter, or of all, row by row."""
    if request.method != "POST":
        return render(request, "web/desk/export.html", {"here": "readers"})
    newsletter = request.POST.get("newsletter") or None
    lines = export_lines(newsletter, by=editor_of(request).email)
    name = f"readers-{newsletter or 'all'}-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        (piece.encode() for piece in lines), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'})
