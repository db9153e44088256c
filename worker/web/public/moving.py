"""The link of a letter to a new address in; a page with a button, and after the button the reader's mail going there, out."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from worker import tasks
from worker.readers import moving
from worker.readers.links import BadLinkError, ExpiredLinkError, preferences_url
from worker.web.public.confirming import show_bad_link
from worker.web.public.guards import personal, small_body

_STATUS = {"open": 200, "done": 200, "stale": 410, "taken": 409, "unwritable": 409}


# The token is the proof: it was sent to the new address and nowhere else. See confirming.confirm.
@csrf_exempt
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def address(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows what would change, since scanners follow links; POST changes it, if that is what the page showed."""
    try:
        asked = moving.move(token, request.POST.get("shown", "")) if request.method == "POST" else moving.read_move(token)
    except ExpiredLinkError:
        return render(request, "web/public/address.html", {"state": "stale"}, status=410)
    except BadLinkError as error:
        return show_bad_link(request, error)
    if request.method == "POST" and asked.state == "done":
        tasks.nudge("notices")
    context = {"state": asked.state, "old": moving.mask_address(asked.old), "new": asked.new, "has_changed": asked.has_changed,
               "preferences": preferences_url(asked.reader_id) if asked.state == "done" else ""}
    return render(request, "web/public/address.html", context, status=409 if asked.has_changed else _STATUS[asked.state])
