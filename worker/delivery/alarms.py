"""Issues that wait for somebody's decision in, one mail about each to the people who decide out, handed over like any letter.

An alarm is a row before it is a mail, so that a crash loses none, and its key is the event and the address, so that nobody gets it
twice. Two steps: `owe_alarms` reads the issues and the audit log, `send_alarms` the alarms. An alarm whose issue somebody has
decided about meanwhile is not sent. Whether a mail goes or not, an issue that nobody approved is never sent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.delivery.backoff import seconds_left
from worker.delivery.breaker import BREAKER
from worker.delivery.circulars import Way
from worker.delivery.fence import FENCE
from worker.delivery.hours import describe_hour
from worker.delivery.ledger import Lease, Ready, hand_over
from worker.delivery.message import Copy, Sheet, freeze_template, make_copy
from worker.delivery.senders import Sender
from worker.delivery.standing import count_copies
from worker.delivery.stopping import count_stop
from worker.errors import BroadsheetError
from worker.issues.draft import TIMETABLE
from worker.issues.timetable import deadline, say_left, warn_moment
from worker.press.alarm import AlarmWords, render_alarm
from worker.press.render import render_proof
from worker.press.signatures import APPROVERS, find_signatures, wants_two
from worker.readers.suppress import is_suppressed
from worker.storage import bulk
from worker.storage.models import Alarm, AlarmKind, AuditEntry, DeliveryState, Edition, Editor, Issue, IssueState

log = structlog.get_logger(__name__)
RECENT = timedelta(days=1)  # an older hold is known by now, or was there before there were alarms
MACHINES = (TIMETABLE, BREAKER, FENCE)  # a person who stopped an issue knows
CLAIM = 50


class Event(NamedTuple):
    """Something to be told of: `name` is the same for the same event, whoever finds it and whenever."""

    kind: AlarmKind
    issue: Issue
    name: str
    note: str = ""


def find_events(now: datetime, issue_id: int | None = None) -> list[Event]:
    """Return what is to be told of at this moment: issues that the machine held, and drafts whose deadline comes near; of one
    issue, however long it has been held, or of all that were held lately."""
    entries = AuditEntry.objects.filter(action="hold")
    entries = entries.filter(at__gt=now - RECENT) if issue_id is None else entries.filter(subject=f"issue {issue_id}")
    only = {} if issue_id is None else {"pk": issue_id}
    return [*_find_holds(entries.order_by("at", "pk"), only), *_find_soon(now, only)]


def _find_holds(entries: Iterable[AuditEntry], only: Mapping[str, int]) -> Iterator[Event]:
    latest = {entry.subject: entry for entry in entries}
    numbers = {int(subject.removeprefix("issue ")): entry for subject, entry in latest.items() if entry.actor in MACHINES}
    approved = set(Edition.objects.filter(issue__in=numbers).values_list("issue_id", flat=True))
    for issue in Issue.objects.filter(pk__in=numbers, state=IssueState.HELD).filter(**only).order_by("pk"):
        kind = AlarmKind.STOPPED if issue.started_at else AlarmKind.MISSED if issue.pk in approved else AlarmKind.LATE
        entry = numbers[issue.pk]
        yield Event(kind, issue, f"hold {entry.pk}", str(entry.detail.get("note", "")))


def _find_soon(now: datetime, only: Mapping[str, int]) -> Iterator[Event]:
    newsletters = editorial.load().newsletters
    drafts = Issue.objects.filter(state=IssueState.DRAFT, newsletter__in=list(newsletters))
    for issue in drafts.filter(**only).order_by("pk"):
        newsletter = newsletters[issue.newsletter]
        send_by = deadline(newsletter, issue.drafted_at)
        if warn_moment(newsletter, issue.drafted_at) <= now < send_by:
            # A draft that an approval was taken back of waits anew, and whoever was not told before the approval is told now.
            yield Event(AlarmKind.SOON, issue, f"soon {issue.pk} {int(send_by.timestamp())} {int(issue.drafted_at.timestamp())}")


def list_addresses() -> list[str]:
    """Return who is told: whoever may approve, and ALARM_ADDRESSES."""
    people = Editor.objects.filter(is_active=True, role__in=APPROVERS).order_by("email").values_list("email", flat=True)
    return list(dict.fromkeys([*people, *(one.lower() for one in settings.ALARM_ADDRESSES)]))


def owe_alarms(*, now: datetime | None = None) -> int:
    """Owe an alarm of each event that has none yet to everybody who is told; return how many are new."""
    now = now or timezone.now()
    events = find_events(now)
    known = set(Alarm.objects.filter(event__in=[event.name for event in events]).values_list("event", flat=True))
    fresh = [event for event in events if event.name not in known]
    addresses = list_addresses() if fresh else []
    rows = [Alarm(kind=event.kind, event=event.name, key=f"{event.name} {address}", issue=event.issue, to=address, at=now)
            for event in fresh for address in addresses]
    Alarm.objects.bulk_create(rows, ignore_conflicts=True)  # somebody else may find the same events at this moment
    for event in fresh if rows else ():  # without anybody to tell it would be said again and again
        log.error("an issue waits for a decision", issue=event.issue.pk, kind=str(event.kind), told=len(addresses), note=event.note)
    return len(rows)


def send_alarms(sender: Sender | None = None, *, now: datetime | None = None) -> int:
    """Hand over the alarms that are due; return how many the next hop took. Must be called outside a transaction.

    Raises TransientError if the sender cannot be reached and SenderRefusedError if it turns us away; what was not handed over stays
    queued, and is tried again as letters are.
    """
    now = now or timezone.now()
    states: Counter[str] = Counter()
    if seconds_left():
        return 0
    lease = Lease(Alarm)
    with closing(Way(sender)) as way:
        try:
            ids = lease.claim(Alarm.objects.all(), CLAIM)
            if ids:
                _send_claimed(ids, lease, way.open(), states, now)
        finally:
            lease.release()
    return states[DeliveryState.ACCEPTED]


def _send_claimed(ids: Sequence[int], lease: Lease, sender: Sender, states: Counter[str], now: datetime) -> None:
    for alarm_id in ids:
        lease.renew()
        row = Alarm.objects.select_related("issue").filter(pk=alarm_id, lease_token=lease.token).first()
        if row is None:
            continue
        since = monotonic()
        with lease.marking():
            ready = _begin_call(row, lease, now)
        if ready:
            handed = hand_over(lease, [ready], sender, since=since)
            states += handed.states
            if handed.policy or handed.pause:
                return


def _begin_call(row: Alarm, lease: Lease, now: datetime) -> Ready | None:
    """Commit `attempting` for an alarm that still tells something; one that cannot be written ends here."""
    event = next((one for one in find_events(now, row.issue_id) if one.name == row.event), None)
    if event is None:
        _close(row, lease, DeliveryState.CANCELLED, "somebody has decided about the issue meanwhile")
        return None
    if is_suppressed(row.to):
        log.error("an alarm is not sent: its address must not be written to", alarm=row.pk)
        _close(row, lease, DeliveryState.SUPPRESSED, "the address must not be written to")
        return None
    try:
        copy = _write_copy(row, event, now)
    except BroadsheetError as error:
        log.error("an alarm cannot be written", alarm=row.pk, reason=str(error))
        _close(row, lease, DeliveryState.FAILED, str(error))
        return None
    with transaction.atomic(durable=True):  # inside another transaction the commit would come after the call
        if not bulk.mark_attempting(Alarm, [row.pk], lease.token, lease.seconds):
            return None
    return Ready(row.pk, row.attempts, copy)


def _close(row: Alarm, lease: Lease, state: DeliveryState, why: str) -> None:
    bulk.close_unsent(Alarm, [row.pk], lease.token, state, why)


def _write_copy(row: Alarm, event: Event, now: datetime) -> Copy:
    newsletter = editorial.load().newsletter(event.issue.newsletter)
    letter = render_alarm(newsletter.title, word_alarm(event, now))
    sheet = Sheet(subject=letter.subject, html=letter.html, text=letter.text, from_name=newsletter.from_name,
                  from_email=newsletter.from_email, is_notice=True,
                  feedback=f"{row.kind}:{event.issue.newsletter}:alarm:broadsheet")
    return make_copy(freeze_template(sheet, number=row.pk, at=now), "alarm_id", row.pk, row.to)


def word_alarm(event: Event, now: datetime) -> AlarmWords:
    """Return what an alarm says at this moment; raises BroadsheetError if the newsletter is no longer in feeds.toml."""
    issue = event.issue
    newsletter = editorial.load().newsletter(issue.newsletter)
    send_by = deadline(newsletter, issue.drafted_at)
    stop = count_stop(count_copies(issue.pk), 0)
    return AlarmWords(
        kind=event.kind, slug=issue.slug, issue_subject=issue.subject, issue_url=f"{settings.BASE_URL}/desk/issues/{issue.pk}/",
        deadline=describe_hour(send_by, newsletter.timezone), left=say_left(send_by - now), signed=_say_signed(event),
        why=event.note, out=f"{stop.are_out:,}", waiting=f"{stop.spared:,}")


def _say_signed(event: Event) -> str:
    """Return who has let the draft go as it stands, where two people must."""
    if event.kind != AlarmKind.SOON or not wants_two(event.issue):
        return ""
    try:
        signed = find_signatures(event.issue, render_proof(event.issue).sha256)
    except BroadsheetError:  # its page says so
        return ""
    return ", ".join(one.editor.email for one in signed)
