"""A delivery in a process of its own, so that a test may kill it: the settings come from the environment.

    python -m tests.fakes.run_delivery prepare READERS     migrates, makes an issue that is being sent, prints its number
    python -m tests.fakes.run_delivery deliver ISSUE       delivers it in this process
    python -m tests.fakes.run_delivery status ISSUE        prints its status as JSON
    python -m tests.fakes.run_delivery serve [MODULE ...]  does such things as they are asked for, each in a child

`serve` reads lines such as "deliver 7" and answers each with the child's process id, and later with "ended PID STATUS". A child is
there in milliseconds, where Python and Django take a second: so two hundred of them can be killed in a minute. What else can be
asked for is in DEEDS. MODULE: what the children will need beside what `deliver` does.
CLOCK_FILE names a file with the seconds by which this process's clock is wrong; see tests/faults/clock.py.
"""
# ruff: noqa: E402  the rows can only be imported once Django is set up, and Django once the clock is wrong

import ctypes
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "worker.settings")
if os.environ.get("CLOCK_FILE"):
    from tests.faults.clock import go_wrong

    go_wrong(os.environ["CLOCK_FILE"])

from datetime import date, timedelta  # of the clock that may be wrong

import django

django.setup()

from django.core.management import call_command
from django.db import Error, connections

from tests.delivery.press import HTML, build_issue
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.breaker import resume_issue
from worker.delivery.deliver import deliver_issue, settle_expired, status
from worker.errors import BroadsheetError
from worker.settings import SENDER_URL
from worker.storage.models import Issue
from worker.storage.schema import explain

LINES = 330_000  # 6 MB: a letter that does not fit into the buffers on its way, so that its sender has to wait in the middle of it
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def prepare(readers: int) -> int:
    """Return the number of an issue whose audience of this size is frozen."""
    call_command("migrate", verbosity=0)
    return _freeze(build_issue(readers))


def start(readers: int) -> int:
    """Return the number of an issue that was started, and whose audience nobody has frozen yet; the tables are there."""
    issue_id = build_issue(readers)
    start_issue(issue_id, by="run_delivery")
    return issue_id


def make_another(issue_id: int, html: str = HTML) -> int:
    """Return the number of one more issue for the readers of this one, its audience frozen."""
    return _freeze(build_issue([], period=str(date(2027, 1, 1) + timedelta(days=issue_id)), html=html))


def _freeze(issue_id: int) -> int:
    start_issue(issue_id, by="run_delivery")
    freeze_audience(issue_id)
    return issue_id


def run_task(issue_id: int) -> None:
    """Do what the Celery task does, without a broker."""
    from worker.tasks import deliver_issue as task

    task(issue_id)


DEEDS = {
    "prepare": prepare,
    "start": start,
    "freeze": lambda readers: _freeze(build_issue(readers)),  # as `prepare` does, where the tables are there
    "another": make_another,
    "large": lambda issue_id: make_another(issue_id, HTML.replace("</body>", "<p>long line </p>\n" * LINES + "</body>")),
    "deliver": deliver_issue,
    "task": run_task,
    "settle": lambda _: settle_expired(),  # what the timetable does for all issues
    "resume": lambda issue_id: resume_issue(issue_id, by="run_delivery"),  # what an editor does with one that is held
}


def serve(modules: Sequence[str] = ()) -> None:
    """Have a child do what each line of standard input asks for; end, and end the children, when there are no more."""
    with suppress(ImportError):  # what a child would load before it begins
        import_module(f"worker.delivery.senders.{SENDER_URL.partition(':')[0].removesuffix('s')}")
    for module in modules:
        import_module(module)
    print("ready", flush=True)
    children: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], 0.003)[0]:  # whoever asks waits for the answer, so there is one line at a time
            line = sys.stdin.readline()
            if not line:
                break
            what, number = line.split()
            pid = os.fork()
            if not pid:
                _be_child(what, int(number))
            children.add(pid)
            print(pid, flush=True)
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                children.discard(found[0])
                print("ended", found[0], os.waitstatus_to_exitcode(found[1]), flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _be_child(what: str, number: int) -> None:
    """Do it, say what went wrong as the command line would, and end without the parent's own goodbyes."""
    ended = 1
    try:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        DEEDS[what](number)
        ended = 0
    except BroadsheetError as error:
        print(f"broadsheet: {error}", file=sys.stderr)
        ended = 2
    except Error as error:
        print(f"broadsheet: {explain(error)}", file=sys.stderr)
        ended = 2
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            connections.close_all()
        sys.stderr.flush()
        os._exit(ended)


def main() -> None:
    what = sys.argv[1]
    if what == "serve":
        serve(sys.argv[2:])
    elif what == "status":
        number = int(sys.argv[2])
        print(json.dumps({**status(number), "state": Issue.objects.get(pk=number).state}))
    else:
        done = DEEDS[what](int(sys.argv[2]))
        if isinstance(done, int):
            print(done)


if __name__ == "__main__":
    main()
