"""SendGrid's event calls in, deliveries settled out; nothing is believed that its key did not sign."""

import json

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from worker.delivery.events import apply_events, parse_sendgrid_events, verify_sendgrid_signature
from worker.errors import BroadsheetError

log = structlog.get_logger(__name__)
LARGEST_CALL = 2_000_000  # bytes; SendGrid posts at most about 768 KB
_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


# The signature is the proof; SendGrid's servers carry no cookie.
@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the events are recorded, now or before; 403 for a wrong signature; 5xx to be called again."""
    if not settings.SENDGRID_WEBHOOK_KEY:
        return _say(503, "no events are taken: SENDGRID_WEBHOOK_KEY is not set")
    body = _read_body(request)
    if body is None:
        return _say(413, f"at most {LARGEST_CALL} bytes are read, and their length must be given")
    try:
        signed = verify_sendgrid_signature(settings.SENDGRID_WEBHOOK_KEY, body, request.headers.get(_SIGNATURE, ""),
                                           request.headers.get(_TIMESTAMP, ""))
    except BroadsheetError as error:
        log.error("a SendGrid event call cannot be checked", why=str(error))
        return _say(503, "the signature cannot be checked: SENDGRID_WEBHOOK_KEY is wrong")
    if not signed:
        return _say(403, "the signature does not hold, or the call is older than ten minutes")
    try:
        fresh = apply_events(parse_sendgrid_events(json.loads(body)))
    except (ValueError, RecursionError, BroadsheetError) as error:
        log.warning("a SendGrid event call was not understood", why=str(error)[:200])
        return _say(400, "the events were not understood: a JSON list is expected")
    except DatabaseError:
        log.exception("SendGrid's events were not recorded")
        return _say(503, "not recorded just now: please call again")
    return _say(200, f"{fresh} new events")


def _read_body(request: HttpRequest) -> bytes | None:
    """Return the body's bytes; None if it is too large, or was cut off on the way."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        return request.body if 0 < length <= LARGEST_CALL else None
    except (ValueError, OSError):
        return None


def _say(status: int, words: str) -> HttpResponse:
    return HttpResponse(words + "\n", status=status, content_type="text/plain; charset=utf-8")
