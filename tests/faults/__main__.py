"""`make faults`: breaks things for real while mail goes out, and gives account of every reader.

    python -m tests.faults [NAME ...] [--short] [--database sqlite|postgres] [--seed N]

Real processes, real servers and a real database; only time is cut short where a copy would wait for minutes to be tried again. For
each fault stand there: how many mails it was about; forgotten (neither taken by the server nor ended with a reason, or `accepted`
without having been taken); twice (taken more than once); uncertain, and how many that may be at most; and the seconds to recover
without a person: the longest in which nothing was taken though something was open, less the time for which something was down.
Exit status 1 if anybody is forgotten or got it twice, if more are uncertain than may be, or an issue did not end by itself.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from random import SystemRandom

from tests.conftest import EDITORIAL, ENVIRONMENT, HOME
from tests.faults.databases import Databases
from tests.faults.stage import Result
from tests.faults.suite import FAULTS, Suite

for _module in ("killing", "dialogue", "answers", "crowds", "clocks", "outages", "disks"):
    __import__(f"tests.faults.{_module}")

_LINE = "{:<47} {:<10} {:>7} {:>9} {:>6} {:>14} {:>9} {:>7}  {}"


def main() -> int:
    """Try the faults, print a line for each, return the exit status."""
    given = _read_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this ends what it started
    HOME.chmod(0o755)  # the PostgreSQL server of a root user runs as another one
    (HOME / "feeds.toml").write_text(EDITORIAL)
    environment = {**os.environ, **ENVIRONMENT, "FEEDS_FILE": str(HOME / "feeds.toml"), "BASE_URL": ""}
    del environment["DJANGO_SETTINGS_MODULE"]
    databases = Databases(HOME, environment)
    suite = Suite(HOME, environment, databases, given.seed, given.short)
    begun, bad = time.monotonic(), 0
    print(f"seed {given.seed}", flush=True)
    print(_LINE.format("fault", "database", "mails", "forgotten", "twice", "uncertain", "recovers", "took", ""), flush=True)
    try:
        for name in given.names or FAULTS:
            for kind in FAULTS[name].kinds:
                if not given.database or kind.lower().startswith(given.database):
                    for label, result in _try(suite, name, kind):
                        bad += bool(result.faults)
                        _print_result(label, kind, result)
    except KeyboardInterrupt:
        return 130
    finally:
        databases.stop()
        if given.keep:
            print(f"everything is kept in {HOME}")
        else:
            shutil.rmtree(HOME, ignore_errors=True)
    print(f"{time.monotonic() - begun:.0f} s; " + (f"{bad} of these went wrong" if bad else "nobody forgotten, nobody twice"))
    return 1 if bad else 0


def _try(suite: Suite, name: str, kind: str) -> Iterator[tuple[str, Result]]:
    try:
        yield from FAULTS[name].happen(suite, kind)
    except Exception as error:  # that one could not be tried is no reason not to try the others
        yield name, Result(faults=[f"could not be tried: {type(error).__name__}: {error}"])


def _read_arguments() -> argparse.Namespace:
    names = "\n".join(f"  {one.name:<18} {one.words}" for one in FAULTS.values())
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__, epilog=f"faults:\n{names}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--short", action="store_true", help="as much of each as belongs into `make test`")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="only on this one")
    parser.add_argument("--seed", type=int, help="try again what chance did in an earlier run")
    parser.add_argument("--keep", action="store_true", help="leave databases and logs behind")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in FAULTS]
    if unknown:
        parser.error(f"no fault is called {unknown[0]}")
    given.seed = SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    return given


def _print_result(label: str, kind: str, result: Result) -> None:
    if result.skipped:
        print(f"{label:<47} {kind:<10} skipped: {result.skipped}", flush=True)
        return
    account = result.account
    uncertain = f"{account.uncertain} of {result.bound}"
    words = "; ".join([result.hits] * bool(result.hits) + result.notes)
    print(_LINE.format(label, kind, account.mails, account.forgotten, len(account.twice), uncertain, f"{result.recovers:.1f}",
                       f"{result.seconds:.0f}", words), flush=True)
    for one in result.faults:
        print(f"    WRONG: {one}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
