"""A letter to LEAVE_MAILTO in, as SendGrid's Inbound Parse brings it; what it asks for done, and 200 out."""

import json
from typing import NamedTuple

import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from worker.readers import mailbag

log = structlog.get_logger(__name__)
LARGEST_LETTER = 2_000_000  # bytes, attachments and all; somebody who only asks to leave has nothing to attach


# No signature is asked for: the letter proves nothing by where it comes from, but by the link's token inside it.
@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Answer 200 for whatever was understood or passed over, since SendGrid brings all else again for three days; 503 if
    it could not be recorded.
    """
    letter = _read_letter(request)
    if letter is None:
        return _say(200, "passed over: no letter that could be read")
    try:
        outcome = mailbag.receive(letter.raw, text=letter.text, sender=letter.sender)
    except DatabaseError:
        log.exception("a letter that asks to leave was not recorded")
        return _say(503, "not recorded just now: please bring it again")
    log.info("a letter came in", outcome=outcome)
    return _say(200, outcome)


class _Letter(NamedTuple):
    raw: bytes  # the whole letter, or its head
    text: str | None  # what it says, where it came apart
    sender: str | None  # of the envelope


def _read_letter(request: HttpRequest) -> _Letter | None:
    """Return the letter; None for what is too large, cut off, or not such a call.

    SendGrid posts the whole letter as `email` where "post the raw, full MIME message" is ticked, and otherwise its head
    as `headers` with `text` and `html` decoded.
    """
    try:
        if not 0 < int(request.META.get("CONTENT_LENGTH") or 0) <= LARGEST_LETTER:
            return None
        fields, whole = request.POST, request.FILES.get("email")
        raw = whole.read() if isinstance(whole, UploadedFile) else fields.get("email", "").encode("utf-8", "replace")
    except (BadRequest, SuspiciousOperation, MultiPartParserError, OSError, ValueError):
        return None
    sender = _read_sender(fields.get("envelope", ""))
    if raw:
        return _Letter(raw, None, sender)
    head = fields.get("headers", "").strip() or f"Subject: {' '.join(fields.get('subject', '').split())}"
    text = fields.get("text", "") or fields.get("html", "")
    return _Letter(f"{head}\n\n".encode("utf-8", "replace"), text, sender)


def _read_sender(envelope: str) -> str | None:
    """Return the envelope's sender, "" for a report's; None if it is not told."""
    try:
        told = json.loads(envelope)
    except (ValueError, RecursionError):
        return None
    sender = told.get("from") if isinstance(told, dict) else None
    return sender.strip() if isinstance(sender, str) else None


def _say(status: int, words: str) -> HttpResponse:
    return HttpResponse(words + "\n", status=status, content_type="text/plain; charset=utf-8")
