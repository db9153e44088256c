"""Ways into the newsroom: a password or a one-time link, and after either a code where one is asked for; out comes a session."""

import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.encoding import force_bytes
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from worker.errors import BroadsheetError
from worker.storage.models import AuditEntry, Editor, RecoveryCode
from worker.web.newsroom.codes import Verdict, check_code, has_factor
from worker.web.newsroom.forms import CodeForm, SignInForm
from worker.web.newsroom.guards import for_anyone
from worker.web.newsroom.throttle import count_failure, refuse_locked

BACKEND = "django.contrib.auth.backends.ModelBackend"
BY_LINK = "entered_by_link"  # in the session: when somebody came by a link, who may choose a password without knowing the old one
BY_LINK_SECONDS = 3600  # for so long; a browser that is left open later asks like any other
HALF_WAY = "half_way"  # in the session: who has shown a password or a link, and is asked for a code; they are not signed in
HALF_WAY_SECONDS = 600
SAID = {
    Verdict.WRONG: "That code is not right. Take the one the app shows now, and see that the phone sets its clock by itself; or "
                   "type one of your recovery codes.",
    Verdict.USED: "That code has been used already. Wait until the app shows the next one.",
    Verdict.CLOSED: "After a hundred wrong codes in a row the app’s codes are not taken any more. Use a recovery code, or ask an "
                    "admin of the desk to remove your second factor.",
}


class EntryTokens(PasswordResetTokenGenerator):
    """Tokens that hold for settings.PASSWORD_RESET_TIMEOUT seconds and until the next sign-in, used link or change of password."""

    key_salt = "worker.web.newsroom.entry"

    def _make_hash_value(self, user: Editor, timestamp: int) -> str:
        # Django's own value cuts last_login to the second: a link used in the second it was made would work twice.
        last = user.last_login.isoformat() if user.last_login else ""
        return f"{super()._make_hash_value(user, timestamp)}{last}{user.is_active}{user.links_used or ''}"


tokens = EntryTokens()


def make_entry_link(editor: Editor) -> str:
    """Return an absolute address that signs `editor` in once, without a password. Making another leaves it valid."""
    uid = urlsafe_base64_encode(force_bytes(editor.pk))
    return settings.BASE_URL + reverse("desk:enter", args=[uid, tokens.make_token(editor)])


@for_anyone
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in by address and password; a code may be asked for next. django-axes counts failures, and answers with locked.html."""
    onward = _safe_onward(request)
    if request.user.is_authenticated:
        return redirect(onward)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        editor = authenticate(request, email=form.cleaned_data["email"], password=form.cleaned_data["password"])
        if editor is not None:
            return _admit(request, editor, onward)
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
    with transaction.atomic():  # the row stays locked until the link is used up: two clicks cannot both get in
        editor = _find_editor(Editor.objects.select_for_update(), uid, token)
        if editor is None:
            return render(request, "web/desk/enter_used.html", status=410)
        Editor.objects.filter(pk=editor.pk).update(links_used=F("links_used") + 1)
        return _admit(request, editor, resolve_url(settings.LOGIN_REDIRECT_URL), by_link=True)


@for_anyone
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Ask who has shown a password or a link for a code of their app, or a recovery code."""
    editor = _read_half_way(request)
    if editor is None:
        messages.info(request, "Begin with your address and password: a code is asked for after them.")
        return redirect("desk:sign-in")
    form = CodeForm(request.POST or None)
    if request.method == "POST":
        if refusal := refuse_locked(request, editor):
            return refusal
        if form.is_valid() and (answer := _try_code(request, editor, form)):
            return answer
    status = 422 if request.method == "POST" else 200
    is_recovery = any(sign.isalpha() for sign in request.POST.get("code", ""))
    values = {"form": form, "editor": editor, "is_recovery": is_recovery}
    return render(request, "web/desk/sign_in_code.html", values, status=status)


def _try_code(request: HttpRequest, editor: Editor, form: CodeForm) -> HttpResponse | None:
    try:
        verdict = check_code(editor, form.cleaned_data["code"])
    except BroadsheetError as error:
        form.add_error("code", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return None
    if verdict in SAID:
        count_failure(request, editor)
        form.add_error("code", SAID[verdict])
        return None
    if verdict is Verdict.RECOVERY:
        left = RecoveryCode.objects.filter(factor__editor=editor, used_at=None).count()
        AuditEntry.objects.create(actor=editor.email, action="used a recovery code", subject=f"editor {editor.pk}",
                                  detail={"left": left})
        messages.warning(request, f"That recovery code is used up; {left} are left. On your account’s page you can make new ones.")
    half_way = request.session[HALF_WAY]
    return _let_in(request, editor, half_way["onward"], by_link=half_way["by_link"])


def _admit(request: HttpRequest, editor: Editor, onward: str, *, by_link: bool = False) -> HttpResponse:
    """Go on with somebody who has shown a password or a link: to the question for a code if they have a second factor, else in."""
    if not has_factor(editor):
        return _let_in(request, editor, onward, by_link=by_link)
    request.session.cycle_key()  # nobody else may know the name of what is half a sign-in
    request.session[HALF_WAY] = {"editor": editor.pk, "by_link": by_link, "onward": onward, "at": int(time.time()),
                                 "password": editor.get_session_auth_hash()}
    return redirect("desk:sign-in-code")


def _read_half_way(request: HttpRequest) -> Editor | None:
    """Return who is asked for a code; None if nobody is: it is long ago, or password, access or factor have changed."""
    half_way = request.session.get(HALF_WAY)
    if half_way is None or half_way["at"] + HALF_WAY_SECONDS < time.time():
        return None
    editor = Editor.objects.filter(pk=half_way["editor"], is_active=True).first()
    if editor is None or not constant_time_compare(half_way["password"], editor.get_session_auth_hash()) or not has_factor(editor):
        return None
    return editor


def _let_in(request: HttpRequest, editor: Editor, onward: str, *, by_link: bool) -> HttpResponse:
    login(request, editor, backend=BACKEND)
    request.session.pop(HALF_WAY, None)
    if not by_link:
        return redirect(onward)
    request.session[BY_LINK] = int(time.time())
    AuditEntry.objects.create(actor=editor.email, action="signed in by link", subject=f"editor {editor.pk}")
    if not editor.has_usable_password():
        messages.info(request, "Welcome. Choose a password, so that you can come back without a link.")
        return redirect("desk:account")
    return redirect(onward)


def _find_editor(editors: QuerySet[Editor], uid: str, token: str) -> Editor | None:
    try:
        key = int(urlsafe_base64_decode(uid).decode("ascii"))
    except ValueError:
        return None
    editor = editors.filter(pk=key, is_active=True).first() if 0 < key < 2**63 else None
    return editor if editor and tokens.check_token(editor, token) else None


def _safe_onward(request: HttpRequest) -> str:
    onward = request.POST.get("next") or request.GET.get("next") or ""
    # A path alone: whatever else is no address to Django's `redirect`, but the name of a view, which mostly there is not.
    if onward.startswith("/") and url_has_allowed_host_and_scheme(onward, {request.get_host()}, require_https=request.is_secure()):
        return onward
    return resolve_url(settings.LOGIN_REDIRECT_URL)
