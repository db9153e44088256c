"""A test mail asked for in, sent out; and a link of one in, a page that says what the real one would do out."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from worker.delivery.trial import send_test
from worker.errors import BroadsheetError, NotFoundError
from worker.web.errors import status_of
from worker.web.newsroom.forms import TrialForm
from worker.web.newsroom.guards import editor_of, for_anyone, for_editors
from worker.web.newsroom.issue import show_issue
from worker.web.newsroom.placed import Kept
from worker.web.newsroom.sheet import find_issue

LINKS = {"unsubscribe": "a button that ends their subscription at once", "preferences": "their preferences"}


@for_editors
@require_POST
def test_mail(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Send one test mail of the issue as it stands."""
    form = TrialForm(request.POST)
    kept = Kept("test", {name: request.POST.get(name, "") for name in form.fields})
    if not form.is_valid():
        return show_issue(request, find_issue(issue_id), status=422, trouble=f"Test mail: {form.words()}", kept=kept)
    email = editor_of(request).email
    try:
        sent = send_test(issue_id, form.cleaned_data["to"], by=email, own=email, partners=form.cleaned_data["partners"])
    except NotFoundError:
        raise
    except BroadsheetError as error:
        trouble = f"Test mail: {error}."
        return show_issue(request, find_issue(issue_id), status=status_of(error), trouble=trouble, kept=kept)
    messages.success(request, f"A test mail to {sent.to} was handed over: “{sent.subject}”.")
    return redirect("desk:issue", issue_id=issue_id)


@csrf_exempt  # a mail program's one-click POST (RFC 8058) carries no cookie; there is nothing here that it could change
@for_anyone
@require_http_methods(["GET", "HEAD", "POST"])
def landing(request: HttpRequest, link: str) -> HttpResponse:
    """Where a test mail's links lead: nothing is looked up and nothing is changed."""
    if link not in LINKS:
        raise Http404
    if request.method == "POST":
        return HttpResponse("This was a test mail: nothing has changed.\n", content_type="text/plain; charset=utf-8")
    return render(request, "web/desk/test_link.html", {"opens": LINKS[link]})
