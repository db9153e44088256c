"""A reader in, everything that is kept about them out, as plain data (GDPR articles 15 and 20)."""

from datetime import UTC, date, datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog

from worker.errors import NotFoundError
from worker.readers.addresses import mailbox_of
from worker.readers.hashes import email_hashes
from worker.storage.models import (
    OPENED,
    Delivery,
    Measurement,
    Notice,
    NoticeKind,
    ProviderEvent,
    Reader,
    SignUp,
    Suppression,
    Terms,
)


def disclose(reader_id: int) -> dict[str, Any]:
    """Return all rows about this reader, ready for JSON, times as ISO 8601 in UTC; raises NotFoundError."""
    reader = Reader.objects.filter(pk=reader_id).first()
    if reader is None:
        raise NotFoundError("this reader is not on our lists any more")
    deliveries = Delivery.objects.filter(reader=reader)
    return {
        "number": reader.pk,
        "email": reader.email,
        "email_as_compared": reader.email_key,
        "mailbox": reader.mailbox,  # where the provider takes several addresses for one
        "name": reader.name,
        "since": _moment(reader.created_at),
        "partners_content": reader.partners,
        "tracking": reader.tracking,
        "topics": reader.topics.split(),  # none: all of them
        "paused_until": _moment(reader.paused_until),
        "terms_agreed_to_as_of": _moment(reader.terms_since),
        "moved_from": [{"email_hash": row.email_hash, "at": _moment(row.at)} for row in reader.former_addresses.order_by("at")],
        "subscriptions": [
            {"newsletter": row.newsletter, "state": row.state, "frequency": row.frequency, "asked_at": _moment(row.asked_at),
             "confirmed_at": _moment(row.confirmed_at), "left_at": _moment(row.left_at), "times_changed": row.confirm_round}
            for row in reader.subscriptions.order_by("newsletter")],
        "consents": [
            {"purpose": row.purpose, "newsletter": row.newsletter, "action": row.action, "at": _moment(row.at),
             "version": row.version, "wording_sha256": row.wording_sha256, "method": row.method, "form": row.form,
             "source": row.source, "network_address": row.network_address}
            for row in reader.consents.order_by("at", "id")],
        "letters": [_disclose_letter(row) for row in Notice.objects.filter(reader=reader).order_by("id")],
        "issues": [_disclose_delivery(row) for row in deliveries.select_related("issue").order_by("id")],
        "openings_and_clicks": [
            {"newsletter": row.delivery.issue.newsletter, "issue": row.delivery.issue.slug, "at": _moment(row.at),
             "what": "opened" if row.link == OPENED else f"followed link {row.link + 1}"}
            for row in Measurement.objects.filter(delivery__in=deliveries).select_related("delivery__issue").order_by("id")],
        "reports_from_mail_systems": [
            {"provider": row.provider, "number": row.event_id, "kind": row.kind, "at": _moment(row.at), "detail": row.detail}
            for row in ProviderEvent.objects.filter(delivery__in=deliveries).order_by("id")],
        **_disclose_by_address(reader.email),
    }


def _disclose_letter(row: Notice) -> dict[str, Any]:
    """What became of a letter; not of one to an address that is not the reader's: whether that is written to is its owner's."""
    if row.kind == NoticeKind.ADDRESS and row.to != row.reader.email:
        return {"kind": row.kind, "owed_since": _moment(row.created_at), "to": row.to}
    return {"kind": row.kind, "state": row.state, "owed_since": _moment(row.created_at), "at": _moment(row.updated_at),
            "to": row.to, "about": row.details, "attempts": row.attempts, "answer": row.error,
            "number_at_the_mail_system": row.provider_id}


def _disclose_delivery(row: Delivery) -> dict[str, Any]:
    return {"newsletter": row.issue.newsletter, "issue": row.issue.slug, "state": row.state, "at": _moment(row.updated_at),
            "attempts": row.attempts,
            "answer": row.error, "number_at_the_mail_system": row.provider_id}


def _disclose_by_address(email: str) -> dict[str, Any]:
    """What no row ties to the reader, but their address leads to."""
    mailbox = mailbox_of(email)
    waiting = [row for row in SignUp.objects.order_by("pk") if mailbox_of(row.email) == mailbox]
    wordings = Terms.objects.in_bulk({pk for row in waiting for pk, _ in row.shown.values()})
    attempts = [row for model in (AccessAttempt, AccessFailureLog, AccessLog)
                for row in model.objects.filter(username__iexact=email).order_by("pk")]
    return {
        "sign_ups_that_wait": [
            {"email": row.email, "newsletters": row.newsletters, "topics": row.topics.split(), "partners_content": row.partners,
             "tracking": row.tracking, "form": row.form, "network_address": row.network_address, "at": _moment(row.at),
             "wordings_shown": {kind: {"version": wordings[pk].version, "wording_sha256": wordings[pk].sha256}
                                for kind, (pk, _) in row.shown.items() if pk in wordings}}
            for row in waiting],
        "not_to_be_written_to": [
            {"reason": row.reason, "since": _moment(row.at)} for row in
            Suppression.objects.filter(email_hash__in=email_hashes(email)).order_by("pk")],
        "attempts_to_sign_in_at_the_newsroom": [
            {"at": _moment(row.attempt_time), "network_address": row.ip_address, "browser": row.user_agent} for row in attempts],
    }


def _moment(at: datetime | date | None) -> str | None:
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat()
    return at.isoformat() if at else None
