"""A reader's choices in (newsletters, how often, topics, a pause, agreements), rows changed and the ledger's rows out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.readers.agree import agree_since, list_asking
from worker.readers.consent import Wordings, build_consent, lock_reader, record
from worker.readers.journal import write_after_commit
from worker.readers.leaving import end_subscription, make_entry
from worker.readers.suppress import is_suppressed
from worker.readers.terms import box_wordings
from worker.storage.models import (
    Consent,
    ConsentAction,
    Frequency,
    Purpose,
    Reader,
    Subscription,
    SubscriptionState,
    Terms,
)
from worker.storage.models.readers import today

PAUSE_WEEKS = (2, 4, 8)
GONE = "this reader is not on our lists any more"


@dataclass(frozen=True)
class Preferences:
    """What a reader has chosen."""

    reader: Reader
    states: dict[str, str]  # newsletter > state
    proven: bool  # the reader has confirmed from this address at least once
    frequencies: dict[str, str] = field(default_factory=dict)  # newsletter > every or weekly

    def has(self, newsletter: str) -> bool:
        """Say whether the reader gets this newsletter."""
        return self.states.get(newsletter) == SubscriptionState.CONFIRMED

    @property
    def topics(self) -> tuple[str, ...]:
        """The chosen topics; none means all."""
        return tuple(self.reader.topics.split())

    def paused_until(self, now: datetime | None = None) -> datetime | None:
        """Return when the reader's own pause ends; None if there is none, or it is over."""
        until = self.reader.paused_until
        return until if until and until > (now or timezone.now()) else None


@dataclass(frozen=True)
class Changes:
    """What a change did; empty if everything stood as wished."""

    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.given or self.withdrawn)


def read_preferences(reader_id: int) -> Preferences:
    """Return what this reader has chosen; raises NotFoundError."""
    reader = Reader.objects.filter(pk=reader_id).first()
    if reader is None:
        raise NotFoundError(GONE)
    rows = list(reader.subscriptions.all())
    return Preferences(reader=reader, states={row.newsletter: row.state for row in rows},
                       proven=any(row.confirmed_at for row in rows),
                       frequencies={row.newsletter: row.frequency for row in rows})


def find_waiting_terms(reader: Reader) -> Terms | None:
    """Return the newest material terms in force that this reader has not answered; until then no issue goes out."""
    in_force = [row for row in list_asking() if row.effective <= today()]
    return in_force[-1] if in_force and reader.terms_since < in_force[-1].effective else None


def find_agreed_wording(reader: Reader, purpose: Purpose) -> str:
    """Return the wording this reader last agreed to for the purpose; "" if it is not known."""
    row = reader.consents.filter(purpose=purpose, action=ConsentAction.GIVEN).order_by("at", "id").last()
    said = Terms.objects.filter(kind=purpose.value, sha256=row.wording_sha256).first() if row else None
    return said.wording if said else ""


@transaction.atomic
def change(reader_id: int, *, newsletters: Collection[str] | None = None, frequencies: Mapping[str, str] | None = None,
           partners: bool | None = None, tracking: bool | None = None, wordings: Wordings | None = None,
           method: str = "preferences", network_address: str | None = None, now: datetime | None = None) -> Changes:
    """Make the reader's choices be these; None leaves one as it is. `newsletters` are all those wanted from now on, and
    `frequencies` how often: every or weekly; one without a weekly digest comes with every issue, whatever is asked.

    A reader who has confirmed before joins a further newsletter at once: the address is proven. `wordings` are those
    that were shown (today's if left out). Raises NotFoundError for an unknown reader, BroadsheetError for an unknown
    newsletter or frequency, ConflictError for joining before the first confirmation, with a suppressed address, or while material
    terms wait for an answer.
    """
    now = now or timezone.now()
    reader = _lock(reader_id)
    shown = wordings if wordings is not None else _wordings_of_today()
    said: dict[str, Any] = {"method": method, "form": "preferences", "network_address": network_address, "now": now}
    joined, left = ((), ()) if newsletters is None else _change_newsletters(reader, set(newsletters), shown, said)
    _set_frequencies(reader, frequencies or {})
    given, withdrawn = _change_purposes(reader, {Purpose.PARTNERS: partners, Purpose.TRACKING: tracking}, shown, said)
    return Changes(joined=joined, left=left, given=given, withdrawn=withdrawn)


def _wordings_of_today() -> Wordings:
    """While no terms are published nothing can be given, but everything taken back."""
    try:
        return box_wordings()
    except BroadsheetError:
        return {}


def _lock(reader_id: int) -> Reader:
    reader = lock_reader(reader_id)
    if reader is None:
        raise NotFoundError(GONE)
    return reader


def _change_newsletters(reader: Reader, wanted: set[str], wordings: Wordings,
                        said: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows = {row.newsletter: row for row in reader.subscriptions.all()}
    confirmed = {key for key, row in rows.items() if row.state == SubscriptionState.CONFIRMED}
    joining = sorted(wanted - confirmed)
    for key in joining:
        editorial.load().newsletter(key)
    if joining:
        if "newsletter" not in wordings:
            raise BroadsheetError("no terms are published just now, so no newsletter can be added; please try again later")
        _check_may_join(reader, reads=bool(confirmed))
    for key in joining:
        _join(reader, key, wordings, said)
        if key in rows and rows[key].left_at:
            write_after_commit(make_entry("returned", reader, key, said["now"]))
    if joining:
        agree_since(reader, wordings["newsletter"])
    # A pending subscription that is not ticked was never begun: it is left for its confirmation link to decide.
    leaving = sorted(confirmed - wanted)
    for key in leaving:
        end_subscription(reader, rows[key], method=said["method"], network_address=said["network_address"], now=said["now"])
        write_after_commit(make_entry("left", reader, key, said["now"]))
    return tuple(joining), tuple(leaving)


def _check_may_join(reader: Reader, *, reads: bool) -> None:
    """Raise ConflictError unless the reader may join. One who reads nothing at present agrees by joining, to the terms that
    stand on the page; one who reads, and has not answered new terms, answers them first: a tick elsewhere is no answer.
    """
    check_proven(reader)
    if is_suppressed(reader.email):
        raise ConflictError("mail to this address came back or was marked as unwanted, so we no longer write to it")
    if reads and find_waiting_terms(reader):
        raise ConflictError("our terms have changed: agree to the new ones first, then choose a further newsletter")


def check_proven(reader: Reader) -> None:
    """Raise ConflictError unless this reader has confirmed at least once: before, nobody knows who holds the link."""
    if not reader.subscriptions.filter(confirmed_at__isnull=False).exists():
        raise ConflictError("this address is not confirmed yet: open the link in the mail we sent first")


def _join(reader: Reader, newsletter: str, wordings: Wordings, said: dict[str, Any]) -> None:
    now = said["now"]
    Subscription.objects.get_or_create(reader=reader, newsletter=newsletter, defaults={"asked_at": now})
    Subscription.objects.filter(reader=reader, newsletter=newsletter).update(
        state=SubscriptionState.CONFIRMED, asked_at=now, confirmed_at=now, left_at=None,
        confirm_round=F("confirm_round") + 1)
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
            check_proven(reader)
        setattr(reader, purpose.value, wish)
        action = ConsentAction.GIVEN if wish else ConsentAction.WITHDRAWN
        record(reader, purpose, action, wordings=wordings if wish else None, **said)
        (given if wish else withdrawn).append(purpose.value)
    if given or withdrawn:
        reader.save(update_fields=["partners", "tracking"])
    return tuple(given), tuple(withdrawn)


def _set_frequencies(reader: Reader, frequencies: Mapping[str, str]) -> None:
    """Let these newsletters come with every issue, or once a week; no consent, so the ledger does not hear of it."""
    configured = editorial.load().newsletters
    for key, wish in frequencies.items():
        if wish not in Frequency.values:
            raise BroadsheetError("choose every issue or one mail a week")
        has_digest = key in configured and configured[key].digest_on
        Subscription.objects.filter(reader=reader, newsletter=key).update(frequency=wish if has_digest else Frequency.EVERY)


@transaction.atomic
def choose_topics(reader_id: int, topics: Collection[str]) -> tuple[str, ...]:
    """Keep which topics the reader wants and return them; none or all of them means everything, now and later.

    Raises NotFoundError, and BroadsheetError for a topic there is not.
    """
    reader = _lock(reader_id)
    known = editorial.load().reader_topics()
    unknown = sorted(set(topics) - set(known))
    if unknown:
        raise BroadsheetError(f"there is no topic {unknown[0][:40]!r}; choose from: {', '.join(known.values())}")
    chosen = tuple(key for key in known if key in topics)
    reader.topics = "" if len(chosen) == len(known) else " ".join(chosen)
    reader.save(update_fields=["topics"])
    return tuple(reader.topics.split())


@transaction.atomic
def pause(reader_id: int, weeks: int, *, now: datetime | None = None) -> datetime | None:
    """Send no issue for 2, 4 or 8 weeks from now, or (0) send them again; return when the pause ends.

    Raises NotFoundError, and BroadsheetError for another number of weeks.
    """
    reader = _lock(reader_id)
    if weeks not in (0, *PAUSE_WEEKS):
        raise BroadsheetError("a pause lasts 2, 4 or 8 weeks")
    reader.paused_until = (now or timezone.now()) + timedelta(weeks=weeks) if weeks else None
    reader.save(update_fields=["paused_until"])
    return reader.paused_until


def title_of(newsletter: str) -> str:
    """Return the newsletter's title; its key if feeds.toml no longer has it (old links outlive newsletters)."""
    try:
        return editorial.load().newsletter(newsletter).title
    except BroadsheetError:
        return newsletter
