"""Several workers on one issue: two with one batch, five with the same task, one that is stalled past its lease."""

import signal
import time
from collections.abc import Iterator

from tests.faults.accounts import SMTP_CALL, SMTP_IN_FLIGHT
from tests.faults.stage import LEASE_SECONDS, Result
from tests.faults.suite import Suite, fault

ONE_BATCH = 500
CALM_LEASE = 60  # seconds: nobody is killed here, so nobody's lease may run out, however busy this machine is


@fault("one-batch", "two workers begin with the same batch")
def share_one_batch(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """No more copies than one of them would claim, again and again."""
    total = Result()
    with suite.stage(kind, lease=CALM_LEASE) as stage:
        stage.serve_smtp()
        send = None
        for _ in range(1 if suite.short else 10):
            send = stage.send_again(send) if send else stage.send(ONE_BATCH)
            send.crew([0, 0])
            total.add(send.end(0))
    yield "two workers with one batch", total


@fault("same-task", "five processes run the same Celery task at once, from before the audience is frozen")
def run_one_task_five_times(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """On PostgreSQL they run on two machines."""
    with suite.stage(kind, machines=1 if kind == "SQLite" else 2, lease=CALM_LEASE) as stage:
        stage.modules = ("worker.tasks",)
        stage.serve_smtp()
        send = stage.send(600 if suite.short else 5000, frozen=False)
        send.crew([0] * 5 if kind == "SQLite" else [0, 1, 0, 1, 0], what="task")
        yield "the same task five times at once", send.end(0)


@fault("stalled", "a worker is stopped for longer than its lease, and goes on")
def stall_past_the_lease(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """While it is stopped another one goes on with its copies, and the timetable finds its lease run out. On PostgreSQL the
    other is another machine's."""
    readers, stalls, rate = (1200, 2, 250) if suite.short else (5000, 6, 200)
    random = suite.random("stalled", kind)
    places = [0, 0] if kind == "SQLite" else [0, 1]
    with suite.stage(kind, machines=len(set(places))) as stage:
        stage.serve_smtp((), "--rate", str(rate))  # so that the send outlasts it
        send = stage.send(readers)
        crew = send.crew(places)
        done = held = 0
        for number in range(stalls):
            if not send.wait_for(readers * (number + 1) // (stalls + 2)):
                break
            crew.signal(number % 2, signal.SIGSTOP)
            time.sleep(LEASE_SECONDS + 0.5 + random.random())
            held += stage.database.count_expired(send.issue_id)
            for place in set(places):
                stage.machine(place).start("settle", 0).wait(LEASE_SECONDS)  # of SQLite the stopped one may hold the lock
            crew.signal(number % 2, signal.SIGCONT)
            done += 1
        # Another machine cannot see what this one had begun: if the issue ends meanwhile, all of its two calls are uncertain.
        most = SMTP_IN_FLIGHT if len(set(places)) == 1 else 2 * SMTP_CALL
        result = send.end(most * done, of_one=most, hits=f"{done} times, with {held} copies in hand")
        yield "stalled past its lease", result
