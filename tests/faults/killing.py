"""kill -9 at random moments, over a send by SMTP and over sends by SendGrid, and of everything at once."""

import time
from collections.abc import Iterator
from random import Random

from tests.faults.accounts import SENDGRID_IN_FLIGHT, SMTP_IN_FLIGHT
from tests.faults.crews import Crew
from tests.faults.stage import Result, Send
from tests.faults.suite import Suite, fault

MOST_ROUNDS = 150


def kill_at_random(send: Send, crew: Crew, random: Random, kills: int) -> int:
    """Kill so often while mail goes out, once a few hundred are out; return how often it was possible.

    Where in the send is chosen beforehand, so that every kill meets work; the rest of the moment is chance. Before some hundreds
    are out the breaker would hold an issue of which every fifth answer was lost, as it should.
    """
    readers = len(send.audience)
    for done, target in enumerate(sorted(random.sample(range(readers // 40, readers * 95 // 100), kills))):
        if not send.wait_for(target):
            return done
        time.sleep(random.uniform(0, 0.02))
        crew.kill(random.randrange(len(crew.workers)))
    return kills


@fault("kill-smtp", "kill -9 of a worker at random moments of a send by SMTP")
def kill_over_smtp(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """On PostgreSQL two machines share the issue, and either is killed."""
    readers, kills = (800, 8) if suite.short else (20_000, 200) if kind == "SQLite" else (6000, 60)
    machines = 1 if kind == "SQLite" else 2
    random = suite.random("kill-smtp", kind)
    total, done, rounds = Result(), 0, 0
    with suite.stage(kind, machines=machines) as stage:
        stage.serve_smtp()
        send = None
        while done < kills and rounds < MOST_ROUNDS:  # a send may be over before the last of its kills: then there is another one
            send = stage.send_again(send) if send else stage.send(readers)
            killed = kill_at_random(send, send.crew(range(machines)), random, kills - done)
            done, rounds = done + killed, rounds + 1
            total.add(send.end(SMTP_IN_FLIGHT * killed, seconds=240))
    total.hits = f"{done} kills" + (f" in {rounds} sends" if rounds > 1 else "")
    yield f"kill -9, SMTP, {'one worker' if machines == 1 else 'two machines'}", total


@fault("kill-all", "all workers of a machine killed at once, several times: what a restart of it leaves behind")
def kill_all(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """Three workers die at the same moment, and are started again."""
    readers, times, workers = (800, 1, 2) if suite.short else (6000, 8, 3)
    random = suite.random("kill-all", kind)
    with suite.stage(kind) as stage:
        stage.serve_smtp()
        send = stage.send(readers)
        crew = send.crew([0] * workers)
        done = 0
        for target in sorted(random.sample(range(readers // 4, readers * 9 // 10), times)):
            if send.wait_for(target):
                crew.kill_all()
                done += 1
        yield f"kill -9 of {workers} workers at once", send.end(SMTP_IN_FLIGHT * workers * done, hits=f"{done} times")


@fault("kill-sendgrid", "kill -9 of a worker at random moments of sends by SendGrid, most with a call under way")
def kill_over_sendgrid(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """A send of 20,000 is 20 calls, and a kill loses those under way: so there are as many sends as it takes."""
    readers, wanted = (5000, 2) if suite.short else (20_000, 200 if kind == "SQLite" else 20)
    random = suite.random("kill-sendgrid", kind)
    total, hits, kills, rounds = Result(), 0, 0, 0
    with suite.stage(kind) as stage:
        stage.serve_sendgrid(delay=(0.05, 0.2))
        send = None
        while hits < wanted and rounds < MOST_ROUNDS:
            send = stage.send_again(send) if send else stage.send(readers)
            send.resumes = True
            moments = _kill_calls(send, random, wanted - hits)
            rounds, kills = rounds + 1, kills + len(moments)
            total.add(send.end(SENDGRID_IN_FLIGHT * len(moments), seconds=180))
            calls = send.read_calls()
            hits += sum(any(begun <= at < ended for begun, ended in calls) for at in moments)
    total.hits = f"{hits} of {kills} kills met a call; {rounds} sends"
    if hits < wanted:
        total.faults.append(f"only {hits} of {wanted} kills met a call")
    yield "kill -9, SendGrid", total


def _kill_calls(send: Send, random: Random, most: int) -> list[float]:
    """Kill while calls are being answered, and now and then at any moment; return when."""
    crew = send.crew()
    moments: list[float] = []
    while not send.is_over and len(moments) < most:
        if random.random() < 0.8:
            if not send.wait_for(send.taken + 1, seconds=20):
                break
            time.sleep(random.uniform(0, 0.05))
        else:
            time.sleep(random.uniform(0, 0.5))
        if not send.is_over:
            moments.append(crew.kill(0))
    return moments
