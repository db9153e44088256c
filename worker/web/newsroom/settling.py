"""An approver's word on copies that may or may not have arrived in, the question whether they mean it, and then the deed, out."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from worker.delivery.settle import Asked, Verdict, describe_settlement, look_before, settle_uncertain
from worker.errors import BroadsheetError, NotFoundError
from worker.storage.models import Issue, IssueState
from worker.tasks import nudge
from worker.web.errors import status_of
from worker.web.newsroom.deliveries import show_undelivered
from worker.web.newsroom.forms import NumbersField, PlainForm
from worker.web.newsroom.guards import editor_of, for_approvers
from worker.web.newsroom.sheet import find_issue


class SettleForm(PlainForm):
    """The verdict, the copies that were ticked or all of them, and once it was asked back what the page had said."""

    verdict = forms.ChoiceField(label="Verdict", choices=[(one.value, one.value) for one in Verdict])
    copy = NumbersField(label="Copies", required=False)
    every = forms.BooleanField(required=False)
    sure = forms.BooleanField(required=False)
    copies = forms.IntegerField(required=False, min_value=0)
    until = forms.DateTimeField(required=False)

    def clean(self) -> dict[str, Any]:
        """Something must have been ticked."""
        given = super().clean() or self.cleaned_data
        if not self.errors and not given["every"] and not given["copy"]:
            self.add_error("copy", "tick at least one, or all.")
        if not self.errors and given["sure"] and not (given["until"] and given["copies"]):
            self.add_error("verdict", "the page that asks was cut short; begin again.")
        return given


@for_approvers
@require_POST
def settle(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Ask whether they mean it, naming the number; after that do it."""
    issue, form = find_issue(issue_id), SettleForm(request.POST)
    if not form.is_valid():
        return _refuse(request, issue, 422, f"Nothing was settled. {form.words()}")
    given = form.cleaned_data
    verdict, ids = Verdict(given["verdict"]), None if given["every"] else given["copy"]
    try:
        if not given["sure"]:
            return _ask(request, issue, verdict, ids)
        done = settle_uncertain(issue_id, verdict, ids, by=editor_of(request).email,
                                asked=Asked(given["copies"], 0, given["until"]))
    except NotFoundError:
        raise
    except BroadsheetError as error:
        return _refuse(request, issue, status_of(error), f"Nothing was settled: {error}.")
    if verdict is Verdict.AGAIN and done.state == IssueState.SENDING:
        nudge("deliver", issue_id)
    (messages.success if done.changed else messages.warning)(request, describe_settlement(done))
    return redirect(reverse("desk:undelivered", args=[issue_id]) + "?state=uncertain")


def _ask(request: HttpRequest, issue: Issue, verdict: Verdict, ids: list[int] | None) -> HttpResponse:
    asked = look_before(issue.pk, verdict, ids)
    if asked.until is None:
        return _refuse(request, issue, 409, "Nothing was settled: none of these copies is uncertain any more.")
    number = asked.copies - asked.barred
    return render(request, "web/desk/settle.html", {
        "here": "issue", "issue": issue, "verdict": verdict.value, "copies": ids or (), "every": ids is None, "asked": asked,
        "until": asked.until.isoformat(), "number": number, "shown": f"{number:,}", "barred": f"{asked.barred:,}"})


def _refuse(request: HttpRequest, issue: Issue, status: int, trouble: str) -> HttpResponse:
    return show_undelivered(request, issue, "uncertain", status=status, trouble=trouble)
