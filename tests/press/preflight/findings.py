"""What one check says of an issue, for the tests of each."""

from worker.press.preflight import Finding, check_proof
from worker.press.proof import Proof
from worker.press.render import render_proof
from worker.storage.models import Issue


def find_all(issue: Issue, check: str, proof: Proof | None = None) -> list[Finding]:
    """Return the check's findings, in order."""
    return [found for found in check_proof(issue, proof or render_proof(issue)) if found.check == check]


def find(issue: Issue, check: str, proof: Proof | None = None) -> Finding:
    """Return the first of them."""
    return find_all(issue, check, proof)[0]


def faults_of(issue: Issue, proof: Proof | None = None) -> list[Finding]:
    """Return what is not well; that nobody has asked the links yet is not this test's business."""
    return [found for found in check_proof(issue, proof or render_proof(issue)) if not found.ok and found.check != "links asked"]
