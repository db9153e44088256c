"""A reader in, everything that is kept about them out, as plain data (GDPR articles 15 and 20)."""

from datetime import UTC, datetime
from typing import Any

from worker.errors import NotFoundError
from worker.storage.models import Delivery, Notice, ProviderEvent, Reader


def disclose(reader_id: int) -> dict[str, Any]:
    """Return all rows about this reader, ready for JSON, times as ISO 8601 in UTC; raises NotFoundError."""
    reader = Reader.objects.filter(pk=reader_id).first()
    if reader is None:
        raise NotFoundError("this reader is not on our lists any more")
    return {
        "email": reader.email,
        "name": reader.name,
        "since": _moment(reader.created_at),
        "partners_content": reader.partners,
        "tracking": reader.tracking,
        "subscriptions": [
            {"newsletter": row.newsletter, "state": row.state, "asked_at": _moment(row.asked_at),
             "confirmed_at": _moment(row.confirmed_at), "left_at": _moment(row.left_at)}
            for row in reader.subscriptions.order_by("newsletter")],
        "consents": [
            {"purpose": row.purpose, "newsletter": row.newsletter, "action": row.action, "at": _moment(row.at),
             "version": row.version, "wording_sha256": row.wording_sha256, "method": row.method, "source": row.source,
             "network_address": row.network_address}
            for row in reader.consents.order_by("at", "id")],
        "letters": [
            {"kind": row.kind, "state": row.state, "at": _moment(row.created_at), "answer": row.error}
            for row in Notice.objects.filter(reader=reader).order_by("id")],
        "issues": [_disclose_delivery(row) for row in
                   Delivery.objects.filter(reader=reader).select_related("issue").order_by("id")],
        "reports_from_mail_systems": [
            {"kind": row.kind, "at": _moment(row.at), "detail": row.detail}
            for row in ProviderEvent.objects.filter(delivery__reader=reader).order_by("id")],
    }


def _disclose_delivery(row: Delivery) -> dict[str, Any]:
    return {"newsletter": row.issue.newsletter, "issue": row.issue.slug, "state": row.state,
            "at": _moment(row.updated_at), "answer": row.error}


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
