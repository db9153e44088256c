"""The gate's findings in, three heaps of them as the desk shows them out: what blocks, what to mind, what passed."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.issues.wording import clean_url
from worker.press.preflight import Finding
from worker.press.preflight.links import hash_about
from worker.web.newsroom.placed import Kept

DEAD = "links answer"  # the check whose findings may be waived, or their outlet left out


@dataclass(frozen=True)
class Shown:
    """A finding with what may be done about it. `number` counts from 1 over all that are shown."""

    finding: Finding
    number: int
    key: str  # of what it is about: the same for as long as it is about that
    url: str  # "" unless it may be linked to
    is_dead: bool
    placement_id: int | None  # of the story whose outlet may be left out
    reason: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Pane:
    """The findings by what they mean for approval."""

    against: Sequence[Shown]
    minded: Sequence[Shown]
    passed: Sequence[Shown]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.against) + len(self.minded) + len(self.passed)


def part_findings(findings: Sequence[Finding], kept: Kept | None = None) -> Pane:
    """Sort the findings; a reason that was typed and refused comes back in its form."""
    heaps: tuple[list[Shown], list[Shown], list[Shown]] = [], [], []
    for number, finding in enumerate(findings, 1):
        heaps[2 if finding.ok else 0 if finding.blocking else 1].append(_show(finding, number, kept))
    return Pane(*heaps)


def _show(finding: Finding, number: int, kept: Kept | None) -> Shown:
    is_dead = finding.check == DEAD and not finding.ok and bool(finding.about)
    typed = kept if is_dead and kept and kept.form == "waive-link" and kept.values.get("url") == finding.about else None
    story = finding.where.removeprefix("story-")
    can_leave_out = is_dead and finding.where.startswith("story-") and story.isascii() and story.isdecimal()
    return Shown(finding, number, hash_about(finding.about)[:12], clean_url(finding.about), is_dead,
                 int(story) if can_leave_out else None, typed.values.get("reason", "") if typed else "", typed is not None)
