"""Letters owed to single readers in (confirm, welcome, terms), each handed over once under the ledger's rules."""

from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.delivery.ledger import Lease, Ready, hand_over
from worker.delivery.message import Copy, Sheet, freeze_template, make_copy
from worker.delivery.senders import Sender, open_sender
from worker.errors import BroadsheetError
from worker.issues.find import find_latest
from worker.press.proof import Letter
from worker.press.render import render_confirm, render_terms_notice, render_welcome
from worker.readers.links import confirm_url, preferences_url, unsubscribe_url
from worker.readers.suppress import is_suppressed
from worker.storage import bulk
from worker.storage.models import DeliveryState, Notice, NoticeKind, Subscription, SubscriptionState, Terms


def send_notices(sender: Sender | None = None, *, limit: int = 200) -> int:
    """Send the letters that are due, oldest first, one by one; return how many the next hop took.

    Must be called outside a transaction. Raises TransientError if the sender cannot be reached and SenderRefusedError
    if it turns us away; what was not handed over stays queued.
    """
    lease = Lease(Notice)
    ids = bulk.claim_rows(Notice.objects.all(), lease.token, limit=limit, seconds=lease.seconds)
    if not ids:
        return 0
    states: Counter[str] = Counter()
    try:
        out = sender or open_sender()
        try:
            _send_claimed(ids, lease, out, states)
        finally:
            if sender is None:
                out.close()
    finally:
        lease.release()
    return states[DeliveryState.ACCEPTED]


def _send_claimed(ids: Sequence[int], lease: Lease, sender: Sender, states: Counter[str]) -> None:
    for notice_id in ids:
        lease.renew()
        row = Notice.objects.select_related("reader").filter(pk=notice_id, lease_token=lease.token).first()
        if row is None:
            continue
        ready = _begin_call(row, lease)
        if ready:
            handed = hand_over(lease, [ready], sender, age=(timezone.now() - row.created_at).total_seconds())
            states += handed.states
            if handed.policy or handed.pause:
                break


def _begin_call(row: Notice, lease: Lease) -> Ready | None:
    """Commit `attempting` for a letter that is still wanted; a letter that cannot be written ends here."""
    try:
        copy = _write_copy(row)
    except BroadsheetError as error:
        bulk.close_unsent(Notice, [row.pk], lease.token, DeliveryState.FAILED, str(error))
        return None
    with transaction.atomic(durable=True):  # inside another transaction the commit would come after the call
        if is_suppressed(row.reader.email):
            bulk.close_unsent(Notice, [row.pk], lease.token, DeliveryState.SUPPRESSED, "the address must not be written to")
            return None
        if not _is_wanted(row):
            bulk.close_unsent(Notice, [row.pk], lease.token, DeliveryState.CANCELLED, "what it was about has moved on")
            return None
        if not bulk.mark_attempting(Notice, [row.pk], lease.token, lease.seconds):
            return None
    return Ready(row.pk, row.attempts, copy)


def _newsletters_of(row: Notice) -> list[str]:
    """Return the keys of the newsletters the letter is about that feeds.toml still has; the first one if none."""
    known = editorial.load().newsletters
    return [key for key in row.details.get("newsletters", ()) if key in known] or [next(iter(known))]


def _is_wanted(row: Notice) -> bool:
    """A confirmation is wanted while a subscription it asks about is pending in the same round, the others while one
    is confirmed."""
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
    return make_copy(template, "notice_id", row.pk, row.reader.email)


def _render_letter(row: Notice, keys: Sequence[str], title: str) -> Letter:
    """The one place where a letter's kind chooses its words."""
    if row.kind == NoticeKind.CONFIRM:
        return render_confirm(title, confirm_url(row.pk))
    preferences = preferences_url(row.reader.pk)
    # One link cannot leave two newsletters: then the preferences page, which lists both, is the way out.
    leave = unsubscribe_url(row.reader.pk, keys[0]) if len(keys) == 1 else preferences
    if row.kind == NoticeKind.WELCOME:
        return render_welcome(title, preferences_url=preferences, unsubscribe_url=leave, latest=find_latest(keys))
    terms = Terms.objects.filter(pk=row.details.get("terms", 0)).first()
    if terms is None:
        raise BroadsheetError(f"notice {row.pk} names no published terms")
    return render_terms_notice(title, version=terms.version, effective=terms.effective,
                               terms_url=_terms_url(terms), preferences_url=preferences, unsubscribe_url=leave)


def _terms_url(terms: Terms) -> str:
    return f"{settings.BASE_URL}/terms/{terms.version}/"
