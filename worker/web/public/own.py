"""A reader's preferences link in; their choices, their data and the end of both out."""

from calendar import day_name
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from worker import editorial
from worker.editorial import WEEKDAYS
from worker.errors import BroadsheetError, NotFoundError
from worker.readers import erase as erasing
from worker.readers.disclose import disclose
from worker.readers.links import BadLinkError, agree_url, read_link
from worker.readers.preferences import (
    PAUSE_WEEKS,
    Preferences,
    find_agreed_wording,
    find_waiting_terms,
    read_preferences,
    title_of,
)
from worker.readers.suppress import is_suppressed
from worker.readers.terms import seal_shown
from worker.storage.models import Frequency, Purpose
from worker.web.public.choices import change_choice, describe_saved
from worker.web.public.confirming import show_bad_link
from worker.web.public.forms import describe_days, published_wordings
from worker.web.public.guards import personal, small_body

_UNNAMED = {Purpose.PARTNERS: "Content from partners of the publisher.", Purpose.TRACKING: "Measuring what I open and follow."}


def _find(token: str) -> Preferences:
    """Return the reader's choices; raises BadLinkError also for a reader who has been erased since."""
    try:
        return read_preferences(read_link("preferences", token)["reader"])
    except NotFoundError as error:
        raise BadLinkError(str(error)) from error


@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Show the choices, each with a button of its own; POST changes one and shows them again."""
    try:
        chosen = _find(token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    if request.method != "POST":
        return _show(request, token, chosen)
    try:
        saved = change_choice(request, chosen)
    except BroadsheetError as error:
        return _show(request, token, chosen, problem=str(error), status=422)
    return redirect(f"{reverse('public:preferences', args=[token])}?saved={saved}")


def _show(request: HttpRequest, token: str, chosen: Preferences, *, problem: str = "",
          status: int = 200) -> HttpResponse:
    wordings, waiting = published_wordings(), find_waiting_terms(chosen.reader)
    context = {
        "token": token, "chosen": chosen, "offers": _list_offers(chosen), "problem": problem,
        "saved": describe_saved(request.GET.get("saved", ""), chosen), "suppressed": is_suppressed(chosen.reader.email),
        "reads": any(chosen.has(key) for key in chosen.states), "topics": _list_topics(chosen),
        "paused_until": chosen.paused_until(), "weeks": PAUSE_WEEKS, "agreements": _list_agreements(chosen),
        "waiting_terms": waiting, "agree": agree_url(chosen.reader.pk, waiting.pk) if waiting else "",
        "terms": wordings.get("newsletter"),
        "shown": seal_shown(wordings) if wordings else "",
        "typed": request.POST.get("email", "")[:254] if problem else "",
    }
    return render(request, "web/public/preferences.html", context, status=status)


def _list_offers(chosen: Preferences) -> list[dict[str, Any]]:
    """Return every newsletter there is, and those the reader still has although they have ended."""
    configured = editorial.load().newsletters
    offers: list[dict[str, Any]] = [
        {"key": key, "title": newsletter.title, "description": newsletter.description,
         "frequency": describe_days(newsletter), "ticked": chosen.has(key),
         "digest_day": day_name[WEEKDAYS.index(newsletter.digest_on)] if newsletter.digest_on else "",
         "weekly": chosen.frequencies.get(key) == Frequency.WEEKLY}
        for key, newsletter in configured.items()]
    ended = [key for key in chosen.states if chosen.has(key) and key not in configured]
    return offers + [{"key": key, "title": title_of(key), "description": "", "frequency": "No longer published",
                      "ticked": True} for key in ended]


def _list_topics(chosen: Preferences) -> list[dict[str, Any]]:
    """Return the topics with a tick at each that the reader hears of: at all of them if none was ever chosen."""
    return [{"key": key, "name": name, "ticked": not chosen.topics or key in chosen.topics}
            for key, name in editorial.load().reader_topics().items()]


def _list_agreements(chosen: Preferences) -> list[dict[str, Any]]:
    """Return the separate agreements with the wording in force beside each.

    One that cannot be given any more (the publisher has no partners now) is listed as long as the reader has given it,
    with the wording it was given to, so that it can be taken back.
    """
    wordings = published_wordings()
    listed = []
    for purpose in (Purpose.PARTNERS, Purpose.TRACKING):
        ticked: bool = getattr(chosen.reader, purpose.value)
        wording = wordings.get(purpose.value)
        if wording or ticked:
            words = wording.wording if wording else find_agreed_wording(chosen.reader, purpose) or _UNNAMED[purpose]
            listed.append({"name": purpose.value, "wording": words.strip(), "ticked": ticked})
    return listed


@personal
@require_safe
def data(request: HttpRequest, token: str) -> HttpResponse:
    """Everything that is kept about this reader, as a JSON file."""
    try:
        chosen = _find(token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    return JsonResponse(disclose(chosen.reader.pk), json_dumps_params={"indent": 2, "ensure_ascii": False},
                        headers={"Content-Disposition": 'attachment; filename="my-data.json"'})


@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, token: str) -> HttpResponse:
    """Show what erasing means and a button; POST erases."""
    try:
        chosen = _find(token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    if request.method != "POST":
        return render(request, "web/public/erase.html", {"token": token, "chosen": chosen})
    erasing.erase(chosen.reader.email)
    return render(request, "web/public/erased.html")
