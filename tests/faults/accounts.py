"""The audience, the ledger's rows and the server's own list of what it took in; who was forgotten or got it twice out. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

SMTP_IN_FLIGHT = 16  # connections a process keeps open: the mails whose answers one kill may lose
SMTP_CALL = 500  # mails of one call, of which a process has two under way
SENDGRID_IN_FLIGHT = 4 * 1000  # calls a process has under way, times the readers of a call

_TAKEN = ("accepted", "delivered")
_ENDED = ("failed", "suppressed", "cancelled", "bounced")


@dataclass(frozen=True)
class Row:
    """What the ledger says of one reader when everything is over."""

    number: int
    address: str
    state: str


@dataclass(frozen=True)
class Taken:
    """One mail the server took: the row its Message-ID names, whom it went to, and when."""

    number: int
    address: str
    at: float


@dataclass(frozen=True)
class Account:
    """What became of an audience. The lists hold addresses."""

    mails: int = 0
    missing: list[str] = field(default_factory=list)  # no row
    unfinished: list[str] = field(default_factory=list)  # queued or attempting, though nobody works on it any more
    false: list[str] = field(default_factory=list)  # accepted, and the server never took it
    untold: list[str] = field(default_factory=list)  # failed, suppressed or cancelled, and the server took it
    twice: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # taken for somebody who is not of the audience
    mixed_up: list[str] = field(default_factory=list)  # taken with another reader's Message-ID
    uncertain: int = 0
    states: dict[str, int] = field(default_factory=dict)

    @property
    def forgotten(self) -> int:
        """Readers who did not get it, and of whom the ledger does not say so."""
        return len(self.missing) + len(self.unfinished) + len(self.false)

    def find_faults(self, bound: int) -> list[str]:
        """Return what is wrong, each in a few words; nothing if all are accounted for and no more than `bound` are uncertain."""
        lists = {"have no row": self.missing, "were left open": self.unfinished, "accepted, but never taken": self.false,
                 "taken twice": self.twice, "taken, though the ledger says they were not": self.untold,
                 "taken for strangers": self.strangers, "taken with another reader's Message-ID": self.mixed_up}
        found = [f"{len(who)} {words} (such as {who[0]})" for words, who in lists.items() if who]
        if self.uncertain > bound:
            found.append(f"{self.uncertain} uncertain, where {bound} is the most")
        return found


def settle(audience: Collection[str], rows: Iterable[Row], taken: Sequence[Taken]) -> Account:
    """Compare what the ledger says with what the server took."""
    due = set(audience)
    known = list(rows)
    numbers = {row.number: row.address for row in known}
    times = Counter(one.address for one in taken)
    states = {row.address: row.state for row in known if row.address in due}
    return Account(
        mails=len(audience),
        missing=[address for address in audience if address not in states],
        unfinished=[address for address, state in states.items() if state not in (*_TAKEN, *_ENDED, "uncertain")],
        false=[address for address, state in states.items() if state in _TAKEN and not times[address]],
        untold=[address for address, state in states.items() if state in _ENDED and times[address]],
        twice=[address for address, count in times.items() if count > 1],
        strangers=[address for address in times if address not in states],
        mixed_up=[one.address for one in taken if numbers.get(one.number) != one.address],
        uncertain=sum(state == "uncertain" for state in states.values()),
        states=dict(Counter(states.values())),
    )
