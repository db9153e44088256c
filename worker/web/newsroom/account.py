"""Somebody's own affairs in: a new password, sessions to end; done, and told on their account's page, out."""

import time

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from worker.storage.models import AuditEntry, Editor, Role
from worker.web.newsroom.codes import has_factor
from worker.web.newsroom.entry import BY_LINK, BY_LINK_SECONDS
from worker.web.newsroom.guards import editor_of, for_viewers
from worker.web.newsroom.membership import ROLE_WORDS
from worker.web.newsroom.sessions import end_sessions, list_sessions
from worker.web.newsroom.throttle import count_failure, refuse_locked


@for_viewers
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Set or change one's password; the old one is asked for unless there is none or a one-time link was used."""
    editor = editor_of(request)
    form = _make_form(request, editor, request.POST or None)
    if request.method != "POST":
        return _show(request, editor, form)
    if refusal := refuse_locked(request, editor) if needs_password(request, editor) else None:
        return refusal
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, editor)
        end_sessions(editor.pk, keep=request.session.session_key)
        request.session.pop(BY_LINK, None)
        AuditEntry.objects.create(actor=editor.email, action="set password", subject=f"editor {editor.pk}")
        messages.success(request, "Your password is set. Other sessions of yours have been signed out.")
        return redirect("desk:account")
    if "old_password" in form.errors:
        count_failure(request, editor)
    return _show(request, editor, form, status=422)


@for_viewers
@sensitive_post_parameters("password")
@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """End one of one's own sessions, named by its mark, or all but this one; any but this one takes the password."""
    editor, mark = editor_of(request), request.POST.get("session")
    here = request.session.session_key
    if mark and any(one.mark == mark and one.is_here for one in list_sessions(editor.pk, here)):
        logout(request)
        messages.success(request, "You are signed out.")
        return redirect("desk:sign-in")
    if refusal := refuse_without_password(request, editor):
        if isinstance(refusal, HttpResponse):
            return refusal
        return _show(request, editor, _make_form(request, editor), trouble=refusal, status=422)
    ended = end_sessions(editor.pk, keep=here, mark=mark or None)
    if ended:
        AuditEntry.objects.create(actor=editor.email, action="ended own sessions", subject=f"editor {editor.pk}",
                                  detail={"sessions": ended})
    words = f"{ended} session{'s' if ended > 1 else ''} ended." if ended else "There was no such session any more."
    messages.success(request, words)
    return redirect("desk:account")


def _make_form(request: HttpRequest, editor: Editor, typed: QueryDict | None = None) -> SetPasswordForm:
    if not needs_password(request, editor):
        return SetPasswordForm(editor, typed)
    form = PasswordChangeForm(editor, typed)
    form.fields["old_password"].widget.attrs.pop("autofocus")  # there is more on the page than this form
    return form


def _show(request: HttpRequest, editor: Editor, form: SetPasswordForm, *, trouble: str = "", status: int = 200) -> HttpResponse:
    values = {"form": form, "here": "account", "may": ROLE_WORDS[Role(editor.role)], "has_factor": has_factor(editor),
              "sessions": list_sessions(editor.pk, request.session.session_key), "asks": needs_password(request, editor),
              "trouble": trouble}
    return render(request, "web/desk/account.html", values, status=status)


def needs_password(request: HttpRequest, editor: Editor) -> bool:
    """Tell whether somebody must show their password before changing how they sign in; not who just came by a one-time link."""
    return editor.has_usable_password() and request.session.get(BY_LINK, 0) + BY_LINK_SECONDS <= time.time()


def refuse_without_password(request: HttpRequest, editor: Editor) -> HttpResponse | str:
    """Return "" if the password that came along is the person's, or none is needed; else what is wrong, in words or as a page."""
    if not needs_password(request, editor):
        return ""
    return refuse_wrong_password(request, editor)


def refuse_wrong_password(request: HttpRequest, editor: Editor) -> HttpResponse | str:
    """Return "" if the password that came along is the person's; else what is wrong, in words or as a page. Wrong ones count."""
    if refusal := refuse_locked(request, editor):
        return refusal
    if editor.check_password(request.POST.get("password", "")[:4096]):
        return ""
    count_failure(request, editor)
    return "That is not your password. Nothing was changed."
