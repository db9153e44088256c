"""The wall clock jumps by two hours, forth and back, while mail goes out."""

from collections.abc import Iterator

from tests.faults.accounts import SMTP_IN_FLIGHT
from tests.faults.clock import set_clock
from tests.faults.crowds import CALM_LEASE
from tests.faults.stage import Result
from tests.faults.suite import Suite, fault

PATIENCE_SECONDS = 30
JUMPS = (7200.0, -7200.0, 0.0)  # seconds by which it is wrong, one after the other


@fault("clock", "the wall clock jumps by two hours, forth and back; on PostgreSQL that of one machine of two")
def move_the_clock(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """Leases go by the database's clock. With SQLite that is the machine's own: there a jump ends the leases of workers that live,
    and the timetable takes them for gone."""
    readers, rate = (800, 400) if suite.short else (6000, 500)
    machines = 1 if kind == "SQLite" else 2
    with suite.stage(kind, machines=machines, lease=CALM_LEASE) as stage:
        stage.serve_smtp((), "--rate", str(rate))
        clock = stage.folder / "clock"
        set_clock(clock, 0)
        if machines == 2:
            stage.machine(1)  # this one's clock is right
        stage.environment["CLOCK_FILE"] = str(clock)
        send = stage.send(readers)
        send.crew([0, 0] if machines == 1 else [0, 1])
        stuck: list[str] = []
        for number, wrong_by in enumerate(JUMPS, start=1):
            if not send.wait_for(readers * number // 4, PATIENCE_SECONDS):
                stuck.append(f"nothing moved any more before the clock became wrong by {wrong_by:.0f} s")
            set_clock(clock, wrong_by)
            for place in range(machines):
                stage.machine(place).do("settle", 0)  # the timetable's sweep
        result = send.end(SMTP_IN_FLIGHT * 2 * len(JUMPS) if machines == 1 else 0, hits=f"{len(JUMPS)} jumps")
        result.faults += stuck
        yield f"the clock jumps, {'of the machine' if machines == 1 else 'of one machine of two'}", result
