"""The printed words in, whether each claim in them is in a report that the story has now, or was waived, out."""

from collections.abc import Iterator

from worker.issues.evidence import read_evidence
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.reading import Reading, place, quote
from worker.storage.models import Section
from worker.stories.summary import Claim


def check_evidence(reading: Reading) -> Iterator[Finding]:
    """Yield the claims that block, and the reports that were rewritten; a short item prints its headline alone."""
    faults, rewritten, waived = [], [], 0
    for placement in reading.live:
        checked = [one for one in read_evidence(placement, reading.articles.get(placement.story_id, ()))
                   if one.part == "headline" or placement.section != Section.SHORT]
        waived += sum(one.waiver is not None for one in checked)
        faults += [Fault(f"{quote(placement)} says {_name_claim(claim)}, which none of its sources bears out",
                         "Rewrite it, or waive it with a reason.", place(placement))
                   for one in checked if one.blocks for claim in one.serious]
        rewritten += [Fault(f"{quote(placement)} rests on a report that its outlet has rewritten since: “{one.sentence.text}”",
                            "Read the report again.", place(placement)) for one in checked if one.rewritten]
    fine = "every claim has its source" + (f", {waived} waived" if waived else "")
    yield from judge("evidence", faults, fine)
    yield from judge("rewritten reports", rewritten, "none since the draft", blocking=False)


def _name_claim(claim: Claim) -> str:
    return f"“{claim.text}”" + ("" if claim.kind == "statement" else f" ({claim.kind})")
