"""A database that cannot answer in; 503 in words for a person, or as their program reads it, out. It asks no database itself."""

import sqlite3
from typing import TypeGuard

from django.db import Error, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

from worker.web.context import read_site
from worker.web.public.guards import body_length, wants_json

RETRY_SECONDS = 120
_SHOWN = "This page cannot be shown at this moment: something on our side is not working. Please try again in a few minutes."
_SENT = ("Something on our side is not working at this moment. What you sent was not recorded, and nothing was changed. "
         "Please try again in a few minutes.")
_UNSURE = ("Something on our side stopped working at this moment. Please look again in a few minutes whether what you sent was "
           "recorded.")
_TYPED = "Not saved: the database does not answer at this moment. Your text is still here; try again in a few minutes."


def is_unavailable(error: BaseException | None) -> TypeGuard[Error]:
    """Say whether the database cannot answer just now: gone, locked, full, cut off. A mistake in our SQL is none of these.

    SQLite reports such a mistake in the same class; its code tells it apart (https://www.sqlite.org/rescode.html#error).
    """
    return (isinstance(error, OperationalError | InterfaceError)
            and getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR)


def say_unavailable(request: HttpRequest, *, is_sure: bool = True, plain: bool = False) -> HttpResponse:
    """Return the answer: text if it is to be `plain` or for a piece of a page, JSON for a program that wants it, else a page.

    `is_sure` says that nothing was recorded: a view changes things in one transaction, and that was undone; what breaks after the
    view is not.
    """
    is_piece = bool(getattr(request, "htmx", False))
    sent = request.method not in ("GET", "HEAD", "OPTIONS")
    words = (_TYPED if is_piece else _SENT) if sent and is_sure else _UNSURE if sent else _SHOWN
    if plain or is_piece:
        answer = HttpResponse(f"{words}\n", content_type="text/plain; charset=utf-8")
    elif wants_json(request):
        answer = JsonResponse({"errors": {"busy": [words]}})
        answer.headers["Access-Control-Allow-Origin"] = "*"  # any site's script may sign its visitors up, see signup.py
    else:
        # A form that was a button alone can be pressed again here; one with fields comes back filled in by going back.
        context = {"site": read_site(), "words": words, "sent": sent, "is_sure": is_sure, "button": body_length(request) == 0}
        answer = HttpResponse(render_to_string("web/errors/unavailable.html", context))
    answer.status_code = 503
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    add_never_cache_headers(answer)
    return answer
