"""The unsubscribe link of a mail in; a subscription ended at once (RFC 8058), a way back for an hour, a reason if told, out."""

from typing import Any

import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from worker.errors import BroadsheetError
from worker.readers.leaving import LONGEST_WORDS, REASONS, find_undo, leave, tell_reason
from worker.readers.leaving import undo as take_back
from worker.readers.links import BadLinkError, ExpiredLinkError, read_link, undo_url
from worker.readers.preferences import title_of
from worker.web.public.confirming import show_bad_link
from worker.web.public.guards import LARGEST_FORM, body_length, network_address, personal, small_body
from worker.web.unavailable import say_unavailable

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
        return _unsubscribe(request, token)
    except DatabaseError:
        if request.method != "POST" or not _is_one_click(request):
            raise
        log.exception("a one-click unsubscribe was not recorded")
        return say_unavailable(request, plain=True)


def _unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    try:
        ids = read_link("unsubscribe", token)
    except BadLinkError as error:
        return _say(request, "", {}) if request.method == "POST" else show_bad_link(request, error)
    title = title_of(ids["newsletter"])
    if request.method != "POST":
        return render(request, "web/public/unsubscribe.html", {"title": title})
    one_click = _is_one_click(request)
    leave(ids["reader"], ids["newsletter"], method="one-click" if one_click else "unsubscribe page",
          network_address=network_address(request))
    try:
        return _say(request, title, {} if one_click else _offer_more(token, title, ids))
    except DatabaseError:  # they have left: that is what must be said
        log.exception("nothing more can be offered to who has just left")
        return _say(request, title, {"title": title})


def _offer_more(token: str, title: str, ids: dict[str, Any]) -> dict[str, Any]:
    """Return what the page after the button holds: the way back, and the question nobody has to answer.

    Not the preferences: this link stands in the headers of every mail, and opens no more than the way out.
    """
    found = find_undo(ids["reader"], ids["newsletter"])
    return {"title": title, "token": token, "reasons": REASONS, "longest": LONGEST_WORDS,
            "undo": undo_url(ids["reader"], ids["newsletter"], found) if found is not None else ""}


def _say(request: HttpRequest, title: str, context: dict[str, Any]) -> HttpResponse:
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


@csrf_exempt  # as above: the token is the proof
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button; POST takes the leaving back, within the hour and once."""
    try:
        if request.method != "POST":
            title = title_of(read_link("undo", token)["newsletter"])
            return render(request, "web/public/undo.html", {"state": "open", "title": title})
        done = take_back(token, network_address=network_address(request))
    except ExpiredLinkError:
        return render(request, "web/public/undo.html", {"state": "stale"}, status=410)
    except BadLinkError as error:
        return show_bad_link(request, error)
    context = {"state": done.state, "title": title_of(done.newsletter)}
    return render(request, "web/public/undo.html", context, status=410 if done.state == "stale" else 200)


@csrf_exempt  # as above: the token is the proof
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def reason(request: HttpRequest, token: str) -> HttpResponse:
    """Ask why; POST keeps the answer, without who gave it, and says thanks."""
    try:
        ids = read_link("unsubscribe", token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    context: dict[str, Any] = {"title": title_of(ids["newsletter"]), "token": token, "reasons": REASONS,
                               "longest": LONGEST_WORDS}
    if request.method != "POST":
        return render(request, "web/public/reason.html", context)
    try:
        tell_reason(ids["reader"], ids["newsletter"], request.POST.get("reason", ""), request.POST.get("words", ""))
    except BroadsheetError as error:
        context |= {"problem": str(error), "words": request.POST.get("words", "")[:LONGEST_WORDS]}
        return render(request, "web/public/reason.html", context, status=422)
    return render(request, "web/public/reason_thanks.html", context)
