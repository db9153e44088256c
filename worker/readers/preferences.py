"""A reader's wish in (leave, join, take back, agree), the subscription changed and the ledger's rows out, in one go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.readers.agree import agree_since
from worker.readers.consent import Wordings, build_consent, lock_reader, record
from worker.readers.suppress import is_suppressed
from worker.readers.terms import box_wordings
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Subscription, SubscriptionState

_LIVE = (SubscriptionState.PENDING, SubscriptionState.CONFIRMED)


@dataclass(frozen=True)
class Preferences:
    """What a reader has chosen."""

    reader: Reader
    states: dict[str, str]  # newsletter > state
    proven: bool  # the reader has confirmed from this address at least once

    def has(self, newsletter: str) -> bool:
        """Say whether the reader gets this newsletter."""
        return self.states.get(newsletter) == SubscriptionState.CONFIRMED


@dataclass(frozen=True)
class Changes:
    """What a change did; empty if everything stood as wished."""

    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.given or self.withdrawn)


def leave(reader_id: int, newsletter: str, *, method: str, network_address: str | None = None,
          now: datetime | None = None) -> bool:
    """End one subscription at once; say whether there was one to end.

    Safe to repeat, and safe for readers, newsletters and ids that are not there. The round moves on, so that a
    confirmation link of before cannot bring the reader back. Database errors are left to the caller: an unsubscribe
    that was not recorded must not look like one that was.
    """
    now = now or timezone.now()
    with transaction.atomic():
        reader = lock_reader(reader_id)
        row = Subscription.objects.filter(reader=reader, newsletter=newsletter, state__in=_LIVE).first()
        if reader is None or row is None:
            return False
        _end(reader, row, method, network_address, now)
    return True


def _end(reader: Reader, row: Subscription, method: str, network_address: str | None, now: datetime) -> None:
    Subscription.objects.filter(pk=row.pk).update(
        state=SubscriptionState.LEFT, left_at=now, confirm_round=F("confirm_round") + 1)
    record(reader, Purpose.NEWSLETTER, ConsentAction.WITHDRAWN, newsletter=row.newsletter, method=method,
           network_address=network_address, now=now)


def read_preferences(reader_id: int) -> Preferences:
    """Return what this reader has chosen; raises NotFoundError."""
    reader = Reader.objects.filter(pk=reader_id).first()
    if reader is None:
        raise NotFoundError("this reader is not on our lists any more")
    rows = list(reader.subscriptions.all())
    return Preferences(reader=reader, states={row.newsletter: row.state for row in rows},
                       proven=any(row.confirmed_at for row in rows))


@transaction.atomic
def change(reader_id: int, *, newsletters: Collection[str] | None = None, partners: bool | None = None,
           tracking: bool | None = None, wordings: Wordings | None = None, method: str = "preferences",
           network_address: str | None = None, now: datetime | None = None) -> Changes:
    """Make the reader's choices be these; None leaves one as it is. `newsletters` are all those wanted from now on.

    A reader who has confirmed before joins a further newsletter at once: the address is proven. `wordings` are those
    that were shown (today's if left out). Raises NotFoundError for an unknown reader, BroadsheetError for an unknown
    newsletter, ConflictError for joining before the first confirmation or with a suppressed address.
    """
    now = now or timezone.now()
    reader = lock_reader(reader_id)
    if reader is None:
        raise NotFoundError("this reader is not on our lists any more")
    shown = wordings or box_wordings()
    said: dict[str, Any] = {"method": method, "form": "preferences", "network_address": network_address, "now": now}
    joined, left = ((), ()) if newsletters is None else _change_newsletters(reader, set(newsletters), shown, said)
    given, withdrawn = _change_purposes(reader, {Purpose.PARTNERS: partners, Purpose.TRACKING: tracking}, shown, said)
    return Changes(joined=joined, left=left, given=given, withdrawn=withdrawn)


def _change_newsletters(reader: Reader, wanted: set[str], wordings: Wordings,
                        said: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows = {row.newsletter: row for row in reader.subscriptions.all()}
    confirmed = {key for key, row in rows.items() if row.state == SubscriptionState.CONFIRMED}
    joining = sorted(wanted - confirmed)
    for key in joining:
        editorial.load().newsletter(key)
    if joining:
        _check_proven(reader)
        _check_writable(reader, rows, joining)
    for key in joining:
        _join(reader, key, wordings, said)
    if joining:
        agree_since(reader, wordings["newsletter"])
    # A pending subscription that is not ticked was never begun: it is left for its confirmation link to decide.
    leaving = sorted(confirmed - wanted)
    for key in leaving:
        _end(reader, rows[key], said["method"], said["network_address"], said["now"])
    return tuple(joining), tuple(leaving)


def _check_proven(reader: Reader) -> None:
    if not reader.subscriptions.filter(confirmed_at__isnull=False).exists():
        raise ConflictError("this address is not confirmed yet: open the link in the mail we sent first")


def _check_writable(reader: Reader, rows: dict[str, Subscription], joining: list[str]) -> None:
    suppressed = [key for key in joining if key in rows and rows[key].state == SubscriptionState.SUPPRESSED]
    if suppressed or is_suppressed(reader.email):
        raise ConflictError("mail to this address came back or was marked as unwanted, so we no longer write to it")


def _join(reader: Reader, newsletter: str, wordings: Wordings, said: dict[str, Any]) -> None:
    now = said["now"]
    Subscription.objects.get_or_create(reader=reader, newsletter=newsletter, defaults={"asked_at": now})
    Subscription.objects.filter(reader=reader, newsletter=newsletter).update(
        state=SubscriptionState.CONFIRMED, confirmed_at=now, left_at=None, confirm_round=F("confirm_round") + 1)
    Consent.objects.bulk_create([
        build_consent(reader, Purpose.NEWSLETTER, ConsentAction.GIVEN, newsletter=newsletter, wordings=wordings, **said),
        build_consent(reader, Purpose.TERMS, ConsentAction.GIVEN, wordings=wordings, **said)])


def _change_purposes(reader: Reader, wishes: dict[Purpose, bool | None], wordings: Wordings,
                     said: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    given: list[str] = []
    withdrawn: list[str] = []
    for purpose, wish in wishes.items():
        if wish is None or wish == getattr(reader, purpose.value):
            continue
        if wish:
            _check_proven(reader)
        setattr(reader, purpose.value, wish)
        action = ConsentAction.GIVEN if wish else ConsentAction.WITHDRAWN
        record(reader, purpose, action, wordings=wordings if wish else None, **said)
        (given if wish else withdrawn).append(purpose.value)
    if given or withdrawn:
        reader.save(update_fields=["partners", "tracking"])
    return tuple(given), tuple(withdrawn)


def title_of(newsletter: str) -> str:
    """Return the newsletter's title; its key if feeds.toml no longer has it (old links outlive newsletters)."""
    try:
        return editorial.load().newsletter(newsletter).title
    except BroadsheetError:
        return newsletter
