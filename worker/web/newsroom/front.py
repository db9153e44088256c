"""The desk's front page: which issues there are, what waits for a decision, and whether the feeds are well."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.delivery.audience import count_audience
from worker.issues.timetable import deadline
from worker.readers.shield import SIGN_UP_ACTOR
from worker.storage.models import AuditEntry, Feed, FeedState, Issue, IssueState
from worker.web.newsroom.guards import for_viewers

RECENT = 30
ALARM_SHOWN = timedelta(hours=24)
OPEN_STATES = (IssueState.DRAFT, IssueState.APPROVED, IssueState.HELD, IssueState.SENDING)


@dataclass(frozen=True)
class Line:
    """One issue in the list. `readers` counts copies once the audience is frozen, else those who would get it now."""

    issue: Issue
    title: str
    stories: int
    readers: int
    deadline: datetime | None
    waits: bool


@for_viewers
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Drafts and recent issues, buttons to draft each newsletter and its digest, the feeds' health in one line."""
    known = editorial.load()
    lines = _read_lines(known)
    audiences = [(key, newsletter, count_audience(key), count_audience(key, digest=True) if newsletter.digest_on else 0)
                 for key, newsletter in known.newsletters.items()]
    states = dict(Feed.objects.filter(name__in=list(known.feeds_by_name())).values_list("state").annotate(Count("id")))
    alarm = AuditEntry.objects.filter(actor=SIGN_UP_ACTOR, at__gt=timezone.now() - ALARM_SHOWN).first()
    return render(request, "web/desk/front.html", {
        "here": "front", "alarm": alarm,
        "waiting": [line for line in lines if line.waits], "others": [line for line in lines if not line.waits],
        "audiences": audiences, "feeds": len(known.feeds), "ok": states.get(FeedState.OK, 0),
        "failing": states.get(FeedState.FAILING, 0) + states.get(FeedState.GONE, 0),
    })


def _read_lines(known: editorial.Editorial) -> list[Line]:
    issues = Issue.objects.annotate(
        stories=Count("placements", filter=Q(placements__dropped=False), distinct=True),
    )[:RECENT]
    copies = dict(Issue.objects.filter(pk__in=[issue.pk for issue in issues], started_at__isnull=False)
                  .annotate(copies=Count("deliveries")).values_list("pk", "copies"))
    audiences = {(key, digest): count_audience(key, digest=digest)
                 for key, digest in {(issue.newsletter, issue.digest) for issue in issues}}
    lines = []
    for issue in issues:
        newsletter = known.newsletters.get(issue.newsletter)
        lines.append(Line(
            issue=issue, title=newsletter.title if newsletter else issue.newsletter, stories=issue.stories,
            readers=copies.get(issue.pk, audiences[issue.newsletter, issue.digest]),
            deadline=deadline(newsletter, issue.drafted_at) if newsletter and issue.state == IssueState.DRAFT else None,
            waits=issue.state in OPEN_STATES,
        ))
    return lines
