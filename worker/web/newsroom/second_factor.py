"""Somebody's wish for a second factor in: the picture for their app, its first code, and the recovery codes, shown once, out."""

import time

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from worker.errors import BroadsheetError
from worker.storage.models import AuditEntry, Editor, SecondFactor
from worker.web.context import read_site
from worker.web.newsroom.account import needs_password, refuse_without_password
from worker.web.newsroom.codes import (
    Verdict,
    address_for_app,
    begin_factor,
    check_code,
    make_recovery_codes,
    unseal,
)
from worker.web.newsroom.entry import SAID
from worker.web.newsroom.forms import CodeForm
from worker.web.newsroom.guards import editor_of, for_viewers
from worker.web.newsroom.sessions import end_sessions
from worker.web.newsroom.throttle import count_failure, refuse_locked

ENROLLING = "enrolling"  # in the session that showed the password: until when the new secret may be shown there
ENROLLING_SECONDS = 900
NOT_YET = "That is not the code the app shows now. See that the phone sets its clock by itself, and type the next code it shows."


@for_viewers
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Show how it stands; a POST begins with a new secret."""
    editor = editor_of(request)
    if request.method != "POST":
        return _show(request, editor)
    if refusal := refuse_without_password(request, editor):
        return _refuse(request, editor, refusal)
    try:
        begin_factor(editor)
    except BroadsheetError as error:
        return _refuse(request, editor, f"Nothing was changed: {error}.")
    request.session[ENROLLING] = int(time.time()) + ENROLLING_SECONDS
    return redirect("desk:second-factor")


@for_viewers
@sensitive_post_parameters("code")
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Take the app's first code: from now on one is asked for. Show the recovery codes, this once."""
    editor, form = editor_of(request), CodeForm(request.POST)
    if not _is_enrolling(request):
        messages.info(request, "Begin again: the picture was shown a while ago, or in another browser.")
        return redirect("desk:second-factor")
    if refusal := refuse_locked(request, editor):
        return refusal
    if not form.is_valid():
        return _show(request, editor, form=form, status=422)
    verdict = check_code(editor, form.cleaned_data["code"], is_new=True)
    if verdict is not Verdict.RIGHT:
        count_failure(request, editor)
        form.add_error("code", NOT_YET if verdict is Verdict.WRONG else SAID[verdict])
        return _show(request, editor, form=form, status=422)
    del request.session[ENROLLING]
    end_sessions(editor.pk, keep=request.session.session_key)
    _record(editor, "turned on a second factor")
    return _show_codes(request, editor, is_new=True)


@for_viewers
@sensitive_post_parameters("password")
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Ask for no code any more."""
    editor = editor_of(request)
    if refusal := refuse_without_password(request, editor):
        return _refuse(request, editor, refusal)
    if SecondFactor.objects.filter(editor=editor, confirmed_at__isnull=False).delete()[0]:
        _record(editor, "removed their second factor")
        messages.success(request, "Your second factor is removed: the password alone signs you in. Delete the entry in the app.")
    return redirect("desk:second-factor")


@for_viewers
@sensitive_post_parameters("password")
@require_POST
def renew_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them, this once."""
    editor = editor_of(request)
    if refusal := refuse_without_password(request, editor):
        return _refuse(request, editor, refusal)
    if not SecondFactor.objects.filter(editor=editor, confirmed_at__isnull=False).exists():
        return redirect("desk:second-factor")
    _record(editor, "made new recovery codes")
    return _show_codes(request, editor, is_new=False)


def _is_enrolling(request: HttpRequest) -> bool:
    return bool(request.session.get(ENROLLING, 0) > time.time())


def _refuse(request: HttpRequest, editor: Editor, refusal: HttpResponse | str) -> HttpResponse:
    return refusal if isinstance(refusal, HttpResponse) else _show(request, editor, trouble=refusal, status=422)


def _show(
    request: HttpRequest, editor: Editor, *, form: CodeForm | None = None, trouble: str = "", status: int = 200,
) -> HttpResponse:
    factor = SecondFactor.objects.filter(editor=editor).first()
    values = {"here": "account", "trouble": trouble, "asks": needs_password(request, editor)}
    if factor and factor.confirmed_at:
        values |= {"since": factor.confirmed_at, "left": factor.recovery_codes.filter(used_at=None).count()}
    elif factor and _is_enrolling(request):
        secret = unseal(factor.secret)
        values |= {"picture": _draw(address_for_app(factor, read_site().publisher)), "form": form or CodeForm(),
                   "secret": " ".join(secret[at:at + 4] for at in range(0, len(secret), 4))}
    return render(request, "web/desk/second_factor.html", values, status=status)


def _draw(address: str) -> str:
    """Return the picture as SVG without style attributes; black on white in a dark page as well, which is what apps can read."""
    picture: str = segno.make(address, error="m", micro=False).svg_inline(
        dark="#000", light="#fff", border=4, svgclass="qr", lineclass=None, omitsize=True)  # the stylesheet gives it one
    return picture


def _show_codes(request: HttpRequest, editor: Editor, *, is_new: bool) -> HttpResponse:
    values = {"here": "account", "codes": make_recovery_codes(editor), "is_new": is_new}
    return render(request, "web/desk/recovery_codes.html", values)


def _record(editor: Editor, action: str) -> None:
    AuditEntry.objects.create(actor=editor.email, action=action, subject=f"editor {editor.pk}")
