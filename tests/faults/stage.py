"""A database, one machine or two, a mail server and an issue in; what a fault did to the issue's readers out.

    with Stage(folder, environment, database) as stage:
        stage.serve_smtp()
        send = stage.send(20_000)
        send.crew()
        send.wait_for(5000)
        ... something goes wrong ...
        result = send.end()
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.sendgrid_server import KEY
from tests.faults.accounts import SENDGRID_IN_FLIGHT, SMTP_IN_FLIGHT, Account, Taken, settle
from tests.faults.crews import Crew, Machine, Nursery
from tests.faults.databases import ROOT, Database
from tests.faults.moods import Mood, write_moods

LEASE_SECONDS = 2
_ROUND = 0.02


@dataclass
class Result:
    """What one fault did. `faults`: what is wrong with that, in words; `skipped`: what was missing to try it."""

    account: Account = field(default_factory=Account)
    bound: int = 0
    recovers: float = 0  # the longest that no mail was taken, though some were open and nothing was struck down any more
    seconds: float = 0
    hits: str = ""
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""

    def add(self, other: "Result") -> None:
        """Count another send in."""
        mine, its = self.account, other.account
        self.account = Account(
            mine.mails + its.mails, mine.missing + its.missing, mine.unfinished + its.unfinished, mine.false + its.false,
            mine.untold + its.untold, mine.twice + its.twice, mine.strangers + its.strangers, mine.mixed_up + its.mixed_up,
            mine.uncertain + its.uncertain, {state: mine.states.get(state, 0) + its.states.get(state, 0)
                                             for state in {*mine.states, *its.states}})
        self.bound += other.bound
        self.recovers, self.seconds = max(self.recovers, other.recovers), self.seconds + other.seconds
        self.faults += other.faults
        self.notes += [note for note in other.notes if note not in self.notes]


class NextHop:
    """A server in a process of its own, and the log of what it took."""

    def __init__(self, module: str, folder: Path, number: int, *options: str) -> None:
        self.log, self.calls = folder / f"taken-{number}.log", folder / f"calls-{number}.log"
        for file in (self.log, self.calls):
            file.touch()
        self.process = subprocess.Popen([sys.executable, "-m", f"tests.faults.{module}", "--log", str(self.log), *options],
                                        cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        self.in_flight = SENDGRID_IN_FLIGHT if module == "sendgrid_server" else SMTP_IN_FLIGHT
        self.kept: dict[str, int] = {}
        self.is_stopped = False

    def stop(self) -> None:
        """End it, and learn how often it misbehaved; a second time does nothing."""
        if self.is_stopped:
            return
        self.is_stopped = True
        self.process.terminate()
        assert self.process.stdout
        for line in self.process.stdout:
            times, _, what = line.strip().partition("\t")
            self.kept[what] = int(times)
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Stage:
    """Where one fault happens."""

    def __init__(self, folder: Path, environment: Mapping[str, str], database: Database, *, disk: Path,
                 machines: int = 1, lease: int = LEASE_SECONDS, seed: int = 0) -> None:
        self.modules: tuple[str, ...] = ()  # what its workers need beside what delivers
        self.folder, self.database, self.seed = folder, database, seed
        self.environment = {**environment, "DATABASE_URL": database.url, "DELIVERY_LEASE_SECONDS": str(lease),
                            "SENDGRID_API_KEY": KEY}
        self.homes = [disk / f"home-{number}" for number in range(1, machines + 1)]
        for home in self.homes:
            home.mkdir(exist_ok=True)
        self.hop: NextHop | None = None
        self._nurseries: dict[int, Nursery] = {}
        self._hops = count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for nursery in self._nurseries.values():
            nursery.close()
        if self.hop:
            self.hop.stop()

    def serve_smtp(self, moods: Sequence[Mood] = (), *options: str, user: str = "", host: str = "127.0.0.1") -> NextHop:
        """Start the SMTP server; another one takes the place of the first, at the same address."""
        hop = self._replace_hop("smtp_server", moods, *options)
        self.environment["SENDER_URL"] = f"smtp://{user}{host}:{hop.port}"
        return hop

    def serve_sendgrid(self, moods: Sequence[Mood] = (), *, delay: tuple[float, float] = (0, 0)) -> NextHop:
        """Start the fake SendGrid; another one takes the place of the first, at the same address."""
        hop = self._replace_hop("sendgrid_server", moods, "--calls", "CALLS", "--delay", *map(str, delay))
        self.environment |= {"SENDER_URL": "sendgrid:", "SENDGRID_HOST": f"http://127.0.0.1:{hop.port}"}
        return hop

    def machine(self, number: int = 0) -> Nursery:
        """Return one of the machines; started with the environment as it is by then."""
        if number not in self._nurseries:
            environment = {**self.environment, "BROADSHEET_HOME": str(self.homes[number])}
            self._nurseries[number] = Nursery(environment, self.folder / f"machine-{number + 1}.log", self.modules)
        return self._nurseries[number]

    def send(self, readers: int, *, frozen: bool = True) -> "Send":
        """Make an issue for so many readers, who are made too."""
        self.machine().do("freeze" if frozen else "start", readers)
        return Send(self, self.database.newest_issue(), [f"reader{n}@example.com" for n in range(readers)])

    def send_again(self, send: "Send", *, what: str = "another") -> "Send":
        """Make another issue for the same readers."""
        self.machine().do(what, send.issue_id)
        return Send(self, self.database.newest_issue(), send.audience)

    def words(self) -> str:
        """Return what all processes had to say."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("machine-*.log")))

    def _replace_hop(self, module: str, moods: Sequence[Mood], *options: str) -> NextHop:
        port, number = 0, next(self._hops)
        if self.hop:
            self.hop.stop()
            port = self.hop.port
        given = [str(self.folder / f"calls-{number}.log") if one == "CALLS" else one for one in options]
        self.hop = NextHop(module, self.folder, number, "--port", str(port), "--moods", write_moods(moods),
                           "--seed", str(self.seed), *given)
        return self.hop


class Send:
    """One issue on its way."""

    def __init__(self, stage: Stage, issue_id: int, audience: Sequence[str]) -> None:
        self.stage, self.issue_id, self.audience = stage, issue_id, audience
        assert stage.hop
        self.hop = stage.hop
        self._from = [file.stat().st_size for file in (self.hop.log, self.hop.calls)]  # what stands there is of sends before
        self._read, self._count = self._from[0], 0
        self.resumed = 0
        self.short_waits = False  # of minutes, for which copies that were refused for the moment wait
        self.resumes = False  # as an editor would, if the issue is held
        self.workers: Crew | None = None
        self._state = ("sending", "")
        self._begun = time.time()
        self._ended = 0.0
        self._down: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent, unless an editor says so."""
        return self._state[0] != "sending"

    @property
    def taken(self) -> int:
        """How many mails the server has taken so far."""
        with self.hop.log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        self._count += new.count(b"\n")
        return self._count

    def read_taken(self) -> list[Taken]:
        """Return all of them."""
        lines = (line.split("\t") for line in self.hop.log.read_bytes()[self._from[0] :].decode().splitlines())
        return [Taken(int(name.partition(".")[0] or 0), address, float(at)) for name, address, at in lines]

    def read_calls(self) -> list[tuple[float, float]]:
        """Return when each call was there and when it was answered."""
        lines = self.hop.calls.read_text()[self._from[1] :].splitlines()
        return [(float(begun), float(ended)) for begun, ended, _ in map(str.split, lines)]

    def crew(self, places: Sequence[int] = (0,), *, what: str = "deliver", machines: Sequence[Machine] = ()) -> Crew:
        """Put a worker on it for each of these machines."""
        self._begun = time.time()
        self.workers = Crew(machines or [self.stage.machine(place) for place in places], self.issue_id, lambda: self.is_over,
                            what=what)
        return self.workers

    def wait_for(self, mails: int, seconds: float = 120) -> bool:
        """Wait until so many have been taken; say whether the issue is still on its way then."""
        until = time.monotonic() + seconds
        while not self.is_over and time.monotonic() < until:
            if self.taken >= mails:
                return True
            time.sleep(0.002)
        return False

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """What happens in here strikes something down: that nothing is taken meanwhile is no wonder."""
        begun = time.time()
        try:
            yield
        finally:
            self._down.append((begun, time.time()))

    def end(self, bound: int, *, seconds: float = 120, after: Callable[[], None] | None = None, hits: str = "",
            refuses: bool = False, of_one: int = 0) -> Result:
        """Wait until the issue is over and every worker has ended, and give account.

        At most `bound` copies may be uncertain, `of_one` of one worker (0: what it has on its way). `after` is done before the
        server's list is read. `refuses`: the server does refuse copies; if not, none may have failed.
        """
        until = time.monotonic() + seconds
        while not self.is_over and time.monotonic() < until:
            time.sleep(_ROUND)
        faults = self._let_go()
        if after:
            after()
        self._stop.set()
        self._watch.join(60)
        state, note = self.stage.database.state_of(self.issue_id) or ("unknown", "")
        if state != "sent":
            faults.append(f"the issue is {state} after {seconds:.0f} s" + (f": {note}" if note else ""))
        taken = self.read_taken()
        account = settle(self.audience, self.stage.database.read_rows(self.issue_id), taken)
        if account.states.get("failed") and not refuses:
            faults.append(f"{account.states['failed']} failed, though the server refused nobody")
        together = self.stage.database.most_lost_together(self.issue_id)
        most = of_one or self.hop.in_flight
        if together > most:
            faults.append(f"{together} uncertain of one worker, where {most} is the most")
        notes = [f"an editor let it go on {self.resumed} times"] if self.resumed else []
        tracebacks = self.stage.words().split("Traceback (most recent call last):")[1:]
        if tracebacks:
            last = next((line for line in tracebacks[-1].splitlines() if line and not line.startswith(" ")), "")
            notes.append(f"{len(tracebacks)} tracebacks, the last: {last[:150]}")
        ended = self._ended or time.time()
        return Result(account, bound, self._longest_silence([one.at for one in taken], ended), ended - self._begun, hits,
                      account.find_faults(bound) + faults, notes)

    def _let_go(self) -> list[str]:
        if self.workers and not self.workers.leave(30):
            return ["a worker did not end within 30 s of its issue"]
        return []

    def _longest_silence(self, moments: Sequence[float], ended: float) -> float:
        """Return the longest time between two mails, or the last and the end, less what was struck down meanwhile."""
        times = [*sorted(moments), ended] if moments else [self._begun, ended]
        longest = 0.0
        for before, after in pairwise(times):
            if after - before > longest:
                down = sum(max(0.0, min(after, up) - max(before, fell)) for fell, up in self._down)
                longest = max(longest, after - before - down)
        return longest

    def _look(self) -> None:
        """Follow the issue's state, and be the editor and the passing of time if that is wanted."""
        while not self._stop.wait(0.05):
            found = self.stage.database.state_of(self.issue_id)
            if found is None:
                continue
            if found[0] == "held" and self.resumes:
                self.stage.machine().do("resume", self.issue_id)
                self.resumed += 1
                continue
            if found[0] != "sending" and not self._ended:
                self._ended = time.time()
            self._state = found
            if self.short_waits:
                self.stage.database.cut_waits_short(self.issue_id)
