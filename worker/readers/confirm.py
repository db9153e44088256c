"""The link of a confirmation letter in; what it would confirm, and after the button, confirmed subscriptions out."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from worker.readers.agree import agree_since
from worker.readers.consent import Wordings, build_consent, lock_reader
from worker.readers.intake import take_in
from worker.readers.journal import write_after_commit
from worker.readers.leaving import make_entry
from worker.readers.links import BadLinkError, read_link
from worker.readers.moving import forget_former_owners
from worker.readers.shield import HASTY_SECONDS, Verdict
from worker.readers.suppress import is_suppressed
from worker.readers.terms import find_wordings, name_wordings
from worker.storage.models import (
    Consent,
    ConsentAction,
    Notice,
    NoticeKind,
    Purpose,
    Reader,
    Subscription,
    SubscriptionState,
    Terms,
)

FOREVER = 10 * 365 * 24 * 3600  # seconds


@dataclass(frozen=True)
class Confirmation:
    """What a link asks about.

    `state` is open (the button will confirm), done (everything it asked for is confirmed) or stale (the reader has
    left since, or cannot be written to: this link revives nothing). `remark` says why it is open after the button: changed
    (the page showed something else, `added` are the newsletters it did not name) or again (nobody can say what it showed).
    """

    state: Literal["open", "done", "stale"]
    letter_id: int
    reader_id: int
    email: str
    newsletters: tuple[str, ...]
    partners: bool
    tracking: bool
    topics: str
    form: str  # where it was asked
    wordings: Wordings
    remark: Literal["", "changed", "again"] = ""
    added: tuple[str, ...] = ()

    @property
    def seal(self) -> str:
        """What the page carries along to say what stood on it: all that its button confirms."""
        return _signer().sign_object(_name_all(self))

    @property
    def terms(self) -> Terms | None:
        """The terms that stood in the form."""
        return self.wordings.get("newsletter")


def read_confirmation(token: str) -> Confirmation:
    """Return what the link asks about, changing nothing; raises BadLinkError, or ExpiredLinkError after seven days."""
    return _look(_find_notice(token))


@transaction.atomic
def confirm(token: str, seal: str, *, network_address: str | None = None, now: datetime | None = None) -> Confirmation:
    """Confirm everything the link asks about that is still open, and owe one welcome letter, if that is what the page showed.

    `seal` is what the page carried along (`Confirmation.seal`): a sign-up since may have widened the letter, and what nobody
    saw is not confirmed. May be repeated: the second time everything is done already. A stale link changes nothing. Raises
    BadLinkError, or ExpiredLinkError after seven days.
    """
    notice = _find_notice(token)
    reader = lock_reader(notice.reader_id)
    if reader:
        notice.refresh_from_db(fields=["details"])  # a sign-up may have widened the letter before the lock was ours
    asked = _look(notice)
    if reader is None or asked.state != "open":
        return asked
    asked = _compare(asked, seal)
    if asked.remark:
        return asked
    now = now or timezone.now()
    _set_choices(reader, asked)
    forget_former_owners(reader.email)
    rows = Subscription.objects.filter(reader=reader, newsletter__in=asked.newsletters)
    for key in rows.filter(left_at__isnull=False).values_list("newsletter", flat=True):
        write_after_commit(make_entry("returned", reader, key, now))
    rows.update(state=SubscriptionState.CONFIRMED, confirmed_at=now, left_at=None, confirm_round=F("confirm_round") + 1)
    Consent.objects.bulk_create(_given_rows(reader, asked, network_address, now))
    if asked.terms:
        agree_since(reader, asked.terms)
    Notice.objects.get_or_create(key=f"welcome:{notice.pk}", defaults={
        "kind": NoticeKind.WELCOME, "reader": reader, "created_at": now,
        "details": {"newsletters": list(asked.newsletters)}})
    return replace(asked, state="done")


def ask_again(token: str, *, network_address: str | None = None) -> Verdict:
    """Take in once more the sign-up of a confirmation link whose time is over; return whether it was taken.

    Whatever the link's reader is today, the answer is the same, and the limits on sign-ups and on letters hold. Raises
    BadLinkError for a link that was never ours.
    """
    notice = _find_notice(token, max_age=FOREVER)
    details: dict[str, Any] = notice.details
    return take_in(
        notice.reader.email, details["newsletters"], topics=details.get("topics", "").split(), partners=details["partners"],
        tracking=details["tracking"], shown=details["shown"], form=details.get("form", ""), network_address=network_address,
        form_age=HASTY_SECONDS)


def _find_notice(token: str, max_age: int | None = None) -> Notice:
    ids = read_link("confirm", token, max_age=max_age)
    notice = Notice.objects.select_related("reader").filter(pk=ids.get("notice", 0), kind=NoticeKind.CONFIRM).first()
    if notice is None:
        raise BadLinkError("this link belongs to a sign-up that is not on our lists any more: sign up again")
    return notice


def _look(notice: Notice) -> Confirmation:
    details: dict[str, Any] = notice.details
    rounds: dict[str, int] = details["rounds"]
    rows = {row.newsletter: row for row in Subscription.objects.filter(reader=notice.reader, newsletter__in=rounds)}
    still_open = tuple(key for key, row in sorted(rows.items())
                       if row.state == SubscriptionState.PENDING and row.confirm_round == rounds[key])
    done = tuple(key for key, row in sorted(rows.items()) if row.state == SubscriptionState.CONFIRMED)
    state: Literal["open", "done", "stale"] = "open" if still_open else "done" if done else "stale"
    if is_suppressed(notice.reader.email):
        state = "stale"
    return Confirmation(state=state, letter_id=notice.pk, reader_id=notice.reader_id, email=notice.reader.email,
                        newsletters=still_open or done or tuple(sorted(rounds)), partners=details["partners"],
                        tracking=details["tracking"], topics=details.get("topics", ""), form=details.get("form", ""),
                        wordings=find_wordings(details["shown"]) or {})


def _compare(asked: Confirmation, seal: str) -> Confirmation:
    """Return what is asked, with a remark unless it is what the page showed."""
    try:
        shown: dict[str, Any] = _signer().unsign_object(seal)
    except (signing.BadSignature, ValueError):
        return replace(asked, remark="again")
    if shown == _name_all(asked):
        return asked
    return replace(asked, remark="changed", added=tuple(key for key in asked.newsletters if key not in shown["newsletters"]))


def _name_all(asked: Confirmation) -> dict[str, Any]:
    """Return what the button confirms, as it stands in a seal: in lists, since JSON knows no tuples."""
    return {"letter": asked.letter_id, "newsletters": list(asked.newsletters), "partners": asked.partners,
            "tracking": asked.tracking, "topics": asked.topics,
            "wordings": {kind: list(named) for kind, named in name_wordings(asked.wordings).items()}}


def _signer() -> signing.Signer:
    return signing.Signer(salt="broadsheet.readers.confirm page", sep=".")


def _set_choices(reader: Reader, asked: Confirmation) -> None:
    """Keep what was asked beside the newsletters. Who has confirmed before has chosen topics by the preferences since."""
    is_first = not Subscription.objects.filter(reader=reader, confirmed_at__isnull=False).exists()
    reader.partners = reader.partners or asked.partners
    reader.tracking = reader.tracking or asked.tracking
    if is_first:
        reader.topics = asked.topics
    reader.save(update_fields=["partners", "tracking", "topics"])


def _given_rows(reader: Reader, asked: Confirmation, network_address: str | None, now: datetime) -> list[Consent]:
    purposes = [(Purpose.NEWSLETTER, key) for key in asked.newsletters] + [(Purpose.TERMS, "")]
    if asked.partners:
        purposes.append((Purpose.PARTNERS, ""))
    if asked.tracking:
        purposes.append((Purpose.TRACKING, ""))
    return [build_consent(reader, purpose, ConsentAction.GIVEN, newsletter=key, method="confirm page", form=asked.form,
                          network_address=network_address, wordings=asked.wordings, now=now)
            for purpose, key in purposes]
