"""An issue in, when it is to start out, in words and as it stands in the form that sets its hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from worker import editorial
from worker.delivery.hours import describe_hour, show_hour
from worker.editorial import Newsletter
from worker.storage.models import Issue, IssueState
from worker.web.newsroom.placed import Kept


@dataclass(frozen=True)
class Start:
    """When an issue that has not started is to: in words ("": when somebody says so), and what stands in the form for it."""

    words: str
    values: Mapping[str, str]
    zones: Sequence[str]


def read_start(issue: Issue, newsletter: Newsletter, kept: Kept | None) -> Start:
    """An hour that was typed and refused comes back; else the one that is set, or today in the newsletter's own zone."""
    zones = list(dict.fromkeys([newsletter.timezone, *(one.timezone for one in editorial.load().newsletters.values()), "UTC"]))
    local, zone = show_hour(issue.send_at or timezone.now(), issue.send_zone or newsletter.timezone)
    values = {"day": f"{local:%Y-%m-%d}", "clock": f"{local:%H:%M}" if issue.send_at else "", "zone": zone}
    if kept and kept.form in ("schedule", "approve-at"):
        values = dict(kept.values)
    is_set = issue.send_at and issue.state == IssueState.APPROVED
    return Start(describe_hour(issue.send_at, issue.send_zone) if issue.send_at and is_set else "", values, zones)
