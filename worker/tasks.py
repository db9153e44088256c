"""One thin task per step; the only file that knows the order. A step that is lost is found again by the timetable."""

from collections.abc import Sequence
from threading import Timer
from time import monotonic
from typing import Any

import django
import structlog
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import producers

from worker import editorial
from worker.celery import DELIVER_SECONDS, NUDGE_OPTIONS, app, is_stopping

if not apps.ready:
    django.setup()

from worker.delivery import alarms as alarming
from worker.delivery import deliver, inquiries, schedule
from worker.delivery import notices as letters
from worker.errors import BroadsheetError
from worker.feeds import days, sources
from worker.feeds import gather as gathering
from worker.issues import digest, draft
from worker.readers import renewal, replay, retention, subscribe
from worker.storage.models import Issue, IssueState
from worker.stories import group as grouping
from worker.stories import summarise, threads

log = structlog.get_logger(__name__)
FEEDS_A_TASK = 25
ASK_SECONDS = 25  # how long one run begins to ask a language model about stories before the next run takes over
LETTER_SECONDS = 20  # how long one run sends letters before it lets other work through
step = app.task(throws=(BroadsheetError,))  # these are said in a line, without a traceback


@step
def gather_due() -> None:
    """Hand the feeds that are due to gathering tasks, some to each."""
    sources.sync_feeds(editorial.load())
    due = sources.due_feeds()
    for start in range(0, len(due), FEEDS_A_TASK):
        gather.apply_async((due[start : start + FEEDS_A_TASK],), expires=55)


@step
def gather(names: Sequence[str]) -> None:
    """Fetch these feeds; then group, if anything is new."""
    done = gathering.gather_feeds(names)
    failing = [one.name for one in done if one.error]
    log.info("gathered", feeds=len(done), new=sum(one.new for one in done), failing=len(failing), first=failing[:3])
    if any(one.new for one in done):
        group.apply_async(expires=110)


@step
def group() -> None:
    """Put new items into stories, give the stories that changed their summaries, and tie new ones to what they follow."""
    grouping.group_items()
    summarise.summarise_stories(seconds=ASK_SECONDS)
    threads.tie_stories()


@step
def draft_due() -> None:
    """Propose the issues and the weekly digests whose hour has come; hold those whose deadline passed without approval."""
    for key in editorial.load().newsletters:
        for is_due, propose in ((draft.issue_due, draft.draft_issue), (digest.digest_due, digest.draft_digest)):
            if not is_due(key):
                continue
            try:
                issue = propose(key)
                log.info("drafted", issue=issue.pk, newsletter=key, digest=issue.digest)
            except BroadsheetError as error:
                log.debug("nothing to draft", newsletter=key, reason=str(error))
    for issue_id in draft.hold_overdue():
        log.error("an issue was not approved by its deadline and is held", issue=issue_id)


@step
def start_due() -> None:
    """Start the issues whose hour has come; those that missed it are held until somebody decides."""
    due = schedule.start_due()
    for issue_id in due.started:
        log.info("started", issue=issue_id)
        nudge("deliver", issue_id)
    for issue_id, note in due.held.items():
        log.error("an issue did not start at its hour and is held", issue=issue_id, note=note)


@step
def inquire(issue_id: int | None = None) -> None:
    """Ask what the gate has to know of the drafts' links, of the senders' domains and of the way out."""
    asked = inquiries.ask_due(issue_id)
    if asked:
        log.info("asked for the gate", answers=asked)


@step
def deliver_issue(issue_id: int) -> None:
    """Work on one issue's deliveries for a while; the sweep sends another task while any are open."""
    if not deliver.deliver_issue(issue_id, seconds=DELIVER_SECONDS, is_stopping=is_stopping).finished:
        nudge("deliver", issue_id)


@step
def sign_ups() -> None:
    """Decide what waiting sign-ups mean; then send the letters that are owed."""
    if subscribe.decide_sign_ups():
        letters.send_notices()


@step
def notices() -> None:
    """Send the letters owed to readers for a while; while there are any, the next task follows at once."""
    if letters.send_notices(seconds=LETTER_SECONDS):
        nudge("notices")


@step
def alarms() -> None:
    """Owe the people who decide a mail about each issue that waits for them, and send what is owed."""
    alarming.owe_alarms()
    alarming.send_alarms()


@step
def renew() -> None:
    """Owe the letters about new terms, and end the consents that lapse."""
    owed = renewal.owe_notices()
    if owed:
        log.info("terms", owed=owed)
        nudge("notices")


@step
def sweep() -> None:
    """Find what a crash or a flushed Redis left behind: expired leases, and issues being sent that nobody works on."""
    deliver.settle_expired()
    for issue_id in Issue.objects.filter(state=IssueState.SENDING).values_list("pk", flat=True):
        # One more task for an issue each time, and no more than is set: the other processes stay free for letters and news.
        if deliver.count_workers(issue_id) < settings.DELIVERY_WORKERS:
            deliver_issue.apply_async((issue_id,), expires=9)


@step
def retain() -> None:
    """Erase, or let leave, again whoever came back, and let go of what has been kept for its time."""
    replay.replay_journal(look_at="recent")
    days.forget_days(timezone.now().date())
    kept = retention.retain()
    inquiries.forget()
    log.info("retained", finished=kept.finished, **{name.replace(" ", "_"): count for name, count in kept.counts.items() if count})


_NUDGES = {"deliver": deliver_issue, "notices": notices, "gather": gather, "group": group, "sign-ups": sign_ups, "renew": renew,
           "inquire": inquire}
NUDGE_SECONDS = 0.25
SILENT_SECONDS = 10.0
_silent_until = 0.0
_due: set[str] = set()  # what a thread will nudge in a moment


def nudge(name: str, *args: Any) -> None:
    """Wake a worker for a step once the transaction has committed. Never raises: the timetable is the safety net."""
    transaction.on_commit(lambda: _send(name, args))


def nudge_soon(name: str) -> None:
    """Wake a worker for what is committed already and comes in crowds: in NUDGE_SECONDS, once for all that asks meanwhile.

    A thread of its own does it, so that no visitor waits for the broker.
    """
    if name not in _due:
        _due.add(name)
        timer = Timer(NUDGE_SECONDS, _send_due, (name,))
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            _due.discard(name)
            log.warning("no thread to be had; the timetable will find the work", step=name, reason=str(error))


def _send_due(name: str) -> None:
    _due.discard(name)
    _send(name, ())


def _send(name: str, args: Sequence[Any]) -> None:
    global _silent_until
    if not settings.REDIS_URL or monotonic() < _silent_until:
        return
    broker = app.connection_for_write(settings.REDIS_URL, transport_options=NUDGE_OPTIONS)
    try:
        with producers[broker].acquire(block=True, timeout=1) as producer:  # the pool of all connections that are like this one
            _NUDGES[name].apply_async(args, producer=producer, retry=False, expires=60)
    except (OperationalError, LimitExceeded, OSError) as error:
        _silent_until = monotonic() + SILENT_SECONDS  # the next visitors must not wait for its time-out too
        log.warning("broker did not answer; the timetable will find the work", step=name, reason=str(error))
