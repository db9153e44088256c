"""The link of a confirmation letter in; a page with a button, and after the button, a subscription out."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from worker import editorial, tasks
from worker.readers import confirm as confirming
from worker.readers.links import BadLinkError, ExpiredLinkError, preferences_url
from worker.readers.preferences import title_of
from worker.readers.shield import Verdict
from worker.web.public.guards import network_address, personal, small_body
from worker.web.public.signup import BUSY, SENT

_STATUS = {"": 200, "changed": 409, "again": 422}


# The token is the proof: it was sent to the address and nowhere else. A cookie would add nothing to it, and would turn
# away people whose mail program opens links in a window without cookies.
@csrf_exempt
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows what would be confirmed, since scanners follow links; POST confirms exactly what was shown."""
    if request.method == "POST" and "again" in request.POST:
        return _send_again(request, token)
    known = editorial.load()  # first: nothing is confirmed that cannot be said to be
    try:
        if request.method == "POST":
            asked = confirming.confirm(token, request.POST.get("shown", ""), network_address=network_address(request))
        else:
            asked = confirming.read_confirmation(token)
    except BadLinkError as error:
        return show_bad_link(request, error, again=True)
    if request.method == "POST" and asked.state == "done":
        tasks.nudge("notices")
    topics = known.reader_topics()
    context = {"asked": asked, "titles": [title_of(key) for key in asked.newsletters],
               "added": [title_of(key) for key in asked.added],
               "topics": [topics[key] for key in asked.topics.split() if key in topics],
               "preferences": preferences_url(asked.reader_id) if asked.state == "done" else ""}
    return render(request, f"web/public/confirm_{asked.state}.html", context, status=_STATUS[asked.remark])


def _send_again(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a fresh link in the place of one that is too old, under the same limits as any sign-up."""
    try:
        verdict = confirming.ask_again(token, network_address=network_address(request))
    except BadLinkError as error:
        return show_bad_link(request, error)
    if verdict is not Verdict.TAKEN:
        status, words = BUSY[verdict]
        return render(request, "web/public/bad_link.html", {"expired": True, "again": True, "busy": words}, status=status)
    tasks.nudge_soon("sign-ups")
    return HttpResponse(status=303, headers={"Location": SENT})


def show_bad_link(request: HttpRequest, error: BadLinkError, *, again: bool = False) -> HttpResponse:
    """The page for a link that is damaged (404) or too old (410), with what to do about it: `again` offers a new one."""
    expired = isinstance(error, ExpiredLinkError)
    return render(request, "web/public/bad_link.html", {"expired": expired, "words": str(error), "again": again},
                  status=410 if expired else 404)
