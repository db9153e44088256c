"""An issue's number in, its row out, locked for whoever is about to change it."""

from django.db.models import QuerySet

from worker.errors import NotFoundError
from worker.storage.models import Issue


def find_issue(issue_id: int) -> Issue:
    """Return the issue; raises NotFoundError."""
    return _find(Issue.objects.all(), issue_id)


def lock_issue(issue_id: int) -> Issue:
    """Return the issue, locked until the transaction ends; raises NotFoundError."""
    return _find(Issue.objects.select_for_update(), issue_id)


def _find(issues: QuerySet[Issue], issue_id: int) -> Issue:
    issue = issues.filter(pk=issue_id).first()
    if issue is None:
        raise NotFoundError(f"there is no issue {issue_id}; `broadsheet issues` lists them")
    return issue
