"""An issue's rows in, everything its mail says out: clean text and safe links, ready for the templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.conf import settings

from worker import editorial
from worker.issues.corrections import printed_with
from worker.issues.links import printed_sources
from worker.issues.subject import PREHEADER_LENGTH
from worker.issues.wording import clean_line, clean_url, cut_line
from worker.press.blocks import END, PARTNERS, begin_block, topic_key
from worker.storage.models import Issue, Kind, PartnerBlock, Placement, Section

SOURCES_SHOWN = {Section.LEAD: 8, Section.TOP: 6, Section.SHORT: 3}  # the rest are counted: a mail has 90 KB


@dataclass(frozen=True)
class SourceLink:
    """An outlet that reported a story; `url` is "" if the outlet gave no address a mail may link to."""

    outlet: str
    url: str


@dataclass(frozen=True)
class PrintedUpdate:
    """That readers have had the event: the day of the issue that told it first, and its page. Both "" if it is gone."""

    day: str
    url: str


@dataclass(frozen=True)
class ForTopics:
    """What readers get who chose one of these topics, or none; everybody does if there are no topics."""

    topics: tuple[str, ...] = ()

    @property
    def begin(self) -> str:
        """The mark before it."""
        return begin_block(topic_key(self.topics)) if self.topics else ""

    @property
    def end(self) -> str:
        """The mark after it."""
        return END if self.topics else ""


@dataclass(frozen=True)
class PrintedStory:
    """A story as printed; `more` counts the outlets that are not named; `update` is None for news."""

    headline: str
    summary: str
    sources: tuple[SourceLink, ...]
    more: int
    update: PrintedUpdate | None = None
    only: ForTopics = ForTopics()


@dataclass(frozen=True)
class PrintedPartner:
    """A partner's content. The label that says whose it is belongs to it, and stands in no template."""

    label: str
    partner: str
    headline: str
    text: str
    url: str


@dataclass(frozen=True)
class PrintedCorrection:
    """A correction and the day of the issue it is about."""

    day: str
    text: str


@dataclass(frozen=True)
class IssueContent:
    """All that the templates of an issue may ask for."""

    subject: str
    preheader: str
    newsletter_title: str
    publisher: str
    postal_address: str
    day: str
    edition_number: int
    archive_url: str
    terms_url: str
    lead: PrintedStory | None
    tops: tuple[PrintedStory, ...] = field(default=())
    shorts: tuple[PrintedStory, ...] = field(default=())
    corrections: tuple[PrintedCorrection, ...] = field(default=())
    partners: tuple[PrintedPartner, ...] = field(default=())
    partners_begin: str = begin_block(PARTNERS)
    partners_end: str = END

    @property
    def preheader_only(self) -> ForTopics:
        """The preheader promises the second story: it is for those who get that story."""
        told = (story for story in self.tops if self.preheader == cut_line(story.headline, PREHEADER_LENGTH))
        return next((story.only for story in told), ForTopics())

    @property
    def shorts_only(self) -> ForTopics:
        """Everything in brief: for everybody if one of its items is."""
        if not all(story.only.topics for story in self.shorts):
            return ForTopics()
        return ForTopics(tuple(sorted({topic for story in self.shorts for topic in story.only.topics})))

    @property
    def shorts_vary(self) -> bool:
        """Tell whether how many there are in brief depends on the reader."""
        return any(story.only.topics for story in self.shorts)

    @property
    def stories(self) -> tuple[PrintedStory, ...]:
        """Every story printed, in order."""
        return ((self.lead,) if self.lead else ()) + self.tops + self.shorts


def read_content(issue: Issue) -> IssueContent:
    """Return what the mail of `issue` says: the same each time its rows, feeds.toml and settings are the same."""
    paper = editorial.load()
    placements = list(issue.placements.filter(dropped=False).select_related("since"))
    printed = {section: tuple(print_story(p) for p in placements if p.section == section) for section in Section}
    return IssueContent(
        subject=clean_line(issue.subject), preheader=clean_line(issue.preheader),
        newsletter_title=clean_line(paper.newsletter(issue.newsletter).title),
        publisher=clean_line(paper.publisher.name), postal_address=clean_line(settings.POSTAL_ADDRESS),
        day=_say_day(issue),
        edition_number=issue.edition_number,
        archive_url=_archive_url(issue),
        terms_url=f"{settings.BASE_URL}/terms/",
        lead=next(iter(printed[Section.LEAD]), None), tops=printed[Section.TOP], shorts=printed[Section.SHORT],
        corrections=tuple(PrintedCorrection(_name_day(correction.issue), clean_line(correction.text))
                          for correction in printed_with(issue)),
        partners=tuple(print_partner(block) for block in issue.partner_blocks.all()),
    )


def print_partner(block: PartnerBlock) -> PrintedPartner:
    """Return a partner's content as printed; its url is "" if a mail may not link to it."""
    partner = clean_line(block.partner)
    return PrintedPartner(f"From our partner {partner}", partner, clean_line(block.headline), clean_line(block.text),
                          clean_url(block.url))


def print_story(placement: Placement) -> PrintedStory:
    """Return a placement as printed: text cleaned, links only where safe, as many outlets as there is room for."""
    sources = [_print_source(source) for source in printed_sources(placement)]
    section = Section(placement.section)
    shown = SOURCES_SHOWN[section]
    if len(sources) == shown + 1:  # "and 1 more" takes the room of a name
        shown += 1
    summary = "" if section == Section.SHORT else clean_line(placement.summary)  # a short item is its headline
    return PrintedStory(clean_line(placement.headline), summary, tuple(sources[:shown]), max(0, len(sources) - shown),
                        _print_update(placement), _print_topics(placement))


def _print_topics(placement: Placement) -> ForTopics:
    """The lead is for everybody. What no reader can choose is no topic, whatever the row says."""
    if placement.section == Section.LEAD:
        return ForTopics()
    return ForTopics(tuple(topic for topic in editorial.READER_TOPICS if topic in placement.topics))


def _print_update(placement: Placement) -> PrintedUpdate | None:
    if placement.kind != Kind.UPDATE:
        return None
    since = placement.since
    return PrintedUpdate(_name_day(since), _archive_url(since)) if since else PrintedUpdate("", "")


def _archive_url(issue: Issue) -> str:
    return f"{settings.BASE_URL}/archive/{issue.newsletter}/{issue.slug}/"


def _print_source(source: Mapping[str, Any]) -> SourceLink:
    return SourceLink(clean_line(str(source.get("outlet", ""))), clean_url(str(source.get("url", ""))))


def _say_day(issue: Issue) -> str:
    return f"The week to {format_day(issue.period)}" if issue.digest else format_day(issue.period)


def _name_day(issue: Issue) -> str:
    """The day as it stands after "the issue of"."""
    return f"the week to {format_day(issue.period)}" if issue.digest else format_day(issue.period)


def format_day(period: str) -> str:
    """Return an ISO date as a newspaper prints it: "Monday, 23 November 2026"."""
    day = date.fromisoformat(period)
    return f"{day:%A}, {day.day} {day:%B %Y}"
