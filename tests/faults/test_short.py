"""The faults of `make faults`, each for a moment: nobody is forgotten, nobody gets it twice, and it goes on by itself.

`make faults` does the same for a quarter of an hour, with two hundred kills, and prints what it saw.
"""

from itertools import count
from random import SystemRandom

import pytest

from tests.conftest import HOME, KIND, POSTGRES
from tests.faults import answers, clocks, crowds, dialogue, disks, killing, outages  # noqa: F401  they list themselves
from tests.faults.databases import Databases
from tests.faults.suite import FAULTS, Suite

DATABASE = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[KIND]
ON_BOTH = ["kill-smtp", "kill-sendgrid", "same-task", "stalled", "clock"]
ON_ONE = ["dialogue", "smtp-answers", "sendgrid-answers", "valkey"]  # what goes wrong is not the database
_numbers = count(1)


def _can_mount() -> bool:
    folder = HOME / "small-disk"
    can = not disks.why_no_small_disk(folder)
    if can:
        disks.take_away(folder)
    folder.rmdir()
    return can


# Where no small disk can be mounted `make faults` says so. Here it is left out: nothing is missing that can be installed.
ON_BOTH += ["disk-full"] if KIND == "sqlite" and _can_mount() else []


@pytest.fixture
def suite(service_environment: dict[str, str]) -> Suite:
    """Return a short suite on the database under test; its seed is in what a failing test prints."""
    seed = SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    folder = HOME / f"faults-{next(_numbers)}"
    folder.mkdir(mode=0o755)
    databases = Databases(folder, service_environment, templates={DATABASE: service_environment["DATABASE_URL"]}, server=POSTGRES)
    return Suite(folder, service_environment, databases, seed, short=True)


def try_fault(name: str, suite: Suite) -> None:
    for label, result in FAULTS[name].happen(suite, DATABASE):
        assert not result.skipped
        assert result.faults == [], f"{label}: {result}"
        assert result.account.mails
        assert result.account.forgotten == len(result.account.twice) == 0


@pytest.mark.parametrize("name", ON_BOTH)
def test_a_fault(name: str, suite: Suite, service_database_url: str) -> None:
    try_fault(name, suite)


@pytest.mark.any_database
@pytest.mark.parametrize("name", ON_ONE)
def test_a_fault_beside_the_database(name: str, suite: Suite) -> None:
    try_fault(name, suite)


if KIND == "postgres":

    def test_a_server_that_is_struck_down(suite: Suite, service_environment: dict[str, str]) -> None:
        """One of its own: all other tests want the shared one to stay."""
        own = suite.folder / "own"
        own.mkdir(mode=0o755)
        suite.databases = Databases(own, service_environment)
        try:
            try_fault("postgres", suite)
        finally:
            suite.databases.stop()
