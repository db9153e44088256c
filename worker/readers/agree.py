"""The link in a letter about new terms in; what the reader is asked, and after the button, the agreement on record out."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone

from worker.errors import BroadsheetError
from worker.readers.consent import lock_reader, record
from worker.readers.links import BadLinkError, read_link
from worker.readers.suppress import is_suppressed
from worker.readers.terms import current_terms, find_before, find_wordings, list_versions, read_shown
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, SubscriptionState, Terms

FORM = "terms page"


@dataclass(frozen=True)
class Agreement:
    """What a link asks.

    `state` is open (the button will agree), done (nothing is asked, or not any more) or nothing (the reader gets no
    newsletter, so there is nothing to agree to). `remark` says why it is open after the button: newer (another version was
    published in between; the one shown is on record) or again (the form was too old, or not one of ours).
    """

    state: Literal["open", "done", "nothing"]
    reader: Reader
    terms: Terms  # the newest, in force or not
    before: Terms | None  # what the reader agreed to last
    newsletters: tuple[str, ...]
    paused: bool
    agreed: bool = False
    remark: Literal["", "newer", "again"] = ""


def list_asking(versions: list[Terms] | None = None) -> list[Terms]:
    """Return the versions of the newsletter terms that readers must agree to anew, by their day: the material ones but the
    very first, to which everybody agreed who is here."""
    rows = sorted(list_versions() if versions is None else versions, key=lambda row: row.pk)
    return sorted((row for row in rows[1:] if row.material), key=lambda row: (row.effective, row.pk))


def asked_since(today: date | None = None) -> date:
    """Return the day of the newest terms in force that ask for agreement; date.min if none do.

    A reader whose `terms_since` is earlier gets no issue until they answer. This is the one rule of the pause.
    """
    today = today or timezone.now().astimezone(UTC).date()
    return max((row.effective for row in list_asking() if row.effective <= today), default=date.min)


def agree_since(reader: Reader, terms: Terms) -> None:
    """Note how far the reader's agreement reaches now that they agree to `terms`, in the caller's transaction.

    It is the latest day of all the wordings they agreed to. Who never agreed to any stands exactly where `terms` do, so that
    a form opened before a material change and sent after it does not pass for an answer to the change. Readers from an
    import agreed elsewhere, which counts from their import on.
    """
    given = Consent.objects.filter(reader=reader, action=ConsentAction.GIVEN)
    named = given.filter(purpose=Purpose.TERMS).values("wording_sha256")
    days = [terms.effective, *Terms.objects.filter(kind="newsletter", sha256__in=named).values_list("effective", flat=True)]
    if given.filter(method="import").exists():
        days.append(reader.terms_since)
    reader.terms_since = max(days)
    reader.save(update_fields=["terms_since"])


def read_agreement(token: str, *, now: datetime | None = None) -> Agreement:
    """Return what the link asks, changing nothing; raises BadLinkError, also for a reader who has been erased since."""
    reader = Reader.objects.filter(pk=read_link("terms", token)["reader"]).first()
    return _look(reader, now or timezone.now())


@transaction.atomic
def agree(token: str, seal: str, *, network_address: str | None = None, now: datetime | None = None) -> Agreement:
    """Record that the reader agrees to the wording the form showed, and end their pause; may be repeated.

    `seal` is what the form carried along (`terms.seal_shown`). Raises BadLinkError as `read_agreement`.
    """
    now = now or timezone.now()
    reader = lock_reader(read_link("terms", token)["reader"])
    asked = _look(reader, now)
    if reader is None or asked.state != "open":
        return asked
    shown = read_shown(seal)
    found = find_wordings(shown.named) if shown else None
    wording = found["newsletter"] if found else None
    if wording is None or wording.effective <= reader.terms_since:
        return replace(asked, remark="again")
    record(reader, Purpose.TERMS, ConsentAction.GIVEN, method=FORM, form=FORM, network_address=network_address,
           wordings={"newsletter": wording}, now=now)
    agree_since(reader, wording)
    after = _look(reader, now)
    return replace(after, agreed=True, remark="newer" if after.state == "open" else "")


def _look(reader: Reader | None, now: datetime) -> Agreement:
    versions = list_versions()
    if reader is None or not versions:
        raise BadLinkError("this reader is not on our lists any more")
    asking = list_asking(versions)
    today = now.astimezone(UTC).date()
    newsletters = tuple(reader.subscriptions.filter(state=SubscriptionState.CONFIRMED).order_by("newsletter")
                        .values_list("newsletter", flat=True))
    state: Literal["open", "done", "nothing"] = "open"
    if not newsletters or is_suppressed(reader.email):
        state = "nothing"
    elif not asking or asking[-1].effective <= reader.terms_since:
        state = "done"
    return Agreement(state=state, reader=reader, terms=versions[0], before=_find_agreed(reader, versions[0]),
                     newsletters=newsletters, paused=reader.terms_since < asked_since(today))


def _find_agreed(reader: Reader, newest: Terms) -> Terms | None:
    """Return the version the reader agreed to last; without one on record, that of the day they are counted from."""
    last = Consent.objects.filter(reader=reader, purpose=Purpose.TERMS, action=ConsentAction.GIVEN).exclude(
        wording_sha256="").order_by("-at", "-id").first()
    agreed = Terms.objects.filter(kind="newsletter", sha256=last.wording_sha256).first() if last else None
    if agreed is None:
        try:
            agreed = current_terms(today=reader.terms_since)
        except BroadsheetError:
            agreed = None
    return agreed if agreed and agreed != newest else find_before(newest)
