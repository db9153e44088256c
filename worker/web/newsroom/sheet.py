"""An issue in, everything its page at the desk shows out: stories with their sources, the proof, findings, readers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from worker import editorial
from worker.delivery.audience import count_audience
from worker.delivery.deliver import status
from worker.editorial import Newsletter
from worker.errors import BroadsheetError, NotFoundError
from worker.issues.draft import read_reasons
from worker.issues.timetable import deadline
from worker.issues.wording import clean_url
from worker.press.preflight import Finding
from worker.press.proof import Proof
from worker.press.render import read_proof
from worker.storage.models import Correction, Edition, Issue, IssueState, Item, Placement

# Bars are drawn in this order, and in this order the table counts: from done to not done.
STATES = ("delivered", "accepted", "attempting", "queued", "uncertain", "bounced", "failed", "suppressed", "cancelled")
SECTION_TITLES = {"lead": "Lead", "top": "Top stories", "short": "In brief"}
TYPED = ("headline", "summary", "subject", "preheader", "note", "text")  # fields that hold an editor's own words
STARTED = (IssueState.SENDING, IssueState.SENT)


@dataclass(frozen=True)
class Source:
    """One outlet's report: `url` is empty unless it may be linked to."""

    outlet: str
    title: str
    url: str
    at: datetime | None


@dataclass(frozen=True)
class Evidence:
    """One sentence of the machine's summary, the outlet's passage it came from, and the report that holds it."""

    text: str
    passage: str
    source: Source | None


@dataclass(frozen=True)
class Kept:
    """What an editor typed into a form that could not be saved, to be shown back: nothing typed is lost."""

    form: str
    values: Mapping[str, str]
    placement_id: int | None = None


@dataclass(frozen=True)
class StoryOnDesk:
    """A placement as the desk shows it. `place` counts from 1."""

    placement: Placement
    place: int
    sources: Sequence[Source]
    evidence: Sequence[Evidence]
    reasons: Sequence[str]
    headline: str
    summary: str
    is_open: bool


@dataclass(frozen=True)
class Slice:
    """A part of the delivery bar, in thousandths of its width."""

    state: str
    count: int
    start: float
    width: float


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
    slices: Sequence[Slice]
    corrections: Sequence[Correction]
    trouble: str = ""
    kept: Kept | None = None
    retitle: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_edit(self) -> bool:
        """Only a draft is edited."""
        return self.issue.state == IssueState.DRAFT

    @property
    def started(self) -> bool:
        """Tell whether copies have gone out or are about to."""
        return self.issue.state in STARTED or self.issue.started_at is not None

    @property
    def moving(self) -> bool:
        """Tell whether copies are on their way right now."""
        return self.issue.state == IssueState.SENDING

    @property
    def can_cancel(self) -> bool:
        """Tell whether there is something to stop: copies on their way or about to be."""
        return self.issue.state in (IssueState.APPROVED, IssueState.SENDING, IssueState.HELD)

    @property
    def may_repeat(self) -> bool:
        """Tell whether another issue of the day is the way on."""
        return self.issue.state in (IssueState.REJECTED, IssueState.CANCELLED, IssueState.SENT)

    @property
    def passed(self) -> int:
        """How many findings are good."""
        return sum(finding.ok for finding in self.findings)

    @property
    def blocked(self) -> bool:
        """Tell whether a finding stands against approval."""
        return any(finding.blocking and not finding.ok for finding in self.findings)

    @property
    def loose(self) -> Sequence[tuple[str, str]]:
        """What was typed into a form that is no longer on the page, as (label, text)."""
        if self.kept is None or self._has_form(self.kept):
            return ()
        return [(key.capitalize(), self.kept.values[key]) for key in TYPED if self.kept.values.get(key)]

    def _has_form(self, kept: Kept) -> bool:
        if kept.form == "rewrite":
            printed = [story.placement.pk for _, stories in self.sections for story in stories]
            return self.can_edit and kept.placement_id in printed
        return self.started if kept.form == "correct" else self.can_edit


def find_issue(issue_id: int) -> Issue:
    """Return the issue; raises NotFoundError in words."""
    issue = Issue.objects.filter(pk=issue_id).first()
    if issue is None:
        raise NotFoundError(f"There is no issue {issue_id}.")
    return issue


def read_sheet(issue: Issue, *, trouble: str = "", kept: Kept | None = None) -> Sheet:
    """Read all of it afresh. A proof that cannot be rendered is said on the page, which stays usable for mending it."""
    known = editorial.load()
    newsletter = known.newsletter(issue.newsletter)
    proof, proof_error, findings = _read_findings(issue)
    printed, dropped = _read_stories(issue, known.feeds_by_name(), kept)
    audience, slices = count_readers(issue)
    edition = Edition.objects.select_related("approved_by").filter(issue=issue).first()
    titles = {"subject": issue.subject, "preheader": issue.preheader}
    return Sheet(
        issue=issue, newsletter=newsletter, deadline=deadline(newsletter, issue.drafted_at),
        sections=_part(printed), dropped=dropped, places=len(printed), proof=proof, proof_error=proof_error,
        findings=findings, edition=edition, audience=audience, slices=slices,
        corrections=list(issue.corrections.select_related("made_by")), trouble=trouble, kept=kept,
        retitle=kept.values if kept and kept.form == "retitle" else titles,
    )


def count_readers(issue: Issue) -> tuple[int, list[Slice]]:
    """Return the audience, and once it is frozen how far its copies have come."""
    if issue.started_at is None:
        return count_audience(issue.newsletter), []
    now = status(issue.pk)
    total = max(1, sum(now["states"].values()))
    slices, start = [], 0.0
    for state in STATES:
        count = now["states"].get(state, 0)
        if count:
            slices.append(Slice(state, count, round(start, 2), round(1000 * count / total, 2)))
            start += 1000 * count / total
    return now["audience"], slices


def make_source(outlet: str, title: str, url: str, at: datetime | None) -> Source:
    """Return a source whose link a browser may be given."""
    return Source(outlet, title, clean_url(url), at)


def _read_findings(issue: Issue) -> tuple[Proof | None, str, list[Finding]]:
    try:
        proof, findings = read_proof(issue)
    except BroadsheetError as error:
        return None, str(error), []
    return proof, "", findings


def _part(printed: Sequence[StoryOnDesk]) -> list[tuple[str, list[StoryOnDesk]]]:
    parts = [(title, [story for story in printed if story.placement.section == section])
             for section, title in SECTION_TITLES.items()]
    return [(title, stories) for title, stories in parts if stories]


def _read_stories(
    issue: Issue, feeds: Mapping[str, editorial.FeedSource], kept: Kept | None
) -> tuple[list[StoryOnDesk], list[StoryOnDesk]]:
    placements = list(issue.placements.all())
    items = _find_items(placements)
    reasons = read_reasons(issue.pk)
    printed: list[StoryOnDesk] = []
    dropped: list[StoryOnDesk] = []
    for placement in placements:
        words = kept.values if kept and kept.placement_id == placement.pk and kept.form == "rewrite" else None
        shelf = dropped if placement.dropped else printed
        shelf.append(StoryOnDesk(
            placement=placement, place=len(shelf) + 1,
            sources=[_read_source(source) for source in placement.sources],
            evidence=[_trace(sentence, items, feeds) for sentence in placement.sentences],
            reasons=reasons.get(placement.story_id, ()),
            headline=words["headline"] if words else placement.headline,
            summary=words["summary"] if words else placement.summary, is_open=words is not None,
        ))
    return printed, dropped


def _find_items(placements: Iterable[Placement]) -> dict[Any, Item]:
    wanted = {passage["item"] for placement in placements for sentence in placement.sentences for passage in sentence["support"]}
    return {item.pk: item for item in Item.objects.filter(pk__in=wanted).select_related("feed")}


def _read_source(source: Mapping[str, Any]) -> Source:
    at = parse_datetime(source.get("published") or "")
    return make_source(source.get("outlet", ""), source.get("title", ""), source.get("url", ""), at)


def _trace(
    sentence: Mapping[str, Any], items: Mapping[Any, Item], feeds: Mapping[str, editorial.FeedSource]
) -> Evidence:
    passage: Mapping[str, Any] = next(iter(sentence["support"]), {})
    item = items.get(passage.get("item"))
    source = None
    if item is not None:
        feed = feeds.get(item.feed.name)
        source = make_source(feed.title if feed else item.feed.name, item.title, item.url, item.at)
    return Evidence(sentence["text"], passage.get("passage", ""), source)


