"""Copies in, calls of SendGrid's v3/mail/send out: up to 1,000 readers a call, each with their own links and headers.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send: at most 1,000 personalizations a call, every address in
it once, 10,000 bytes of substitutions per personalization. The body is built here rather than by the package's helper
classes, which reverse the order of recipients and copy the letter per reader; the package carries it.
"""

import json
import logging
import re
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from django.conf import settings
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from worker.delivery.message import LINK_MARKS, Copy, MessageTemplate, clean_line
from worker.delivery.senders.base import UNKEPT, Kind, Note, Outcome, SenderRefusedError, describe_fault
from worker.errors import BroadsheetError, TransientError

_PLACE = re.compile(r"^personalizations[.\[](\d+)")
_NO_TRACKING = {"click_tracking": {"enable": False, "enable_text": False}, "open_tracking": {"enable": False},
                "subscription_tracking": {"enable": False}, "ganalytics": {"enable": False}}
# The package's own debug log would hold the key and every reader's address.
logging.getLogger("python_http_client.client").setLevel(logging.WARNING)


def open_sendgrid() -> "SendGridSender":
    """Return the sender; raises BroadsheetError if SENDGRID_API_KEY is missing or SENDGRID_HOST is no address."""
    key = settings.SENDGRID_API_KEY
    if not key:
        raise BroadsheetError("SENDGRID_API_KEY is missing: SENDER_URL is sendgrid:, so set it to a key that may send mail")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BroadsheetError("SENDGRID_API_KEY holds characters that no key has: copy it again")
    host = settings.SENDGRID_HOST.rstrip("/")
    if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).hostname:
        raise BroadsheetError(f"SENDGRID_HOST {host!r}: give an address such as https://api.sendgrid.com")
    return SendGridSender(key, host)


class SendGridSender:
    """Hands copies to SendGrid. `accepted` means its 202: it has the mails; events say what became of each."""

    name = "sendgrid"
    batch_size = lost_together = 1000
    calls_at_once = 4  # so that one call's way there and back is not waited for by the next
    one_letter = True

    def __init__(self, key: str, host: str) -> None:
        self.host = host
        self._api = SendGridAPIClient(key, host=host)
        self._api.client.timeout = min(30.0, max(5.0, settings.DELIVERY_LEASE_SECONDS / 3))  # the package has none

    def send(self, copies: Sequence[Copy], note: Note = UNKEPT) -> list[Outcome]:
        """Hand over the copies in one call, or more where an address is refused and the others must still go.

        Raises TransientError if SendGrid cannot be reached, SenderRefusedError if it does not take the key.
        """
        outcomes: list[Outcome | None] = [None] * len(copies)
        self._send_range(copies, list(range(len(copies))), outcomes, note)
        return [outcome or Outcome(Kind.UNSENT) for outcome in outcomes]

    def check(self) -> str:
        """Ask what the key may do; raises BroadsheetError."""
        try:
            scopes = json.loads(self._api.client.scopes.get().body).get("scopes", [])
        except HTTPError as error:
            if error.status_code in (401, 403):
                raise self._refused(error) from error
            raise TransientError(f"SendGrid at {self.host} answers {error.status_code}") from error
        except (OSError, HTTPException, ValueError, AttributeError) as error:
            raise self._unreachable(error) from error
        if "mail.send" not in scopes:
            raise BroadsheetError("SENDGRID_API_KEY may not send mail: give it the scope mail.send at SendGrid")
        return f"SendGrid at {self.host} takes the key"

    def close(self) -> None:
        """Nothing is held open: the package opens a connection per call."""

    def _send_range(self, copies: Sequence[Copy], places: list[int], outcomes: list[Outcome | None], note: Note) -> None:
        """Send the copies at `places`, and after a refusal those that were not to blame, in two halves if need be."""
        has_news = any(outcomes)
        if not places or note.is_over():
            return  # these stay unsent
        try:
            note.begin(places)
            answer = self._call([copies[at] for at in places])
        except (TransientError, SenderRefusedError) as error:
            note.end(places, Outcome(Kind.UNSENT, detail=str(error)))
            if has_news:
                return
            raise
        if isinstance(answer, Outcome):
            self._close(places, answer, outcomes, note)
            return
        blamed = {places[index]: words for index, words in answer.items() if 0 <= index < len(places)}
        if not blamed and len(places) == 1:  # alone, so it is to blame
            blamed = {places[0]: answer.get(-1, "400")}
        for at, words in blamed.items():
            self._close([at], Outcome(Kind.REFUSED, detail=words), outcomes, note)
        rest = [at for at in places if at not in blamed]
        halves = [rest] if blamed else [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
        for half in halves:
            if not any(outcome and outcome.pause for outcome in outcomes):
                self._send_range(copies, half, outcomes, note)

    def _close(self, places: Sequence[int], outcome: Outcome, outcomes: list[Outcome | None], note: Note) -> None:
        for at in places:
            outcomes[at] = outcome
        note.end(places, outcome)

    def _call(self, copies: Sequence[Copy]) -> Outcome | dict[int, str]:
        """Make one call. Return what holds for all its copies, or which of them (by index) were refused and why."""
        try:
            answer = self._api.client.mail.send.post(request_body=build_body(copies))
        except HTTPError as error:
            return self._judge(error)
        except URLError as error:  # raised while connecting and writing: the call was never complete
            raise self._unreachable(error.reason if isinstance(error.reason, OSError) else error) from error
        except (OSError, HTTPException) as error:  # raised while reading: the call was complete, the answer is lost
            return Outcome(Kind.UNCERTAIN, detail=f"SendGrid's answer was lost: {describe_fault(error)}")
        if answer.status_code != 202:
            return Outcome(Kind.UNCERTAIN, detail=f"SendGrid answered {answer.status_code}, not 202")
        return Outcome(Kind.ACCEPTED, provider_id=answer.headers.get("X-Message-Id") or "")

    def _judge(self, error: Any) -> Outcome | dict[int, str]:
        words = _read_errors(error)
        said = f"{error.status_code} {'; '.join(message for _, message in words)}".strip()[:400]
        if error.status_code in (401, 403):
            raise self._refused(error) from error
        if error.status_code == 429:
            return Outcome(Kind.UNSENT, detail=said, pause=_read_reset(error.headers))
        if error.status_code in (400, 413):
            blamed = {int(place[1]): f"400 {message}" for field, message in words if (place := _PLACE.match(field))}
            if not blamed and any(field for field, _ in words):
                return Outcome(Kind.POLICY, detail=said)  # the letter itself, or its sender: the same for every reader
            return blamed or {-1: said}
        if error.status_code == 503:  # RFC 9110 15.6.4: it could not handle the call, so nothing of it was taken
            return Outcome(Kind.DEFERRED, detail=said, retry_after=_read_patience(error.headers))
        if error.status_code >= 500:  # whether the mails were taken before the fault is not documented
            return Outcome(Kind.UNCERTAIN, detail=said)
        return Outcome(Kind.POLICY, detail=said)

    def _refused(self, error: Any) -> SenderRefusedError:
        words = "; ".join(message for _, message in _read_errors(error))
        return SenderRefusedError(f"SendGrid does not take SENDGRID_API_KEY ({error.status_code} {words}): give a valid key "
                                  "with the scope mail.send and a verified sender"[:400])

    def _unreachable(self, error: BaseException) -> TransientError:
        return TransientError(f"SendGrid at {self.host} cannot be reached ({describe_fault(error)}); check the network "
                              "and SENDGRID_HOST")


def build_body(copies: Sequence[Copy]) -> dict[str, Any]:
    """Return the JSON body of one call, readers in the order given. All copies are of one template.

    custom_args hold the row's number alone: SendGrid keeps them without regard to privacy.
    """
    template: MessageTemplate = copies[0].template
    sheet = template.sheet
    return {
        "personalizations": [_address_copy(template, copy) for copy in copies],
        "from": {"email": sheet.from_email, "name": clean_line(sheet.from_name)},
        "subject": clean_line(sheet.subject),
        "content": [{"type": "text/plain", "value": sheet.text}, {"type": "text/html", "value": sheet.html}],
        **({"headers": template.headers} if template.headers else {}),
        "tracking_settings": _NO_TRACKING,
    }


def _address_copy(template: MessageTemplate, copy: Copy) -> dict[str, Any]:
    links = {mark: link for mark, link in zip(LINK_MARKS, copy.links, strict=True) if link}
    return {"to": [{"email": copy.to}], "headers": template.reader_headers(copy),
            **({"substitutions": links} if links else {}), "custom_args": {copy.row: str(copy.row_id)}}


def _read_errors(error: Any) -> list[tuple[str, str]]:
    """Return SendGrid's own (field, message) pairs; the whole answer as one message if it is no JSON."""
    try:
        found = json.loads(error.body)["errors"]
        return [(str(one.get("field") or ""), " ".join(str(one.get("message") or "").split())) for one in found]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [("", " ".join(bytes(error.body or b"").decode("utf-8", "replace").split())[:200])]


def _read_patience(headers: Any) -> float | None:
    """Return the seconds of a Retry-After (RFC 9110 10.2.3), at most an hour; None if there is none."""
    try:
        return min(3600.0, max(0.0, float(headers.get("Retry-After"))))
    except (TypeError, ValueError):
        return None


def _read_reset(headers: Any) -> float:
    """Return how many seconds SendGrid asks us to wait, 1 to 3600: X-RateLimit-Reset is a time in Unix seconds, by its clock."""
    try:
        now = parsedate_to_datetime(headers.get("Date")).timestamp()
    except (TypeError, ValueError):
        now = time.time()
    try:
        return min(3600.0, max(1.0, float(headers.get("X-RateLimit-Reset")) - now))
    except (TypeError, ValueError):
        return 60.0
