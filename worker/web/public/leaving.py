"""The unsubscribe link of a mail in; at once, and without asking anything, a subscription ended out (RFC 8058)."""

import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from worker.readers.links import BadLinkError, preferences_url, read_link
from worker.readers.preferences import leave, title_of
from worker.web.public.confirming import show_bad_link
from worker.web.public.guards import LARGEST_FORM, body_length, network_address, personal

log = structlog.get_logger(__name__)


# RFC 8058 section 3.1: the mail provider's POST carries no cookie and follows no redirect. The token is the proof.
@csrf_exempt
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button; POST leaves.

    A POST is answered with 200 for repeats and for tokens that are nobody's too, so that nothing can be learnt from
    it, and with 503 if the database did not record it, so that the provider tries again.
    """
    try:
        ids = read_link("unsubscribe", token)
    except BadLinkError as error:
        return _say(request, "", {}) if request.method == "POST" else show_bad_link(request, error)
    title = title_of(ids["newsletter"])
    if request.method != "POST":
        return render(request, "web/public/unsubscribe.html", {"title": title})
    method = "one-click" if _is_one_click(request) else "unsubscribe page"
    try:
        leave(ids["reader"], ids["newsletter"], method=method, network_address=network_address(request))
    except DatabaseError:
        log.exception("an unsubscribe was not recorded")
        return HttpResponse("Not recorded just now: please try again in a few minutes.\n", status=503,
                            content_type="text/plain; charset=utf-8", headers={"Retry-After": "120"})
    return _say(request, title, {"title": title, "preferences": preferences_url(ids["reader"])})


def _say(request: HttpRequest, title: str, context: dict[str, str]) -> HttpResponse:
    if _is_one_click(request):
        words = f"You have left {title}.\n" if title else "Done.\n"
        return HttpResponse(words, content_type="text/plain; charset=utf-8")
    return render(request, "web/public/left.html", context)


def _is_one_click(request: HttpRequest) -> bool:
    """Say whether a mail program asked, by its body, urlencoded or multipart; a strange body counts as no."""
    if body_length(request) > LARGEST_FORM:
        return False
    try:
        return request.POST.get("List-Unsubscribe") == "One-Click"
    except (BadRequest, SuspiciousOperation, MultiPartParserError, OSError):
        return False
