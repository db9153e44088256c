"""The settings in force, and feeds.toml's newsletters, in; a page of them without secrets, the checks, and a form, out."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTimeError
from dataclasses import dataclass
from threading import Lock
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from worker import checkup, editorial, feeds_file
from worker.editorial import Newsletter
from worker.errors import BroadsheetError
from worker.settings import find_origin
from worker.storage.models import AuditEntry
from worker.web.errors import status_of
from worker.web.newsroom.feed_forms import DAY_WORDS, NewsletterForm
from worker.web.newsroom.guards import editor_of, for_admins

CHECK_SECONDS = 25.0
GROUPS: Mapping[str, Sequence[str]] = {
    "Where things are": ("BROADSHEET_HOME", "FEEDS_FILE", "BASE_URL", "ALLOWED_HOSTS", "TRUST_PROXY"),
    "Secrets": ("SECRET_KEY", "SECRET_KEY_FALLBACKS"),
    "Database and queue": ("DATABASE_URL", "DATABASE_WAIT_SECONDS", "REDIS_URL", "WORKER_PROCESSES", "WEB_PROCESSES"),
    "Readers": ("SIGNUP_NETWORK_LIMIT", "SIGNUP_TOTAL_LIMIT", "SIGNUP_BLOCKED_DOMAINS", "LEAVE_MAILTO", "TERMS_NOTICE_DAYS",
                "KEEP_UNCONFIRMED_DAYS", "KEEP_NETWORK_DAYS", "KEEP_EVENTS_DAYS", "ERASURE_JOURNAL"),
    "Gathering": ("FETCH_ALLOW_HOSTS", "FETCH_TIMEOUT_SECONDS", "FETCH_MAX_BYTES", "FETCH_RECENT_HOURS"),
    "Summaries": ("SUMMARISER_URL", "SUMMARISER_MODEL", "SUMMARISER_API_KEY", "SUMMARISER_TIMEOUT_SECONDS",
                  "SUMMARISER_PROMPT_PRICE", "SUMMARISER_COMPLETION_PRICE", "SUMMARISER_DAILY_LIMIT"),
    "Mail": ("SENDER_URL", "SENDGRID_API_KEY", "SENDGRID_HOST", "SENDGRID_WEBHOOK_KEY", "POSTAL_ADDRESS", "DELIVERY_WORKERS",
             "CANARY_PERCENT", "CANARY_MINUTES", "DELIVERY_LEASE_SECONDS", "SEND_RATES", "WARM_UP", "START_GRACE_MINUTES",
             "TEST_ADDRESSES", "ALARM_ADDRESSES", "DKIM_SELECTORS"),
    "Logs": ("LOG_FORMAT", "SENTRY_DSN"),
}
SECRET = {"SECRET_KEY", "SECRET_KEY_FALLBACKS", "SENDGRID_API_KEY", "SENDGRID_WEBHOOK_KEY", "SUMMARISER_API_KEY", "SENTRY_DSN"}
_CREDENTIALS = re.compile(r"(?<=://)\S*@")  # to the last one: a password may hold a / or @ that nobody wrote as %2F or %40
_KEYS = re.compile(r"(?<=[?&])([^=&]*(?:pass|key|token|secret)[^=&]*=)[^&]*", re.IGNORECASE)  # redis://host?password=...
_checking = Lock()


@dataclass(frozen=True)
class Setting:
    """One setting as it is in force: a secret is only said to be there."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True)
class Desk:
    """A newsletter with what feeds.toml says of it in words, and the form to change that."""

    key: str
    newsletter: Newsletter
    days: str
    form: NewsletterForm


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """What is in force. POST runs the checks of `broadsheet check`, which asks the sender, the broker and the DNS."""
    if request.method != "POST":
        return _show(request)
    try:
        findings = run_checks()
    except BroadsheetError as error:
        return _show(request, trouble=str(error), status=status_of(error))
    return _show(request, findings=findings)


@for_admins
@require_POST
def edit_newsletter(request: HttpRequest, newsletter: str) -> HttpResponse:
    """Write a newsletter's changed timetable into feeds.toml."""
    found = editorial.load().newsletter(newsletter)
    form = NewsletterForm(request.POST, newsletter=found, prefix=newsletter)
    if not form.is_valid():
        return _show(request, form=form, key=newsletter, trouble=f"{found.title}: not saved, see below.", status=422)
    values = {name: value for name, value in form.values().items() if value != _as_toml(getattr(found, name))}
    try:
        feeds_file.change_file(feeds_file.edit_newsletter(newsletter, values), mark=form.cleaned_data["mark"])
    except BroadsheetError as error:
        return _show(request, form=form, key=newsletter, trouble=str(error), block=getattr(error, "block", ""),
                     status=status_of(error))
    AuditEntry.objects.create(actor=editor_of(request).email[:254], action="change newsletter",
                              subject=f"newsletter {newsletter}", detail=values)
    messages.success(request, f"{found.title}: saved in feeds.toml. The service reads it by itself.")
    return redirect("desk:settings")


def run_checks() -> list[checkup.Finding]:
    """Return what `broadsheet check` finds, within a time; raises BroadsheetError if that is over, or somebody else is at it."""
    if not _checking.acquire(blocking=False):
        raise BroadsheetError("The checks are running already. Wait for them.")

    def check() -> list[checkup.Finding]:
        try:
            return checkup.check_all()
        finally:
            connections.close_all()  # this thread's own
            _checking.release()

    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="check")
    try:
        return pool.submit(check).result(timeout=CHECK_SECONDS)
    except OutOfTimeError as error:
        raise BroadsheetError(f"The checks take longer than {CHECK_SECONDS:.0f} seconds, so something does not answer. Run "
                              "`broadsheet check` where the service runs; it waits.") from error
    finally:
        pool.shutdown(wait=False)


def list_settings() -> dict[str, list[Setting]]:
    """Return every setting by group."""
    return {group: [Setting(name, say_setting(name), find_origin(name) or "not given") for name in names]
            for group, names in GROUPS.items()}


def say_setting(name: str) -> str:
    """Return what is in force, without passwords and keys."""
    if name == "DATABASE_URL":
        database: dict[str, Any] = settings.DATABASES["default"]
        kind = "SQLite" if database["ENGINE"].endswith("sqlite3") else f"PostgreSQL at {database['HOST'] or 'this machine'}"
        return f"{kind}: {database['NAME']}"
    if name == "DATABASE_WAIT_SECONDS":
        options: Any = settings.DATABASES["default"].get("OPTIONS", {})
        return str(options.get("timeout", "SQLite’s alone"))
    value = getattr(settings, name, None)
    if name in SECRET:
        return "set" if value else "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items()) or "none"
    return _KEYS.sub(r"\1•••", _CREDENTIALS.sub("•••@", str(value))) if value not in (None, "") else "none"


def _show(request: HttpRequest, *, findings: Sequence[checkup.Finding] = (), form: NewsletterForm | None = None, key: str = "",
          trouble: str = "", block: str = "", status: int = 200) -> HttpResponse:
    known = editorial.load()
    mark = feeds_file.read_file().mark
    desks = [Desk(name, newsletter, ", ".join(DAY_WORDS[day] for day in newsletter.days),
                  form if form is not None and name == key else _make_form(name, newsletter, mark))
             for name, newsletter in known.newsletters.items()]
    return render(request, "web/desk/settings.html", {
        "here": "settings", "groups": list_settings(), "desks": desks, "publisher": known.publisher, "findings": findings,
        "wrong": [one for one in findings if not one.ok], "opened": key, "trouble": trouble, "paste": block,
        "unwritable": feeds_file.why_unwritable()}, status=status)


def _make_form(key: str, newsletter: Newsletter, mark: str) -> NewsletterForm:
    form = NewsletterForm(newsletter=newsletter, prefix=key)
    form.initial = {"mark": mark, **{name: _as_toml(getattr(newsletter, name)) for name in form.fields if name != "mark"}}
    return form


def _as_toml(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
