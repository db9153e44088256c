"""An editor's decision about a whole issue in, the step of the room it belongs to called, its page out."""

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from worker.delivery.audience import start_issue
from worker.delivery.deliver import cancel_issue
from worker.delivery.gate import let_go
from worker.delivery.headcount import say_headcount
from worker.delivery.hours import Hour, read_hour
from worker.delivery.schedule import let_go_on, pause_issue, schedule_issue, unschedule_issue
from worker.delivery.stopping import say_readers
from worker.errors import BroadsheetError, NotFoundError
from worker.issues import edit
from worker.issues.digest import draft_digest
from worker.issues.draft import draft_issue
from worker.press.approve import withdraw_approval
from worker.press.signatures import find_others
from worker.storage.models import Edition, IssueState, Signature
from worker.tasks import nudge
from worker.web.errors import status_of
from worker.web.newsroom.edits import answer
from worker.web.newsroom.forms import ApproveForm, CancelForm, HourForm, NoteForm, RevisionForm
from worker.web.newsroom.guards import editor_of, for_approvers, for_editors
from worker.web.newsroom.issue import show_issue
from worker.web.newsroom.placed import Kept
from worker.web.newsroom.sheet import find_issue


@for_editors
@require_POST
def draft(request: HttpRequest, newsletter: str) -> HttpResponse:
    """Propose this period's issue now, or with `digest` the week's digest; with `again` another one from the same stories."""
    propose = draft_digest if request.POST.get("digest") == "1" else draft_issue
    try:
        issue = propose(newsletter, again=request.POST.get("again") == "1", by=editor_of(request).email)
    except BroadsheetError as error:
        messages.warning(request, f"No draft: {error}.")
        return redirect("desk:front")
    return redirect("desk:issue", issue_id=issue.pk)


@for_approvers
@require_POST
def approve(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Let the proof that was on the screen go, and start sending it, or give it its hour, if that button was pressed.

    Where two people must, the first one's word is kept and nothing else happens."""
    form = ApproveForm(request.POST)
    if not form.is_valid():
        return _refuse(request, issue_id, 422, f"Not approved. {form.words()}")
    editor, send = editor_of(request), form.cleaned_data["send"]

    def decide() -> str:
        hour = _read_hour(request) if send == "at" else None
        with transaction.atomic():
            done = let_go(issue_id, editor=editor, proof_sha256=form.cleaned_data["proof_sha256"])
            if hour and isinstance(done, Edition):
                schedule_issue(issue_id, hour, by=editor.email)
        if isinstance(done, Signature):
            return _say_signed(done)
        said = f"Approved. Proof {done.sha256[:12]}, to {say_headcount(done) or 'its readers'}."
        if hour:
            return f"{said} {_say_hour(hour)}"
        if send == "later":
            return f"{said} Nothing is sent until an approver says so."
        _start(issue_id, editor.email)
        return f"{said} It is on its way."

    return _decide(request, issue_id, "Not approved", decide, _keep(request, "approve-at"))


@for_approvers
@require_POST
def withdraw(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Take the approval back, or the signature of the first of two: the issue is a draft again."""
    def decide() -> str:
        was_draft = find_issue(issue_id).state == IssueState.DRAFT
        withdraw_approval(issue_id, editor=editor_of(request))
        return "The signature is taken back." if was_draft else "The approval is withdrawn. The issue is a draft again."

    return _decide(request, issue_id, "Not withdrawn", decide)


@for_approvers
@require_POST
def send(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Start sending an approved issue."""
    def decide() -> str:
        _start(issue_id, editor_of(request).email)
        return "On its way."

    return _decide(request, issue_id, "Not sent", decide)


@for_approvers
@require_POST
def schedule(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Give an approved issue the hour at which it starts by itself, or another one."""
    def decide() -> str:
        hour = _read_hour(request)
        schedule_issue(issue_id, hour, by=editor_of(request).email)
        return _say_hour(hour)

    return _decide(request, issue_id, "No hour was set", decide, _keep(request, "schedule"))


@for_approvers
@require_POST
def unschedule(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Take the hour back: nothing starts by itself."""
    def decide() -> str:
        unschedule_issue(issue_id, by=editor_of(request).email)
        return "It has no hour now. Nothing is sent until an approver says so."

    return _decide(request, issue_id, "The hour was not taken back", decide)


@for_approvers
@require_POST
def pause(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Stop an issue on its way until an approver lets it go on."""
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _refuse(request, issue_id, 422, f"Not paused. {form.words()}")

    def decide() -> str:
        pause_issue(issue_id, by=editor_of(request).email, note=form.cleaned_data["note"])
        return "Paused. What is being handed over at this moment still goes; nothing else does until an approver says so."

    return _decide(request, issue_id, "Not paused", decide)


@for_approvers
@require_POST
def resume(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Go on with an issue that was held, on its way to readers or at its start."""
    def decide() -> str:
        let_go_on(issue_id, by=editor_of(request).email)
        nudge("deliver", issue_id)
        return "It goes on."

    return _decide(request, issue_id, "Not resumed", decide)


@for_approvers
@require_POST
def cancel(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Stop an issue for good; copies that are out cannot be called back."""
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _refuse(request, issue_id, 422, f"Not cancelled. {form.words()}")

    def decide() -> str:
        spared = cancel_issue(issue_id, by=editor_of(request).email, note=form.cleaned_data["note"])
        return f"Stopped for good. {say_readers(spared)} will not get it." if spared else "Stopped for good."

    return _decide(request, issue_id, "Not cancelled", decide)


@for_approvers
@require_POST
def reject(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Reject the draft with a note; it is never sent."""
    return answer(request, issue_id, NoteForm(request.POST), "reject", None,
                  lambda form: edit.reject(issue_id, editor=editor_of(request), **form))


@for_approvers
@require_POST
def reopen(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Make a draft again of an issue that was held at its deadline."""
    return answer(request, issue_id, RevisionForm(request.POST), "reopen", None,
                  lambda form: edit.reopen(issue_id, editor=editor_of(request), **form))


def _say_signed(signature: Signature) -> str:
    others = " or ".join(one.email for one in find_others([signature.editor])) or "a second approver, of whom there is none,"
    return f"Signed: proof {signature.sha256[:12]}. It is not approved yet: {others} must approve the same text."


def _read_hour(request: HttpRequest) -> Hour:
    form = HourForm(request.POST)
    if not form.is_valid():
        raise BroadsheetError(form.words().rstrip("."))
    return read_hour(f"{form.cleaned_data['day']} {form.cleaned_data['clock']}", form.cleaned_data["zone"])


def _say_hour(hour: Hour) -> str:
    return f"It starts by itself on {hour}." + (f" Mind: {hour.remark}." if hour.remark else "")


def _keep(request: HttpRequest, form: str) -> Kept:
    return Kept(form, {name: request.POST.get(name, "") for name in HourForm.base_fields})


def _start(issue_id: int, by: str) -> None:
    start_issue(issue_id, by=by)
    nudge("deliver", issue_id)


def _decide(request: HttpRequest, issue_id: int, refused: str, decide: Callable[[], str],
            kept: Kept | None = None) -> HttpResponse:
    """Run a decision; its refusal is shown on the issue as it stands now, with what was typed."""
    try:
        done = decide()
    except NotFoundError:
        raise
    except BroadsheetError as error:
        return _refuse(request, issue_id, status_of(error), f"{refused}: {error}.", kept)
    messages.success(request, done)
    return redirect("desk:issue", issue_id=issue_id)


def _refuse(request: HttpRequest, issue_id: int, status: int, trouble: str, kept: Kept | None = None) -> HttpResponse:
    return show_issue(request, find_issue(issue_id), status=status, trouble=trouble, kept=kept)
