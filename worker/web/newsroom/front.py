"""The desk's front page: today's issue of each newsletter and what it lacks, whether the feeds are well, and the issues before."""

from datetime import timedelta

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.issues.timetable import deadline
from worker.readers.shield import SIGN_UP_ACTOR
from worker.storage.models import AuditEntry, Issue, IssueState
from worker.web.newsroom.feeds import count_states
from worker.web.newsroom.guards import for_viewers
from worker.web.newsroom.today import find_issues, read_paper, say_local

SHOWN = 20  # issues on a page
ALARM_SHOWN = timedelta(hours=24)


@for_viewers
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Each newsletter's day with a button to draft it, the feeds' health in one line, and the older issues by page."""
    known = editorial.load()
    now = timezone.now()
    issues = find_issues(known.newsletters, now)
    names = list(known.feeds_by_name())
    answering, worst = count_states(names)
    held = Issue.objects.filter(Q(started_at__isnull=False) | Q(send_at__isnull=False), state=IssueState.HELD)
    alarm = AuditEntry.objects.filter(actor=SIGN_UP_ACTOR, at__gt=now - ALARM_SHOWN).first()
    papers = [read_paper(key, newsletter, issues, now) for key, newsletter in known.newsletters.items()]
    older = Issue.objects.exclude(pk__in=[line.issue.pk for paper in papers for line in paper.lines])
    older = older.annotate(stories=Count("placements", filter=Q(placements__dropped=False))).order_by("-drafted_at", "-pk")
    page = Paginator(older, SHOWN).get_page(request.GET.get("page"))
    return render(request, "web/desk/front.html", {
        "here": "front", "alarm": alarm, "now": now, "answering": answering, "feeds": len(names), "worst": worst,
        "worst_title": known.feeds_by_name()[worst.name].title if worst else "",
        "held": [(issue, _title(known, issue)) for issue in held[:SHOWN]],
        "papers": papers, "page": page, "lines": [(issue, _title(known, issue), _say_deadline(known, issue)) for issue in page]})


def _title(known: editorial.Editorial, issue: Issue) -> str:
    return known.newsletters[issue.newsletter].title if issue.newsletter in known.newsletters else issue.newsletter


def _say_deadline(known: editorial.Editorial, issue: Issue) -> str:
    newsletter = known.newsletters.get(issue.newsletter)
    return say_local(deadline(newsletter, issue.drafted_at), newsletter) if newsletter and issue.state == IssueState.DRAFT else ""
