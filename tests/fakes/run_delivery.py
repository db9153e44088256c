"""A delivery in a process of its own, so that a test may kill it: the settings come from the environment.

    python -m tests.fakes.run_delivery prepare READERS     migrates, makes an issue that is being sent, prints its number
    python -m tests.fakes.run_delivery deliver ISSUE       delivers it in this process
    python -m tests.fakes.run_delivery status ISSUE        prints its status as JSON
"""
# ruff: noqa: E402  the rows can only be imported once Django is set up

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "worker.settings")

import django

django.setup()

from django.core.management import call_command

from tests.delivery.press import build_issue
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.deliver import deliver_issue, status
from worker.storage.models import Issue


def prepare(readers: int) -> int:
    """Return the number of an issue whose audience of this size is frozen."""
    call_command("migrate", verbosity=0)
    issue_id = build_issue(readers)
    start_issue(issue_id, by="run_delivery")
    freeze_audience(issue_id)
    return issue_id


def main() -> None:
    what, number = sys.argv[1], int(sys.argv[2])
    if what == "prepare":
        print(prepare(number))
    elif what == "deliver":
        deliver_issue(number)
    else:
        print(json.dumps({**status(number), "state": Issue.objects.get(pk=number).state}))


if __name__ == "__main__":
    main()
