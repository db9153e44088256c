"""An issue that is approved, on its way or held in; how many copies are out and how many a stop spares, out."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.storage.models import DeliveryState

OUT = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.ATTEMPTING, DeliveryState.UNCERTAIN)


@dataclass(frozen=True)
class Stop:
    """What a stop at this moment leaves: copies that `are_out` (handed over, or being handed over) and those that it spares."""

    are_out: int
    spared: int

    def __str__(self) -> str:
        if not self.are_out:
            return f"Nobody has a copy yet: stopped now, {say_readers(self.spared)} will not get it."
        out = "1 copy is" if self.are_out == 1 else f"{self.are_out:,} copies are"
        return f"{out} out and cannot be called back; stopped now, {say_readers(self.spared)} will not get it."


def count_stop(states: Mapping[str, int], audience: int) -> Stop:
    """Return what a stop leaves; `audience` is who would get an issue whose copies are not made yet. Pure."""
    if not states:
        return Stop(0, audience)
    return Stop(sum(states.get(state, 0) for state in OUT), states.get(DeliveryState.QUEUED, 0))


def say_readers(readers: int) -> str:
    """Return how many readers, in words. Pure."""
    return "1 reader" if readers == 1 else f"{readers:,} readers"
