"""A new address for a reader in; one letter that asks it, and after its button the reader's mail going there, out."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.utils import timezone

from worker.errors import ConflictError
from worker.readers.addresses import Address, address_key, mailbox_of, read_address
from worker.readers.consent import lock_reader
from worker.readers.hashes import email_hash, email_hashes
from worker.readers.links import BadLinkError, read_link
from worker.readers.preferences import check_proven
from worker.readers.suppress import is_suppressed
from worker.storage.models import DeliveryState, FormerAddress, Notice, NoticeKind, Reader, SubscriptionState

MOST_A_DAY = 3  # letters to new addresses that one reader can cause: enough for two slips, no use for annoying others


@dataclass(frozen=True)
class Move:
    """What a link of such a letter asks about.

    `state` is open (the button moves the reader), done (it did), stale (asked again since, or already used), taken (the
    address is another reader's) or unwritable (mail to it is not wanted, or came back). `has_changed`: it is open still after
    the button, since the page did not show this address.
    """

    state: Literal["open", "done", "stale", "taken", "unwritable"]
    reader_id: int
    old: str
    new: str
    has_changed: bool = False


@transaction.atomic
def ask_move(reader_id: int, typed: str, *, now: datetime | None = None) -> None:
    """Owe one letter to the address that was typed; only its button changes anything.

    Raises BroadsheetError for what is no address, ConflictError for a reader who never confirmed or has had three such
    letters sent today. All the rest has the same answer (none) and the same work, whoever's address it is: also one that
    is another reader's or must not be written to, so that nobody can learn from it who reads here. A mailbox is asked
    once a day, whoever gives it, and in whatever spelling: its letter's link moves to the one that was given last.
    """
    address = read_address(typed)
    now = now or timezone.now()
    reader = lock_reader(reader_id)
    if reader is None:
        return
    check_proven(reader)
    today = f"address:{now.astimezone(UTC):%Y-%m-%d}:"
    key = today + email_hash(address.email)
    own = Notice.objects.filter(reader=reader, kind=NoticeKind.ADDRESS)
    is_new = address.key != reader.email_key
    if is_new and own.filter(key__startswith=today).exclude(key=key).count() >= MOST_A_DAY:
        raise ConflictError(f"{MOST_A_DAY} addresses were asked today already: please try again tomorrow")
    _close(reader)
    if is_new:
        Notice.objects.get_or_create(key=key, defaults={
            "kind": NoticeKind.ADDRESS, "reader": reader, "to": address.email, "created_at": now, "details": {}})
    # Asked again for the same mailbox on the same day: no further letter, but the link of the first one holds again; and one that
    # was not sent since another address had been given meanwhile is owed again.
    for notice in own.filter(key=key):
        notice.to, notice.details = address.email, {"newsletters": _newsletters_of(reader), "open": True}
        if notice.state == DeliveryState.CANCELLED:
            notice.state = DeliveryState.QUEUED
        notice.save(update_fields=["to", "details", "state"])


def _newsletters_of(reader: Reader) -> list[str]:
    """Return what the reader gets: the letter comes from a sender that is known to them."""
    return list(reader.subscriptions.filter(state=SubscriptionState.CONFIRMED).order_by("newsletter")
                .values_list("newsletter", flat=True))


def _close(reader: Reader) -> None:
    """Make every link of before stale: only the address that was given last may become the reader's."""
    for notice in Notice.objects.filter(reader=reader, kind=NoticeKind.ADDRESS):
        if notice.details.get("open"):
            notice.details = {**notice.details, "open": False}
            notice.save(update_fields=["details"])


def read_move(token: str) -> Move:
    """Return what the link asks about, changing nothing; raises BadLinkError, or ExpiredLinkError after seven days."""
    return _look(_find_notice(token))


def move(token: str, shown: str, *, now: datetime | None = None) -> Move:
    """Send the reader's mail to the address that the link asks about, and owe the old one a letter that says so.

    `shown` is the address that stood on the page: if another spelling was given since, nothing is moved. Subscriptions and
    consents stay with the reader; queued copies go to the new address. May be repeated: the second time it is done. Raises
    BadLinkError, or ExpiredLinkError after seven days.
    """
    now = now or timezone.now()
    try:
        with transaction.atomic():
            return _move(_find_notice(token), shown, now)
    except IntegrityError:  # somebody signed up with the address, or moved to it, at this very moment
        return _look(_find_notice(token))


def _move(notice: Notice, shown: str, now: datetime) -> Move:
    reader = lock_reader(notice.reader_id)
    if reader is None:
        raise BadLinkError("this link belongs to a reader who is not on our lists any more")
    notice.refresh_from_db()
    asked = _look(notice)
    if asked.state != "open" or shown != asked.new:
        return replace(asked, has_changed=asked.state == "open")
    _close(reader)
    old, new = reader.email, Address(notice.to, address_key(notice.to))
    reader.email, reader.email_key, reader.mailbox = new.email, new.key, new.mailbox
    reader.save(update_fields=["email", "email_key", "mailbox"])
    forget_former_owners(new.email)
    if mailbox_of(old) != mailbox_of(new.email):
        FormerAddress.objects.update_or_create(email_hash=email_hash(old), defaults={"reader": reader, "at": now})
    Notice.objects.create(kind=NoticeKind.MOVED, key=f"moved:{notice.pk}:{now.astimezone(UTC).isoformat()}", reader=reader,
                          to=old, created_at=now, details={"newsletters": _newsletters_of(reader)})
    return Move("done", reader.pk, old, reader.email)


def _find_notice(token: str) -> Notice:
    ids: dict[str, Any] = read_link("address", token)
    notice = Notice.objects.select_related("reader").filter(
        pk=ids.get("notice", 0), reader=ids.get("reader", 0), kind=NoticeKind.ADDRESS).first()
    if notice is None:
        raise BadLinkError("this link belongs to a reader who is not on our lists any more")
    return notice


def _look(notice: Notice) -> Move:
    reader = Reader.objects.get(pk=notice.reader_id)
    key = address_key(notice.to)
    state: Literal["open", "done", "stale", "taken", "unwritable"] = "open"
    if key == reader.email_key:
        state = "done"
    elif not notice.details.get("open"):
        state = "stale"
    elif is_suppressed(notice.to):
        state = "unwritable"
    elif Reader.objects.filter(email_key=key).exists():
        state = "taken"
    return Move(state, reader.pk, reader.email, notice.to)


def forget_former_owners(email: str) -> None:
    """Let nobody have moved away from this mailbox any more: a reader has just proved that it is theirs."""
    FormerAddress.objects.filter(email_hash__in=email_hashes(email)).delete()


def mask_address(email: str) -> str:
    """Return the address so that its owner knows it and a stranger learns little: a…@example.org. Pure."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}…@{domain}"
