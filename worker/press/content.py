"""An issue's rows in, everything its mail says out: clean text and safe links, ready for the templates."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.conf import settings

from worker import editorial
from worker.issues.corrections import printed_with
from worker.issues.wording import clean_line, clean_url
from worker.storage.models import Issue, Kind, Placement, Section

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
class PrintedStory:
    """A story as printed; `more` counts the outlets that are not named; `update` is None for news."""

    headline: str
    summary: str
    sources: tuple[SourceLink, ...]
    more: int
    update: PrintedUpdate | None = None


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
        day=format_day(issue.period),
        edition_number=issue.edition_number,
        archive_url=_archive_url(issue),
        terms_url=f"{settings.BASE_URL}/terms/",
        lead=next(iter(printed[Section.LEAD]), None), tops=printed[Section.TOP], shorts=printed[Section.SHORT],
        corrections=tuple(PrintedCorrection(format_day(correction.issue.period), clean_line(correction.text))
                          for correction in printed_with(issue)),
    )


def print_story(placement: Placement) -> PrintedStory:
    """Return a placement as printed: text cleaned, links only where safe, as many outlets as there is room for."""
    sources = [_print_source(source) for source in placement.sources]
    section = Section(placement.section)
    shown = SOURCES_SHOWN[section]
    if len(sources) == shown + 1:  # "and 1 more" takes the room of a name
        shown += 1
    summary = "" if section == Section.SHORT else clean_line(placement.summary)  # a short item is its headline
    return PrintedStory(clean_line(placement.headline), summary, tuple(sources[:shown]), max(0, len(sources) - shown),
                        _print_update(placement))


def _print_update(placement: Placement) -> PrintedUpdate | None:
    if placement.kind != Kind.UPDATE:
        return None
    since = placement.since
    return PrintedUpdate(format_day(since.period), _archive_url(since)) if since else PrintedUpdate("", "")


def _archive_url(issue: Issue) -> str:
    return f"{settings.BASE_URL}/archive/{issue.newsletter}/{issue.slug}/"


def _print_source(source: dict[str, Any]) -> SourceLink:
    return SourceLink(clean_line(str(source.get("outlet", ""))), clean_url(str(source.get("url", ""))))


def format_day(period: str) -> str:
    """Return an ISO date as a newspaper prints it: "Monday, 23 November 2026"."""
    day = date.fromisoformat(period)
    return f"{day:%A}, {day.day} {day:%B %Y}"
