"""The supervisor: what keeps dying ends the service, with the reason; what it started ends with it."""

import subprocess
import sys
from threading import Event

import pytest

from tests.service.conftest import wait_until
from worker import programs
from worker.programs import Part, Supervisor, end_program, start_program


def test_a_part_that_keeps_dying_ends_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "FIRST_PAUSE_SECONDS", 0.01)
    starts: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        starts.append(start_program([sys.executable, "-c", "raise SystemExit(3)"]))
        return starts[-1]

    steady = Part("steady", lambda: start_program(["sleep", "60"]), patience=5)
    assert Supervisor([steady, Part("web", start, patience=5)], Event(), lambda: True).run() == 1
    assert len(starts) == programs.QUICK_DEATHS
    assert steady.process
    assert steady.process.poll() is not None


def test_a_program_that_cannot_be_started_ends_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "FIRST_PAUSE_SECONDS", 0.01)
    part = Part("web", lambda: start_program(["/nowhere/program"]), patience=5)
    assert Supervisor([part], Event(), lambda: True).run() == 1


def test_a_service_that_never_gets_ready_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "READY_SECONDS", 0.0)
    part = Part("web", lambda: start_program(["sleep", "60"]), patience=5)
    assert Supervisor([part], Event(), lambda: False).run() == 1
    assert part.process
    assert part.process.poll() is not None


def test_ending_a_program_ends_what_it_started_too() -> None:
    deaf = "import signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN); subprocess.run(['sleep', '61'])"
    process = start_program([sys.executable, "-c", deaf])
    group = ["pgrep", "--pgroup", str(process.pid)]
    assert wait_until(lambda: subprocess.run(group, capture_output=True).stdout.count(b"\n") == 2)
    end_program(process, seconds=0.2)
    assert process.returncode == -9
    assert wait_until(lambda: not subprocess.run(group, capture_output=True).stdout, 10)
