"""What every sender is: copies go in, and for each one, in the same order, comes out what became of it."""

import os
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from worker.delivery.message import Copy
from worker.errors import BroadsheetError


class Kind(Enum):
    """What became of a copy at the next hop."""

    ACCEPTED = "accepted"  # the next hop is answerable for it now
    DEFERRED = "deferred"  # refused for the moment: may be tried again later
    REFUSED = "refused"  # refused for good, because of this reader's address or copy
    POLICY = "policy"  # refused because of who we are or what we send: the next reader would be refused as well
    UNCERTAIN = "uncertain"  # handed over, but the answer never came
    UNSENT = "unsent"  # nothing was handed over, so it does not count as an attempt


class Outcome(NamedTuple):
    """`detail` is the next hop's own words; `retry_after` the seconds after which it asked to be given this copy again, if it did;
    `pause` those in which it wants nothing at all; `is_gone`: it said that the reader's mailbox does not exist, and never will."""

    kind: Kind
    provider_id: str = ""
    detail: str = ""
    retry_after: float | None = None
    is_gone: bool = False
    pause: float = 0


class SenderRefusedError(BroadsheetError):
    """The next hop wants nothing from us (a wrong password or key, a certificate that does not fit): a person must act.

    Raised only when nothing of the call was handed over.
    """


class Note(Protocol):
    """What a sender says while a call is under way, so that it is known even if the process ends in the middle of it.

    May be spoken to by several threads at once.
    """

    def begin(self, places: Sequence[int]) -> None:
        """Say, before the first byte after which the next hop may be answerable for the copies at these places of the call.

        Raises TransientError if that cannot be kept: then they must not be handed over.
        """
        ...

    def end(self, places: Sequence[int], outcome: Outcome) -> None:
        """Say what became of the copies at these places, as soon as it is known."""
        ...

    def is_over(self) -> bool:
        """Say whether no further copy is to be begun: the call has lasted long enough, or the work is being stopped."""
        ...


class Unkept:
    """The note of a call of which nothing need be known if the process ends."""

    def begin(self, places: Sequence[int]) -> None:
        """Nothing is kept."""

    def end(self, places: Sequence[int], outcome: Outcome) -> None:
        """Nothing is kept."""

    def is_over(self) -> bool:
        """It goes on to its end."""
        return False


UNKEPT = Unkept()


class Sender(Protocol):
    """A way out.

    `send` may be called by `calls_at_once` threads at a time. It answers for every copy, in order, and tells `note` of each as it
    goes. It raises TransientError or SenderRefusedError only if nothing of the call was handed over; once something may have
    been, it says so copy by copy. What it has not begun when `note` says that the call is over it leaves as UNSENT; what it has
    begun ends within a third of the lease (`settings.DELIVERY_LEASE_SECONDS`).
    """

    name: str
    batch_size: int  # how many copies one call takes at most
    calls_at_once: int
    lost_together: int  # how many copies one fault, such as a server that is restarted, may leave uncertain
    one_letter: bool  # whether all copies of a call must be of one template

    def send(self, copies: Sequence[Copy], note: Note = UNKEPT) -> Sequence[Outcome]: ...

    def check(self) -> str:
        """Say in one line that the next hop is there and takes our mail; raises BroadsheetError if not."""
        ...

    def close(self) -> None: ...


def describe_fault(error: BaseException) -> str:
    """Return what is wrong with a connection, in words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return " ".join(str(error).split()) or type(error).__name__
