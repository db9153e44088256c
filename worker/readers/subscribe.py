"""Sign-ups that came in, in; pending subscriptions, what was asked for in the ledger, and one confirmation letter owed, out.

Whoever signs up is answered before any of this is looked at (`intake`), so that nobody learns from the answer, or from how
long it takes, who reads what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError
from worker.readers.addresses import Address, address_key, read_address
from worker.readers.consent import Wordings, build_consent, lock_reader
from worker.readers.hashes import email_hash
from worker.readers.suppress import suppressed_among
from worker.readers.terms import box_wordings, find_wordings, name_wordings
from worker.storage.models import (
    Consent,
    ConsentAction,
    Notice,
    NoticeKind,
    Purpose,
    Reader,
    SignUp,
    Subscription,
    SubscriptionState,
)

log = structlog.get_logger(__name__)
BATCH = 200  # sign-ups decided in one transaction
_ASKABLE = (SubscriptionState.PENDING, SubscriptionState.LEFT)


@dataclass(frozen=True)
class _Request:
    """One sign-up as it was asked."""

    address: Address
    newsletters: tuple[str, ...]
    topics: str
    partners: bool
    tracking: bool
    wordings: Wordings
    form: str
    network_address: str | None
    now: datetime
    decided_at: datetime  # when reader and letter come to be: no link that is older opens them (`links`)


def decide_sign_ups(*, limit: int = 5_000, now: datetime | None = None) -> int:
    """Decide what the sign-ups that wait mean, oldest first, at most `limit`; return how many were decided.

    Each row goes in the transaction that writes what it led to. May run twice at once: a row is one worker's.
    """
    decided = 0
    while decided < limit:
        with transaction.atomic():
            rows = list(SignUp.objects.select_for_update(skip_locked=True).order_by("pk")[: min(BATCH, limit - decided)])
            # In one order: others who lock several readers, as for a provider's reports, never wait for us while we wait for them.
            known = Reader.objects.select_for_update(no_key=True).filter(email_key__in=[address_key(row.email) for row in rows])
            list(known.order_by("pk").values_list("pk"))
            unwanted = suppressed_among(row.email for row in rows)
            for row in rows:
                if row.email not in unwanted and not is_blocked(row.email):
                    _decide_or_drop(row, now or row.at, now or timezone.now())
            SignUp.objects.filter(pk__in=[row.pk for row in rows]).delete()
        decided += len(rows)
        if len(rows) < BATCH:
            break
    return decided


def _decide_or_drop(row: SignUp, now: datetime, decided_at: datetime) -> None:
    """Decide one; what can never be decided must not hold up those who came after it."""
    try:
        with transaction.atomic():
            _decide(row, now, decided_at)
    except (BroadsheetError, KeyError, TypeError, ValueError):
        log.exception("a sign-up cannot be decided", sign_up=row.pk)


def _decide(row: SignUp, now: datetime, decided_at: datetime) -> None:
    known = editorial.load().newsletters
    newsletters = tuple(key for key in row.newsletters if key in known)
    wordings = find_wordings(row.shown)
    if not newsletters or wordings is None:
        log.warning("a sign-up asked for what is there no more", sign_up=row.pk)
        return
    _write(_Request(address=read_address(row.email), newsletters=newsletters, topics=row.topics, partners=row.partners,
                    tracking=row.tracking, wordings=wordings, form=row.form, network_address=row.network_address, now=now,
                    decided_at=decided_at))


def is_blocked(email: str) -> bool:
    """Say whether the operator takes no sign-ups from the address's domain, or from one that it belongs to."""
    domain = email.rpartition("@")[2].lower()
    blocked = {name.strip().lower().lstrip("@.") for name in settings.SIGNUP_BLOCKED_DOMAINS}
    parts = domain.split(".")
    return any(".".join(parts[start:]) in blocked for start in range(len(parts)))


def sign_up(email: str, newsletters: Sequence[str], *, topics: str = "", partners: bool = False, tracking: bool = False,
            form: str = "site", network_address: str | None = None, wordings: Wordings | None = None,
            now: datetime | None = None) -> None:
    """Ask for newsletters and decide at once, where nobody waits for the answer who should not learn from it.

    `wordings` are those that were shown (today's if left out). Raises BroadsheetError for something that is no
    address, for no newsletter at all, and for one that is not in feeds.toml.
    """
    configured = editorial.load()
    wanted = tuple(dict.fromkeys(newsletters))
    if not wanted:
        raise BroadsheetError("choose at least one newsletter")
    for key in wanted:
        configured.newsletter(key)
    now = now or timezone.now()
    request = _Request(address=read_address(email), newsletters=wanted, topics=topics, partners=partners, tracking=tracking,
                       wordings=wordings or box_wordings(), form=form, network_address=network_address, now=now, decided_at=now)
    with transaction.atomic():
        if not suppressed_among([request.address.email]) and not is_blocked(request.address.email):
            _write(request)


def _write(request: _Request) -> None:
    """Write reader, subscriptions, ledger and letter, unless no letter is owed: then nothing, as if nobody had asked."""
    with transaction.atomic():
        if not _write_all(request):
            transaction.set_rollback(True)  # of this savepoint alone
    reader = Reader.objects.filter(email_key=request.address.key).first()
    if reader:
        _narrow(reader, request)


def _write_all(request: _Request) -> bool:
    address, now = request.address, request.now
    found, _ = Reader.objects.get_or_create(email_key=address.key, defaults={
        "email": address.email, "mailbox": address.mailbox, "created_at": request.decided_at})
    reader = lock_reader(found.pk)
    if reader is None:  # erased this moment
        return False
    Subscription.objects.bulk_create(
        [Subscription(reader=reader, newsletter=key, asked_at=now) for key in request.newsletters], ignore_conflicts=True)
    rows = reader.subscriptions.filter(newsletter__in=request.newsletters, state__in=_ASKABLE).order_by("newsletter")
    rounds = {row.newsletter: row.confirm_round for row in rows}
    asked, is_new = _owe_letter(reader, request, rounds)
    if not asked:
        return False
    Subscription.objects.filter(reader=reader, newsletter__in=asked).update(state=SubscriptionState.PENDING, asked_at=now)
    Consent.objects.bulk_create(_asked_rows(reader, request, asked, with_boxes=is_new))
    return True


def _owe_letter(reader: Reader, request: _Request, rounds: Mapping[str, int]) -> tuple[list[str], bool]:
    """Owe a letter that asks about `rounds`; return the newsletters it asks about that none of today's did before, and
    whether it is a new one.

    One confirmation a (UTC) day for one mailbox, however its address is spelt; another only once that one was answered. A
    letter on its way, or in the mailbox, is widened by what is asked for since: its page names all of it. What it asked
    before it does not ask anew, or a link from before somebody left would bring them back; nor does it take in what was asked
    beside other wordings than its own.
    """
    prefix = _letter_prefix(reader, request)
    today, letter = _letters_of_today(prefix)
    if letter is None:
        _make_letter(reader, request, rounds, f"{prefix}{len(today)}")
        return list(rounds), True
    fresh = [key for key in rounds if key not in letter.details["rounds"]]
    as_shown = {kind: tuple(named) for kind, named in letter.details["shown"].items()} == name_wordings(request.wordings)
    if letter.reader_id != reader.pk or not fresh or not as_shown:
        return [], False
    letter.details["rounds"] |= {key: rounds[key] for key in fresh}
    letter.details["newsletters"] = sorted(letter.details["rounds"])
    letter.save(update_fields=["details"])
    return fresh, False


def _letter_prefix(reader: Reader, request: _Request) -> str:
    return f"confirm:{email_hash(reader.email)[:40]}:{request.now.astimezone(UTC):%Y-%m-%d}:"


def _letters_of_today(prefix: str) -> tuple[list[Notice], Notice | None]:
    """Return the mailbox's letters of the day, and the one that is not answered yet."""
    today = list(Notice.objects.filter(kind=NoticeKind.CONFIRM, key__startswith=prefix).order_by("pk"))
    answered = set(Notice.objects.filter(key__in=[f"welcome:{letter.pk}" for letter in today]).values_list("key", flat=True))
    return today, next((one for one in today if f"welcome:{one.pk}" not in answered), None)


def _narrow(reader: Reader, request: _Request) -> None:
    """Let the day's letter ask for no more than each form of the day did beside the newsletters: one of them may be a
    stranger's, and one button answers all."""
    _, letter = _letters_of_today(_letter_prefix(reader, request))
    if letter is None or letter.reader_id != reader.pk:
        return
    asked = letter.details
    narrowed = {"partners": asked["partners"] and request.partners, "tracking": asked["tracking"] and request.tracking,
                "topics": asked.get("topics", "") if asked.get("topics", "") == request.topics else ""}
    if asked | narrowed != asked:
        letter.details = asked | narrowed
        letter.save(update_fields=["details"])


def _make_letter(reader: Reader, request: _Request, rounds: Mapping[str, int], key: str) -> None:
    if rounds:
        Notice.objects.create(key=key, kind=NoticeKind.CONFIRM, reader=reader, created_at=request.decided_at, details={
            "newsletters": list(rounds), "rounds": dict(rounds), "topics": request.topics, "partners": request.partners,
            "tracking": request.tracking, "form": request.form,
            "shown": name_wordings(request.wordings)})


def _asked_rows(reader: Reader, request: _Request, newsletters: Sequence[str], *, with_boxes: bool) -> list[Consent]:
    purposes = [(Purpose.NEWSLETTER, key) for key in newsletters] + [(Purpose.TERMS, "")]
    if request.partners and with_boxes:  # a letter that was only widened asks about the boxes of the first form
        purposes.append((Purpose.PARTNERS, ""))
    if request.tracking and with_boxes:
        purposes.append((Purpose.TRACKING, ""))
    return [build_consent(reader, purpose, ConsentAction.ASKED, newsletter=key, method="form", form=request.form,
                          network_address=request.network_address, wordings=request.wordings, now=request.now)
            for purpose, key in purposes]
