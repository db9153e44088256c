"""Real processes: kill -9 in the middle of 5,000 readers, two workers at once. Nobody twice, nobody forgotten."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = 5000
CONNECTIONS = 16  # kept open by one process: the most copies that one kill may leave uncertain


@contextmanager
def program(module: str, *arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment, cwd=ROOT, text=True,
                               stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def ask(*arguments: str, environment: dict[str, str]) -> str:
    return subprocess.run([sys.executable, "-m", "tests.fakes.run_delivery", *arguments], env=environment, cwd=ROOT,
                          text=True, capture_output=True, check=True, timeout=120).stdout


def wait_for_lines(log: Path, count: int, process: subprocess.Popen[str]) -> None:
    for _ in range(6000):
        if log.exists() and log.read_bytes().count(b"\n") >= count:
            return
        assert process.poll() is None, "the delivery ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError(f"only {log.read_bytes().count(b'%c' % 10)} mails arrived in a minute")


def deliver_and_kill(issue: str, log: Path, after: int, environment: dict[str, str]) -> None:
    with program("tests.fakes.run_delivery", "deliver", issue, environment=environment) as process:
        wait_for_lines(log, after, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)


@contextmanager
def smtp_sink(log: Path, environment: dict[str, str], *options: str) -> Iterator[dict[str, str]]:
    """Run an SMTP sink; yield the environment of a service that sends to it."""
    with program("tests.fakes.smtp_sink", "--port", "0", "--log", str(log), *options, environment=environment) as process:
        assert process.stdout
        url = process.stdout.readline().rpartition(" ")[2].strip()
        yield {**environment, "SENDER_URL": url, "DELIVERY_LEASE_SECONDS": "2"}


def test_after_kill_9_in_a_call_nobody_is_sent_to_twice_and_nobody_is_forgotten(tmp_path: Path,
                                                                                service_environment: dict[str, str]) -> None:
    """The server has taken a mail and has not said so: what a second attempt would send twice."""
    log, kills = tmp_path / "taken.log", (304, 2007, 3500)
    stalls = [f"--stall-at={number}" for number in kills]
    with smtp_sink(log, service_environment, *stalls) as environment:
        issue = ask("prepare", str(READERS), environment=environment).strip()
        for after in kills:
            deliver_and_kill(issue, log, after, environment)
        ask("deliver", issue, environment=environment)
        result = json.loads(ask("status", issue, environment=environment))
    taken = Counter(line.split("\t")[1] for line in log.read_text().splitlines())
    ids = [line.split("\t")[0] for line in log.read_text().splitlines()]
    states = result["states"]
    assert [address for address, times in taken.items() if times > 1] == []
    assert len(set(ids)) == len(ids)
    assert result["state"] == "sent"
    assert result["audience"] == sum(states.values()) == READERS
    assert states["accepted"] + states.get("uncertain", 0) == READERS
    assert len(kills) <= states.get("uncertain", 0) <= CONNECTIONS * len(kills)
    # Whoever is not in the log is counted as uncertain: the ledger claims no mail that was not taken.
    assert states["accepted"] <= len(taken) <= READERS
    assert READERS - len(taken) <= states.get("uncertain", 0)


def test_two_workers_share_an_issue_without_talking_to_each_other(
    tmp_path: Path, service_environment: dict[str, str]
) -> None:
    log = tmp_path / "taken.log"
    with smtp_sink(log, service_environment) as given:
        environment = {**given, "DELIVERY_LEASE_SECONDS": "60"}
        issue = ask("prepare", "2000", environment=environment).strip()
        with (program("tests.fakes.run_delivery", "deliver", issue, environment=environment) as one,
              program("tests.fakes.run_delivery", "deliver", issue, environment=environment) as other):
            assert [one.wait(120), other.wait(120)] == [0, 0]
        result = json.loads(ask("status", issue, environment=environment))
    assert result == {"issue": int(issue), "audience": 2000, "states": {"accepted": 2000}, "state": "sent"}
    taken = Counter(line.split("\t")[1] for line in log.read_text().splitlines())
    assert len(taken) == 2000
    assert set(taken.values()) == {1}
