"""An issue's sheet and who looks at it in, what its decision pane says out: who let it go, who is wanted, what a stop spares."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone

from worker.delivery.headcount import read_headcount, say_headcount
from worker.delivery.hours import describe_hour, show_hour
from worker.delivery.stopping import Stop, count_stop
from worker.issues.timetable import say_left
from worker.press.inbox import Inbox, read_inbox
from worker.press.signatures import find_others, find_signatures, wants_two
from worker.storage.models import Alarm, DeliveryState, Edition, Editor, Issue, IssueState, Signature
from worker.web.newsroom.sheet import Sheet

SHORT = 12  # characters of a hash that people compare


@dataclass(frozen=True)
class Signed:
    """One person's word for a proof: who, and when, as the clocks of the newsletter's zone show it."""

    by: str
    at: str


@dataclass(frozen=True)
class Approval:
    """What templates/web/desk/_decision.html says beside the sheet.

    `first` is who signed the draft as it stands, `void` who signed what it was before. `is_first`: whoever looks would be the first
    of two; `has_signed`: they are, and somebody else is wanted, one of `others`.
    """

    deadline: str
    left: str
    is_late: bool
    to: str
    sha256: str
    wants_two: bool
    first: Sequence[Signed]
    void: Sequence[Signed]
    has_signed: bool
    others: Sequence[str]
    readers: str
    approved: Sequence[Signed]
    approved_to: str
    stop: Stop | None
    told: Sequence[Alarm]
    inbox: Inbox

    @property
    def short(self) -> str:
        """The beginning of the proof's hash."""
        return self.sha256[:SHORT]

    @property
    def is_first(self) -> bool:
        """Tell whether two are wanted and none has let it go yet."""
        return self.wants_two and not self.first


def read_approval(issue: Issue, sheet: Sheet, viewer: Editor) -> Approval:
    """Read what the pane needs beyond the sheet."""
    zone, now = sheet.newsletter.timezone, timezone.now()
    sha256 = sheet.proof.sha256 if sheet.proof else ""
    signed = find_signatures(issue, sha256) if issue.state == IssueState.DRAFT else []
    void = Signature.objects.select_related("editor").filter(issue=issue).exclude(sha256=sha256)
    return Approval(
        deadline=describe_hour(sheet.deadline, zone), left=say_left(sheet.deadline - now), is_late=sheet.deadline < now,
        to=_say_heads(issue, sheet), sha256=sha256, wants_two=wants_two(issue),
        first=[_name(one.editor, one.at, zone) for one in signed],
        void=[_name(one.editor, one.at, zone) for one in void] if issue.state == IssueState.DRAFT else [],
        has_signed=any(one.editor_id == viewer.pk for one in signed),
        others=[one.email for one in find_others([one.editor for one in signed])] if signed else [],
        readers=f"{sheet.audience:,}", approved=_list_approvers(issue, sheet.edition, zone),
        approved_to=say_headcount(sheet.edition) if sheet.edition else "",
        stop=count_stop(sheet.standing.states, sheet.audience) if sheet.can_cancel and sheet.edition else None,
        told=list(issue.alarms.exclude(state=DeliveryState.CANCELLED).order_by("-at", "to")[:10]),
        inbox=read_inbox(issue, sheet.newsletter, sheet.retitle, sheet.proof))


def _say_heads(issue: Issue, sheet: Sheet) -> str:
    """Return whom a draft would go to if it were approved now."""
    if issue.state != IssueState.DRAFT:
        return ""
    return read_headcount(issue.newsletter, digest=issue.digest).say(partners=bool(sheet.partners))


def _list_approvers(issue: Issue, edition: Edition | None, zone: str) -> list[Signed]:
    """Return who let the edition go, in order: one, or two where two had to."""
    if edition is None:
        return []
    others = issue.signatures.select_related("editor").filter(sha256=edition.sha256).exclude(editor=edition.approved_by)
    return [*(_name(one.editor, one.at, zone) for one in others), _name(edition.approved_by, edition.approved_at, zone)]


def _name(editor: Editor, at: datetime, zone: str) -> Signed:
    return Signed(str(editor), say_moment(at, zone))


def say_moment(at: datetime, zone: str) -> str:
    """Return a moment as the clocks of `zone` show it, and in UTC: "Mon 1 Jun 2026, 09:12 Europe/London (08:12 UTC)". Pure."""
    local, name = show_hour(at, zone)
    utc = "" if name == "UTC" else f" ({at.astimezone(UTC):%H:%M} UTC)"
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M} {name}{utc}"
