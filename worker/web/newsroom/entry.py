"""Ways into the newsroom: a password, or a one-time link; out comes a session of a signed-in editor."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from worker.storage.models import AuditEntry, Editor
from worker.web.newsroom.forms import SignInForm
from worker.web.newsroom.guards import editor_of, for_anyone, for_viewers

BACKEND = "django.contrib.auth.backends.ModelBackend"
BY_LINK = "entered_by_link"  # in the session: who came by a link may choose a password without knowing the old one


class EntryTokens(PasswordResetTokenGenerator):
    """Tokens that hold for settings.PASSWORD_RESET_TIMEOUT seconds and until the next sign-in or change of password."""

    key_salt = "worker.web.newsroom.entry"

    def _make_hash_value(self, user: Editor, timestamp: int) -> str:
        # Django's own value cuts last_login to the second: a link used in the second it was made would work twice.
        last = user.last_login.isoformat() if user.last_login else ""
        return f"{super()._make_hash_value(user, timestamp)}{last}{user.is_active}"


tokens = EntryTokens()


def make_entry_link(editor: Editor) -> str:
    """Return an absolute address that signs `editor` in once, without a password. Making another leaves it valid."""
    uid = urlsafe_base64_encode(force_bytes(editor.pk))
    return settings.BASE_URL + reverse("desk:enter", args=[uid, tokens.make_token(editor)])


@for_anyone
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in by address and password. django-axes counts the failures and answers with web/desk/locked.html."""
    onward = _safe_onward(request)
    if request.user.is_authenticated:
        return redirect(onward)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        editor = authenticate(request, email=form.cleaned_data["email"], password=form.cleaned_data["password"])
        if editor is not None:
            login(request, editor)
            return redirect(onward)
        form.add_error(None, "That address and password do not belong together.")
    status = 422 if request.method == "POST" else 200
    return render(request, "web/desk/sign_in.html", {"form": form, "next": onward}, status=status)


@for_anyone
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("desk:sign-in")


@for_anyone
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Follow a one-time link. GET only shows a button, since scanners open links too; the POST uses the link up."""
    if request.method != "POST":
        editor = _find_editor(Editor.objects.all(), uid, token)
        template, status = ("web/desk/enter.html", 200) if editor else ("web/desk/enter_used.html", 410)
        return render(request, template, {"editor": editor}, status=status)
    with transaction.atomic():  # the row stays locked until last_login has moved on: two clicks cannot both get in
        editor = _find_editor(Editor.objects.select_for_update(), uid, token)
        if editor is None:
            return render(request, "web/desk/enter_used.html", status=410)
        login(request, editor, backend=BACKEND)
        AuditEntry.objects.create(actor=editor.email, action="signed in by link", subject=f"editor {editor.pk}")
    request.session[BY_LINK] = True
    if not editor.has_usable_password():
        messages.info(request, "Welcome. Choose a password, so that you can come back without a link.")
        return redirect("desk:account")
    return redirect("desk:front")


@for_viewers
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Set or change one's password; the old one is asked for unless there is none or a one-time link was used."""
    editor = editor_of(request)
    known = editor.has_usable_password() and not request.session.get(BY_LINK)
    kind = PasswordChangeForm if known else SetPasswordForm
    form = kind(editor, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, editor)  # ends the editor's other sessions, not this one
        request.session.pop(BY_LINK, None)
        AuditEntry.objects.create(actor=editor.email, action="set password", subject=f"editor {editor.pk}")
        messages.success(request, "Your password is set. Other sessions of yours have been signed out.")
        return redirect("desk:account")
    status = 422 if request.method == "POST" else 200
    return render(request, "web/desk/account.html", {"form": form, "here": "account"}, status=status)


def _find_editor(editors: QuerySet[Editor], uid: str, token: str) -> Editor | None:
    try:
        key = int(urlsafe_base64_decode(uid).decode("ascii"))
    except ValueError:
        return None
    editor = editors.filter(pk=key, is_active=True).first() if 0 < key < 2**63 else None
    return editor if editor and tokens.check_token(editor, token) else None


def _safe_onward(request: HttpRequest) -> str:
    onward = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(onward, {request.get_host()}, require_https=request.is_secure()):
        return onward
    return resolve_url(settings.LOGIN_REDIRECT_URL)
