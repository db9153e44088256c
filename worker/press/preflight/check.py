"""An issue and its proof in, the findings of the last check out; a blocking one forbids approval."""

from collections.abc import Iterable, Mapping

from worker.issues.evidence import Articles
from worker.press.preflight.evidence import check_evidence
from worker.press.preflight.finding import Finding
from worker.press.preflight.links import check_links
from worker.press.preflight.looks import check_looks
from worker.press.preflight.partners import check_partners
from worker.press.preflight.parts import check_parts
from worker.press.preflight.placeholders import check_placeholders
from worker.press.preflight.reading import read_all
from worker.press.preflight.repeats import check_repeats
from worker.press.preflight.stories import check_stories
from worker.press.preflight.subject import check_subject
from worker.press.proof import Proof
from worker.storage.models import Issue, Placement

_CHECKS = (check_stories, check_subject, check_parts, check_looks, check_placeholders, check_evidence, check_partners, check_links,
           check_repeats)


def check_proof(issue: Issue, proof: Proof, *, placements: Iterable[Placement] | None = None,
                articles: Mapping[int, Articles] | None = None) -> list[Finding]:
    """Return every check's finding for `proof`, which must be of `issue` as its rows stand.

    Nothing is asked of the world: what is known of links was asked by a worker (`delivery.inquiries`). `placements` and
    `articles` are the issue's, if they were read already (`issues.evidence.find_placements`, `read_story_articles`).
    """
    reading = read_all(issue, proof, placements, articles)
    return [finding for check in _CHECKS for finding in check(reading)]
