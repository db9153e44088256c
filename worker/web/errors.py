"""An error in, a page in words out: nobody who asked for a page is shown a traceback or a bare status line."""

import sys
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

from worker.errors import BroadsheetError, ConfigurationError, ConflictError, NotFoundError, TransientError
from worker.storage.schema import explain
from worker.web.context import read_site
from worker.web.unavailable import RETRY_SECONDS, is_unavailable, say_unavailable

log = structlog.get_logger(__name__)
_STATUS: tuple[tuple[type[BroadsheetError], int, str], ...] = (
    (NotFoundError, 404, "Not found"),
    (ConflictError, 409, "It has changed in the meantime"),
    (TransientError, 503, "Not just now"),
    (ConfigurationError, 503, "Not just now"),
    (BroadsheetError, 422, "That did not work"),
)


def status_of(error: BroadsheetError) -> int:
    """Return the HTTP status that says what the error says."""
    return next(status for kind, status, _ in _STATUS if isinstance(error, kind))


class ErrorsInWordsMiddleware:
    """Turns what a view let through into words: a BroadsheetError into a page with its one line, a database that cannot
    answer into 503. Others stay Django's 500.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if is_unavailable(error):
            view = request.resolver_match.view_name if request.resolver_match else ""  # the path holds readers' links
            log.error("the database cannot answer", view=view, why=explain(error))
            return say_unavailable(request)
        if not isinstance(error, BroadsheetError):
            return None
        status, heading = next((status, heading) for kind, status, heading in _STATUS if isinstance(error, kind))
        say = log.error if status >= 500 else log.info
        say("refused", path=request.path, status=status, why=str(error))
        if status == 404:
            return not_found(request, error)
        words = str(error)
        if isinstance(error, ConfigurationError) and not request.user.is_authenticated:
            words = "This page is being mended. Please come back a little later."  # which file is wrong is not a reader's
        answer = _show(request, "web/errors/words.html", status, {"heading": heading, "words": words})
        if isinstance(error, TransientError):
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The 404 page; with our own error's words if there are any, never with Django's list of patterns."""
    words = str(exception) if isinstance(exception, BroadsheetError) else ""
    return _show(request, "web/errors/404.html", 404, {"words": words})


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The 403 page: signed in, perhaps, but this is another's to do."""
    return _show(request, "web/errors/403.html", 403, {"words": str(exception or "")})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The 400 page."""
    words = {"heading": "That request could not be read",
             "words": "It was cut short, too large, or not made by a page of this site."}
    return _show(request, "web/errors/words.html", 400, words)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form whose token does not match the browser's cookie (settings.CSRF_FAILURE_VIEW)."""
    return _show(request, "web/errors/csrf.html", 403, {"reason": reason})


def server_error(request: HttpRequest) -> HttpResponse:
    """The 500 page, or 503 where the database broke outside of a view, as when a session is saved.

    It asks neither the database nor the session, since one of them may be what broke.
    """
    if is_unavailable(sys.exception()):  # Django calls this while it handles the error
        return say_unavailable(request, is_sure=False)
    return HttpResponse(render_to_string("web/errors/500.html", {"site": read_site()}), status=500)


def _show(request: HttpRequest, template: str, status: int, context: dict[str, str]) -> HttpResponse:
    response = render(request, template, context, status=status)
    add_never_cache_headers(response)  # it may name the editor who is signed in
    return response
