"""The issues that are on their way, about to be, or were lately, in; how far each has come, live, out."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from worker import editorial
from worker.delivery.hours import describe_hour
from worker.delivery.standing import Standing, read_standing
from worker.storage.models import DeliveryState, Issue, IssueState
from worker.web.newsroom.guards import for_viewers
from worker.web.newsroom.picture import Slice, draw_slices, read_looks, write_looks

RECENT = timedelta(days=7)
SHOWN = 20
_LARGE = 200_000  # copies: counting them costs a tenth of a second, so it is done half as often


@dataclass(frozen=True)
class Send:
    """One issue with how it stands."""

    issue: Issue
    title: str
    standing: Standing
    starts: str

    @property
    def slices(self) -> list[Slice]:
        """Its bar."""
        return draw_slices(self.standing.states)

    @property
    def uncertain(self) -> int:
        """How many copies nobody knows of whether they arrived."""
        return self.standing.states.get(DeliveryState.UNCERTAIN, 0)


@for_viewers
@require_safe
def deliveries(request: HttpRequest) -> HttpResponse:
    """All of them on one page, which asks again every few seconds while any moves, and says what it saw."""
    wanted = Q(state__in=[IssueState.SENDING, IssueState.APPROVED]) | Q(state=IssueState.HELD, started_at__isnull=False)
    wanted |= Q(started_at__gte=timezone.now() - RECENT)
    titles = {key: newsletter.title for key, newsletter in editorial.load().newsletters.items()}
    sends = [_read(issue, titles, request) for issue in Issue.objects.filter(wanted).order_by("-drafted_at", "-pk")[:SHOWN]]
    moving = [send for send in sends if send.standing.is_moving]
    seen = urlencode({f"seen-{send.issue.pk}": write_looks(send.standing) for send in moving})
    context = {"here": "deliveries", "moving": moving, "seen": seen,
               "waiting": [send for send in sends if send.issue.state in (IssueState.APPROVED, IssueState.HELD)],
               "done": [send for send in sends if send.issue.state in (IssueState.SENT, IssueState.CANCELLED)],
               "again": 5 if any(send.standing.audience > _LARGE for send in moving) else 2}
    template = "web/desk/_sends.html" if getattr(request, "htmx", False) else "web/desk/deliveries.html"
    return render(request, template, context)


def _read(issue: Issue, titles: dict[str, str], request: HttpRequest) -> Send:
    standing = read_standing(issue.pk, read_looks(request.GET.get(f"seen-{issue.pk}", "")))
    starts = describe_hour(issue.send_at, issue.send_zone) if issue.send_at and issue.state == IssueState.APPROVED else ""
    return Send(issue, titles.get(issue.newsletter, issue.newsletter), standing, starts)
