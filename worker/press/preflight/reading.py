"""An issue and its proof in, all that the checks look at out: read once, and shared by them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from worker.errors import BroadsheetError
from worker.issues.evidence import Articles, find_placements, read_story_articles
from worker.press.blocks import fold, fold_plain, strip_marks
from worker.press.content import PrintedPartner, PrintedStory, print_partner, print_story
from worker.press.preflight.page import Page, read_page
from worker.press.proof import Proof
from worker.storage.models import Issue, PartnerBlock, Placement


@dataclass(frozen=True)
class Reading:
    """What is checked. `full` is the proof with everything in it, the most a reader gets; `bare` has what all get.

    `stories` are the `live` placements as printed, `partners` the `blocks`, each in the same order.
    """

    issue: Issue
    proof: Proof
    full: Proof
    bare: Proof
    page: Page
    live: Sequence[Placement]
    dropped: Sequence[Placement]
    articles: Mapping[int, Articles]
    stories: Sequence[PrintedStory]
    blocks: Sequence[PartnerBlock]
    partners: Sequence[PrintedPartner]


def read_all(issue: Issue, proof: Proof, placements: Iterable[Placement] | None,
             articles: Mapping[int, Articles] | None) -> Reading:
    """Read what the caller has not read already (`find_placements`, `read_story_articles`)."""
    placed = list(find_placements(issue) if placements is None else placements)
    live = [placement for placement in placed if not placement.dropped]
    if articles is None:
        articles = read_story_articles([placement.story_id for placement in live])
    blocks = list(issue.partner_blocks.all())
    full = replace(proof, html=strip_marks(proof.html), text=strip_marks(proof.text))
    return Reading(
        issue, proof, full, _fold_bare(proof, full), read_page(full.html), live,
        [placement for placement in placed if placement.dropped], articles, [print_story(placement) for placement in live],
        blocks, [print_partner(block) for block in blocks])


def _fold_bare(proof: Proof, full: Proof) -> Proof:
    try:
        return replace(proof, html=fold(proof.html, ()), text=fold_plain(proof.text, ()))
    except BroadsheetError:  # the blocks' own check says so
        return full


def quote(placement: Placement) -> str:
    """Return the story's headline in quotation marks."""
    return f"“{' '.join(placement.headline.split())}”"


def place(placement: Placement) -> str:
    """Return the fragment of the issue's page at which the story stands."""
    return f"story-{placement.pk}"
