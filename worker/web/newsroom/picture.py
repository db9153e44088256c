"""How an issue's copies stand in, the picture that its pages draw of it out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from worker.delivery.standing import STATES, Look, Standing

# Thousandths of the bar's width: three copies that failed of a million must still be seen.
_NARROWEST = 6.0
_LOOKS = 20
_LOOK = re.compile(r"([0-9]{1,11}\.[0-9]{1,6}):([0-9]{1,12})")
MEANINGS = {
    "delivered": "the reader’s mailbox has it",
    "accepted": "the next mail system took it",
    "attempting": "on its way at this moment",
    "queued": "its turn is still to come, or it waits for another try",
    "uncertain": "handed over, but the answer was lost",
    "bounced": "it came back",
    "failed": "refused for good",
    "suppressed": "not to be written to any more",
    "cancelled": "the reader left or paused, or the issue was cancelled, before its turn",
}


@dataclass(frozen=True)
class Slice:
    """A part of the delivery bar, in thousandths of its width."""

    state: str
    count: int
    start: float
    width: float
    meaning: str

    @property
    def shown(self) -> str:
        """The count as the page prints it."""
        return f"{self.count:,}"


def draw_slices(states: Mapping[str, int]) -> list[Slice]:
    """Return the bar's parts from done to not done; small ones are drawn wider than they are, to be seen. Pure."""
    there = [state for state in STATES if states.get(state)]
    total = sum(states[state] for state in there)
    wide = {state: max(1000 * states[state] / total, _NARROWEST) for state in there}
    scale = 1000 / sum(wide.values()) if there else 0
    slices, start = [], 0.0
    for state in there:
        width = wide[state] * scale
        slices.append(Slice(state, states[state], round(start, 2), round(width, 2), MEANINGS[state]))
        start += width
    return slices


def write_looks(standing: Standing) -> str:
    """Return what was seen so far as the page carries it in its next question. Pure."""
    return ",".join(f"{look.at:.3f}:{look.settled}" for look in standing.looks)


def read_looks(text: str) -> list[Look]:
    """Return what `write_looks` wrote; whatever is something else in it is passed over. Pure."""
    return [Look(float(at), int(settled)) for at, settled in _LOOK.findall(text[:1000])[-_LOOKS:]]
