"""A reader's preferences link in; their choices, their data and the end of both out."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from worker import editorial
from worker.errors import BroadsheetError, NotFoundError
from worker.readers import erase as erasing
from worker.readers.disclose import disclose
from worker.readers.links import BadLinkError, read_link
from worker.readers.preferences import Preferences, change, read_preferences, title_of
from worker.readers.terms import find_wordings, read_shown, seal_shown
from worker.web.public.confirming import show_bad_link
from worker.web.public.forms import describe_days, published_wordings
from worker.web.public.guards import network_address, personal, small_body


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
    """Show the choices; POST changes them and shows them again."""
    try:
        chosen = _find(token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    if request.method != "POST":
        return _show(request, token, chosen)
    try:
        _change(request, chosen)
    except BroadsheetError as error:
        return _show(request, token, chosen, problem=str(error), status=422)
    return redirect(reverse("public:preferences", args=[token]) + "?saved=1")


def _change(request: HttpRequest, chosen: Preferences) -> None:
    form = request.POST
    address = network_address(request)
    if form.get("leave") == "all":
        change(chosen.reader.pk, newsletters=(), network_address=address)
        return
    asks_partners = bool(editorial.load().publisher.all_partners) or chosen.reader.partners
    shown = read_shown(form.get("shown", ""))
    change(chosen.reader.pk, newsletters=form.getlist("newsletters"), tracking="tracking" in form,
           partners="partners" in form if asks_partners else None,
           wordings=find_wordings(shown.named) if shown else None, network_address=address)


def _show(request: HttpRequest, token: str, chosen: Preferences, *, problem: str = "",
          status: int = 200) -> HttpResponse:
    wordings = published_wordings()
    context = {
        "token": token, "chosen": chosen, "offers": _list_offers(chosen), "problem": problem,
        "saved": "saved" in request.GET, "suppressed": "suppressed" in chosen.states.values(),
        "reads": any(chosen.has(key) for key in chosen.states), "wordings": wordings,
        "terms": wordings.get("newsletter"), "shown": seal_shown(wordings) if wordings else "",
    }
    return render(request, "web/public/preferences.html", context, status=status)


def _list_offers(chosen: Preferences) -> list[dict[str, Any]]:
    """Return every newsletter there is, and those the reader still has although they have ended."""
    configured = editorial.load().newsletters
    offers: list[dict[str, Any]] = [
        {"key": key, "title": newsletter.title, "description": newsletter.description,
         "frequency": describe_days(newsletter), "ticked": chosen.has(key)}
        for key, newsletter in configured.items()]
    ended = [key for key in chosen.states if chosen.has(key) and key not in configured]
    return offers + [{"key": key, "title": title_of(key), "description": "", "frequency": "No longer published",
                      "ticked": True} for key in ended]


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
