"""A wrong password or code in, counted by django-axes as a failed sign-in; whether one more may be tried out."""

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_lockout_response
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse

from worker.storage.models import Editor


def refuse_locked(request: HttpRequest, editor: Editor) -> HttpResponse | None:
    """Return the page that says to wait, if too much went wrong for this person from this network; None if they may try."""
    named = _name(editor)
    if AxesProxyHandler.is_allowed(request, named):
        return None
    answer: HttpResponse = get_lockout_response(request, credentials=named)
    return answer


def count_failure(request: HttpRequest, editor: Editor) -> None:
    """Count what was wrong; one too many, and django-axes' middleware answers in place of the view."""
    user_login_failed.send(sender=__name__, credentials=_name(editor), request=request)


def _name(editor: Editor) -> dict[str, str]:
    return {Editor.USERNAME_FIELD: editor.email}
