"""Who, what, when and to what in; the audit log's entries out, in words, by page or as a CSV."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from worker.readers.cells import guard_cell
from worker.storage.models import AuditEntry
from worker.web.newsroom.guards import editor_of, for_approvers, for_viewers

SHOWN = 50
LONGEST = 300  # characters of one value on the page; the CSV has all of it
FIELDS = ("who", "what", "subject", "since", "until")
COLUMNS = ("at", "who", "what", "subject", "detail")
_SUBJECT = re.compile(r"(issue|story|reader|feed) ([a-z0-9][a-z0-9-]{0,79})")
_PAGES = {"issue": ("desk:issue", "issue_id"), "story": ("desk:story", "story_id"), "reader": ("desk:reader", "reader_id"),
          "feed": ("desk:feed", "name")}
# What was done, as one says it of somebody; an action that is not here is shown as it was written.
WORDS = {
    "draft": "drafted", "approve": "approved", "withdraw": "withdrew the approval of", "reject": "rejected",
    "reopen": "opened again", "hold": "held", "release": "let go", "resume": "let go on", "pause": "paused",
    "cancel": "cancelled", "start": "started", "schedule": "gave an hour to", "unschedule": "took back the hour of",
    "rewrite": "rewrote a story of", "move": "moved a story in", "drop": "dropped a story from",
    "restore": "put a story back into", "pull in": "pulled a story into", "renew": "put new words of a story into",
    "retitle": "rewrote the subject or preheader of", "waive": "waived a doubt in", "correct": "corrected",
    "add partner block": "put a partner’s content into", "edit partner block": "changed a partner’s content in",
    "remove partner block": "took a partner’s content out of", "test mail": "sent a test mail of",
    "merge stories": "merged others into", "split story": "split", "undo merge": "took back a merge of",
    "undo split": "took back a split of", "follow ruling": "regrouped the stories of", "look up": "looked up",
    "look for a reader": "looked for an address in", "erase": "erased", "export readers": "exported the readers of",
    "export undelivered": "exported who did not get", "list undelivered": "listed who did not get",
    "settle uncertain": "settled uncertain copies of", "send again": "sent once more copies of",
    "begin import": "began an import into", "import": "ended an import into", "add feed": "added", "change feed": "changed",
    "remove feed": "took out", "pause feed": "paused", "resume feed": "let go on", "gather now": "had asked at once",
    "change newsletter": "changed the settings of", "export audit": "exported", "set password": "set the password of",
    "signed in by link": "signed in by a link, as", "undo": "undid a change of", "redo": "did again a change of",
    "pin": "pinned or unpinned a story of", "section": "put a story into another section of", "merge": "merged two stories of",
    "split": "split a story of", "lead outlet": "put another outlet first in", "unwaive": "took a waiver back in",
    "ended own sessions": "ended sessions of", "used a recovery code": "used a recovery code, as",
    "leave out source": "left an outlet out of", "waive link": "let a dead link stand in", "sign": "signed, as the first of two,",
}


@dataclass(frozen=True)
class Line:
    """One entry. `pairs` are its details, each as a name and words; `address` is its subject's page, if it has one."""

    entry: AuditEntry
    words: str
    address: str
    pairs: Sequence[tuple[str, str]]


@for_viewers
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """The entries that match, newest first."""
    asked = {name: " ".join(request.GET.get(name, "").replace("\0", "").split())[:254] for name in FIELDS}
    found, trouble = find_entries(asked)
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    query = urlencode({name: value for name, value in asked.items() if value})
    return render(request, "web/desk/audit.html", {
        "here": "audit", "asked": asked, "trouble": trouble, "page": page, "lines": [read_line(entry) for entry in page],
        "query": f"{query}&" if query else "", "is_asked": bool(query)})


@for_approvers
@require_POST
def download(request: HttpRequest) -> HttpResponseBase:
    """The entries that match as a CSV; that it was taken is an entry itself."""
    asked = {name: " ".join(request.POST.get(name, "").replace("\0", "").split())[:254] for name in FIELDS}
    found, _ = find_entries(asked)
    AuditEntry.objects.create(actor=editor_of(request).email[:254], action="export audit", subject="audit log",
                              detail={name: value for name, value in asked.items() if value})
    return StreamingHttpResponse(
        (line.encode() for line in write_lines(found.iterator(chunk_size=500))), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="audit-{timezone.now():%Y-%m-%d}.csv"'})


def find_entries(asked: Mapping[str, str]) -> tuple[QuerySet[AuditEntry], str]:
    """Return the entries that match, and what of the question could not be read. Days are UTC's, both included."""
    rows, troubles = AuditEntry.objects.all(), []
    if asked["who"]:
        rows = rows.filter(actor__icontains=asked["who"])
    if asked["what"]:
        wanted = [action for action, words in WORDS.items() if asked["what"].casefold() in words]
        rows = rows.filter(action__icontains=asked["what"]) | rows.filter(action__in=wanted)
    if asked["subject"]:
        exact = re.fullmatch(r".* \d+", asked["subject"])  # issue 1 is not issue 12
        rows = rows.filter(subject=asked["subject"].lower()) if exact else rows.filter(subject__icontains=asked["subject"])
    for name in ("since", "until"):
        if not asked[name]:
            continue
        try:
            day = datetime.combine(date.fromisoformat(asked[name]), time(), tzinfo=UTC)
            rows = rows.filter(at__gte=day) if name == "since" else rows.filter(at__lt=day + timedelta(days=1))
        except (ValueError, OverflowError):
            troubles.append(f"“{asked[name]}” is no day: write it as 2026-11-23.")
    return rows, " ".join(troubles)


def read_line(entry: AuditEntry) -> Line:
    """Return an entry as the page shows it. Whatever stands in its details is shown, and nothing is looked up by its name."""
    detail: Any = entry.detail
    pairs = detail.items() if isinstance(detail, dict) else [("detail", detail)] if detail else ()
    return Line(entry, WORDS.get(entry.action, entry.action), find_address(entry.subject),
                [(str(key).replace("_", " "), _cut(say_value(value))) for key, value in pairs])


def find_address(subject: str) -> str:
    """Return the page of a subject such as "issue 12", "" if it has none."""
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        return ""
    view, name = _PAGES[match[1]]
    if match[1] != "feed" and not (match[2].isdecimal() and len(match[2]) < 19):
        return ""
    return reverse(view, kwargs={name: match[2]})


def say_value(value: Any) -> str:
    """Return a detail in words. Pure."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, list):
        return ", ".join(map(say_value, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {say_value(one)}" for key, one in value.items()) or "none"
    return str(value)


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[:LONGEST].rstrip()} …"


def write_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Return the CSV, a line at a time; details as JSON, and no cell starts a formula."""
    def line(cells: Iterable[str]) -> str:
        out = StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(guard_cell, cells))
        return out.getvalue()

    yield line(COLUMNS)
    for entry in entries:
        yield line([entry.at.astimezone(UTC).isoformat(timespec="seconds"), entry.actor, entry.action, entry.subject,
                    json.dumps(entry.detail, ensure_ascii=False)])
