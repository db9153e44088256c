"""An issue's number in, its row out, locked for whoever is about to change it; and which issue is the latest."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from worker.errors import NotFoundError
from worker.storage.models import Issue, IssueState, Placement


def find_issue(issue_id: int) -> Issue:
    """Return the issue; raises NotFoundError."""
    return _find(Issue.objects.all(), issue_id)


def lock_issue(issue_id: int) -> Issue:
    """Return the issue, locked until the transaction ends; raises NotFoundError."""
    return _find(Issue.objects.select_for_update(), issue_id)


def find_latest(newsletters: Sequence[str]) -> Issue | None:
    """Return the newest issue that readers of these newsletters have, digests left aside; None before the first."""
    out = Q(state__in=[IssueState.SENDING, IssueState.SENT]) | Q(started_at__isnull=False)
    return Issue.objects.filter(out, newsletter__in=newsletters, digest=False).order_by("-period", "-id").first()


def find_later(issue: Issue) -> Issue | None:
    """Return an issue of the newsletter that was made after this one and may reach its readers; None if there is none."""
    others = Issue.objects.filter(newsletter=issue.newsletter, digest=issue.digest, pk__gt=issue.pk)
    return others.exclude(state__in=[IssueState.REJECTED, IssueState.CANCELLED]).order_by("pk").first()


def find_placement(issue: Issue, placement_id: int) -> Placement:
    """Return a placement of the issue; raises NotFoundError."""
    placement = issue.placements.filter(pk=placement_id).first()
    if placement is None:
        raise NotFoundError(f"issue {issue.pk} has no story placed under number {placement_id}")
    return placement


def _find(issues: QuerySet[Issue], issue_id: int) -> Issue:
    issue = issues.filter(pk=issue_id).first()
    if issue is None:
        raise NotFoundError(f"there is no issue {issue_id}; `broadsheet issues` lists them")
    return issue
