"""`make test`: the tests with a database on PostgreSQL and on SQLite, lint, and the rest, two at a time; then a line for each."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
LINT = ["make", "--no-print-directory", "--keep-going", "lint"]
PYTEST = [sys.executable, "-m", "pytest"]


class Check:
    """One of the four, and how it ended."""

    def __init__(self, name: str, command: list[str], output: Path | None = None, **environment: str) -> None:
        self.name, self.command, self.output = name, command, output
        self.environment = {**ENVIRONMENT, **environment}
        self.status, self.seconds = -1, 0.0

    def run(self) -> None:
        begun = time.monotonic()
        with open(self.output or os.devnull, "wb") as file:
            out = file if self.output else None
            self.status = subprocess.run(self.command, env=self.environment, stdout=out, stderr=out).returncode
        self.seconds = time.monotonic() - begun

    def show(self) -> None:
        print(f"\n== {self.name} ==", flush=True)
        if self.output:
            sys.stdout.buffer.write(self.output.read_bytes())
            sys.stdout.flush()

    def __str__(self) -> str:
        word = "passed" if self.status == 0 else f"FAILED ({self.status})"
        return f"{self.name:22}{word:14}{self.seconds:5.0f} s"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        lint = Check("lint", LINT, Path(folder, "lint"))
        postgres = Check("tests on PostgreSQL", PYTEST, TEST_DATABASE="postgres", DATABASE_TESTS="only")
        sqlite = Check("tests on SQLite", PYTEST, Path(folder, "sqlite"), TEST_DATABASE="sqlite", DATABASE_TESTS="only")
        neither = Check("tests without either", PYTEST, Path(folder, "neither"), DATABASE_TESTS="none")
        beside = [sqlite, neither]
        others = Thread(target=lambda: [check.run() for check in beside], daemon=True)
        others.start()
        lint.run()
        lint.show()
        postgres.show()
        postgres.run()
        print("\n(the others run beside these; their words follow when they end)", flush=True)
        others.join()
        for check in beside:
            check.show()
    print()
    for check in (lint, postgres, sqlite, neither):
        print(check)
    return int(any(check.status for check in (lint, postgres, sqlite, neither)))


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
