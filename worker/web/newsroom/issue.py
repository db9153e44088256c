"""An issue's number in, its page out: the proof beside the stories, and what may be done with it now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from worker.editorial import READER_TOPICS
from worker.issues import corrections, edit, partners
from worker.press.blocks import fold_proof
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


@for_viewers
@require_safe
def issue(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The page of one issue."""
    return show_issue(request, find_issue(issue_id))


def show_issue(
    request: HttpRequest, found: Issue, *, status: int = 200, trouble: str = "", kept: Kept | None = None, said: str = ""
) -> HttpResponse:
    """Answer with the issue as it stands now: the whole page, or for htmx its panes alone. `said` is what was just done."""
    template = "web/desk/_panes.html" if getattr(request, "htmx", False) else "web/desk/issue.html"
    sheet = read_sheet(found, trouble=trouble, kept=kept, said=said)
    approval = read_approval(found, sheet, editor_of(request))
    return render(request, template, {"sheet": sheet, "issue": found, "limits": LIMITS, "here": "issue", "approval": approval,
                                      "schemes": ("light", "dark")}, status=status)


@for_viewers
@require_safe
def proof_html(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The mail as it would be sent, for a sandboxed frame: it may style itself and do nothing else."""
    return _show_proof(_fold(request, issue_id).html, "text/html; charset=utf-8")


@for_viewers
@require_safe
def proof_text(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The mail's plain-text part."""
    return _show_proof(_fold(request, issue_id).text, "text/plain; charset=utf-8")


def _fold(request: HttpRequest, issue_id: int) -> Proof:
    """The proof with all of it in; ?partners=no and ?topics=chips,labs show it as such a reader gets it."""
    proof = find_proof(find_issue(issue_id))
    topics = set(request.GET.get("topics", "").split(",")) & set(READER_TOPICS)
    return fold_proof(proof, partners=request.GET.get("partners") != "no", topics=topics)


def _show_proof(body: str, content_type: str) -> HttpResponse:
    return HttpResponse(body, content_type=content_type, headers={"Content-Security-Policy": FOREIGN_POLICY})
