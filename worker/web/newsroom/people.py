"""An admin's wish about somebody of the newsroom in; who is there, or one of them with what can be done, out."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from worker.delivery.invitations import send_invitation
from worker.errors import BroadsheetError, NotFoundError
from worker.storage.models import Editor, Role
from worker.web.errors import status_of
from worker.web.newsroom import membership
from worker.web.newsroom.account import needs_password, refuse_without_password, refuse_wrong_password
from worker.web.newsroom.codes import has_factor
from worker.web.newsroom.entry import make_entry_link
from worker.web.newsroom.forms import InviteForm, RoleForm
from worker.web.newsroom.guards import editor_of, for_admins
from worker.web.newsroom.membership import ROLE_WORDS, find_person
from worker.web.newsroom.sessions import list_sessions

_ROLES = [(role.value, role.label, ROLE_WORDS[role]) for role in Role]


@for_admins
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody of the newsroom, those who may come in first."""
    return _show_people(request)


@for_admins
@require_safe
def person(request: HttpRequest, editor_id: int) -> HttpResponse:
    """One of them, and what an admin can do."""
    return _show_person(request, editor_id)


@for_admins
@sensitive_post_parameters("password")
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """Make a place for an address, and send the letter with the link. Who gives rights away shows their own password: somebody at a
    desk left open could else stay for good."""
    if refusal := refuse_without_password(request, editor_of(request)):
        return refusal if isinstance(refusal, HttpResponse) else _show_people(request, trouble=refusal, status=422)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _show_people(request, trouble=f"Nobody was invited. {form.words()}", status=422)
    try:
        invited = membership.invite(form.cleaned_data["email"], Role(form.cleaned_data["role"]), by=editor_of(request))
    except BroadsheetError as error:
        return _show_people(request, trouble=f"Nobody was invited: {error}.", status=status_of(error))
    return _send_letter(request, invited)


@for_admins
@require_POST
def invite_again(request: HttpRequest, editor_id: int) -> HttpResponse:
    """Send another letter; the link in the one before stays good until one of them is used."""
    try:
        return _send_letter(request, membership.invite_again(editor_id, by=editor_of(request)))
    except NotFoundError:
        raise
    except BroadsheetError as error:
        return _show_person(request, editor_id, trouble=f"No letter was sent: {error}.", status=status_of(error))


@for_admins
@require_POST
def take_back(request: HttpRequest, editor_id: int) -> HttpResponse:
    """Take an invitation back that nobody has followed."""
    def decide(admin: Editor) -> str:
        return f"The invitation of {membership.take_back(editor_id, by=admin)} is taken back: its link opens nothing any more."

    return _decide(request, editor_id, decide, onward="desk:people")


@for_admins
@sensitive_post_parameters("password")
@require_POST
def change_role(request: HttpRequest, editor_id: int) -> HttpResponse:
    """Give somebody another role; whoever they are, their sessions end; it takes the password, as inviting does."""
    if refusal := refuse_without_password(request, editor_of(request)):
        return refusal if isinstance(refusal, HttpResponse) else _show_person(request, editor_id, trouble=refusal, status=422)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _show_person(request, editor_id, trouble=f"Nothing was changed. {form.words()}", status=422)
    role = Role(form.cleaned_data["role"])

    def decide(admin: Editor) -> str:
        if not membership.change_role(editor_id, role, by=admin):
            return f"They are {role.label.lower()} already: nothing was changed."
        return f"They are {role.label.lower()} now, and signed out everywhere."

    return _decide(request, editor_id, decide)


@for_admins
@require_POST
def end_access(request: HttpRequest, editor_id: int) -> HttpResponse:
    """Let somebody in no more."""
    def decide(admin: Editor) -> str:
        return ("Access is ended, and they are signed out everywhere." if membership.end_access(editor_id, by=admin)
                else "Their access was ended before.")

    return _decide(request, editor_id, decide)


@for_admins
@sensitive_post_parameters("password")
@require_POST
def give_back_access(request: HttpRequest, editor_id: int) -> HttpResponse:
    """Let somebody in again; it takes the password, as inviting does."""
    if refusal := refuse_without_password(request, editor_of(request)):
        return refusal if isinstance(refusal, HttpResponse) else _show_person(request, editor_id, trouble=refusal, status=422)
    def decide(admin: Editor) -> str:
        return "They may come in again." if membership.give_back_access(editor_id, by=admin) else "They may come in already."

    return _decide(request, editor_id, decide)


@for_admins
@require_POST
def sign_out(request: HttpRequest, editor_id: int) -> HttpResponse:
    """End all sessions of somebody."""
    def decide(admin: Editor) -> str:
        ended = membership.sign_out_everywhere(editor_id, by=admin)
        return f"{ended} session{'s' if ended > 1 else ''} ended." if ended else "They were signed in nowhere."

    return _decide(request, editor_id, decide)


@for_admins
@sensitive_post_parameters("password")
@require_POST
def remove_factor(request: HttpRequest, editor_id: int) -> HttpResponse:
    """Remove somebody's second factor, for which the admin shows their own password: a desk left open must not be enough."""
    refusal = refuse_wrong_password(request, editor_of(request))
    if isinstance(refusal, HttpResponse):
        return refusal
    if refusal:
        return _show_person(request, editor_id, trouble=refusal, status=422)

    def decide(admin: Editor) -> str:
        return ("The second factor is removed: the password alone signs them in." if membership.remove_factor(editor_id, by=admin)
                else "There was no second factor any more.")

    return _decide(request, editor_id, decide)


def _decide(request: HttpRequest, editor_id: int, decide: Callable[[Editor], str], onward: str = "desk:person") -> HttpResponse:
    """Do it, say what was done, and go on; who took their own session away goes to the door."""
    admin = editor_of(request)
    try:
        said = decide(admin)
    except NotFoundError:
        raise
    except BroadsheetError as error:
        return _show_person(request, editor_id, trouble=f"Nothing was changed: {error}.", status=status_of(error))
    if admin.pk == editor_id and not request.session.exists(str(request.session.session_key)):
        logout(request)
        messages.info(request, "That was yourself: you are signed out.")
        return redirect("desk:sign-in")
    messages.success(request, said)
    return redirect(onward) if onward == "desk:people" else redirect(onward, editor_id=editor_id)


def _send_letter(request: HttpRequest, invited: Editor) -> HttpResponse:
    """Hand the letter over; if that fails, say why, and show the link for the admin to pass on."""
    link, role = make_entry_link(invited), Role(invited.role)
    try:
        send_invitation(invited.email, number=invited.pk, link=link, role=_describe(role), invited_by=editor_of(request).email)
    except BroadsheetError as error:
        words = f"{invited.email} is invited, but the letter could not be sent: {error}."
        return _show_person(request, invited.pk, trouble=words, link=link)
    messages.success(request, f"{invited.email} is invited as {role.label.lower()}; the letter is on its way.")
    return redirect("desk:people")


def _describe(role: Role) -> str:
    return f"{'a' if role == Role.VIEWER else 'an'} {role.label.lower()}, who {ROLE_WORDS[role]}"


def _show_people(request: HttpRequest, *, trouble: str = "", status: int = 200) -> HttpResponse:
    listed = Editor.objects.select_related("second_factor").order_by("-is_active", "email")
    typed = {name: request.POST.get(name, "") for name in ("email", "role")}
    values = {"here": "people", "people": listed, "roles": _ROLES, "trouble": trouble, "typed": typed, "links_end": _links_end(),
              "asks": needs_password(request, editor_of(request))}
    return render(request, "web/desk/people.html", values, status=status)


def _show_person(request: HttpRequest, editor_id: int, *, trouble: str = "", link: str = "", status: int = 200) -> HttpResponse:
    shown = find_person(editor_id)
    values = {"here": "people", "person": shown, "roles": _ROLES, "trouble": trouble, "link": link, "has_factor": has_factor(shown),
              "sessions": list_sessions(shown.pk), "links_end": _links_end(), "is_self": shown.pk == editor_of(request).pk,
              "asks": needs_password(request, editor_of(request))}
    return render(request, "web/desk/person.html", values, status=status)


def _links_end() -> object:
    """Return the moment before which invitations were made whose link has run out."""
    return timezone.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
