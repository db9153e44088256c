"""What a reader did in, rows of the append-only consent ledger out; and the ledger read back as evidence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from django.utils import timezone

from worker.errors import NotFoundError
from worker.readers.addresses import address_key
from worker.readers.find import find_former_owners
from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Terms


class SubscriptionEvidence(TypedDict):
    """One newsletter of a reader."""

    newsletter: str
    state: str
    frequency: str


class ConsentEvidence(TypedDict):
    """One row of the ledger; `at` is ISO 8601 in UTC."""

    purpose: str
    action: str
    at: str
    version: str
    wording_sha256: str
    newsletter: str
    method: str
    form: str
    source: str
    network_address: str | None


class WordingEvidence(TypedDict):
    """A wording that the ledger names, to be read under its hash."""

    wording_sha256: str
    kind: str
    version: str
    title: str
    effective: str


class Evidence(TypedDict):
    """What can be shown for one reader."""

    email: str
    reader: int
    since: str
    subscriptions: list[SubscriptionEvidence]
    consents: list[ConsentEvidence]
    wordings: list[WordingEvidence]


Wordings = Mapping[str, Terms]  # kind > what stood there; see `terms.box_wordings`
_KIND_OF = {Purpose.NEWSLETTER: "newsletter", Purpose.TERMS: "newsletter", Purpose.PARTNERS: "partners",
            Purpose.TRACKING: "tracking"}


def build_consent(reader: Reader, purpose: Purpose, action: ConsentAction, *, method: str, form: str = "",
                  newsletter: str = "", network_address: str | None = None, source: str = "",
                  wordings: Wordings | None = None, now: datetime | None = None) -> Consent:
    """Return a ledger row that is not stored yet (for `bulk_create`); of `wordings` it names the purpose's own."""
    shown = (wordings or {}).get(_KIND_OF[purpose])
    return Consent(
        reader=reader, purpose=purpose, action=action, newsletter=newsletter, method=method[:30], form=form[:20],
        source=source[:200], network_address=network_address, at=now or timezone.now(),
        version=shown.version if shown else "", wording_sha256=shown.sha256 if shown else "")


def record(reader: Reader, purpose: Purpose, action: ConsentAction, **said: Any) -> Consent:
    """Write one row to the ledger and return it; `said` is as of `build_consent`."""
    row = build_consent(reader, purpose, action, **said)
    row.save(force_insert=True)
    return row


def find_reader(email: str) -> Reader:
    """Return the reader with this address in any capitals, or who moved away from it; raises NotFoundError."""
    reader = (Reader.objects.filter(email_key=address_key(email)).first()
              or Reader.objects.filter(pk__in=find_former_owners(email)).first())
    if reader is None:
        raise NotFoundError(f"there is no reader {email.strip()[:254]!r}: check the spelling of the address")
    return reader


def lock_reader(reader_id: int) -> Reader | None:
    """Return this reader, locked until the transaction ends; None if there is no such reader.

    Whoever changes a reader's subscriptions or ledger takes this lock first, so that no two of them wait for each
    other. It lets foreign keys pass (no_key): freezing an audience of a million never holds up somebody who leaves.
    """
    return Reader.objects.select_for_update(no_key=True).filter(pk=reader_id).first()


def evidence(email: str) -> Evidence:
    """Return the subscriptions, the whole ledger and the wordings it names, of one address; raises NotFoundError."""
    return evidence_of(find_reader(email))


def evidence_of(reader: Reader) -> Evidence:
    """Return what can be shown for this reader."""
    consents: list[ConsentEvidence] = [
        {"purpose": row.purpose, "action": row.action, "at": row.at.astimezone(UTC).isoformat(), "version": row.version,
         "wording_sha256": row.wording_sha256, "newsletter": row.newsletter, "method": row.method, "form": row.form,
         "source": row.source, "network_address": row.network_address}
        for row in reader.consents.order_by("at", "id")]
    named = {row["wording_sha256"] for row in consents} - {""}
    return {
        "email": reader.email, "reader": reader.pk, "since": reader.created_at.astimezone(UTC).isoformat(),
        "subscriptions": [{"newsletter": row.newsletter, "state": row.state, "frequency": row.frequency}
                          for row in reader.subscriptions.order_by("newsletter")],
        "consents": consents,
        "wordings": [{"wording_sha256": row.sha256, "kind": row.kind, "version": row.version, "title": row.title,
                      "effective": row.effective.isoformat()}
                     for row in Terms.objects.filter(sha256__in=named).order_by("kind", "effective", "id")],
    }
