"""An issue in, everything its page at the desk shows out: stories with their sources, the proof, findings, readers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from worker import editorial
from worker.delivery.gate import read_gate
from worker.delivery.headcount import read_headcount
from worker.delivery.measuring import Measured, count_measured
from worker.delivery.schedule import is_unstarted
from worker.delivery.standing import Standing, read_standing
from worker.editorial import Newsletter
from worker.errors import BroadsheetError, NotFoundError
from worker.issues.changes import titles_mark
from worker.issues.history import find_next, say_made
from worker.issues.partners import list_partners
from worker.issues.timetable import deadline
from worker.press.preflight import Finding
from worker.press.proof import Proof
from worker.storage.models import Correction, Edition, Editor, Issue, IssueState
from worker.web.newsroom.filled import PartnerOnDesk, Start, read_start, show_partner
from worker.web.newsroom.gatepane import Pane, part_findings
from worker.web.newsroom.picture import Slice, draw_slices, write_looks
from worker.web.newsroom.placed import Kept, Material, StoryOnDesk, read_material, read_stories

SECTION_TITLES = {"lead": "Lead", "top": "Top stories", "short": "In brief"}
# Fields that hold an editor's own words.
TYPED = ("partner", "headline", "summary", "subject", "preheader", "note", "text", "url", "reason")
DECISION_FORMS = ("approve-at", "schedule", "reject", "test", "correct")
STARTED = (IssueState.SENDING, IssueState.SENT)


@dataclass(frozen=True)
class LeftOut:
    """A story that drafting passed over, and why."""

    story_id: int
    headline: str
    reason: str


@dataclass(frozen=True)
class Sheet:
    """What templates/web/desk/issue.html needs."""

    issue: Issue
    newsletter: Newsletter
    deadline: datetime
    sections: Sequence[tuple[str, Sequence[StoryOnDesk]]]
    dropped: Sequence[StoryOnDesk]
    places: int
    proof: Proof | None
    proof_error: str
    findings: Sequence[Finding]
    edition: Edition | None
    audience: int
    standing: Standing
    corrections: Sequence[Correction]
    left_out: Sequence[LeftOut]
    partners: Sequence[PartnerOnDesk]
    partner_names: Sequence[str]
    new_partner: PartnerOnDesk
    topics: Mapping[str, str]
    measured: Measured | None
    start: Start
    unstarted: bool
    may_edit: bool
    trouble: str = ""
    kept: Kept | None = None
    retitle: Mapping[str, str] = field(default_factory=dict)
    said: str = ""  # what was just done, in words
    undo_label: str = ""  # what undo would take back: "Ana dropped “…”"; "" if there is nothing
    redo_label: str = ""
    titles_mark: str = ""

    @property
    def can_edit(self) -> bool:
        """Only a draft is edited, and by those who may."""
        return self.may_edit and self.issue.state == IssueState.DRAFT

    @property
    def blocking(self) -> int:
        """How many findings stand against approval."""
        return sum(finding.blocking and not finding.ok for finding in self.findings)

    @property
    def section_titles(self) -> Mapping[str, str]:
        """The sections a story may stand in, by key."""
        return SECTION_TITLES

    @property
    def at_decision(self) -> bool:
        """Tell whether the trouble is with the decision, and is to be said there."""
        return bool(self.trouble) and (self.kept is None or self.kept.form in DECISION_FORMS)

    @property
    def printed(self) -> Sequence[StoryOnDesk]:
        """The stories of the issue, in order."""
        return [story for _, stories in self.sections for story in stories]

    def find_story(self, number: str) -> StoryOnDesk | None:
        """Return the story that is placed under this number, if it is printed."""
        return next((story for story in self.printed if str(story.placement.pk) == number), None)

    @property
    def started(self) -> bool:
        """Tell whether copies have gone out or are about to."""
        return self.issue.state in STARTED or self.issue.started_at is not None

    @property
    def moving(self) -> bool:
        """Tell whether copies are on their way right now."""
        return self.issue.state == IssueState.SENDING

    @property
    def slices(self) -> Sequence[Slice]:
        """How far the copies have come, as a bar."""
        return draw_slices(self.standing.states)

    @property
    def seen(self) -> str:
        """What the page carries along to tell the rate from."""
        return write_looks(self.standing)

    @property
    def can_cancel(self) -> bool:
        """Tell whether there is something to stop: copies on their way or about to be."""
        return self.issue.state in (IssueState.APPROVED, IssueState.SENDING, IssueState.HELD)

    @property
    def can_try(self) -> bool:
        """Tell whether a test mail may be sent of it."""
        return self.issue.state in (IssueState.DRAFT, IssueState.APPROVED)

    @property
    def test_addresses(self) -> Sequence[str]:
        """Who may get one beside the editor who asks."""
        addresses: Sequence[str] = settings.TEST_ADDRESSES
        return addresses

    @property
    def may_repeat(self) -> bool:
        """Tell whether another issue of the day is the way on."""
        return self.issue.state in (IssueState.REJECTED, IssueState.CANCELLED, IssueState.SENT)

    @property
    def gate(self) -> Pane:
        """The findings as the pane shows them."""
        return part_findings(self.findings, self.kept)

    @property
    def loose(self) -> Sequence[tuple[str, str]]:
        """What was typed into a form that is no longer on the page, as (label, text)."""
        if self.kept is None or self._has_form(self.kept):
            return ()
        return [(key.capitalize(), self.kept.values[key]) for key in TYPED if self.kept.values.get(key)]

    @property
    def clash(self) -> Sequence[tuple[str, str, str]]:
        """What a row says now that could not be saved, beside what was typed for it, as (label, theirs, yours)."""
        if self.kept is None or not self.kept.clash:
            return ()
        now = self._read_row(self.kept)
        return [(key.capitalize(), now[key], self.kept.values[key]) for key in TYPED
                if key in now and key in self.kept.values and now[key] != self.kept.values[key]]

    def _read_row(self, kept: Kept) -> Mapping[str, str]:
        if kept.form == "retitle":
            return {"subject": self.issue.subject, "preheader": self.issue.preheader}
        if kept.form == "rewrite":
            stories = [*(story for _, stories in self.sections for story in stories), *self.dropped]
            placement = next((story.placement for story in stories if story.placement.pk == kept.row_id), None)
            return {"headline": placement.headline, "summary": placement.summary} if placement else {}
        block = next((one.block for one in self.partners if one.block and one.block.pk == kept.row_id), None)
        names = ("partner", "headline", "text", "url")
        return {name: getattr(block, name) for name in names} if block and kept.form == "edit-partner" else {}

    def _has_form(self, kept: Kept) -> bool:
        printed = self.printed
        if kept.form == "rewrite":
            return self.can_edit and kept.row_id in [story.placement.pk for story in printed]
        if kept.form == "waive":
            return self.can_edit and any(one.is_open and one.checked.blocks for story in printed
                                         for one in (story.title, *story.evidence))
        if kept.form == "waive-link":
            return self.can_edit and any(one.is_open for one in self.gate.against)
        if kept.form == "edit-partner":
            return self.can_edit and any(one.is_open for one in self.partners)
        return self.started if kept.form == "correct" else self.can_edit


def find_issue(issue_id: int) -> Issue:
    """Return the issue; raises NotFoundError in words."""
    issue = Issue.objects.filter(pk=issue_id).first()
    if issue is None:
        raise NotFoundError(f"There is no issue {issue_id}.")
    return issue


def read_sheet(
    issue: Issue, *, editor: Editor, trouble: str = "", kept: Kept | None = None, said: str = "", opened: Collection[int] = ()
) -> Sheet:
    """Read all of it afresh. A proof that cannot be rendered is said on the page, which stays usable for mending it."""
    known = editorial.load()
    newsletter = known.newsletter(issue.newsletter)
    material = read_material(issue)
    proof, proof_error, findings = read_findings(issue, material)
    printed, dropped = read_stories(material, kept, opened)
    standing = read_standing(issue.pk)
    audience = standing.audience if issue.started_at else read_headcount(issue.newsletter, digest=issue.digest).readers
    edition = Edition.objects.select_related("approved_by").filter(issue=issue).first()
    titles = {"subject": issue.subject, "preheader": issue.preheader}
    partners = [show_partner(block, kept) for block in issue.partner_blocks.select_related("made_by")]
    return Sheet(
        issue=issue, newsletter=newsletter, deadline=deadline(newsletter, issue.drafted_at),
        sections=_part(printed), dropped=dropped, places=len(printed), proof=proof, proof_error=proof_error,
        findings=findings, edition=edition, audience=audience, standing=standing,
        corrections=list(issue.corrections.select_related("made_by")),
        left_out=_read_left_out(issue, [story.placement.story_id for story in (*printed, *dropped)]),
        partners=partners, partner_names=list_partners(), new_partner=show_partner(None, kept),
        topics=_list_topics(printed), measured=count_measured(issue.pk) if issue.started_at else None,
        start=read_start(issue, newsletter, kept), unstarted=is_unstarted(issue), trouble=trouble, kept=kept,
        may_edit=editor.may_edit,
        retitle=kept.values if kept and kept.form == "retitle" else titles, said=said, titles_mark=titles_mark(issue),
        undo_label=_say_next(issue, back=True), redo_label=_say_next(issue, back=False),
    )


def _say_next(issue: Issue, *, back: bool) -> str:
    """Only a draft's changes can be undone."""
    return say_made(find_next(issue, back=back)) if issue.state == IssueState.DRAFT else ""


def read_findings(issue: Issue, material: Material | None = None) -> tuple[Proof | None, str, list[Finding]]:
    """Return the proof, or in words why there is none, and what the gate finds; `material` if it was read already."""
    material = material or read_material(issue)
    try:
        proof, findings = read_gate(issue, placements=material.placements, articles=material.articles)
    except BroadsheetError as error:
        return None, str(error), []
    return proof, "", findings


def _list_topics(printed: Sequence[StoryOnDesk]) -> dict[str, str]:
    """Return the topics that decide who gets which story of the issue, by key."""
    there = {key for story in printed if story.placement.section != "lead" for key in story.placement.topics}
    return {key: name for key, (name, _) in editorial.READER_TOPICS.items() if key in there}


def _part(printed: Sequence[StoryOnDesk]) -> list[tuple[str, list[StoryOnDesk]]]:
    parts = [(title, [story for story in printed if story.placement.section == section])
             for section, title in SECTION_TITLES.items()]
    return [(title, stories) for title, stories in parts if stories]


def _read_left_out(issue: Issue, placed: Sequence[int]) -> list[LeftOut]:
    return [LeftOut(int(row["story"]), str(row["headline"]), str(row["reason"]))
            for row in issue.left_out if int(row["story"]) not in placed]
