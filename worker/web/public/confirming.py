"""The link of a confirmation letter in; a page with a button, and after the button, a subscription out."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from worker import editorial, tasks
from worker.readers import confirm as confirming
from worker.readers.links import BadLinkError, ExpiredLinkError, preferences_url
from worker.readers.preferences import title_of
from worker.web.public.guards import network_address, personal, small_body


# The token is the proof: it was sent to the address and nowhere else. A cookie would add nothing to it, and would turn
# away people whose mail program opens links in a window without cookies.
@csrf_exempt
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows what would be confirmed, since scanners follow links; POST confirms."""
    editorial.load()  # first: nothing is confirmed that cannot be said to be
    try:
        if request.method == "POST":
            asked = confirming.confirm(token, network_address=network_address(request))
        else:
            asked = confirming.read_confirmation(token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    if request.method == "POST" and asked.state == "done":
        tasks.nudge("notices")
    context = {"asked": asked, "titles": [title_of(key) for key in asked.newsletters],
               "preferences": preferences_url(asked.reader_id) if asked.state == "done" else ""}
    return render(request, f"web/public/confirm_{asked.state}.html", context)


def show_bad_link(request: HttpRequest, error: BadLinkError) -> HttpResponse:
    """The page for a link that is damaged (404) or too old (410), with what to do about it."""
    expired = isinstance(error, ExpiredLinkError)
    return render(request, "web/public/bad_link.html", {"expired": expired, "words": str(error)},
                  status=410 if expired else 404)
