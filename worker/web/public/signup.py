"""The front page with the latest issue, and a sign-up in; the same "check your inbox" for everybody out."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from worker import tasks
from worker.readers.subscribe import sign_up
from worker.readers.terms import seal_shown
from worker.web.public.archive import latest_issue, lay_out
from worker.web.public.forms import SignUpForm, published_wordings
from worker.web.public.guards import network_address, personal, small_body


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """The latest issue, to be read before anything is asked, and the form."""
    issue = latest_issue()
    page = lay_out(issue) if issue else {}
    return render(request, "web/public/front.html", {**page, **_form_parts(SignUpForm())})


@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest) -> HttpResponse:
    """The form; after it, one answer whoever the address belongs to."""
    if request.method != "POST":
        return render(request, "web/public/subscribe.html", _form_parts(SignUpForm()))
    form = SignUpForm(request.POST)
    if not form.is_valid():
        return render(request, "web/public/subscribe.html", _form_parts(form), status=422)
    chosen = form.cleaned_data
    if not chosen["website"]:
        sign_up(chosen["email"], chosen["newsletters"], partners=chosen["partners"], tracking=chosen["tracking"],
                wordings=form.wordings, network_address=network_address(request))
        tasks.nudge("notices")
    return render(request, "web/public/check_inbox.html", {"email": chosen["email"]})


def _form_parts(form: SignUpForm) -> dict[str, Any]:
    wordings = published_wordings()
    return {"form": form, "wordings": wordings, "terms": wordings.get("newsletter"),
            "shown": seal_shown(wordings) if wordings else ""}
