"""PostgreSQL struck down, the broker emptied and killed, and a whole service killed, while mail goes out."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis

from tests.faults.accounts import SENDGRID_IN_FLIGHT, SMTP_IN_FLIGHT
from tests.faults.databases import ROOT, strike_down
from tests.faults.moods import Mood
from tests.faults.stage import Result, Send, Stage
from tests.faults.suite import Suite, fault
from worker.programs import end_program, start_program
from worker.redis import prepare_valkey

SERVICE_SECONDS = 120
LEASE_SECONDS = 10  # with PostgreSQL away: longer than it takes to come back, as in earnest


@fault("postgres", "PostgreSQL is struck down and started again: between hand-over and settling, and at random", ("PostgreSQL",))
def restart_postgres(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """The mail server has taken a mail, and answers only when the database that is to hold the answer is gone."""
    readers, times = (600, 1) if suite.short else (3000, 4)
    with suite.stage(kind, lease=LEASE_SECONDS) as stage:
        moments = [readers * number // (times + 1) for number in range(1, times + 1)]
        stage.serve_smtp([Mood("dot", "wait 1.5", when=tuple(moments))])
        send = stage.send(readers)
        send.crew()
        done = _strike(suite, send, moments)
        yield "PostgreSQL restarted before the answer, SMTP", send.end(SMTP_IN_FLIGHT * done, hits=f"{done} times")
    if suite.short:
        return
    with suite.stage(kind, lease=LEASE_SECONDS) as stage:
        moods = [Mood("call", "wait 1.5", when=(3, 9))]
        stage.serve_sendgrid(moods)
        send = stage.send(15_000)
        send.crew()
        done = _strike(suite, send, [2001, 8001])
        yield "PostgreSQL restarted before the answer, SendGrid", send.end(SENDGRID_IN_FLIGHT * done, hits=f"{done} times")
    random = suite.random("postgres")
    with suite.stage(kind, machines=2, lease=LEASE_SECONDS) as stage:
        stage.serve_smtp()
        send = stage.send(8000)
        send.crew([0, 1])
        done = _strike(suite, send, sorted(random.sample(range(200, 7500), 6)))
        yield "PostgreSQL restarted at random, two machines", send.end(SMTP_IN_FLIGHT * 2 * done, hits=f"{done} times")


def _strike(suite: Suite, send: Send, moments: list[int]) -> int:
    done = 0
    for moment in moments:
        if send.wait_for(moment):
            with send.down():
                strike_down(suite.databases.server, seconds=0.5)
            done += 1
    return done


@fault("valkey", "Valkey is emptied, and killed and started again, under Celery's worker and timetable")
def lose_the_broker(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """The database is the truth: the timetable finds what the broker forgot."""
    readers, times = (600, 1) if suite.short else (5000, 3)
    with suite.stage(kind) as stage, _service(stage, suite, rate=100 if suite.short else 150) as service:
        send = stage.send(readers)
        service.start()
        done = 0
        for number in range(times):
            if send.wait_for(readers * (number + 1) // 5, SERVICE_SECONDS):
                if number != 1:
                    service.empty_broker()
                if number or suite.short:
                    service.restart_broker()
                done += 1
        yield "Valkey emptied, and restarted", _end(send, service, done, times)


@fault("service", "broker, worker and timetable are killed at once, and started again")
def kill_the_service(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """As near as a test may come to pulling the plug: what the kernel had been given is still there."""
    readers, times = (600, 1) if suite.short else (3000, 2)
    with suite.stage(kind) as stage, _service(stage, suite, rate=100 if suite.short else 150) as service:
        send = stage.send(readers)
        service.start()
        done = 0
        for number in range(times):
            if send.wait_for(readers * (number + 1) // 4, SERVICE_SECONDS):
                with send.down():
                    service.kill()
                    service.start()
                done += 1
        yield "every process of the service killed", _end(send, service, done, times)


def _end(send: Send, service: "Service", done: int, times: int) -> Result:
    bound = SMTP_IN_FLIGHT * service.processes * done
    result = send.end(bound, seconds=SERVICE_SECONDS, hits=f"{done} times", after=service.stop)
    if done < times:
        result.faults.append(f"only {done} of {times} times: {service.words()[-600:]}")
    return result


class Service:
    """What of `broadsheet up` delivers: broker, worker and timetable. The latter two are started again if they end, as by `up` or
    any other supervisor; Celery's worker may, when it loses its broker."""

    def __init__(self, stage: Stage, processes: int) -> None:
        self.processes = processes
        self._valkey = prepare_valkey(stage.homes[0])
        self._environment = {**stage.environment, "BROADSHEET_HOME": str(stage.homes[0]), "REDIS_URL": self._valkey.url,
                             "WORKER_PROCESSES": str(processes)}
        self._log = stage.folder / "service.log"
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look_after, daemon=True)
        self._watch.start()

    def start(self) -> None:
        """Start all three."""
        self._valkey.start()
        with self._lock:
            for name in ("worker", "beat"):
                self._start(name)

    def words(self) -> str:
        """Return what worker and timetable said."""
        return self._log.read_text(errors="replace")

    def empty_broker(self) -> None:
        """Let Valkey forget everything."""
        with redis.Redis.from_url(self._valkey.url) as client:
            client.flushall()

    def restart_broker(self) -> None:
        """Kill Valkey, and start it again."""
        assert self._valkey.process
        self._valkey.process.kill()
        self._valkey.process.wait()
        self._valkey.start()

    def kill(self) -> None:
        """Kill every process of it, all of them before any can be missed by another."""
        assert self._valkey.process
        with self._lock:
            dying = [*self._parts.values(), self._valkey.process]
            for process in dying:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # each has a session of its own, with what it started
            for process in dying:
                process.wait(20)
            self._parts = {}

    def stop(self) -> None:
        """Ask worker and timetable to end; a second time does nothing."""
        with self._lock:
            self._stop.set()
            for process in self._parts.values():
                end_program(process, seconds=40)
            self._parts = {}

    def close(self) -> None:
        """End everything."""
        self.stop()
        self._watch.join(30)
        self._valkey.stop()

    def _start(self, name: str) -> None:
        with self._log.open("ab") as log:
            self._parts[name] = start_program([sys.executable, "-m", "worker", name], env=self._environment, cwd=ROOT, output=log)

    def _look_after(self) -> None:
        while not self._stop.wait(0.5):
            with self._lock:
                for name, process in list(self._parts.items()):
                    if process.poll() is not None:
                        end_program(process, seconds=0)  # and what it left behind
                        self._start(name)


@contextmanager
def _service(stage: Stage, suite: Suite, rate: int) -> Iterator[Service]:
    stage.serve_smtp((), "--rate", str(rate))
    service = Service(stage, 1 if suite.short else 2)
    try:
        yield service
    finally:
        service.close()
