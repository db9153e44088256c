"""The link of a letter about new terms in; what changes and a button, and after the button, the agreement on record out."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from worker import editorial
from worker.readers import agree as agreeing
from worker.readers.agree import Agreement
from worker.readers.links import BadLinkError, preferences_url, unsubscribe_url
from worker.readers.preferences import title_of
from worker.readers.terms import seal_shown
from worker.web.public.confirming import show_bad_link
from worker.web.public.guards import network_address, personal, small_body
from worker.web.public.papers import show_differences, show_wording


# As for a confirmation: the token was sent to the address and nowhere else, so it is the proof, with or without a cookie.
@csrf_exempt
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def agree(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows what changes, since scanners follow links; POST agrees."""
    editorial.load()  # first: nothing is agreed to that cannot be said to be
    try:
        if request.method == "POST":
            asked = agreeing.agree(token, request.POST.get("shown", ""), network_address=network_address(request))
        else:
            asked = agreeing.read_agreement(token)
    except BadLinkError as error:
        return show_bad_link(request, error)
    status = 422 if request.method == "POST" and asked.remark == "again" else 200
    return render(request, f"web/public/agree_{asked.state}.html", _describe(asked), status=status)


def _describe(asked: Agreement) -> dict[str, object]:
    preferences = preferences_url(asked.reader.pk)
    # One link cannot leave two newsletters: then the preferences page is the way out.
    leave = unsubscribe_url(asked.reader.pk, asked.newsletters[0]) if len(asked.newsletters) == 1 else preferences
    context: dict[str, object] = {"asked": asked, "terms": asked.terms, "preferences": preferences, "leave": leave,
                                  "titles": [title_of(key) for key in asked.newsletters]}
    if asked.state == "open":
        context |= {"shown": seal_shown({"newsletter": asked.terms}), "html": show_wording(asked.terms),
                    "stretches": show_differences(asked.before, asked.terms) if asked.before else []}
    return context
