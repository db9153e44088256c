"""The Celery app and the timetable. Messages carry ids only; the database is the truth, Redis may be flushed at any moment."""

import warnings
from multiprocessing.sharedctypes import RawValue
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_shutting_down

from worker import settings

VISIBILITY_SECONDS = 600  # after this an unacknowledged message is delivered again: every task ends in under half of it
DELIVER_SECONDS = 25  # how long one delivery task works before it hands the rest to the next
# A visitor waits for a nudge: it tries once, for a second. The others have more patience with a Redis that is busy for a while, as
# a worker that loses its connection gives up the tasks under way.
NUDGE_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 0}

# Shared with the processes of the pool, which are forked after this: only the first process gets the signal.
_stopping = RawValue("b", 0)

warnings.simplefilter("ignore", SecurityWarning)  # seven lines about running as root; worker.service says it in one

app = Celery("broadsheet", broker=settings.REDIS_URL or "memory://", include=["worker.tasks"])
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,  # acks_late alone loses the task when a pool child is killed
    task_time_limit=240,
    task_soft_time_limit=200,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": 2,
        "socket_timeout": 30,
        "socket_keepalive": True,
    },
    timezone="UTC",
    beat_schedule={
        # Each entry expires before the next is due, so that a stopped worker does not come back to a pile. Most runs
        # find nothing to do and cost one query; what matters is how soon the first thing to do is found.
        "gather": {"task": "worker.tasks.gather_due", "schedule": 20, "options": {"expires": 19}},
        "group": {"task": "worker.tasks.group", "schedule": 60, "options": {"expires": 55}},
        "draft": {"task": "worker.tasks.draft_due", "schedule": 20, "options": {"expires": 19}},
        "sign-ups": {"task": "worker.tasks.sign_ups", "schedule": 10, "options": {"expires": 9}},
        "notices": {"task": "worker.tasks.notices", "schedule": 10, "options": {"expires": 9}},
        "inquire": {"task": "worker.tasks.inquire", "schedule": 30, "options": {"expires": 29}},
        "starts": {"task": "worker.tasks.start_due", "schedule": 10, "options": {"expires": 9}},
        "alarms": {"task": "worker.tasks.alarms", "schedule": 20, "options": {"expires": 19}},
        "retain": {"task": "worker.tasks.retain", "schedule": 3600, "options": {"expires": 1800}},
        "renew": {"task": "worker.tasks.renew", "schedule": 600, "options": {"expires": 590}},
        "sweep": {"task": "worker.tasks.sweep", "schedule": 10, "options": {"expires": 9}},
    },
)


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    _stopping.value = 1


def is_stopping() -> bool:
    """Say whether this worker has been told to stop: long tasks end what is under way and begin nothing else."""
    return bool(_stopping.value)


@setup_logging.connect
def _keep_our_logs(**_: Any) -> None:
    """Stop Celery from installing its own log handlers over ours."""
    from worker.logs import set_up_logs

    set_up_logs()
