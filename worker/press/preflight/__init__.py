"""The last check before approval, one file a subject: what is read is in `reading`, what is found in `finding`."""

from worker.press.preflight.check import check_proof
from worker.press.preflight.finding import Finding, list_blocking, read_finding
from worker.press.preflight.parts import SIZE_LIMIT

__all__ = ["SIZE_LIMIT", "Finding", "check_proof", "list_blocking", "read_finding"]
