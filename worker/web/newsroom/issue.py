"""An issue's number in, its page out: its stories, itself as readers will get it, and what may be done with it now."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from worker.editorial import READER_TOPICS
from worker.issues import corrections, edit, partners
from worker.press.blocks import fold_proof
from worker.press.looks import force_scheme, mark_words, strip_images
from worker.press.proof import Proof
from worker.press.render import find_proof
from worker.storage.models import Issue
from worker.web.headers import FOREIGN_POLICY
from worker.web.newsroom.approval import read_approval
from worker.web.newsroom.guards import editor_of, for_viewers
from worker.web.newsroom.placed import Kept
from worker.web.newsroom.sheet import find_issue, read_sheet

LIMITS = {"headline": edit.HEADLINE_LENGTH, "summary": edit.SUMMARY_LENGTH, "subject": edit.SUBJECT_LIMIT,
          "note": edit.NOTE_LENGTH, "correction": corrections.CORRECTION_LENGTH, "reason": edit.REASON_LEAST,
          "partner_headline": partners.HEADLINE_LENGTH, "partner_text": partners.TEXT_LENGTH, "partner_url": partners.URL_LENGTH}
MARK_LENGTH = edit.SUMMARY_LENGTH
OPEN_MOST = 100


@for_viewers
@require_safe
def issue(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The page of one issue."""
    return show_issue(request, find_issue(issue_id))


# An answer holds one masked token and no other secret, and Django pads what it packs: nothing to learn from its length.
@gzip_page
def show_issue(
    request: HttpRequest, found: Issue, *, status: int = 200, trouble: str = "", kept: Kept | None = None, said: str = ""
) -> HttpResponse:
    """Answer with the issue as it stands now: the whole page, or for htmx its panes alone. `said` is what was just done.

    `?open=12` shows that story whole, wherever it stands; the script says in X-Open which are. `?inside=12` asks for what is
    inside one alone, `?beside=12` for all but the stories pane, and what of it changes with the words of that story.
    """
    part = "panes" if getattr(request, "htmx", False) else "issue"
    asked = next((name for name in ("inside", "beside") if request.GET.get(name)), part) if part == "panes" else part
    values = read_values(request, found, trouble=trouble, kept=kept, said=said)
    return render(request, "web/desk/issue.html" if asked == "issue" else f"web/desk/_{asked}.html", values, status=status)


def read_values(
    request: HttpRequest, found: Issue, *, trouble: str = "", kept: Kept | None = None, said: str = ""
) -> dict[str, Any]:
    """Return what the page of an issue and each of its panes is filled with."""
    asked = {name: request.GET.get(name, "") for name in ("open", "inside", "beside")}
    opened = _read_numbers(",".join((request.headers.get("X-Open", ""), *asked.values())))
    editor = editor_of(request)
    sheet = read_sheet(found, editor=editor, trouble=trouble, kept=kept, said=said, opened=opened)
    return {"sheet": sheet, "issue": found, "limits": LIMITS, "here": "issue", "opened": opened,
            "approval": read_approval(found, sheet, editor), "schemes": ("light", "dark"),
            "story": sheet.find_story(asked["inside"] or asked["beside"])}


def _read_numbers(text: str) -> set[int]:
    return {int(number) for number in text.split(",")[:OPEN_MOST] if number.isascii() and number.isdecimal() and len(number) < 19}


@for_viewers
@require_safe
@gzip_page
def proof_html(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The mail as it would be sent, for a sandboxed frame: it may style itself and do nothing else.

    ?dark=1 and ?dark=no show it in that mode whatever the browser's is, ?images=no without images, ?mark=words with those lit up.
    """
    html = _fold(request, issue_id).html
    if (dark := request.GET.get("dark")) in ("1", "no"):
        html = force_scheme(html, dark=dark == "1")
    if request.GET.get("images") == "no":
        html = strip_images(html)
    return _show_proof(mark_words(html, request.GET.get("mark", "")[:MARK_LENGTH]), "text/html; charset=utf-8")


@for_viewers
@require_safe
def proof_text(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The mail's plain-text part."""
    return _show_proof(_fold(request, issue_id).text, "text/plain; charset=utf-8")


def _fold(request: HttpRequest, issue_id: int) -> Proof:
    """The proof with all of it in; ?partners=no and ?topics=chips,labs show it as such a reader gets it."""
    topics = set(request.GET.get("topics", "").split(",")) & set(READER_TOPICS)
    return fold_proof(find_proof(find_issue(issue_id)), partners=request.GET.get("partners") != "no", topics=topics)


def _show_proof(body: str, content_type: str) -> HttpResponse:
    return HttpResponse(body, content_type=content_type, headers={"Content-Security-Policy": FOREIGN_POLICY})
