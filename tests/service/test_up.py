"""`broadsheet up`: everything starts, one at a time in a home, and nothing is left behind however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.service.conftest import Up, programs_of, wait_until


def test_everything_starts_and_a_signal_ends_everything(up: Up) -> None:
    up.env["WEB_PROCESSES"] = "2"
    up.start()
    assert (up.get("/healthz"), up.get("/readyz"), up.get("/")) == (200, 200, 200)
    running = " ".join(programs_of(up.home).values())
    for part in ("valkey-server", "granian", "celery:app worker", "celery:app beat"):
        assert part in running
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(40) == 0
    assert programs_of(up.home) == {}
    assert "Traceback" not in up.words()
    assert not os.path.exists(f"{up.home}/up.json")
    if up.env["DATABASE_URL"].startswith("sqlite"):
        assert not Path(up.env["DATABASE_URL"].removeprefix("sqlite:///") + "-wal").exists(), "the file alone is the database"


@pytest.mark.any_database
def test_a_second_one_in_the_same_home_is_told_of_the_first(up: Up) -> None:
    up.start()
    second = up.run("up", "--port", str(free_port()))
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert up.home in second.stderr
    assert f"process {up.process.pid}, http://127.0.0.1:{up.port}/" in second.stderr
    assert up.get("/healthz") == 200


@pytest.mark.any_database
def test_commands_in_another_terminal_find_the_one_that_runs(up: Up) -> None:
    def settings_there() -> list[str]:
        code = "from worker import settings as s; print(s.BASE_URL, s.REDIS_URL)"
        return subprocess.run([sys.executable, "-c", code], env=up.env, capture_output=True, text=True, timeout=60).stdout.split()

    up.start()
    assert settings_there() == [f"http://127.0.0.1:{up.port}", json.loads(Path(f"{up.home}/up.json").read_text())["redis"]]
    up.process.kill()
    up.process.wait()
    assert settings_there() == ["http://127.0.0.1:8000"]


def test_killing_it_leaves_no_orphan_and_it_starts_again(up: Up) -> None:
    up.env["WEB_PROCESSES"] = "2"
    up.start()
    assert wait_until(lambda: len(programs_of(up.home)) >= 8)  # up, valkey, beat, web and its two, worker and its pool
    up.process.kill()
    up.process.wait()
    assert wait_until(lambda: not programs_of(up.home), 15), programs_of(up.home)
    up.log.unlink()
    up.start()
    assert up.get("/readyz") == 200


@pytest.mark.any_database
@pytest.mark.parametrize("part", ["granian", "celery:app worker", "valkey-server"])
def test_a_part_that_dies_is_started_again(up: Up, part: str) -> None:
    up.start()
    first = min(number for number, command in programs_of(up.home).items() if part in command)
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: "starting it again" in up.words())
    assert wait_until(lambda: any(part in command for number, command in programs_of(up.home).items() if number != first))
    assert wait_until(lambda: up.get("/readyz") == 200)
    assert up.process.poll() is None


@pytest.mark.any_database
@pytest.mark.parametrize(("name", "value", "expected"), [
    ("REDIS_URL", "redis://:hunter2@127.0.0.1:1/0", "REDIS_URL redis://127.0.0.1:1/0 does not answer"),
    ("REDIS_URL", "nonsense", "REDIS_URL"),
    ("DATABASE_URL", "postgres://someone:hunter2@127.0.0.1:1/none", "database at 127.0.0.1:1"),
    ("SECRET_KEY", "short", "SECRET_KEY is too weak"),
    ("FEEDS_FILE", "/nowhere/feeds.toml", "/nowhere/feeds.toml: No such file"),
    ("LOG_FORMAT", "xml", "LOG_FORMAT"),
])
def test_what_is_missing_is_one_line(up: Up, name: str, value: str, expected: str) -> None:
    ended = up.run("up", "--port", str(up.port), **{name: value})
    assert ended.returncode == 2
    said = [line for line in ended.stderr.splitlines() if "as root" not in line]
    assert len(said) == 1
    assert expected in said[0]
    assert "hunter2" not in ended.stderr
    assert programs_of(up.home) == {}


@pytest.mark.any_database
def test_a_port_that_is_taken_is_one_line(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", up.port))
        other.listen()
        ended = up.run("up", "--port", str(up.port))
    assert ended.returncode == 2
    assert f"port {up.port} on 127.0.0.1: Address already in use" in ended.stderr
    assert programs_of(up.home) == {}


@pytest.mark.any_database
@pytest.mark.parametrize("part", ["worker", "beat"])
def test_a_part_alone_needs_a_broker(up: Up, part: str) -> None:
    ended = up.run(part)
    assert ended.returncode == 2
    assert "REDIS_URL is not set" in ended.stderr
    ended = up.run(part, REDIS_URL="redis://127.0.0.1:1/0")
    assert ended.returncode == 2
    assert "REDIS_URL redis://127.0.0.1:1/0 does not answer" in ended.stderr.splitlines()[-1]
