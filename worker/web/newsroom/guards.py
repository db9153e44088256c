"""A view in, the same view out with its rule: who may use it. Every desk view carries exactly one rule: a role, or "anyone"."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, Protocol, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

from worker.storage.models import Editor, Role

Access = Literal["anyone"] | Role
REFUSALS = {
    Role.VIEWER: "", Role.EDITOR: "Only an editor may do this; you may read everything. Ask an admin of the desk to make you one.",
    Role.APPROVER: "Only an approver may do this. Ask one, or ask an admin of the desk to make you one.",
    Role.ADMIN: "Only an admin of the desk may do this. Ask one.",
}
View = Callable[..., HttpResponseBase]


class GuardedView(Protocol):
    """A view that says who may use it."""

    access: Access

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


def for_anyone(view: View) -> GuardedView:
    """Let everybody in: the sign-in pages."""
    return _guard(view, "anyone")


def for_viewers(view: View) -> GuardedView:
    """Let in who has signed in; others go to the sign-in page and come back afterwards. For what only shows."""
    return _guard(view, Role.VIEWER)


def for_editors(view: View) -> GuardedView:
    """Let in who may change drafts; others who have signed in get a 403 in words."""
    return _guard(view, Role.EDITOR)


def for_approvers(view: View) -> GuardedView:
    """Let in who may let an issue go out."""
    return _guard(view, Role.APPROVER)


def for_admins(view: View) -> GuardedView:
    """Let in who may let others in."""
    return _guard(view, Role.ADMIN)


def editor_of(request: HttpRequest) -> Editor:
    """Return the signed-in editor of a guarded view."""
    return cast(Editor, request.user)


def _guard(view: View, access: Access) -> GuardedView:
    @never_cache  # what the desk shows must not come back from the browser's cache after signing out
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if access == "anyone":
            return view(request, *args, **kwargs)
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        if not editor_of(request).may(access):
            raise PermissionDenied(REFUSALS[access])
        return view(request, *args, **kwargs)

    guarded.access = access  # type: ignore[attr-defined]
    return cast(GuardedView, guarded)


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    if "X-Autosave" in request.headers:  # as newsroom.autosave answers
        words = "Not saved: you are signed out. Sign in in another tab; what you typed is still here."
        return JsonResponse({"trouble": words}, status=401)
    if getattr(request, "htmx", False):  # swapping the sign-in page into a pane would wipe what was typed there
        words = "Not saved: you are signed out. Sign in in another tab, copy your text, then reload this page."
        return HttpResponse(words, status=401, content_type="text/plain; charset=utf-8")
    # A POST cannot be repeated by a redirect: after signing in, the page it came from is the place to be.
    return redirect_to_login(request.get_full_path() if request.method in ("GET", "HEAD") else "/desk/")
