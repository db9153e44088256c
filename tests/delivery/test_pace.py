"""How fast mail may go: the settings, the arithmetic as tables, and whole sends by a clock of their own."""

import heapq
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.press import gmail
from worker.delivery.pace import (
    Admitted,
    Lane,
    name_provider,
    open_lane,
    share_out,
)
from worker.errors import BroadsheetError
from worker.values import Rate, read_rates, read_warm_up

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 12, 1, 10, tzinfo=UTC)


# -- the settings -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("given", "rates"), [
    ("", {}), (" , ", {}),
    ("gmail.com=20/s", {"gmail.com": Rate(20, 1)}),
    (" GMail.com = 20 / S ,outlook.com=300/min,*=1000/h,",
     {"gmail.com": Rate(20, 1), "outlook.com": Rate(300, 60), "*": Rate(1000, 3600)}),
])
def test_rates_are_read(given: str, rates: dict[str, Rate]) -> None:
    assert read_rates(given) == rates


@pytest.mark.parametrize(("given", "piece"), [
    ("gmail.com", "gmail.com"), ("*=5/s, gmail.com=20", "gmail.com=20"), ("gmail.com=20/m", "gmail.com=20/m"),
    ("gmail.com=0/s", "gmail.com=0/s"), ("gmail.com=-1/s", "gmail.com=-1/s"), ("gmail.com=0.5/s", "gmail.com=0.5/s"),
    ("gmail.com=100001/s", "gmail.com=100001/s"), ("gmail=20/s", "gmail=20/s"), ("müller.de=5/s", "müller.de=5/s"),
    ("@gmail.com=5/s", "@gmail.com=5/s"), ("=5/s", "=5/s"), (f"{'a' * 97}.org=5/s", "aaa.org=5/s"),
    ("gmail.com=5/s; outlook.com=5/s", "gmail.com=5/s; outlook.com=5/s"),
    ("gmail.com=5/s, outlook.com=3/s, GMAIL.com=6/s", "GMAIL.com=6/s"),
])
def test_a_wrong_rate_is_named(given: str, piece: str) -> None:
    with pytest.raises(BroadsheetError) as caught:
        read_rates(given)
    assert str(caught.value).startswith("SEND_RATES: '")
    assert f"{piece}'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_warm_up_is_read() -> None:
    assert read_warm_up("") == read_warm_up(" ") == {}
    assert read_warm_up("2028-02-28: 500,1000 , 2000") == {
        date(2028, 2, 28): 500, date(2028, 2, 29): 1000, date(2028, 3, 1): 2000}


@pytest.mark.parametrize(("given", "piece"), [
    ("500, 1000", "500, 1000"), ("tomorrow: 500", "tomorrow"), ("2026-02-30: 500", "2026-02-30"), (": 5", ""),
    ("9999-12-31: 1, 2", "9999-12-31"), ("2026-12-01", ""), ("2026-12-01: 500,, 2000", ""), ("2026-12-01: 500, 0", "0"),
    ("2026-12-01: 500, 1e3", "1e3"), ("2026-12-01: 1 000", "1 000"), ("2026-12-01: 5, 2000000000", "2000000000"),
])
def test_a_wrong_warm_up_is_named(given: str, piece: str) -> None:
    with pytest.raises(BroadsheetError) as caught:
        read_warm_up(given)
    assert str(caught.value).startswith(f"WARM_UP: '{piece}'")
    assert "e.g. 2026-12-01: 500, 1000, 2000" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [{"SEND_RATES": "gmail.com=fast"}, {"WARM_UP": "2026-12-01: many"}])
def test_a_wrong_setting_is_one_line_at_start(given: dict[str, str], service_environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-m", "worker", "issues"], env={**service_environment, **given}, cwd=ROOT, text=True,
                          capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(f"broadsheet: {next(iter(given))}: '")
    assert len(done.stderr.splitlines()) == 1


# -- whose mailboxes ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("address", "provider"), [
    ("ada@gmail.com", "gmail.com"), ("ada@GoogleMail.com", "gmail.com"), ("ada@sub.gmail.com", "sub.gmail.com"),
    ("ada@outlook.com", "outlook.com"), ("ada@hotmail.de", "outlook.com"), ("ada@live.co.uk", "outlook.com"),
    ("ada@msn.com", "outlook.com"), ("hotmail.com", "outlook.com"), ("ada@live.example", "live.example"),
    ("ada@yahoo.co.uk", "yahoo.com"), ("ada@yahoo.de", "yahoo.com"), ("ada@aol.com", "yahoo.com"),
    ("ada@yahoo.co.jp", "yahoo.co.jp"), ("ada@yahoo.shop.example.org", "yahoo.shop.example.org"),
    ("ada@me.com", "icloud.com"), ("ada@pm.me", "proton.me"), ("ada@ya.ru", "yandex.com"),
    ("x@ada.fastmail.fm", "fastmail.com"), ("ada@eml.cc", "fastmail.com"),
    ('"a@gmail.com"@example.org', "example.org"), ("ada@xn--mller-kva.de", "xn--mller-kva.de"),
])
def test_a_provider_is_known_by_all_its_domains(address: str, provider: str) -> None:
    assert name_provider(address) == provider


# -- the arithmetic -----------------------------------------------------------------------------------------------
def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def lane(rate: str, free: float | None = None, queue: float | None = None, at: float = 0) -> Lane:
    moments = (None if one is None else after(one) for one in (free, queue))
    return open_lane(read_rates(f"x.org={rate}")["x.org"], *moments, after(at))


def ask(lanes: dict[str, Lane], copies: Sequence[tuple[int, str]], left: int | None = None) -> Admitted:
    return share_out(copies, lanes, left, midnight=3600)


@pytest.mark.parametrize(("rate", "at_once"), [
    ("20/s", 21), ("1/s", 2), ("300/min", 6), ("60/min", 2), ("10/h", 1), ("1/h", 1), ("3/s", 3)])
def test_a_bucket_that_is_full_holds_a_second_and_one(rate: str, at_once: int) -> None:
    """A third of a second is rounded up, so that a rate is never exceeded: of 3/s the fourth copy is a microsecond early."""
    assert len(ask({"gmail.com": lane(rate)}, gmail(100)).go) == at_once


@pytest.mark.parametrize(("free", "at", "count"), [
    (1.05, 0.0, 0), (1.05, 0.05, 1), (1.05, 0.5, 10), (1.05, 1.05, 21), (1.05, 3600.0, 21), (-3600.0, 0.0, 21),
    (86_400.0, 0.0, 0), (86_400.0, 0.05, 0),
])
def test_a_bucket_fills_at_the_rate(free: float, at: float, count: int) -> None:
    assert len(ask({"gmail.com": lane("20/s", free, at=at)}, gmail(100)).go) == count


def test_a_clock_that_was_set_back_holds_nothing_up_for_long() -> None:
    """What was written down at a later hour: a copy has to wait for one gap, and stands behind no queue of tomorrow's."""
    found = lane("20/s", free=7200, queue=9000)
    assert found.next_at == after(0.05)
    assert lane("20/s", free=7200, queue=90_000).queue_until == after(900)


def test_the_others_come_back_at_the_rate() -> None:
    waits = ask({"gmail.com": lane("20/s")}, gmail(500)).waits
    assert list(waits) == list(range(21, 500))
    assert list(waits.values()) == sorted(waits.values())
    assert waits[21] == 0.25  # the token is there after 0.05
    assert waits[499] == 24.0  # 479 copies at 20/s, rounded up
    assert max(Counter(waits.values()).values()) == 5


def test_who_asks_later_stands_behind() -> None:
    first = lane("20/s")
    ask({"gmail.com": first}, gmail(500))
    second = open_lane(first.rate, first.free_at, first.queue_until, after(0.01))
    assert min(ask({"gmail.com": second}, gmail(10)).waits.values()) >= 24.0


def test_beyond_a_quarter_of_an_hour_nobody_is_told_a_turn() -> None:
    waits = ask({"gmail.com": lane("1/s")}, gmail(2000)).waits
    assert max(waits.values()) == 900
    beyond = [waits[number] for number in range(902, 2000)]
    assert min(beyond) > 450
    assert max(Counter(beyond).values()) < 30  # they do not come back all at once


def test_a_queue_whose_copies_do_not_come_is_forgotten() -> None:
    """An issue was cancelled that stood in front: a bucket that overflows for ten seconds has nobody waiting."""
    assert lane("20/s", free=-5, queue=600).queue_until == after(600)
    assert lane("20/s", free=-11, queue=600).queue_until == after(0)


def test_a_copy_passes_all_limits_or_takes_from_none() -> None:
    lanes = {"gmail.com": lane("1/s"), "*": lane("2/s")}
    domains = ["gmail.com", "gmail.com", "gmail.com", "example.org", "gmail.com", "example.org"]
    done = ask(lanes, [(number, f"reader@{domain}") for number, domain in enumerate(domains, 1)])
    assert done.go == [1, 2, 4]
    assert done.waits == {3: 1.0}  # refused by its provider: it takes nothing of what is for all
    assert done.pause == 1.0  # 5 and 6 are left alone; then two copies' worth is there
    assert lanes["gmail.com"].next_at == after(1)
    before = lanes["gmail.com"].free_at
    assert ask(lanes, gmail(3)) == Admitted(pause=done.pause)
    assert lanes["gmail.com"].free_at == before


def test_the_warm_up_ends_the_day() -> None:
    assert ask({}, gmail(5), left=3) == Admitted([0, 1, 2], pause=3600)
    assert ask({"*": lane("100/s")}, gmail(5), left=5).go == [0, 1, 2, 3, 4]
    assert ask({"*": lane("100/s")}, gmail(5), left=-7) == Admitted(pause=3600)
    # A copy refused by its provider takes nothing of the day.
    done = ask({"gmail.com": lane("1/h")}, [*gmail(2), (7, "a@example.org")], left=2)
    assert (done.go, list(done.waits), done.pause) == ([0, 7], [1], 0)


# -- a whole send, by a clock of its own --------------------------------------------------------------------------
class Send:
    """An audience, and workers that claim, ask and wait as the real ones do, at times that only exist here."""

    def __init__(self, addresses: Sequence[str], rates: str, *, workers: int = 1, call: int = 10, call_seconds: float = 0.02,
                 stalls: float = 0, crashes: float = 0, late: dict[int, float] | None = None) -> None:
        self.addresses, self.rates = addresses, read_rates(rates)
        self.call, self.call_seconds, self.stalls, self.crashes = call, call_seconds, stalls, crashes
        self.chance = random.Random(1)  # the same send each time
        self.kept: dict[str, tuple[datetime, datetime]] = {}
        self.waiting = [((late or {}).get(number, 0.0), number) for number in range(len(addresses))]
        heapq.heapify(self.waiting)
        self.due: list[int] = []
        self.gone: dict[int, float] = {}
        self.asked: Counter[int] = Counter()
        turns = [(worker * 0.001, worker, self.work()) for worker in range(workers)]
        for _, _, steps in turns:
            next(steps)
        while turns:
            now, worker, steps = heapq.heappop(turns)
            assert self.asked.total() < 50 * len(addresses), "a send that never ends"
            try:
                heapq.heappush(turns, (now + steps.send(now), worker, steps))
            except StopIteration:
                continue

    def work(self) -> Generator[float, float]:
        now = yield 0.0
        while len(self.gone) < len(self.addresses):
            claimed = self.claim(now)
            if not claimed:
                left = self.waiting[0][0] - now if self.waiting else 1.0
                now = yield min(max(left, 0.1), 2.0)
            while claimed:
                taken, claimed = claimed[: self.call], claimed[self.call :]
                done = self.ask(taken, now)
                self.gone.update(dict.fromkeys(done.go, now))
                for number, wait in done.waits.items():
                    heapq.heappush(self.waiting, (now + wait, number))
                untouched = [number for number in taken if number not in done.waits and number not in self.gone]
                dies = bool(done.go) and self.chance.random() < self.crashes
                if dies or done.pause:
                    for number in untouched + claimed:  # a lease runs out, or is given back
                        heapq.heappush(self.waiting, (now + 60 * dies, number))
                    now = yield 2.0 if dies else done.pause
                    break
                stall = self.chance.uniform(1, 10) if self.chance.random() < self.stalls else 0
                now = yield 0.002 + bool(done.go) * self.chance.uniform(0.5, 1.5) * self.call_seconds + stall

    def claim(self, now: float) -> list[int]:
        while self.waiting and self.waiting[0][0] <= now:
            heapq.heappush(self.due, heapq.heappop(self.waiting)[1])
        return [heapq.heappop(self.due) for _ in range(min(500, len(self.due)))]

    def ask(self, numbers: Sequence[int], now: float) -> Admitted:
        self.asked.update(numbers)
        copies = [(number, self.addresses[number]) for number in numbers]
        keys = {"*", *(name_provider(address) for _, address in copies)} & self.rates.keys()
        lanes = {key: open_lane(self.rates[key], *self.kept.get(key, (None, None)), after(now)) for key in keys}
        done = share_out(copies, lanes, None, 0)
        self.kept |= {key: (one.free_at, one.queue_until) for key, one in lanes.items()}
        return done

    def most_above(self, rate: float, which: Callable[[str], bool] = bool) -> float:
        """Return by how much the copies of any stretch of time exceed what the rate brings in it."""
        least, most = float("inf"), 0.0
        for count, at in enumerate(sorted(at for number, at in self.gone.items() if which(self.addresses[number]))):
            least = min(least, count - rate * at)
            most = max(most, count + 1 - rate * at - least)
        return most


@pytest.mark.parametrize("how", [
    {}, {"workers": 3}, {"workers": 2, "call": 500}, {"workers": 3, "stalls": 0.01}, {"workers": 3, "crashes": 0.01},
    {"workers": 4, "call_seconds": 0.5},
], ids=str)
def test_a_send_takes_as_long_as_its_rate_says(how: dict[str, Any]) -> None:
    send = Send([address for _, address in gmail(4000)], "gmail.com=20/s", **how)
    assert 0.95 * 200 < max(send.gone.values()) < 1.1 * 200
    assert send.most_above(20) <= 21.01
    assert send.asked.total() < 2.2 * 4000  # once, and once more at its turn
    assert max(send.asked.values()) <= 6


@pytest.mark.parametrize(("count", "rate", "a_second", "asks"), [
    (6000, "1/s", 1, 6), (60, "60/h", 1 / 60, 6), (40_000, "20/s", 20, 4)])
def test_a_send_far_longer_than_turns_are_given_for_ends_in_time(count: int, rate: str, a_second: float, asks: float) -> None:
    send = Send([address for _, address in gmail(count)], f"gmail.com={rate}", workers=2)
    assert max(send.gone.values()) < 1.02 * count / a_second
    assert send.most_above(a_second) <= 2 + a_second
    assert send.asked.total() < asks * count


def test_a_slow_provider_holds_up_nobody_elses_mail() -> None:
    addresses = [f"reader{n}@{'gmail.com' if n % 2 else f'firm{n}.example'}" for n in range(8000)]
    send = Send(addresses, "gmail.com=20/s, *=100/s", workers=3)
    assert max(at for number, at in send.gone.items() if number % 2 == 0) < 1.1 * 4000 / 80
    assert 0.95 * 200 < max(send.gone.values()) < 1.05 * 200
    assert send.most_above(20, lambda address: address.endswith("gmail.com")) <= 21.01
    assert send.most_above(100) <= 101.01


def test_a_limit_for_everything_gives_no_turns() -> None:
    send = Send([address for _, address in gmail(4000)], "*=100/s", workers=3)
    assert 0.95 * 40 < max(send.gone.values()) < 1.05 * 40
    assert send.most_above(100) <= 101.01


def test_an_issue_that_comes_later_stands_behind_but_starves_nobody() -> None:
    late = dict.fromkeys(range(3000, 4000), 50.0)
    send = Send([address for _, address in gmail(4000)], "gmail.com=20/s", workers=2, late=late)
    assert max(send.gone.values()) < 1.05 * 200
    assert max(send.asked.values()) <= 5
