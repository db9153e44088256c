"""Who was forgotten, and who got it twice: the suite's own arithmetic, and its chance."""

import pytest

from tests.faults.accounts import Account, Row, Taken, settle
from tests.faults.moods import Mood, Moods, read_moods, write_moods

ADA, BEN = "ada@example.com", "ben@example.com"
BEN_TAKEN = Taken(2, BEN, 0)


def account(state: str | None, *taken: Taken) -> Account:
    """Settle for Ada, whose row is in this state, and Ben, with whom all is well."""
    rows = [Row(2, BEN, "accepted")] + ([Row(1, ADA, state)] if state else [])
    return settle([ADA, BEN], rows, [BEN_TAKEN, *taken])


@pytest.mark.parametrize(("state", "taken", "forgotten", "twice", "words"), [
    ("accepted", [Taken(1, ADA, 0)], 0, 0, ""),
    ("delivered", [Taken(1, ADA, 0)], 0, 0, ""),
    ("uncertain", [Taken(1, ADA, 0)], 0, 0, ""),
    ("uncertain", [], 0, 0, ""),
    ("failed", [], 0, 0, ""),
    ("suppressed", [], 0, 0, ""),
    ("cancelled", [], 0, 0, ""),
    (None, [], 1, 0, "have no row"),
    ("queued", [], 1, 0, "left open"),
    ("attempting", [Taken(1, ADA, 0)], 1, 0, "left open"),
    ("accepted", [], 1, 0, "never taken"),
    ("failed", [Taken(1, ADA, 0)], 0, 0, "says they were not"),
    ("accepted", [Taken(1, ADA, 0), Taken(1, ADA, 9)], 0, 1, "taken twice"),
    ("uncertain", [Taken(1, ADA, 0), Taken(1, ADA, 9)], 0, 1, "taken twice"),
    ("accepted", [Taken(2, ADA, 0)], 0, 0, "another reader's Message-ID"),
    ("accepted", [Taken(1, ADA, 0), Taken(3, "eve@example.com", 0)], 0, 0, "strangers"),
])
def test_everybody_is_accounted_for(state: str | None, taken: list[Taken], forgotten: int, twice: int, words: str) -> None:
    found = account(state, *taken)
    assert (found.forgotten, len(found.twice)) == (forgotten, twice)
    faults = "; ".join(found.find_faults(bound=1))
    assert words in faults
    assert bool(words) == bool(faults)


def test_no_more_may_be_uncertain_than_were_on_their_way() -> None:
    assert account("uncertain").find_faults(bound=1) == []
    assert account("uncertain").find_faults(bound=0) == ["1 uncertain, where 0 is the most"]


def test_a_seed_says_when_a_server_misbehaves() -> None:
    rules = [Mood("rcpt", "drop", share=0.3, most=5), Mood("dot", "421 closing", when=(3, 7))]

    def play(seed: int) -> list[str]:
        moods = read_moods(write_moods(rules), seed)
        return [moods.meet(point, number) for number in range(60) for point in ("mail", "rcpt", "dot")]

    assert play(1) == play(1) != play(2)
    assert play(1).count("drop") == 5
    assert [number for number, deed in enumerate(play(1)) if deed.startswith("421")] == [3 * 3 + 2, 7 * 3 + 2]
    assert Moods().meet("dot") == ""
