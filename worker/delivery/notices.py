"""Letters owed to readers in, each handed over once under the ledger's rules: first those that somebody waits for (confirm,
welcome, a new address), one by one, then those about terms, of which a whole list may be owed one.
"""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.delivery.backoff import seconds_left
from worker.delivery.circulars import Post, Way, Went, send_circulars
from worker.delivery.ledger import Lease, Ready, hand_over
from worker.delivery.message import Copy, Sheet, freeze_template, make_copy
from worker.delivery.senders import Sender
from worker.errors import BroadsheetError
from worker.issues.find import find_latest
from worker.press.proof import Letter
from worker.press.render import render_address, render_confirm, render_moved, render_welcome
from worker.readers.links import address_url, confirm_url, preferences_url, unsubscribe_url
from worker.readers.moving import mask_address
from worker.readers.suppress import is_suppressed
from worker.storage import bulk
from worker.storage.models import DeliveryState, Notice, NoticeKind, Subscription, SubscriptionState

SINGLE = [kind for kind in NoticeKind if kind != NoticeKind.TERMS]


def send_notices(sender: Sender | None = None, *, limit: int = 200, seconds: float = 0, now: datetime | None = None) -> int:
    """Send the letters that are due, for about `seconds` while there are any; return how many the next hop took.

    The letters somebody waits for go first, oldest first, `limit` at a time; before each lot of letters about terms, of which
    a whole list may be owed one, they are looked for again. Must be called outside a transaction. Raises TransientError if
    the sender cannot be reached and SenderRefusedError if it turns us away; what was not handed over stays queued.
    """
    states: Counter[str] = Counter()
    stop_at = time.monotonic() + seconds
    post = Post(now or timezone.now())
    with closing(Way(sender)) as way:
        while not seconds_left():
            went = _send_single(way, limit, states)
            if went == "nothing":
                went = send_circulars(way, post, states)
            if went != "some" or time.monotonic() >= stop_at:
                break
    return states[DeliveryState.ACCEPTED]


def _send_single(way: Way, limit: int, states: Counter[str]) -> Went:
    lease = Lease(Notice)
    ids: list[int] = []
    try:
        for kind in SINGLE:  # each by itself: the index then holds them in their order, however many letters about terms there are
            ids += lease.claim(Notice.objects.filter(kind=kind), limit - len(ids))
        if not ids:
            return "nothing"
        return _send_claimed(sorted(ids), lease, way.open(), states)
    finally:
        lease.release()


def _send_claimed(ids: Sequence[int], lease: Lease, sender: Sender, states: Counter[str]) -> Went:
    for notice_id in ids:
        lease.renew()
        row = Notice.objects.select_related("reader").filter(pk=notice_id, lease_token=lease.token).first()
        if row is None:
            continue
        since = time.monotonic()
        with lease.marking():
            ready = _begin_call(row, lease)
        if ready:
            handed = hand_over(lease, [ready], sender, since=since)
            states += handed.states
            if handed.policy or handed.pause:
                return "stopped"
    return "some"


def _begin_call(row: Notice, lease: Lease) -> Ready | None:
    """Commit `attempting` for a letter that is still wanted; a letter that cannot be written ends here."""
    try:
        copy = _write_copy(row)
    except BroadsheetError as error:
        bulk.close_unsent(Notice, [row.pk], lease.token, DeliveryState.FAILED, str(error))
        return None
    with transaction.atomic(durable=True):  # inside another transaction the commit would come after the call
        if is_suppressed(_to(row)):
            bulk.close_unsent(Notice, [row.pk], lease.token, DeliveryState.SUPPRESSED, "the address must not be written to")
            return None
        if not _is_wanted(row):
            bulk.close_unsent(Notice, [row.pk], lease.token, DeliveryState.CANCELLED, "what it was about has moved on")
            return None
        if not bulk.mark_attempting(Notice, [row.pk], lease.token, lease.seconds):
            return None
    return Ready(row.pk, row.attempts, copy)


def _to(row: Notice) -> str:
    """Return the address the letter goes to: the reader's of today, unless it was owed to another one of theirs."""
    return row.to or row.reader.email


def _newsletters_of(row: Notice) -> list[str]:
    """Return the keys of the newsletters the letter is about that feeds.toml still has; the first one if none."""
    known = editorial.load().newsletters
    return [key for key in row.details.get("newsletters", ()) if key in known] or [next(iter(known))]


def _is_wanted(row: Notice) -> bool:
    """A confirmation is wanted while a subscription it asks about is pending in the same round, a question to a new
    address while it is the last one asked, word to the old address while mail goes elsewhere, the others while one
    is confirmed."""
    if row.kind == NoticeKind.ADDRESS:
        return bool(row.details.get("open"))
    if row.kind == NoticeKind.MOVED:
        return row.to != row.reader.email
    own = Subscription.objects.filter(reader=row.reader)
    if row.kind == NoticeKind.CONFIRM:
        rounds = row.details.get("rounds", {})
        pending = own.filter(state=SubscriptionState.PENDING).values_list("newsletter", "confirm_round")
        return any(rounds.get(key) == number for key, number in pending)
    return own.filter(state=SubscriptionState.CONFIRMED, newsletter__in=_newsletters_of(row)).exists()


def _write_copy(row: Notice) -> Copy:
    """Return the letter as a copy; raises BroadsheetError if it cannot be rendered or addressed."""
    keys = _newsletters_of(row)
    configured = editorial.load()
    title = " and ".join(configured.newsletter(key).title for key in keys)
    letter = _render_letter(row, keys, title)
    first = configured.newsletter(keys[0])
    sheet = Sheet(subject=letter.subject, html=letter.html, text=letter.text, from_name=first.from_name,
                  from_email=first.from_email, is_notice=True, feedback=f"{row.kind}:{keys[0]}:notice:broadsheet")
    template = freeze_template(sheet, number=row.pk, at=timezone.now())
    return make_copy(template, "notice_id", row.pk, _to(row))


def _render_letter(row: Notice, keys: Sequence[str], title: str) -> Letter:
    """The one place where a letter's kind chooses its words."""
    if row.kind == NoticeKind.CONFIRM:
        return render_confirm(title, confirm_url(row.pk))
    if row.kind == NoticeKind.ADDRESS:
        return render_address(title, address_url=address_url(row.reader.pk, row.pk), old=mask_address(row.reader.email))
    if row.kind == NoticeKind.MOVED:
        return render_moved(title, new=mask_address(row.reader.email),
                            contact=editorial.load().newsletter(keys[0]).from_email)
    preferences = preferences_url(row.reader.pk)
    # One link cannot leave two newsletters: then the preferences page, which lists both, is the way out.
    leave = unsubscribe_url(row.reader.pk, keys[0]) if len(keys) == 1 else preferences
    return render_welcome(title, preferences_url=preferences, unsubscribe_url=leave, latest=find_latest(keys))
