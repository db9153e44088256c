"""The front page with the latest issue, and a sign-up in; the same "check your inbox" for everybody out.

A sign-up is a form of ours, a form on another site, or JSON. It carries no right of its own, reads no cookie and changes
nothing that its sender could not change by asking, so a token against forged requests would protect nobody and shut the
other sites' forms out; what protects the owners of addresses is that only their own press on the mailed link counts.
"""

import json
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from worker import tasks
from worker.readers.intake import take_in
from worker.readers.shield import Verdict, admit_unkept
from worker.readers.terms import seal_shown
from worker.web.public.archive import latest_issue, lay_out
from worker.web.public.forms import SignUpForm, published_wordings
from worker.web.public.guards import network_address, personal, small_body, wants_json

log = structlog.get_logger(__name__)
SENT = "/subscribe/sent/"
# Any site's script may ask and send, since nothing depends on who is signed in where.
_ANY_SITE = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
             "Access-Control-Allow-Headers": "Content-Type, Accept", "Access-Control-Max-Age": "86400"}
BUSY = {
    Verdict.NETWORK_FULL: (429, "Too many sign-ups came from your network within the hour. Nothing was kept. Please try again "
                                "in an hour."),
    Verdict.ALL_FULL: (503, "Too many sign-ups are coming in just now. Nothing was kept. Please try again in an hour."),
}


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """The latest issue, to be read before anything is asked, and the form."""
    issue = latest_issue()
    page = lay_out(issue) if issue else {}
    return render(request, "web/public/front.html", {**page, **_form_parts(SignUpForm())})


@csrf_exempt
@small_body
@personal
@require_http_methods(["GET", "HEAD", "POST", "OPTIONS"])
def subscribe(request: HttpRequest) -> HttpResponse:
    """The form; after it, one answer whoever the address belongs to."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers={**_ANY_SITE, "Allow": "GET, HEAD, POST, OPTIONS"})
    if wants_json(request):
        response: HttpResponse = _answer_json(request)
        for name, value in _ANY_SITE.items():
            response.headers[name] = value
    elif request.method == "POST":
        response = _answer_form(request)
    else:
        response = render(request, "web/public/subscribe.html", _form_parts(SignUpForm()))
    patch_vary_headers(response, ["Accept"])
    return response


@personal
@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """What to do next: the same words for everybody, on a page of its own, so that reloading it sends nothing again."""
    return render(request, "web/public/check_inbox.html")


def _answer_form(request: HttpRequest) -> HttpResponse:
    form = SignUpForm(request.POST)
    if not form.is_valid():
        return render(request, "web/public/subscribe.html", _form_parts(form), status=422)
    busy = _take(request, form)
    if busy:
        status, words = BUSY[busy]
        page = render(request, "web/public/subscribe.html", {**_form_parts(form), "busy": words}, status=status)
        page.headers["Retry-After"] = "3600"
        return page
    return HttpResponse(status=303, headers={"Location": SENT})


def _answer_json(request: HttpRequest) -> JsonResponse:
    if request.method != "POST":
        return JsonResponse(_offer_json())
    fields = _read_json(request)
    if fields is None:
        return JsonResponse({"errors": {"body": ["Send one JSON object; GET this address to see its fields."]}}, status=400)
    form = SignUpForm(fields, form="api")
    if not form.is_valid():
        meant = {"did_you_mean": form.meant} if form.meant else {}
        return JsonResponse({"errors": form.errors, **meant}, status=422)
    busy = _take(request, form)
    if busy:
        status, words = BUSY[busy]
        return JsonResponse({"errors": {"busy": [words]}}, status=status, headers={"Retry-After": "3600"})
    return JsonResponse({"status": "check your inbox"}, status=202)


def _take(request: HttpRequest, form: SignUpForm) -> Verdict | None:
    """Keep the sign-up, unless a machine filled in what people do not see; return why not if there are too many."""
    address = network_address(request)
    if form.is_by_machine:
        verdict = admit_unkept(address, form_age=form.age)
    else:
        verdict = take_in(form.email, form.newsletters, topics=form.topics, partners=form.ticked["partners"],
                          tracking=form.ticked["tracking"], shown=form.named, form=form.form, network_address=address,
                          form_age=form.age)
        if verdict is Verdict.TAKEN:
            tasks.nudge_soon("sign-ups")
    if verdict is Verdict.TAKEN:
        return None
    log.info("a sign-up was turned away", why=verdict.value)
    return verdict


def _read_json(request: HttpRequest) -> QueryDict | None:
    """Return a JSON object's fields as a form would have sent them; None if the body is none."""
    try:
        given = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    fields = QueryDict(mutable=True)
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        fields.setlist(str(name), ["on" if one is True else str(one) for one in values if one not in (None, False)])
    return fields


def _offer_json() -> dict[str, Any]:
    """What a program needs to make a form of its own: what there is, the wordings to show, and the seal to send back."""
    form, wordings = SignUpForm(), published_wordings()
    return {
        "newsletters": [{"key": one["key"], "title": one["newsletter"].title, "description": one["newsletter"].description,
                         "frequency": one["frequency"]} for one in form.offers],
        "topics": [{"key": one["key"], "name": one["name"]} for one in form.topic_offers],
        "wordings": {kind: {"version": row.version, "sha256": row.sha256, "title": row.title, "wording": row.wording}
                     for kind, row in wordings.items()},
        "shown": seal_shown(wordings) if wordings else "",
        "send": {"email": "required", "newsletters": "required, a list of keys", "agree": "required, true",
                 "topics": "a list of keys", "partners": "true or false", "tracking": "true or false",
                 "shown": "required, as given here",
                 "spelling": "the address once more, to keep it where did_you_mean came back"},
    }


def _form_parts(form: SignUpForm) -> dict[str, Any]:
    wordings = published_wordings()
    return {"form": form, "wordings": wordings, "terms": wordings.get("newsletter"),
            "shown": seal_shown(wordings) if wordings else ""}
