"""The links of a mail that lead away in, those whose page is certainly gone, or was not found out yet, out."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from worker.issues.evidence import find_placements
from worker.issues.links import find_waiver
from worker.issues.wording import cut_line
from worker.press.content import PrintedPartner, PrintedStory, print_partner, print_story
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.reading import Reading, place
from worker.storage.models import Inquiry, Issue, PartnerBlock, Placement, Subject, Verdict

OLDEST = timedelta(hours=24)  # an answer counts for so long; the worker asks again much sooner
ASK = "Let them be checked now, or wait: the service asks by itself."


@dataclass(frozen=True)
class Link:
    """A link that leads away: where it leads, whose it is, and where on the issue's page it is dealt with."""

    url: str
    name: str
    where: str
    outlet: bool = False  # it may be left out


def list_outward(issue: Issue) -> list[Link]:
    """Return the links that the issue's mail prints, to outlets, partners and pages of our own, each address once.

    Not the one to the issue's own page in the archive, which is there once it has gone out.
    """
    placements = list(find_placements(issue).filter(dropped=False))
    blocks = list(issue.partner_blocks.all())
    return _list_links(placements, [print_story(one) for one in placements], blocks, [print_partner(one) for one in blocks])


def hash_about(about: str) -> str:
    """Return the key of what an inquiry is about."""
    return hashlib.sha256(about.encode()).hexdigest()


def check_links(reading: Reading) -> Iterator[Finding]:
    """Yield the dead links, which block unless an editor let them stand, and those of which nothing is known."""
    links = _list_links(reading.live, reading.stories, reading.blocks, reading.partners)
    rows = {row.about: row for row in Inquiry.objects.filter(subject=Subject.LINK, key__in=[hash_about(one.url) for one in links])}
    fresh = timezone.now() - OLDEST
    dead, unsure, unasked, waived = [], [], [], 0
    for link in links:
        row = rows.get(link.url)
        if row is None or row.asked_at is None or row.asked_at < fresh:
            unasked.append(link)
        elif row.verdict == Verdict.BAD and find_waiver(reading.issue, link.url):
            waived += 1
        elif row.verdict == Verdict.BAD:
            dead.append(Fault(f"the link to {link.name} {row.words}", "Leave the outlet out, or let the link stand with a reason."
                              if link.outlet else "Give another address, or let the link stand with a reason.",
                              link.where, link.url))
        elif row.verdict == Verdict.UNSURE:
            unsure.append(Fault(f"the link to {link.name} {row.words}", "Open it yourself.", link.where, link.url))
    fine = f"{len(links)} asked" + (f", {waived} waived" if waived else "")
    yield from judge("links answer", dead, "none is known to be dead" if unasked or unsure else fine)
    yield from judge("links not certain", unsure, "none", blocking=False)
    waiting = [Fault(f"{len(unasked)} of {len(links)} links have not been asked yet", ASK)] if unasked else []
    yield from judge("links asked", waiting, "all", blocking=False)


def _list_links(placements: Sequence[Placement], stories: Sequence[PrintedStory], blocks: Sequence[PartnerBlock],
                partners: Sequence[PrintedPartner]) -> list[Link]:
    links = [Link(source.url, f"{source.outlet} for “{cut_line(story.headline, 80)}”", place(placement), True)
             for placement, story in zip(placements, stories, strict=True) for source in story.sources]
    links += [Link(partner.url, partner.partner, f"partner-{block.pk}") for block, partner in zip(blocks, partners, strict=True)]
    links += [Link(story.update.url, f"our issue of {story.update.day}", place(placement))
              for placement, story in zip(placements, stories, strict=True) if story.update and story.update.url]
    if links:
        links.append(Link(f"{settings.BASE_URL}/terms/", "our terms", ""))
    return list(_each_once(link for link in links if link.url.startswith(("http://", "https://"))))


def _each_once(links: Iterable[Link]) -> Iterator[Link]:
    met: set[str] = set()
    for link in links:
        if link.url not in met:
            met.add(link.url)
            yield link
