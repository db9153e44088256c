"""What every sender is: copies go in, and for each one, in the same order, comes out what became of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

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


@dataclass(frozen=True)
class Outcome:
    """`detail` is the next hop's own words; `retry_after` the seconds it asked for, if it did; `is_gone`: it said that the
    reader's mailbox does not exist, and never will."""

    kind: Kind
    provider_id: str = ""
    detail: str = ""
    retry_after: float | None = None
    is_gone: bool = False


class SenderRefusedError(BroadsheetError):
    """The next hop wants nothing from us (a wrong password or key, a certificate that does not fit): a person must act.

    Raised only when nothing of the call was handed over.
    """


class Sender(Protocol):
    """A way out. One instance belongs to one thread.

    `send` answers for every copy, in order. It raises TransientError or SenderRefusedError only if nothing of the call
    was handed over; once something may have been, it says so copy by copy. It must come back well within the lease
    (`settings.DELIVERY_LEASE_SECONDS`), leaving as UNSENT what it did not get to.
    """

    name: str
    batch_size: int  # how many copies one call takes: the most that a crash can leave uncertain
    one_letter: bool  # whether all copies of a call must be of one template

    def send(self, copies: Sequence[Copy]) -> Sequence[Outcome]: ...

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
