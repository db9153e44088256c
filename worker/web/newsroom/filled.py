"""An issue and what was typed in, what stands in two of its page's forms out: a partner's content, and the hour it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from worker import editorial
from worker.delivery.hours import describe_hour, show_hour
from worker.editorial import Newsletter
from worker.issues.changes import partner_mark
from worker.storage.models import Issue, IssueState, PartnerBlock
from worker.web.newsroom.placed import Kept


@dataclass(frozen=True)
class PartnerOnDesk:
    """A partner's content with what stands in its form; `block` is None for the form of one more."""

    block: PartnerBlock | None
    values: Mapping[str, str]
    is_open: bool
    mark: str = ""


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


def show_partner(block: PartnerBlock | None, kept: Kept | None) -> PartnerOnDesk:
    mine = kept is not None and (kept.form == "add-partner" if block is None else
                                 kept.form == "edit-partner" and kept.row_id == block.pk)
    mark = partner_mark(block) if block else ""
    if kept is not None and mine:
        return PartnerOnDesk(block, kept.values, True, mark)
    names = ("partner", "headline", "text", "url")
    return PartnerOnDesk(block, {name: getattr(block, name) if block else "" for name in names}, False, mark)


